# What an event costs: instructions and machine code of the programs, ns per event by the kernel's own statistics (its two clock reads
# are in it: a program that does nothing shows about 65), and what the traced program sees: CPU time per event beyond the untraced.
trace=$(tool trace)
: >"$work/cost"
printf '%-30s %-14s %7s %7s %9s %12s\n' script tracer insns 'jited B' 'ns/event' 'maker +ns'
sed '/^#/d; s/ | /\t/g' bench/cost.def >"$work/rows"
tab=$(printf '\t')
while IFS=$tab read -r name event script ply; do
	[ -z "$BENCH_ONLY" ] || case $name in *"$BENCH_ONLY"*) ;; *) continue;; esac
	for t in $tracers; do
		case $t in
		ply*)
			[ "$ply" != - ] || continue
			set -- "$ply";;
		*)
			set -- -e "$(printf '%s\n' "$script" | dialect "$t")";;
		esac
		n=20000
		[ "$event" != call ] || n=2000          # a uprobe is an interrupt: microseconds
		run_with "$t" "$trace" -e "$event" -n $n -r "${BENCH_ROUNDS:-15}" -- "$(prog "$t")" "$@" \
			>"$work/out" 2>"$work/err" </dev/null
		line=$(cat "$work/out")
		if [ -z "$line" ]; then
			printf '%-30s %-14s %s\n' "$name" "$t" "failed: $(grep '^trace:' "$work/err" | tail -n 1)"
			continue
		fi
		i=$(echo "$line" | value insns) j=$(echo "$line" | value jited) ns=$(echo "$line" | value ns)
		plus=$(echo "$line" | awk -F'[ =]' '{ for (k = 1; k < NF; k += 2) v[$k] = $(k + 1); print v["event_ns"] - v["base_ns"] }')
		printf '%-30s %-14s %7s %7s %9s %12s\n' "$name" "$t" "$i" "$j" "$ns" "$plus"
		printf '%s\t%s\t%s\t%s\n' "$name" "$t" "$i" "$ns" >>"$work/cost"
	done
done <"$work/rows"

# piton against the best of the others, script by script, and over the scripts by geometric mean.
awk -F'\t' '
	$2 == "piton" { pi[$1] = $3; pn[$1] = $4; order[++n] = $1; next }
	{ if (!($1 in bi) || $3 < bi[$1]) bi[$1] = $3; if (!($1 in bn) || $4 < bn[$1]) bn[$1] = $4 }
	END {
		printf "\n%-30s %s\n", "piton : best of the others", "instructions       ns"
		for (k = 1; k <= n; k++) {
			s = order[k]
			if (!(s in bi) || !bi[s] || !bn[s]) continue
			a = pi[s] / bi[s]; b = pn[s] / bn[s]; m++; la += log(a); lb += log(b)
			printf "%-30s %12.2f %8.2f%s\n", s, a, b, ((a > 1 || b > 1) ? "  worse" : "")
		}
		if (m) printf "%-30s %12.2f %8.2f\n", "geometric mean", exp(la / m), exp(lb / m)
	}' "$work/cost"
