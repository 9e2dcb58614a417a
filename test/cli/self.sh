# self:signal:NAME runs when the tracer gets that signal, on every machine.
machines=user; [ "$(id -u)" != 0 ] || machines='user kernel'
for m in $machines; do
	: >"$TMP/out"
	timeout -k 2 20 "$PITON" --machine $m -B line -e 'begin { printf("ready\n"); }
		self:signal:SIGUSR1 { @n++; printf("got %d\n", @n); if (@n == 2) { exit(5); } }
		self:signal:SIGUSR2 { printf("%s\n", probe); }' >"$TMP/out" 2>"$TMP/err" </dev/null &
	timer=$!
	want() { # waits until the output has the line
		for i in $(seq 100); do ! grep -q "^$1" "$TMP/out" || return 0; sleep 0.1; done
		kill $timer; fail "$m: no line $1"
	}
	want ready
	sleep 0.2
	pid=$(cat /proc/$timer/task/$timer/children); pid=${pid% }
	kill -USR1 $pid; want 'got 1'
	kill -USR2 $pid; want self:signal:SIGUSR2
	kill -USR1 $pid; want 'got 2'
	wait $timer; status=$?
	want_status 5
done
run "$PITON" -e 'self:signal:SIGKILL { }'
want_status 2
want_err 'SIGKILL is not a supported signal'
