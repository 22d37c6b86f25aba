# The shared object imports nothing that R's own checks call non-API, in any version of R.
set -e
list() { sed 's/#.*//; s/ //g; /^$/d' "$ROOT/.ci/non-api.txt" | sort -u; }
imports() { nm -D --undefined-only "$LIB/lomp/libs/lomp.so" | sed 's/.* //; s/@.*//' | sort -u; }
[ "$(imports | wc -l)" -gt 0 ]
# R has other names for these two since 4.5 and 4.6, and there the sources use them.
older() { Rscript --no-init-file -e 'cat(if (getRversion() < "4.6") c("ATTRIB", "BODY"), sep = "\n")'; }
found=$(comm -12 <(list) <(imports) | grep -vxF -f <(older) || true)
[ -z "$found" ] || { echo "imported by lomp.so: $found"; exit 1; }
