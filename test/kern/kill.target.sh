# The traced process dies by SIGKILL: piton prints what it gathered and ends by itself.
"$PITON" -c './sleeps 3000 10' -e 'tracepoint:syscalls:sys_enter_clock_nanosleep /pid == cpid/ { printf("%d\n", pid); @n = count(); }' \
	>"$TMP/out" 2>"$TMP/err" </dev/null &
tracer=$!
n=0
while ! grep -q '^[0-9]' "$TMP/out" && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
child=$(sed -n '/^[0-9]/{p;q;}' "$TMP/out")
[ -n "$child" ] || { kill $tracer; status=none ran=piton; fail "no event within 10 s"; }
kill -KILL "$child"
( sleep 20; kill -KILL $tracer ) 2>/dev/null & guard=$!
wait $tracer; status=$? ran="piton -c ./sleeps"
kill $guard 2>/dev/null
want_status 0
want_out '^@n: [1-9][0-9]*$'
