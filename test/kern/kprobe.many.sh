# Thousands of kprobes by one wildcard: by one link where the kernel has kprobe_multi, else one after the other (hundreds then: each
# patches the kernel's text alone and waits for its grace periods, 50 ms in an emulated guest to detach one).
# Ctrl-C ends them before and after they are attached, and nothing stays. Times are printed, and bounded loosely: guests are slow.
# needs: kprobe guest
want=200
! "$PITON" --info 2>&1 | grep -q 'kprobe_multi.*yes' || want=5000
# The first letters that together match about as many functions: few begin with j.
letters=
for l in j o p n m l h g f i k q r s t u v w x; do
	letters=$letters$l
	n=$("$PITON" -l "kprobe:[$letters]*" | wc -l)
	[ "$n" -lt $want ] || break
done
[ "$n" -ge $want ] || fail "only $n functions to trace"
ms() { date +%s%3N; }
begin() {
	BPFTRACE_MAX_PROBES=100000 __BPFTRACE_NOTIFY_PROBES_ATTACHED=1 "$PITON" -e "kprobe:[$letters]* /pid == 1/ { @ = count(); }" \
		>"$TMP/out" 2>"$TMP/err" </dev/null &
	tracer=$! started=$(ms)
}
await_end() {	# $1: at most so many tenths
	k=0
	while kill -0 $tracer 2>/dev/null && [ $k -lt "$1" ]; do sleep 0.1; k=$((k + 1)); done
	! kill -0 $tracer 2>/dev/null || { kill -KILL $tracer; fail "still there $1 tenths of a second after SIGINT"; }
	wait $tracer
}
begin
k=0
while ! grep -q NOTIFY "$TMP/out" && kill -0 $tracer 2>/dev/null && [ $k -lt 1200 ]; do sleep 0.1; k=$((k + 1)); done
attached=$(ms)
grep -q NOTIFY "$TMP/out" || { cat "$TMP/err"; kill -KILL $tracer; fail "not attached in 120 s"; }
kill -INT $tracer
await_end 1200
ended=$(ms)
begin
# In the middle of attaching; but not before it listens, for the shell starts it with SIGINT ignored.
k=0
while ! grep -q '^SigCgt:.*[2367abef]$' /proc/$tracer/status && [ $k -lt 600 ]; do sleep 0.1; k=$((k + 1)); done
sleep 0.3
kill -INT $tracer
await_end 1200
! grep -q piton /sys/kernel/tracing/kprobe_events || fail "left in tracefs"
echo "$n functions: attached after $((attached - started)) ms, ended $((ended - attached)) ms after SIGINT"
