# --scoped and tunnels: packets made here, and which of them each expression takes.
command -v python3 >/dev/null || { echo "python3 is missing"; exit 77; }
python3 - "$TMP/p.pcap" <<'Y'
import struct, sys
def eth(t, b): return bytes(12) + struct.pack('>H', t) + b
def ip4(p, b, frag=0): return struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(b), 1, frag, 64, p, 0, bytes([10,0,0,1]), bytes([10,0,0,2])) + b
def ip6(p, b): return struct.pack('>IHBB16s16s', 0x60000000, len(b), p, 64, bytes(15) + b'\1', bytes(15) + b'\2') + b
def tcp(s, d, flags=2): return struct.pack('>HHIIBBHHH', s, d, 1, 1, 0x50, flags, 100, 0, 0)
def udp(s, d, b=b''): return struct.pack('>HHHH', s, d, 8 + len(b), 0) + b
def hop(n, b): return bytes([n, 0]) + bytes(6) + b
def frag(n, off, b): return struct.pack('>BBHI', n, 0, off << 3, 7) + b
inner = eth(0x800, ip4(6, tcp(1000, 80)))
P = [
  eth(0x800, ip4(6, tcp(1000, 80))),                                    # 1
  eth(0x86dd, ip6(6, tcp(1000, 80))),                                   # 2
  eth(0x86dd, ip6(0, hop(6, tcp(1000, 80)))),                           # 3 hop-by-hop
  eth(0x86dd, ip6(0, hop(60, hop(44, frag(6, 0, tcp(1000, 80)))))),     # 4 three headers
  eth(0x86dd, ip6(44, frag(6, 5, tcp(1000, 80)))),                      # 5 later fragment
  eth(0x8100, b'\0\5' + struct.pack('>H', 0x800) + ip4(6, tcp(1000, 80))),  # 6 vlan 5
  eth(0x800, ip4(17, udp(1, 4789, b'\x08\0\0\0\0\0\x07\0' + inner))),   # 7 vxlan 7
  eth(0x86dd, ip6(17, udp(1, 8472, b'\x08\0\0\0\0\0\x09\0' + inner))),  # 8 vxlan 9, port 8472
  eth(0x800, ip4(47, b'\0\0\x08\0' + ip4(6, tcp(1000, 80)))),           # 9 gre
  eth(0x800, ip4(47, b'\x20\0\x65\x58' + bytes(4) + inner)),            # 10 gre with a key, ethernet inside
  eth(0x800, ip4(4, ip4(17, udp(1, 53)))),                              # 11 ipip
  eth(0x800, ip4(41, ip6(6, tcp(1000, 443)))),                          # 12 6in4
]
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    for i, p in enumerate(P):
        p += bytes(max(0, 60 - len(p)))
        f.write(struct.pack('<IIII', i + 1, 0, len(p), len(p)) + p)
Y
bad=0
takes() {	# options, expression, the packets
	got=$("$PITON" filter -n -tt -r "$TMP/p.pcap" $1 "$2" | sed 's/\..*//' | tr '\n' ' ')
	plain=$("$PITON" filter -n -tt -O -r "$TMP/p.pcap" $1 "$2" | sed 's/\..*//' | tr '\n' ' ')
	[ "$got" = "$3 " ] && [ "$plain" = "$got" ] || { echo "$1 '$2': $got (-O: $plain), wanted $3"; bad=1; }
}
takes '' 'tcp port 80' '1 2'
takes --scoped 'tcp port 80' '1 2 3 4'
takes --scoped 'ip6 and tcp' '2 3 4 5'
takes --scoped 'tcp[tcpflags] = tcp-syn' '1 2 3 4'
takes '' 'tcp[tcpflags] = tcp-syn' '1'
takes --scoped '(vlan 5 and tcp port 80) or (ip and tcp port 80)' '1 6'
takes '' '(vlan 5 and tcp port 80) or (ip and tcp port 80)' '6'
takes '' 'vxlan' '7'
takes '' 'vxlan 7 and tcp port 80' '7'
takes '' 'vxlan 9 port 8472 and tcp port 80' '8'
takes '' 'gre' '9 10'
takes '' 'gre and tcp port 80' '9 10'
takes '' 'ipip' '11 12'
takes '' 'ipip and udp port 53' '11'
takes '' 'ipip and ip6 and tcp port 443' '12'
takes --scoped 'vxlan or gre or ipip' '7 9 10 11 12'
takes '' 'host in {10.0.0.0/30} and udp port in {4789, 8000-9000}' '7'
takes '' 'udp and contains "\x12\xb5"' '7'
takes '' 'udp and not contains "\x12\xb5"' '8'
exit $bad
