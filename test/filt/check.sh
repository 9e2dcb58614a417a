# --check: the same (0), different with a packet that the two judge differently (1). --explain: words.
set -e
p="$PITON filter"
same() { $p --check "$1" "$2" >"$TMP/o" || { echo "'$1' and '$2' should be the same"; cat "$TMP/o"; exit 1; }; grep -q '^the same' "$TMP/o"; }
differ() {
	s=0; $p -w "$TMP/d.pcap" --check "$1" "$2" >"$TMP/o" || s=$?
	[ $s = 1 ] || { echo "'$1' and '$2' differ; status $s"; cat "$TMP/o"; exit 1; }
	a=$($p --count -r "$TMP/d.pcap" "$1") b=$($p --count -r "$TMP/d.pcap" "$2")
	[ "$a" != "$b" ] || { echo "'$1', '$2': the packet tells nothing apart ($a, $b)"; exit 1; }
}
same 'tcp port 80' 'port 80 and tcp'
same 'ip or ip6' 'not (not ip and not ip6)'
same 'portrange 1-5' 'port 1 or 2 or 3 or 4 or 5'
same 'net 10.0.0.0/8' 'net 10.0.0.0/9 or net 10.128.0.0/9'
same 'tcp[13] & 2 != 0' 'tcp[tcpflags] & tcp-syn = tcp-syn'
same 'host in {10.0.0.1, 10.0.0.2}' 'host 10.0.0.1 or 10.0.0.2'
same 'len > 100' 'not less 100'
differ 'tcp port 80' 'tcp port 81'
differ 'host 10.0.0.1' 'src host 10.0.0.1'
differ 'ip[0] & 0xf > 5' 'ip[0] & 0xf >= 5'
differ 'vlan and ip' 'ip and vlan'
differ 'tcp[4:4] > tcp[8:4]' 'tcp[4:4] >= tcp[8:4]'
differ 'ip6 proto 6' 'ip6 and tcp port 80'
differ 'ether host 00:11:22:33:44:55' 'ether src 00:11:22:33:44:55'
differ 'len > 100' 'len >= 100'
$p --explain 'tcp port 80 and not host 10.0.0.1' | grep -q 'source or destination port is 80'
