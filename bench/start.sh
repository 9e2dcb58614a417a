# Start-up: from the command to its end, medians of rounds; "up": CPU until it traces, which is when its child (`start child`)
# begins. Counting is of no interest: what is measured is compiling, loading, attaching, and in the whole, detaching.
start=$(tool start)
floor=$(tool floor)
rounds=${BENCH_ROUNDS:-21}

start_row() {	# NAME COMMAND...: into the table; the first is what the others are divided by
	t=$1; shift
	line=$(run_with "$t" "$start" -r "$rounds" -- "$@" 2>/dev/null)
	case $line in *status=0*) ;; *) printf '  %-16s does not run this (%s)\n' "$t" "${line:-nothing}"; return;; esac
	w=$(echo "$line" | value wall_ms) c=$(echo "$line" | value cpu_ms) u=$(echo "$line" | value up_ms | sed 's/^0.00$/-/') r=$(echo "$line" | value rss_kb)
	[ "$t" != piton ] || w1=$w c1=$c u1=$u r1=$r
	printf '  %-16s %9s %9s %9s %9s   %8s %8s %8s %8s\n' "$t" "$w" "$c" "$u" "$(awk -v r="$r" 'BEGIN { printf "%.1f", r / 1024 }')" \
		"$(ratio "$w" "$w1")" "$(ratio "$c" "$c1")" "$(ratio "$u" "$u1")" "$(ratio "$r" "$r1")"
}
head_line() {
	w1= c1= u1= r1=
	printf '\n%s\n  %-16s %9s %9s %9s %9s   %8s %8s %8s %8s\n' "$1" '' 'wall ms' 'CPU ms' 'up ms' 'peak MiB' 'x wall' 'x CPU' 'x up' 'x peak'
}

head_line 'BEGIN { exit(); }'
for t in $tracers; do
	case $t in
	ply*) start_row "$t" ply 'BEGIN { exit(0); }';;
	*)    start_row "$t" "$(prog "$t")" -e 'BEGIN { exit(); }';;
	esac
done
head_line 'counting openat of a child until it ends (system calls: a C program that makes just these and compiles nothing)'
for t in $tracers; do
	case $t in
	ply*) start_row "$t" ply -c "exec $start child" 'tracepoint:syscalls/sys_enter_openat { @[0] = count(); }';;
	*)    start_row "$t" "$(prog "$t")" -e 'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { @ = count(); }' -c "$start child";;
	esac
done
start_row 'system calls' "$floor" "$start" child

printf '\nsize with all libraries\n  %-16s %9s %9s\n' '' MiB 'x piton'
for t in $tracers; do
	s=$(size_of "$t")
	[ "$t" != piton ] || s1=$s
	printf '  %-16s %9s %9s\n' "$t" "$(awk -v s="$s" 'BEGIN { printf "%.1f", s / 1048576 }')" "$(ratio "$s" "$s1")"
done
