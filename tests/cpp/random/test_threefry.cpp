#include <testthat/vendor/catch.h>

#include "lomp/random/threefry.hpp"

using lomp::Threefry;

// From the file kat_vectors of the authors' library Random123.
TEST_CASE("known blocks are enciphered as the authors have them") {
  const Threefry::Block zero{},
      full{~0u * 0x100000001u, ~0u * 0x100000001u, ~0u * 0x100000001u, ~0u * 0x100000001u};
  CHECK((Threefry(zero)(zero) == Threefry::Block{0x09218ebde6c85537u, 0x55941f5266d86105u,
                                                 0x4bd25e16282434dcu, 0xee29ec846bd2e40bu}));
  CHECK((Threefry(full)(full) == Threefry::Block{0x29c24097942bba1bu, 0x0371bbfb0f6f4e11u,
                                                 0x3c231ffa33f83a1cu, 0xcd29113fde32d168u}));
  const Threefry::Block pi{0x243f6a8885a308d3u, 0x13198a2e03707344u, 0xa4093822299f31d0u,
                           0x082efa98ec4e6c89u};
  const Threefry::Block more{0x452821e638d01377u, 0xbe5466cf34e90c6cu, 0xbe5466cf34e90c6cu,
                             0xc0ac29b7c97c50ddu};
  CHECK((Threefry(more)(pi) == Threefry::Block{0xa7e8fde591651bd9u, 0xbaafd0c30138319bu,
                                               0x84a5c1a729e685b9u, 0x901d406ccebc1ba4u}));
}
