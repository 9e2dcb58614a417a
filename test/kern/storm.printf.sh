# Two million events through printf at full speed, from two threads: printed + lost = produced, exactly, and nothing twice.
# needs: host
N=2000000 LIMIT=120
run "$PITON" -v -o "$TMP/events" -c "./storm $N 2" \
	-e 'tracepoint:syscalls:sys_enter_getpgid /pid == cpid/ { printf("%d\n", (int32)args.pid); @n = count(); } END { printf("end\n"); }'
want_status 0
printed=$(grep -c '^-[0-9]*$' "$TMP/events")
twice=$(grep '^-[0-9]*$' "$TMP/events" | sort | uniq -d | wc -l)
counted=$(sed -n 's/^@n: //p' "$TMP/events")
lost=$(sed -n 's/.* events printed, \([0-9]*\) lost.*$/\1/p' "$TMP/err")
[ "$counted" = $N ] || fail "the program ran $counted times instead of $N"
[ "$twice" = 0 ] || fail "$twice events were printed twice"
[ "$((printed + ${lost:-0}))" = $N ] || fail "$printed printed + ${lost:-?} lost, of $N"
grep -qx end "$TMP/events" || fail "END was not printed"
echo "$printed printed, $lost lost"
