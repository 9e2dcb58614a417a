# Packet filters: compile time of long lists, and nanoseconds per packet beside libpcap's interpreter. PITON_CAPTURES: a folder of
# captures to run over (Ethernet ones are used); without it packets are made.
if [ -e /usr/include/pcap/pcap.h ]; then
	${CC:-cc} -std=gnu11 -O2 -Isrc -D_GNU_SOURCE -o "$work/filter" bench/filter.c "$B/libpiton.a" -lpcap -lz -liberty -lpthread -lm &&
		"$work/filter" $(find ${PITON_CAPTURES:-/nonexistent} -name '*.pcap' 2>/dev/null | sort)
else
	echo "  libpcap's headers are missing: no comparison"
fi
for n in 100 1000 10000; do
	list=$(awk -v n=$n 'BEGIN { for (i = 0; i < n; i++) printf "%shost 10.%d.%d.%d", i ? " or " : "", i % 200, i / 200, i * 7 % 256 }')
	printf '%s\n' "$list" >"$work/list"
	best=
	for i in 1 2 3 4 5; do
		s=$(date +%s%N); "$PITON" filter -F "$work/list" -ddd >"$work/code"; t=$((($(date +%s%N) - s) / 1000))
		[ -n "$best" ] && [ "$best" -le $t ] || best=$t
	done
	printf '  %5d hosts: %6d us with start and output, %6d instructions\n' $n $best "$(head -n 1 "$work/code")"
done
