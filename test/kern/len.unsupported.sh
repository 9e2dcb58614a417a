# Where the kernel cannot walk a map, len() says so at its place: exit 2.
case $(uname -r) in 5.10.*) ;; *) skip "is about kernels before 5.13";; esac
run "$PITON" -e 'BEGIN { @x[1] = 1; printf("%d", len(@x)); exit(); }'
want_status 2
want_err 'len\(\) of a map needs'
