# A symbol without a size is no place to attach to unless --unsafe says so; a module that is not loaded is named.
# needs: uprobe
run "$PITON" -e 'uprobe:./calls:_init { exit(); }'
want_status 2
want_err 'Could not determine boundary for _init \(symbol has size 0\)\.'
want_err 'Use --unsafe to force attachment'
run "$PITON" --unsafe -e 'uprobe:./calls:_init { exit(); } begin { exit(); }'
want_status 0
