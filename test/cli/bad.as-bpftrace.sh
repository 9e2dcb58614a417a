# Under the name bpftrace the exit status of a wrong script and of wrong options is 1.
ln -s "$PITON" "$TMP/bpftrace"
run "$TMP/bpftrace" -e 'BEGIN { printf("x" }'
want_status 1
run "$TMP/bpftrace" --no-such-option
want_status 1
run "$TMP/bpftrace" --version
want_status 0
want_out '^bpftrace v0\.'
