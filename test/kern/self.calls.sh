# A script that watches bpf(2) sees little of its own tracer: printing a record makes no such call, which would be the next record.
# needs: tracepoint=syscalls/sys_enter_bpf
timeout 20 sh -c 'exec "$PITON" -e "t:syscalls:sys_enter_bpf /pid == $$/ { printf(\"%s\\n\", probe) } interval:s:2 { exit() }"' \
	>"$TMP/out" 2>"$TMP/err" </dev/null || fail "status $?"
n=$(grep -c sys_enter_bpf "$TMP/out")
[ "$n" -gt 0 ] && [ "$n" -lt 100 ] || fail "$n calls in two seconds"
