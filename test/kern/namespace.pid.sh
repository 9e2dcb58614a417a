#!/bin/sh
# needs: root btf kernel>=5.17
# In a pid namespace of its own, with its own /proc: pid and tid are those of the namespace, pid(init) that of the system; -p takes
# the namespace's numbers, for filters, probes, stacks and their names; what is outside is not seen.
own="unshare -m -p -f --propagation private --mount-proc"
$own true 2>/dev/null || skip "needs pid namespaces"

run $own "$PITON" -q -c './calls 3' -e 'uprobe:./calls:leaf { printf("%d %d %d\n", pid == cpid, tid == pid, pid(init) > pid); }'
want_out '^1 1 1$'
want_no_out '0'
run $own "$PITON" -q -c './calls 3' -e 'uprobe:./calls:leaf { printf("%s %s\n", comm(pid), comm(1)); }'
want_out '^calls piton$'
# The stack's frames have names: the process is looked up by its number here.
run $own "$PITON" -q -c './calls 3' -e 'uprobe:./calls:leaf { @[ustack(2)] = count(); }'
want_out '^ *leaf\+0$'
run $own "$PITON" -q -c './walks 1' -e 'config = { unstable_dw_ustack = "enable" } uprobe:./walks:leaf { @[dw_ustack] = count(); }'
want_out '^ *main\+[0-9]+$'

# -p by the namespace's number: the filter of a probe that sees all processes.
cat >"$TMP/inside" <<'END_INSIDE'
./sleeps 1000 & own=$!
./sleeps 1000 & other=$!
timeout -k 2 20 "$PITON" -q -p $own -e 'tracepoint:raw_syscalls:sys_enter { @[pid] = count(); } interval:ms:300 { exit(); }'
echo "own $own"
kill $own $other
END_INSIDE
run $own sh "$TMP/inside"
own_pid=$(sed -n 's/^own //p' "$TMP/out")
want_out "^@\[$own_pid\]: [0-9]+$"
[ "$(grep -c '^@' "$TMP/out")" = 1 ] || fail "other processes were seen"
