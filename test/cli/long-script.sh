# A script of 3,000 lines compiles in under a second, and time grows with the length: many probes with maps and
# macros; one probe of many statements.
probes() {
	awk -v n="$1" 'BEGIN {
		print "config = { max_bpf_progs = 100000; max_probes = 100000 }"
		for (lines = 1; lines < n; lines += 21) {
			i++
			printf "macro m%d(x, $y)\n{\n\tif (x > %d) {\n\t\t$y += x;\n\t}\n\tx + %d\n}\n", i, i, i
			printf "interval:ms:%d\n{\n\t$a = pid + %d;\n\t$b = (uint64)$a * 3;\n\t@count%d[comm, $a] = count();\n", i, i, i
			printf "\t@h%d = hist($b);\n\tprint(m%d($a, $b));\n\tif ($a > 10 && @last%d != $a) {\n", i, i, i
			printf "\t\tprintf(\"%%s %%d\\n\", comm, $b);\n\t\t@last%d = $a;\n\t}\n", i
			printf "\tfor ($k : 0..10) {\n\t\t@arr%d[$k] = $k * $a;\n\t}\n}\n", i
		}
	}'
}
statements() {
	awk -v n="$1" 'BEGIN {
		print "begin {"
		for (lines = 1; lines < n; lines += 5) {
			i++
			printf "\t$v%d = (uint64)%d;\n\t@m%d[$v%d, \"k%d\"] = $v%d + %d;\n", i, i, i % 50, i, i % 9, i, i
			printf "\tif ($v%d > 5) {\n\t\tprintf(\"%%d\\n\", $v%d);\n\t}\n", i, i
		}
		print "}"
	}'
}
# $cpu is the CPU time of this shell's children so far, in milliseconds.
cpu() {
	times >"$TMP/times"
	cpu=$(awk -F'[ms ]' 'NR == 2 { print int(($1 + $4) * 60000 + ($2 + $5) * 1000) }' "$TMP/times")
}
# The least of five compilations, in milliseconds of CPU.
least() {
	best=1000000
	for i in 1 2 3 4 5; do
		cpu; a=$cpu
		"$PITON" --machine user --no-warnings -d none "$1" >"$TMP/out" 2>"$TMP/err" </dev/null || fail "$1 does not compile"
		cpu; ms=$((cpu - a))
		[ $ms -ge $best ] || best=$ms
	done
}
for kind in probes statements; do
	for n in 1500 3000 6000; do
		$kind $n >"$TMP/$n.bt"
		[ "$(wc -l <"$TMP/$n.bt")" -ge $n ] || fail "the script is too short"
		least "$TMP/$n.bt"
		eval "t$n=$best"
	done
	echo "$kind: 1,500 lines $t1500 ms, 3,000 lines $t3000 ms, 6,000 lines $t6000 ms"
	case $B in *san*) continue;; esac       # slower, and by another amount
	[ $t3000 -lt 1000 ] || fail "$kind: 3,000 lines took $t3000 ms"
	# four times the lines: 4 if it is linear, 16 if it is quadratic; the clock has steps of 10 ms
	[ $t6000 -lt $((t1500 * 9 + 80)) ] || fail "$kind: 6,000 lines took $t6000 ms, 1,500 took $t1500 ms"
done
