# Names of USDT probes: quotes keep what is inside, a backslash keeps a quote; with -p the file may be left empty.
# needs: uprobe
run "$PITON" -c ./marked -e 'usdt:./marked:test:"\"quoted\"" { printf("quoted %d\n", arg0); }'
want_status 0
want_out '^quoted 3$'
./marked 3 &
pid=$!
run "$PITON" -p "$pid" -e 'usdt::test:place { printf("place %d\n", arg0); }'
want_status 0
want_out '^place 2$'
run "$PITON" -e 'usdt::test:place { printf("place %d\n", arg0); }'
want_status 2
