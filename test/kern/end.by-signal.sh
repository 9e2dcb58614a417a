# SIGTERM is a normal end: END runs, maps are printed, exit status 0.
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 "$PITON" -e 'interval:ms:50 { @i = count(); } END { printf("the end\n"); }' \
	>"$TMP/out" 2>"$TMP/err" </dev/null &
tracer=$! ran=piton
n=0
while ! grep -q NOTIFY_PROBES_ATTACHED "$TMP/out" && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
sleep 0.5
kill -TERM $tracer
( sleep 20; kill -KILL $tracer ) 2>/dev/null & guard=$!
wait $tracer; status=$?
kill $guard 2>/dev/null
want_status 0
want_out '^the end$'
want_out '^@i: [1-9]'
