# Two clauses for one signal both run, in order.
# needs: uprobe
"$PITON" -e 'self:signal:SIGUSR1 { printf("first "); } self:signal:SIGUSR1 { printf("second\n"); exit(); }' >"$TMP/both" 2>&1 </dev/null &
pid=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do grep -q Attached "$TMP/both" && break; sleep 0.25; done
kill -USR1 "$pid"
wait "$pid" || fail "exit status $?"
grep -q 'first second' "$TMP/both" || fail "$(cat "$TMP/both")"
