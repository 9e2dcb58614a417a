# The tools of bpftrace's packages: formatting twice changes nothing, and the formatted tool becomes the same program.
# needs: host
tools=$(ls /usr/sbin/*.bt ${PITON_PEERS:+"$PITON_PEERS"/usr/sbin/*.bt} 2>/dev/null)
[ "$tools" ] || skip "no bpftrace tools on this machine"
code() { timeout 20 "$PITON" --machine user --unsafe -d bpf "$1" </dev/null 2>/dev/null | sed 's/ = 0x[0-9a-f]* ll$/ = N ll/'; }
n=0
for f in $tools; do
	run "$PITON" --fmt "$f"
	want_status 0
	cp "$TMP/out" "$TMP/once.bt"
	run "$PITON" --fmt "$TMP/once.bt"
	cmp "$TMP/once.bt" "$TMP/out" || fail "$f: formatting twice changes it"
	code "$f" >"$TMP/code"
	code "$TMP/once.bt" >"$TMP/code2"
	cmp "$TMP/code" "$TMP/code2" || fail "$f: another program after formatting"
	[ ! -s "$TMP/code" ] || n=$((n + 1))
done
# Where the kernel has no kprobes, tracepoints are left.
[ $n -ge 5 ] || fail "only $n tools were compared"
