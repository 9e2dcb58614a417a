# Types that do not fit: exit 2, the place, and what was wanted.
run "$PITON" -e 'BEGIN { @x = 1; @x = "text"; }'
want_status 2
want_err ':1:'
run "$PITON" -e 'BEGIN { printf("%d\n", "text"); }'
want_status 2
want_err ':1:'
run "$PITON" -e 'BEGIN { $a = sum(1); }'
want_status 2
