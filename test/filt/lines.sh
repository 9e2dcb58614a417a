# The line of a packet is tcpdump's, for what both know: Ethernet, ARP, STP, PPPoE, MPLS, IPv4 and IPv6 with extension headers, ICMP, TCP with its
# options and counted numbers, UDP, SCTP, DNS, tunnels and the names of smaller protocols.
command -v tcpdump >/dev/null && command -v python3 >/dev/null || { echo "tcpdump or python3 is missing"; exit 77; }
python3 test/filt/packets.py "$TMP/p.pcap"
# Newer ones have other words for headers that say too much.
cut='^$'
case $(tcpdump --version 2>&1) in *'version 4.99.'[0-4]*) ;; *) cut='truncated-ip|bad-hlen|\(invalid\)';; esac
for o in -t -tt '-t -S' '-t -e' '-t -q'; do
	tcpdump -n $o -r "$TMP/p.pcap" 2>/dev/null | grep -Ev "$cut" >"$TMP/theirs"
	"$PITON" filter -n $o -r "$TMP/p.pcap" | grep -Ev "$cut" >"$TMP/ours"
	diff "$TMP/theirs" "$TMP/ours" || exit 1
done
for o in -x -xx -X -XX; do	# the bytes, without the lines
	tcpdump -n -t $o -r "$TMP/p.pcap" 2>/dev/null | grep '^	' >"$TMP/theirs"; "$PITON" filter -n -t $o -r "$TMP/p.pcap" | grep '^	' >"$TMP/ours"
	diff "$TMP/theirs" "$TMP/ours" || { echo "$o differs"; exit 1; }
done
