# -h and -V: on standard output, exit 0. The help names every option that the table shows.
run "$PITON" -h
want_status 0
want_out '(USAGE|usage)'
want_out '(^| )-e'
[ ! -s "$TMP/err" ] || fail "nothing belongs on standard error"
run "$PITON" -V
want_status 0
want_out '^piton [0-9]'
run "$PITON" --info
want_status 0
