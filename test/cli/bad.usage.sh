# Wrong options: exit 2, the word that was wrong, nothing on standard output.
run "$PITON" --no-such-option
want_status 2
want_err 'no-such-option'
[ ! -s "$TMP/out" ] || fail "nothing belongs on standard output"
run "$PITON"
want_status 2
want_err '(USAGE|usage)'
run "$PITON" -e
want_status 2
run "$PITON" -f xml -e 'BEGIN { exit(); }'
want_status 2
want_err 'xml'
run "$PITON" -p abc -e 'BEGIN { exit(); }'
want_status 2
want_err 'abc'
