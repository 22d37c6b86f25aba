// Side: parent.
/// \file
/// The face of the core: what other programs and packages include. See lomp/README.md for what of
/// it stays as it is.
#ifndef LOMP_HPP
#define LOMP_HPP

#include "lomp/api/fork_map.hpp"
#include "lomp/api/fork_pool.hpp"
#include "lomp/api/fork_pool_options.hpp"
#include "lomp/api/item_result.hpp"
#include "lomp/api/version.hpp"

#endif
