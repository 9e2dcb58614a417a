# Start-up: from the command to its end, medians of rounds. The second program has ended before the counting is of any interest:
# what is measured is compiling, loading, attaching, detaching.
start=$(tool start)
rounds=${BENCH_ROUNDS:-11}

start_one() {	# TRACER ARGS...: into the table; the first tracer is what the others are divided by
	t=$1; shift
	line=$(run_with "$t" "$start" -r "$rounds" -- "$(prog "$t")" "$@" 2>/dev/null)
	case $line in *status=0*) ;; *) printf '  %-16s does not run this (%s)\n' "$t" "${line:-nothing}"; return;; esac
	w=$(echo "$line" | value wall_ms) c=$(echo "$line" | value cpu_ms) r=$(echo "$line" | value rss_kb)
	[ "$t" != piton ] || w1=$w c1=$c r1=$r
	printf '  %-16s %9s %9s %9s   %8s %8s %8s\n' "$t" "$w" "$c" "$(awk -v r="$r" 'BEGIN { printf "%.1f", r / 1024 }')" \
		"$(ratio "$w" "$w1")" "$(ratio "$c" "$c1")" "$(ratio "$r" "$r1")"
}
head_line() {
	printf '\n%s\n  %-16s %9s %9s %9s   %8s %8s %8s\n' "$1" '' 'wall ms' 'CPU ms' 'peak MiB' 'x wall' 'x CPU' 'x peak'
}

w1= c1= r1=
head_line 'BEGIN { exit(); }'
for t in $tracers; do
	case $t in
	ply*) start_one "$t" 'BEGIN { exit(0); }';;
	*)    start_one "$t" -e 'BEGIN { exit(); }';;
	esac
done
w1= c1= r1=
head_line 'counting openat of one process until `true` ends'
for t in $tracers; do
	case $t in
	ply*) start_one "$t" -c true 'tracepoint:syscalls/sys_enter_openat { @[0] = count(); }';;
	*)    start_one "$t" -e 'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { @ = count(); }' -c /bin/true;;
	esac
done

printf '\nsize with all libraries\n  %-16s %9s %9s\n' '' MiB 'x piton'
for t in $tracers; do
	s=$(size_of "$t")
	[ "$t" != piton ] || s1=$s
	printf '  %-16s %9s %9s\n' "$t" "$(awk -v s="$s" 'BEGIN { printf "%.1f", s / 1048576 }')" "$(ratio "$s" "$s1")"
done
