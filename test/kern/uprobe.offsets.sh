#!/bin/sh
# needs: root
# A probe in the middle of an instruction is refused, by offset and by address; --unsafe takes it. A return probe in a Go program is
# refused with the way out, which works.
case $(uname -m) in x86_64) ;; *) skip "on other machines every fourth byte begins an instruction";; esac
run "$PITON" --dry-run -e 'uprobe:./inlined:one+1 { exit(); }'
want_status 2
want_err 'into the middle of an instruction: \./inlined:one\+1'
want_err 'HINT: the instruction begins at one\+0; --unsafe'
cp inlined "$TMP/own"      # what runs ./inlined for another test at this moment would not live through it
run "$PITON" --unsafe --dry-run -e "uprobe:$TMP/own:one+1 { exit(); }"
want_status 0
run "$PITON" --dry-run -e 'uprobe:./inlined:one+100000 { exit(); }'
want_err 'Offset outside the function bounds'
run "$PITON" --dry-run -e 'uprobe:./inlined:no_such+ret { exit(); }'
want_status 2

run "$PITON" --dry-run -e 'uretprobe:./golike:triple { exit(); }'
want_status 2
want_err 'is a Go program'
want_err 'HINT: uprobe:\./golike:triple\+ret probes the instructions that return'
run "$PITON" -q -c './golike 14' -e 'uprobe:./golike:triple+ret { printf("%d\n", retval); }'
want_out '^42$'
