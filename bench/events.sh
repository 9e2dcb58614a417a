# Events at full speed: one process makes them without a pause, the tracer prints each into a file. Printed + lost should be
# what was made; maker ns is the CPU time of one event beyond the untraced; tracer CPU is for all of them.
trace=$(tool trace)
n=${BENCH_EVENTS:-200000}

events_of() {	# TITLE EVENT LINE-PATTERN SCRIPT PLY-SCRIPT
	printf '\n%s\n  %-16s %9s %9s %9s %9s %12s %10s\n' "$1" '' made printed lost unknown 'maker +ns' 'CPU us/ev'
	for t in $tracers; do
		case $t in
		ply*) set -- "$1" "$2" "$3" "$4" "$5" "$5";;
		*)    set -- "$1" "$2" "$3" "$4" "$5" -e "$(printf '%s\n' "$4" | dialect "$t")";;
		esac
		title=$1 event=$2 pattern=$3 script=$4 ply=$5
		shift 5
		run_with "$t" "$trace" -e "$event" -n "$n" -r 5 -o "$work/events" -- "$(prog "$t")" "$@" >"$work/out" 2>"$work/err" </dev/null
		line=$(cat "$work/out")
		if [ -z "$line" ]; then
			printf '  %-16s failed: %s\n' "$t" "$(tail -n 1 "$work/err")"
		else
			made=$(echo "$line" | value produced)
			printed=$(grep -Ec "$pattern" "$work/events")
			lost=$(cat "$work/err" "$work/events" | sed -n 's/.*[Ll]ost \([0-9][0-9]*\) event.*/\1/p' | awk '{ s += $1 } END { print s + 0 }')
			printf '  %-16s %9s %9s %9s %9s %12s %10s\n' "$t" "$made" "$printed" "$lost" $((made - printed - lost)) \
				"$(echo "$line" | awk -F'[ =]' '{ for (k = 1; k < NF; k += 2) v[$k] = $(k + 1); print v["event_ns"] - v["base_ns"] }')" \
				"$(echo "$line" | awk -F'[ =]' '{ for (k = 1; k < NF; k += 2) v[$k] = $(k + 1); printf "%.2f", v["cpu_ms"] * 1000 / v["produced"] }')"
		fi
		set -- "$title" "$event" "$pattern" "$script" "$ply"
	done
}

events_of "$((n * 5)) file names (openat of a missing file)" open '^/nowhere/piton-bench$' \
	'tracepoint:syscalls:sys_enter_openat /pid == %PID%/ { printf("%s\n", str(args.filename)); }' \
	'tracepoint:syscalls/sys_enter_openat /pid == %PID%/ { printf("%s\n", str(data->filename)); }'
events_of "$((n * 5)) numbers (getpgid)" getpgid '^(-1|4294967295|18446744073709551615) cpu [0-9]+$' \
	'tracepoint:syscalls:sys_enter_getpgid /pid == %PID%/ { printf("%d cpu %d\n", args.pid, cpu); }' \
	'tracepoint:syscalls/sys_enter_getpgid /pid == %PID%/ { printf("%d cpu %d\n", data->pid, cpu); }'
