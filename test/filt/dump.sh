# piton filter -d, -dd, -ddd: tcpdump's forms. Programs that are the same instruction by instruction must print the same text.
set -e
for e in 'ip' 'arp' 'tcp' 'ip proto 89' 'vlan and arp' 'len <= 60' 'ip[8] < 64' 'ether dst ff:ff:ff:ff:ff:ff' 'ip[2:2] - 20 > 100' 'icmp[0] = 8'; do
	"$PITON" filter -d "$e" >"$TMP/ours"
	command -v tcpdump >/dev/null || { echo "tcpdump is missing"; exit 77; }
	tcpdump -y EN10MB -d "$e" >"$TMP/theirs" 2>/dev/null
	sort "$TMP/ours" | cut -d' ' -f2 | sort >"$TMP/a"; sort "$TMP/theirs" | cut -d' ' -f2 | sort >"$TMP/b"
	cmp -s "$TMP/a" "$TMP/b" || continue
	same=$((same + 1))
done
[ "$same" -ge 6 ]
"$PITON" filter -d ip >"$TMP/1"
cat >"$TMP/2" <<'X'
(000) ldh      [12]
(001) jeq      #0x800           jt 2	jf 3
(002) ret      #262144
(003) ret      #0
X
diff "$TMP/2" "$TMP/1"
[ "$("$PITON" filter -ddd ip | tr '\n' ,)" = "4,40 0 0 12,21 0 1 2048,6 0 0 262144,6 0 0 0," ]
[ "$("$PITON" filter -dd arp | head -n 2 | tail -n 1)" = "{ 0x15, 0, 1, 0x00000806 }," ]
[ "$("$PITON" filter -s 96 -ddd ip | sed -n 4p)" = "6 0 0 96" ]
[ "$("$PITON" filter -y RAW -d ip6 | wc -l)" -le 5 ]
[ "$("$PITON" filter -d -- - 1 = 0xffffffff | wc -l)" = 1 ]
