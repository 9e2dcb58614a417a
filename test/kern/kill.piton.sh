# SIGKILL to piton: within two seconds none of its programs is left in the kernel, and the traced program goes on working.
# needs: uprobe
./sleeps 300 20 & target=$!
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 "$PITON" -e '
	tracepoint:syscalls:sys_enter_clock_nanosleep /pid == '$target'/ { @n = count(); }
	uprobe:./calls:leaf { @u = count(); }
	uretprobe:./calls:leaf { @r = count(); }
	profile:hz:49 /pid == '$target'/ { @p = count(); }
	interval:ms:100 { @i = count(); }' >"$TMP/out" 2>"$TMP/err" </dev/null &
tracer=$! ran=piton status=
n=0
while ! grep -q NOTIFY_PROBES_ATTACHED "$TMP/out" && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
grep -q NOTIFY_PROBES_ATTACHED "$TMP/out" || { kill -KILL $tracer $target; fail "not attached within 10 s"; }
ids=$(cat /proc/$tracer/fdinfo/* 2>/dev/null | sed -n 's/^prog_id:[[:blank:]]*//p' | sort -u)
[ -n "$ids" ] || { kill -KILL $tracer $target; fail "piton holds no BPF program"; }
# shellcheck disable=SC2086	# a list of numbers
[ -n "$(./bpfids $ids)" ] || { kill -KILL $tracer $target; fail "programs $ids are not in the kernel while piton runs"; }
kill -KILL $tracer
n=0
# shellcheck disable=SC2086
while left=$(./bpfids $ids) && [ -n "$left" ] && [ $n -lt 20 ]; do sleep 0.1; n=$((n + 1)); done
./calls 2 || fail "the program that had the uprobe fails"
kill -0 $target || fail "the traced process is gone"
kill $target
[ -z "$left" ] || fail "still in the kernel: programs $left"
! grep -q piton /sys/kernel/tracing/uprobe_events /sys/kernel/tracing/kprobe_events 2>/dev/null || fail "left in tracefs"
