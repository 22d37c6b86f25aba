/// \file
/// R's API for C++: all names with their prefix, none of the macros that take C++'s own. Rcpp's
/// headers include a great part of the standard library, which makes four of five seconds that a
/// small file takes to compile; so two files alone have them, of which one is Rcpp's own.
#ifndef LOMP_SRC_R_API_H
#define LOMP_SRC_R_API_H

#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#ifndef STRICT_R_HEADERS
#define STRICT_R_HEADERS
#endif

#include <R.h>
#include <Rinternals.h>

#endif
