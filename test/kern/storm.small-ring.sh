# A ring far too small for what comes loses events, counts each of them and tells; --strict makes that exit status 3.
N=300000
run env BPFTRACE_PERF_RB_PAGES=1 "$PITON" -v --strict -o "$TMP/events" -c "./storm $N 2" \
	-e 'tracepoint:syscalls:sys_enter_getpgid /pid == cpid/ { printf("%d %s %s %s\n", (int32)args.pid, comm, comm, comm); }'
printed=$(grep -c '^-[0-9]* storm storm storm$' "$TMP/events")
lost=$(sed -n 's/.* events printed, \([0-9]*\) lost.*$/\1/p' "$TMP/err")
[ "$((printed + ${lost:-0}))" = $N ] || fail "$printed printed + ${lost:-?} lost, of $N"
if [ "${lost:-0}" -gt 0 ]; then
	want_status 3
	want_err '[Ll]ost [0-9]+ events?'
else
	want_status 0
fi
