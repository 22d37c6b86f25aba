# Installs what the checks need, so that none of those which run side by side has to: what the tests
# say they need, and beyond it rmarkdown and pandoc, which make the vignette, qpdf, which R CMD check
# wants where there is one, tidy, with which it reads help pages, nm, which is in binutils, and
# debootstrap, for a root with the newest R.
bash "$ROOT/tests/run.sh" needs || exit 1
packages=(binutils ccache clang clang-format debootstrap git libbenchmark-dev libclang-rt-14-dev
  pandoc qpdf r-cran-lintr r-cran-rmarkdown r-cran-roxygen2 shellcheck tidy)
installed=$(dpkg-query -W -f='${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  grep -cx installed)
[ "$installed" -eq "${#packages[@]}" ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get install -q -y --no-install-recommends "${packages[@]}"
