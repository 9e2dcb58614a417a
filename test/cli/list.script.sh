# -l of a script, as a file or by -e, lists the probes that the script names, not what it does with them.
printf 'interval:ms:10 { exit(); }\nhardware:cache-misses:10, i:$1:5 { @ = count(); }\n' >"$TMP/a.bt"
run "$PITON" -l "$TMP/a.bt" us
want_status 0
printf 'interval:ms:\nhardware:cache-misses:\ninterval:us:\n' | cmp -s - "$TMP/out" || fail "listed: $(cat "$TMP/out")"
run "$PITON" -l -e 'i:s:1 { exit(); } begin { }'
want_status 0
printf 'interval:s:\nbegin\n' | cmp -s - "$TMP/out" || fail "listed: $(cat "$TMP/out")"
run "$PITON" -l "$TMP/none.bt"
want_err "is a filename but the file does not exist"
run "$PITON" -l 'software:cpu:100'
printf 'software:cpu:\n' | cmp -s - "$TMP/out" || fail "listed: $(cat "$TMP/out")"
