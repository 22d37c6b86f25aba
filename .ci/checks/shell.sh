# Shell scripts hold no mistake that shellcheck knows.
cd "$ROOT" || exit 1
find tests inst .ci -name '*.sh' -exec shellcheck --shell=bash .ci/run {} +
