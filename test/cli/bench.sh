# --bench: a table of ns per run; more work takes longer, an empty benchmark next to nothing.
machines=user; [ "$(id -u)" != 0 ] || machines='user kernel'
cat >"$TMP/b.bt" <<'END'
begin { @a = 1; }
bench:empty { }
bench:loop { for ($i : 0..200) { @x[$i % 7] = $i; } printf("thrown away\n"); }
END
for m in $machines; do
	run "$PITON" --machine $m --bench "$TMP/b.bt"
	want_status 0
	want_out '^Benchmark {32}Time\(ns\) {7}Iterations$'
	want_out '^empty  *[0-9]{1,3}  *[0-9]+$'
	want_out '^loop  *[0-9]{4,}  *[0-9]+$'
	want_no_out 'thrown|@'
	run "$PITON" --machine $m -f json --bench "$TMP/b.bt"
	want_status 0
	want_out '^\{"type": "benchmark_result", "data": \{"loop": \{"average": [0-9]{4,}, "iters": [0-9]+\}\}\}$'
	run "$PITON" --machine $m --bench -e 'bench:bad { return 3; }'
	want_status 1
	want_err "Benchmark 'bad' failed"
done
run "$PITON" -e 'bench:a { }'
want_status 2
want_err 'use --bench to run benchmark probes'
