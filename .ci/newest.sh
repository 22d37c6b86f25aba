# Runs a command in the root with the newest R of Debian, which the check "newest-root" makes:
#
#   bash .ci/newest.sh bash /checkout/tests/run.sh r
#
# The command finds this checkout as /checkout, read-only, and the variables of .ci/run with values
# that hold in the root. What is mounted there is mounted in a namespace of this command's own, and
# its processes are in one, too: they end with the command, and the mounts with them, even if it is
# killed. So to remove the root's folder never removes what was mounted in it.
set -e
if [ "${1:-}" != --inside ]; then
  exec unshare --mount --pid --fork --kill-child bash "${BASH_SOURCE[0]}" --inside "$@"
fi
shift
newest=$WORK/newest

# Shows a file or folder of this system, if it has it, at that place of the root.
show() {
  [ -e "$1" ] || return 0
  mkdir -p "$(dirname "$newest$2")"
  if [ -d "$1" ]; then mkdir -p "$newest$2"; else touch "$newest$2"; fi
  mount --bind "$1" "$newest$2"
  [ "${3:-}" = writable ] || mount -o remount,bind,ro "$newest$2"
}

mount -t proc proc "$newest/proc"
mount --rbind /sys "$newest/sys"
mount --rbind /dev "$newest/dev"
mkdir -p "$CCACHE_DIR" "$newest/work/lib"
show "$CCACHE_DIR" /ccache writable
show "$ROOT" /checkout
show "$TARBALL" /work/lomp.tar.gz
# What tests/run.sh would have to fetch once more.
show /usr/share/backgrounds /usr/share/backgrounds

trap "exit 143" TERM INT
# This shell stays, as the first process of its namespace, to reap what others leave. What a shell
# runs in the background would ignore interrupts, and so would R there.
(
  trap - INT QUIT
  exec chroot "$newest" env -u R_LIBS -u TMPDIR -u R_HOME -u CURL_CA_BUNDLE -u SSL_CERT_FILE \
    -u SSL_CERT_DIR HOME=/root ROOT=/checkout WORK=/work LIB=/work/lib TARBALL=/work/lomp.tar.gz \
    LOMP_TEST_LIGHT=1 \
    CCACHE_DIR=/ccache PATH=/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "$@"
) &
wait $!
