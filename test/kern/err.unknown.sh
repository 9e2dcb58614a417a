# A tracepoint that this kernel lacks, a field that it lacks, a function that a program lacks: exit 2 and the place.
# needs: uprobe
run "$PITON" -e 'tracepoint:syscalls:sys_enter_no_such_call { @ = count(); }'
[ $status = 1 ] || [ $status = 2 ] || fail "exit status $status, wanted 2"
want_err 'sys_enter_no_such_call'
run "$PITON" -e 'tracepoint:syscalls:sys_enter_openat { @ = args.no_such_field; }'
want_status 2
want_err ':1:[0-9]+'
want_err 'no_such_field'
run "$PITON" -e 'uprobe:./calls:no_such_function { @ = count(); }'
[ $status = 1 ] || [ $status = 2 ] || fail "exit status $status, wanted 2"
want_err 'no_such_function'
run "$PITON" -e 'uprobe:./no-such-program:main { @ = count(); }'
[ $status = 1 ] || [ $status = 2 ] || fail "exit status $status, wanted 2"
want_err 'no-such-program'
