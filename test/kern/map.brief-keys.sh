# A map that only aggregates under long keys has its short ones apart: printed, cleared and counted they are one map. Strings on
# needs: kernel>=5.13
# both sides of the border; a map that is also looked up has but one.
dir=$TMP/d; mkdir "$dir"
long=$dir/$(printf '%0200d' 0)
short=$dir/s
edge=$dir/; while [ ${#edge} -lt 63 ]; do edge=${edge}e; done
[ ${#edge} = 63 ] || skip "the temporary folder's name is too long"
over=${edge}e
touch "$long" "$short" "$edge" "$over"
ours='/strncmp(str(args.filename), "'$dir'", '${#dir}') == 0/'
run "$PITON" -c "cat $long $short $edge $over $short" -e "tracepoint:syscalls:sys_enter_openat $ours { @[str(args.filename)] = count(); @s[str(args.filename)] = sum(2); }"
want_status 0
for f in "$long:1" "$short:2" "$edge:1" "$over:1"; do
	want_out "^@\[${f%:*}\]: ${f#*:}$"
	want_out "^@s\[${f%:*}\]: $((2 * ${f#*:}))$"
done
[ "$(grep -c '^@\[' "$TMP/out")" = 4 ] || fail "another number of keys than 4"
run "$PITON" -c "cat $long $short $edge $over" -e "tracepoint:syscalls:sys_enter_openat $ours { @[str(args.filename)] = count(); } end { print(@); print(\"--\"); clear(@); print(@); }"
[ "$(grep -n '^--' "$TMP/out" | cut -d: -f1)" -gt 4 ] || fail "printed less than 4 keys"
[ "$(grep -c '^@\[' "$TMP/out")" = 4 ] || fail "something is left after clear()"
run "$PITON" -c "cat $long $short" -e "tracepoint:syscalls:sys_enter_openat $ours { @[str(args.filename)] = count(); } end { print(len(@)); for (\$kv : @) { print(\$kv.0); } clear(@); }"
want_out '^2$'
want_out "^$short$"
want_out "^$long$"
# the two maps are there where they help, and only there
maps() { "$PITON" -d bpf -e "$1" 2>&1 </dev/null | awk '/^# bpf/ { n++ } n == 1' | grep -o 'map\[fd:[0-9]*\]$' | sort -u | wc -l; }
[ "$(maps 'tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); }')" = 2 ] || fail "one map"
[ "$(maps 'tracepoint:syscalls:sys_enter_openat { @[kstack] = count(); }')" = 2 ] || fail "one map for stacks"
[ "$(maps 'tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); } end { print(len(@)); }')" = 1 ] || fail "two maps in spite of len()"
[ "$(maps 'config = { max_map_keys = 5 } tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); }')" = 1 ] || fail "two maps in spite of max_map_keys"
