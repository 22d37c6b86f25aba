# Makes a root with the newest R that Debian has, for the checks "newest-r" and "newest-cran": that
# of unstable or, where it can't be installed on the day, that of Debian 13. Where neither can be
# made (no network, no right to mount), the line of this check says so, and those of the others.
newest=$WORK/newest
mirror=http://deb.debian.org/debian

# How this system downloads, and no promise that a mirror is of today.
apt_settings() {
  apt-config dump Acquire | grep -E '^Acquire::(http|https|ftp|Retries)'
  echo 'Acquire::Check-Valid-Until "false"; Acquire::Check-Date "false";'
  echo 'APT::Install-Recommends "false"; Acquire::Languages "none";'
}

# The packages that a suite of Debian has, without what only protects from a power cut.
make_root() {
  rm -rf --one-file-system "$newest"
  unshare --mount debootstrap --variant=minbase "$1" "$newest" "$mirror" || return 1
  apt_settings >"$newest/etc/apt/apt.conf.d/90lomp"
  echo force-unsafe-io >"$newest/etc/dpkg/dpkg.cfg.d/lomp"
  cp /etc/hosts "$newest/etc/hosts"
  inside apt-get -q update &&
    inside apt-get -q install -y ca-certificates ccache g++ make pandoc qpdf r-base-core \
      r-cran-rcpp r-cran-rmarkdown tidy || return 1
  # Whom this system trusts, its downloads from CRAN may trust.
  cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$newest/etc/ssl/certs/ca-certificates.crt"
  inside bash /checkout/tests/run.sh needs r
}

inside() { DEBIAN_FRONTEND=noninteractive bash "$ROOT/.ci/newest.sh" "$@"; }

for suite in sid trixie; do
  make_root "$suite" || continue
  version=$(inside Rscript -e 'cat(format(getRversion()))') || continue
  echo "R $version of Debian's $suite" | tee "$newest/is-made" | sed 's/^/note: /'
  exit 0
done
# The reason is the last thing that went wrong, some lines further up.
rm -rf --one-file-system "$newest"
echo "note: no root with a newer R can be made here, nothing is tested in one"
