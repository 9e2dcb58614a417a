# exit(N) is the exit status; END still runs.
run "$PITON" -e 'BEGIN { exit(7); } END { printf("over\n"); }'
want_status 7
want_out '^over$'
run "$PITON" -e 'BEGIN { exit(); }'
want_status 0
