# Called as bpftrace: messages without tags, the last of several -e, the words of -c split at blanks alone.
ln -s "$PWD/$PITON" "$TMP/bpftrace" 2>/dev/null; [ -x "$TMP/bpftrace" ] || ln -sf "$PITON" "$TMP/bpftrace"
run "$TMP/bpftrace" --machine user -e 'begin { nosuch(); }'
want_status 1
grep -qx "stdin:1:9-17: ERROR: Unknown function: 'nosuch'" "$TMP/err" || fail "said: $(cat "$TMP/err")"
run "$TMP/bpftrace" --machine user -e 'begin { printf("1\n"); }' -e 'begin { printf("2\n"); }'
want_out '^2$'
! grep -q 1 "$TMP/out" || fail "the first -e ran, too"
run "$PITON" --machine user -e 'begin { printf("1\n"); }' -e 'begin { printf("2\n"); }'
want_out '^1$'
