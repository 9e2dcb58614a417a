# A pinned iterator is a file: whoever reads it runs the clause and gets what its printf writes. A name is relative to /sys/fs/bpf.
# needs: btf
mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || skip "no BPF file system"
run "$PITON" -e "iter:task:piton-test { if (ctx.task.comm == \"cat\") { printf(\"%d is %s, %s\n\", ctx.task.pid, ctx.task.comm, \"text\"); } }"
want_status 0
want_err 'Program pinned to /sys/fs/bpf/piton-test'
cat /sys/fs/bpf/piton-test >"$TMP/out"
want_out '^[0-9]+ is cat, text$'
run "$PITON" -e "iter:task:/sys/fs/bpf/piton-test { printf(\"again\n\"); }"
rm -f /sys/fs/bpf/piton-test
want_status 1
want_err 'File exists'
run "$PITON" -e "iter:task:piton-test { print(ctx.task.pid); }"
want_status 2
want_err 'only printf works in a pinned iterator'
