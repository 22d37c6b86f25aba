# Installs what the checks need beyond the tests: R CMD check reads README.md with pandoc and help
# pages with tidy, and nm is in binutils.
packages=(binutils ccache clang-format git libbenchmark-dev pandoc r-cran-lintr r-cran-roxygen2
  shellcheck tidy)
installed=$(dpkg-query -W -f='${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
  grep -cx installed)
[ "$installed" -eq "${#packages[@]}" ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get -q update && apt-get install -q -y --no-install-recommends "${packages[@]}"
