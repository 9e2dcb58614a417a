# A syntax error: exit 2 with file, line and column, the line itself and a mark under the place.
printf 'BEGIN\n{\n\tprintf("x\\n")) ;\n}\n' >"$TMP/x.bt"
run "$PITON" "$TMP/x.bt"
want_status 2
want_err 'x\.bt:3:[0-9]+'
want_err 'error'
want_err 'printf\("x'
want_err '^[[:space:]]+[\^~]'
[ ! -s "$TMP/out" ] || fail "nothing belongs on standard output"
