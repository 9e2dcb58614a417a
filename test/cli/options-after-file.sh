# As with bpftrace, options may stand behind the script and between its parameters; behind "--" nothing is an option of piton's.
printf '%s\n' 'BEGIN { printf("%s %d\n", str($1), $2); exit(); }' >"$TMP/x.bt"
run "$PITON" "$TMP/x.bt" -d ast one 2
want_status 0
cp "$TMP/out" "$TMP/after"
run "$PITON" -d ast "$TMP/x.bt" one 2
cmp -s "$TMP/out" "$TMP/after" || fail "-d ast behind the script does not say the same as before it"
run "$PITON" "$TMP/x.bt" one --no-such-option
want_status 2
want_err 'no-such-option'
run "$PITON" -l "$TMP/x.bt" -q
want_status 0
