# What the kernel does not attach is named, at its place in the script: a CPU has four debug registers.
[ "$(uname -m)" = x86_64 ] || skip "is about x86-64"
# needs: host
run "$PITON" -c 'sleep 1' -e 'begin { } watchpoint:0x1000:8:w,watchpoint:0x1008:8:w,watchpoint:0x1010:8:w,watchpoint:0x1018:8:w,watchpoint:0x1020:8:w { }'
want_status 1
want_err '^stdin:1:99-120: ERROR: Unable to attach probe: watchpoint:0x1020:8:w.*\[attach\]$'
want_err '^ {98}~{21}$'
