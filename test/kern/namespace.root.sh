#!/bin/sh
# needs: root kernel>=5.17
# A process in a container: its own pids and files. Its number here for -p; the file of a probe is the one it sees, which is not there
# for us; names of its stack come from that file and from the /tmp/perf-PID.map that it wrote in its own /tmp, under its own pid.
unshare -m -p -f --propagation private --mount-proc true 2>/dev/null || skip "needs pid namespaces"
cat >"$TMP/start" <<'END_START'
mount -t tmpfs none /tmp && mkdir /tmp/only-here && cp jit /tmp/only-here/jit && exec /tmp/only-here/jit 1000 20
END_START
unshare -m -p -f --propagation private --mount-proc sh "$TMP/start" >/dev/null 2>&1 </dev/null &
outer=$! inner= n=0
while [ $n -lt 100 ]; do
	inner=$(cat /proc/$outer/task/$outer/children 2>/dev/null | tr -d ' ')
	[ -n "$inner" ] && [ "$(cat "/proc/$inner/comm" 2>/dev/null)" = jit ] && break
	sleep 0.05; n=$((n + 1))
done
[ ! -e /tmp/only-here ] || fail "the file is here too"
run "$PITON" -q -p "$inner" -e 'uprobe:/tmp/only-here/jit:target { printf("%s", ustack(3)); @n++; if (@n == 3) { exit(); } }'
cp "$TMP/out" "$TMP/fp"
run "$PITON" -q -p "$inner" -e 'config = { unstable_dw_ustack = "enable" }
	uprobe:/tmp/only-here/jit:target { printf("%s", dw_ustack); exit(); }'
kill "$inner"
want_out '^ *target\+0$'
want_out '^ *jitted_code\+6$'
want_out '^ *main\+[0-9]+$'
mv "$TMP/fp" "$TMP/out"
want_out '^ *target\+0$'
want_out '^ *jitted_code\+6$|^ *main\+[0-9]+$'
