# The tests and checks left nothing in the checkout.
[ -s "$WORK/before" ] || [ -d "$ROOT/.git" ] || exit 0
diff "$WORK/before" <(git -C "$ROOT" status --porcelain --ignored)
