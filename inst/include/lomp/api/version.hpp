// Side: any process.
/// \file
/// Which version of lomp these headers are of.
#ifndef LOMP_API_VERSION_HPP
#define LOMP_API_VERSION_HPP

/// As in the package's DESCRIPTION.
#define LOMP_VERSION_MAJOR 0
#define LOMP_VERSION_MINOR 1
#define LOMP_VERSION_PATCH 0

/// A version as one number, for #if LOMP_VERSION >= LOMP_MAKE_VERSION(0, 2, 0).
#define LOMP_MAKE_VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define LOMP_VERSION LOMP_MAKE_VERSION(LOMP_VERSION_MAJOR, LOMP_VERSION_MINOR, LOMP_VERSION_PATCH)

#endif
