# The shared object imports nothing that R's own checks call non-API, in any version of R.
set -e
list() { sed 's/#.*//; s/ //g; /^$/d' "$ROOT/.ci/non-api.txt" | sort -u; }
imports() { nm -D --undefined-only "$LIB/lomp/libs/lomp.so" | sed 's/.* //; s/@.*//' | sort -u; }
[ "$(imports | wc -l)" -gt 0 ]
found=$(comm -12 <(list) <(imports))
[ -z "$found" ] || { echo "imported by lomp.so: $found"; exit 1; }
