# A script of 10 MB: of garbage, a clear error; of one long comment, a program. Both within seconds.
LIMIT=60
head -c 10000000 /dev/zero | tr '\0' '(' >"$TMP/garbage.bt"
run "$PITON" "$TMP/garbage.bt"
want_status 2
want_err 'garbage\.bt:1:'
[ "$(wc -c <"$TMP/err")" -lt 20000 ] || fail "more than 20 kB of words about it"
awk 'BEGIN { for (i = 0; i < 500000; i++) print "@x[" i "] = 1;" }' >"$TMP/many.bt"
run "$PITON" "$TMP/many.bt"
want_status 2
want_err 'many\.bt:1:'
{ printf '/*'; head -c 10000000 /dev/zero | tr '\0' '*'; printf '*/ BEGIN { exit(); }'; } >"$TMP/comment.bt"
run "$PITON" -d ast "$TMP/comment.bt"
want_status 0
