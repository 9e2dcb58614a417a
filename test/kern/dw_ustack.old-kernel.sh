#!/bin/sh
# A kernel without bpf_loop: said at the script's place, with what to use instead.
# needs: kernel=5.10
case $(uname -r) in 5.10*) ;; *) skip "is about kernel 5.10";; esac
run "$PITON" -c ./walks -e 'uprobe:./walks:leaf { print(dw_ustack); }'
want_err 'dw_ustack needs bpf_loop'
want_err 'HINT: ustack works here'
