# skboutput() writes the packets of a tracepoint to a capture file that our own reader takes: two pings' worth of UDP on loopback.
# needs: btf tracepoint=net/net_dev_queue host
cat >"$TMP/send.sh" <<'END'
i=0
while [ $i -lt 3 ]; do
	echo "piton packet $i" >/dev/udp/127.0.0.1/9
	i=$((i + 1))
done
END
command -v bash >/dev/null || skip "needs bash for /dev/udp"
run "$PITON" -c "bash $TMP/send.sh" -e "tracepoint:net:net_dev_queue /pid == cpid/ {
	print(skboutput(\"$TMP/p.pcap\", args.skbaddr, args.len, 0)); skboutput(\"$TMP/q.pcap\", args.skbaddr, 20, 14); @++ }"
want_status 0
want_out '^0$'
want_out "^@: 6$"
cp "$TMP/out" "$TMP/first"
run "$PITON" filter -r "$TMP/p.pcap" 'udp port 9 and ip host 127.0.0.1'
[ "$(wc -l <"$TMP/out")" = 3 ] || fail "the capture does not hold the three packets"
grep -aq 'piton packet 2' "$TMP/p.pcap" || fail "the packets' content is not there"
# Each packet is answered by an ICMP error: 6 x (16 bytes of head and 20 of data) behind the head of 24.
[ "$(wc -c <"$TMP/q.pcap")" = 240 ] || fail "the cut packets have another size"
