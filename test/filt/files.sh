# Captures in files: both byte orders, pcapng, gzip; and broken ones, of which the packets before the damage are kept.
set -e
p="$PITON filter -n"
h() { printf "$1"; }	# bytes
ip='\105\0\0\034\0\0\0\0\100\021\0\0\012\0\0\1\012\0\0\2\0\065\0\065\0\010\0\0'
pkt() { h '\1\0\0\0\2\0\0\0\034\0\0\0\034\0\0\0'; h "$ip"; }
{ h '\324\303\262\241\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\145\0\0\0'; pkt; pkt; } >"$TMP/le.pcap"
{ h '\241\262\303\324\0\2\0\4\0\0\0\0\0\0\0\0\0\4\0\0\0\0\0\145'; h '\0\0\0\1\0\0\0\2\0\0\0\034\0\0\0\034'; h "$ip"; } >"$TMP/be.pcap"
$p -r "$TMP/le.pcap" >"$TMP/o"; [ "$(wc -l <"$TMP/o")" = 2 ]; grep -q '10.0.0.1.53 > 10.0.0.2.53' "$TMP/o"
$p -t -r "$TMP/be.pcap" | grep -q '^IP 10.0.0.1.53 > 10.0.0.2.53'
[ "$($p -r "$TMP/le.pcap" --count tcp)" = "0 packets" ]
gzip -c "$TMP/le.pcap" >"$TMP/le.gz"; [ "$($p --count -r "$TMP/le.gz")" = "2 packets" ]
$p -r "$TMP/le.pcap" -w "$TMP/x.pcapng" udp; [ "$($p --count -r "$TMP/x.pcapng")" = "2 packets" ]
$p -r "$TMP/x.pcapng" -w "$TMP/y.pcap" --format pcap; cmp "$TMP/y.pcap" "$TMP/le.pcap" || { od -c "$TMP/y.pcap" | head -5; $p --count -r "$TMP/y.pcap"; }
[ "$($p -r "$TMP/x.pcapng" -c 1 | wc -l)" = 1 ]
# -C begins new files, -W keeps so many of them
i=0; while [ $i -lt 40 ]; do cat "$TMP/le.pcap" | tail -c 88; i=$((i + 1)); done >"$TMP/many.body"
{ head -c 24 "$TMP/le.pcap"; i=0; while [ $i -lt 800 ]; do cat "$TMP/many.body"; i=$((i + 1)); done; } >"$TMP/many.pcap"
mkdir "$TMP/rot"
$p -r "$TMP/many.pcap" --format pcap -w "$TMP/rot/a" -C 1; [ "$(ls "$TMP/rot" | tr '\n' ' ')" = "a a1 a2 " ]
[ "$(cat "$TMP/rot/a" "$TMP/rot/a1" "$TMP/rot/a2" | wc -c)" = "$(($(wc -c <"$TMP/many.pcap") + 48))" ]
$p -r "$TMP/many.pcap" --format pcap -w "$TMP/rot/b" -C 1 -W 2; set -- "$TMP"/rot/b*; [ $# = 2 ]
broken() {	# file, part of the message, packets kept
	if $p -r "$1" >"$TMP/o" 2>"$TMP/e"; then echo "$1 was read without complaint"; exit 1; fi
	grep -q "$2" "$TMP/e" || { echo "$1: wanted '$2'"; cat "$TMP/e"; exit 1; }
	[ "$(wc -l <"$TMP/o")" = "$3" ] || { echo "$1: not $3 packets"; cat "$TMP/o"; exit 1; }
}
head -c 70 "$TMP/le.pcap" >"$TMP/b1"; broken "$TMP/b1" 'inside of a packet' 1
head -c 10 "$TMP/le.pcap" >"$TMP/b2"; broken "$TMP/b2" 'inside of its header' 0
{ head -c 68 "$TMP/le.pcap"; h '\1\0\0\0\2\0\0\0\377\377\377\177\0\0\0\0'; } >"$TMP/b3"; broken "$TMP/b3" 'cannot be' 1
echo not a capture at all >"$TMP/b4"; broken "$TMP/b4" 'neither a pcap nor a pcapng' 0
: >"$TMP/b5"; broken "$TMP/b5" 'is empty' 0
head -c $(($(wc -c <"$TMP/x.pcapng") - 5)) "$TMP/x.pcapng" >"$TMP/b6"; broken "$TMP/b6" 'inside of a block' 1
head -c 60 "$TMP/le.gz" >"$TMP/b7"
if $p -r "$TMP/b7" >"$TMP/o" 2>"$TMP/e"; then echo "a cut gzip file was read without complaint"; exit 1; fi
grep -q 'compressed data is damaged' "$TMP/e"
if command -v tshark >/dev/null; then
	tshark -r "$TMP/x.pcapng" 2>/dev/null | wc -l | grep -qx 2 || { echo "tshark does not read our pcapng"; exit 1; }
fi
