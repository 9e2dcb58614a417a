# A script of 3,000 lines compiles in under a second, and one twice as long takes about twice as long: many probes with maps and
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
# The least of five compilations, in milliseconds.
least() {
	best=1000000
	for i in 1 2 3 4 5; do
		a=$(date +%s%N)
		"$PITON" --machine user --no-warnings -d none "$1" >"$TMP/out" 2>"$TMP/err" </dev/null || fail "$1 does not compile"
		b=$(date +%s%N)
		ms=$(((b - a) / 1000000))
		[ $ms -ge $best ] || best=$ms
	done
}
for kind in probes statements; do
	$kind 3000 >"$TMP/once.bt"
	$kind 6000 >"$TMP/twice.bt"
	[ "$(wc -l <"$TMP/once.bt")" -ge 3000 ] || fail "the script is too short"
	least "$TMP/once.bt"; once=$best
	least "$TMP/twice.bt"; twice=$best
	case $B in *san*) continue;; esac       # slower, and by another amount
	[ $once -lt 1000 ] || fail "$kind: 3,000 lines took $once ms"
	[ $((twice * 10)) -lt $((once * 35 + 100)) ] || fail "$kind: 6,000 lines took $twice ms, 3,000 took $once ms"
	echo "$kind: 3,000 lines $once ms, 6,000 lines $twice ms"
done
