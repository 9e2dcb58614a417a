# What the kernel does not attach is named, at its place in the script.
run "$PITON" -e 'begin { } rawtracepoint:no_such_event { }'
want_status 1
want_err '^stdin:1:11-38: ERROR: cannot attach rawtracepoint:.*no_such_event: No such file or directory \[attach\]$'
want_err '^ {10}~{27}$'
