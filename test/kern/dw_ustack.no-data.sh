#!/bin/sh
# needs: root
# A process that was not named: its stack is empty, and that is told when it happens.
[ -e /sys/kernel/btf/vmlinux ] || skip "needs the kernel's BTF"
case $(uname -r) in 5.*) skip "is about kernels from 5.17 on";; esac
./sleeps 1 20000 & named=$!
# A file of its own: the probe is for every process, also those of tests that run at the same time.
cp walks "$TMP/walks"
cat >"$TMP/stacks.bt" <<END_BT
config = { unstable_dw_ustack = "enable" }
uprobe:$TMP/walks:leaf { @[dw_ustack] = count(); if (@n++ > 3) { exit(); } }
END_BT
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 timeout -k 2 20 "$PITON" --dwarf-pid $named "$TMP/stacks.bt" >"$TMP/out" 2>"$TMP/err" </dev/null &
tracer=$! n=0
while ! grep -q NOTIFY "$TMP/out" && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done
"$TMP/walks" 1
wait $tracer; status=$?; ran="piton --dwarf-pid of another process"
kill $named
want_status 0
want_err 'stacks.bt:2:.*WARNING: No DWARF unwind data available for this process'
want_no_err 'cannot be walked'
