# compat: a tracepoint that is the only place of its clause has to be there; what a library by its short name lacks need not.
run "$PITON" --dry-run -e 'config = { compat = "0.17" } tracepoint:syscalls:sys_enter_nosuch { }'
want_status 2
want_err 'ERROR: No matches for tracepoint syscalls:sys_enter_nosuch'
run "$PITON" --dry-run -e 'config = { compat = "0.17" } begin { } uprobe:libc:no_such_function { @[pid] = count(); }'
want_status 0
want_err 'WARNING: No matches for uprobe libc:no_such_function'
