# Where the kernel cannot walk a map or read what other CPUs have, len() and such a read say so at their place: exit 2.
case $(uname -r) in 5.10.*) ;; *) skip "is about kernels before 5.13";; esac
run "$PITON" -e 'BEGIN { @x[1] = 1; printf("%d", len(@x)); exit(); }'
want_status 2
want_err 'len\(\) of a map needs'
run "$PITON" -e 'BEGIN { @x[1] = count(); printf("%d", (int64)@x[1]); exit(); }'
want_status 2
want_err '^stdin:1:[0-9-]+: ERROR: to read an aggregation under a key needs bpf_map_lookup_percpu_elem'
