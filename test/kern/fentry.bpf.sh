# Programs that are in the kernel are places: here one of another piton, by the name that its BTF gives it.
# needs: fentry kernel>=5.17
name=interval_us_9973_1
"$PITON" -e 'interval:us:9973 { @one[1] = 1; for ($kv : @one) { @ = count(); } }' >"$TMP/target" 2>&1 </dev/null &
target=$!
trap 'kill $target; wait $target' EXIT
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	! grep -q Attached "$TMP/target" || break
	sleep 0.3
done

run "$PITON" -l "fentry:bpf:$name"
want_out "^fentry:bpf:[0-9]+:$name$"
id=$(sed 's/^fentry:bpf://; s/:.*//' "$TMP/out")
run "$PITON" -lv "fexit:bpf:$id:interval_*"
want_out "^fexit:bpf:$id:$name$"
want_out '^    int32 retval$'

run "$PITON" -e "
	fentry:bpf:$name { @in[probe, func] = count(); }
	fexit:bpf:$id:interval_us_997* { @out[probe, retval] = count(); if (@n++ == 20) { exit(); } }"
want_status 0
want_out "^@in\[fentry:bpf:$id:$name, $name\]: [1-9][0-9]*$"
want_out "^@out\[fexit:bpf:$id:$name, 0\]: [1-9][0-9]*$"

for wrong in fentry:bpf:no_such_program "fexit:bpf:1$id:$name"; do
	run "$PITON" -e "$wrong { }"
	want_status 2
	want_err "ERROR: No matches for ${wrong%%:*} ${wrong#*:}\. \[no-probe\]$"
done
run "$PITON" -e "fentry:bpf:$name { print(args.x); }"
want_err 'ERROR: args does not contain a field named .x.'
