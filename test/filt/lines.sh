# The line of a packet is tcpdump's, for what both know: ARP, ICMP, TCP with its options and counted numbers, UDP, IPv6, IP in IP.
command -v tcpdump >/dev/null && command -v python3 >/dev/null || { echo "tcpdump or python3 is missing"; exit 77; }
python3 - "$TMP/p.pcap" <<'Y'
import struct, sys
A, B = bytes([10,0,0,1]), bytes([10,0,0,2])
A6, B6 = bytes([0x20,1,0xd,0xb8]) + bytes(11) + b'\1', bytes([0xfe,0x80]) + bytes(13) + b'\2'
def sum16(b):
    b += bytes(len(b) % 2); s = sum(struct.unpack('>%dH' % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def eth(t, b): return bytes(range(12)) + struct.pack('>H', t) + b
def ip4(p, b, s=A, d=B, frag=0):
    h = lambda c: struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(b), 1, frag, 64, p, c, s, d)
    return h(sum16(h(0))) + b
def ip6(p, b, s=A6, d=B6): return struct.pack('>IHBB16s16s', 0x60000000, len(b), p, 64, s, d) + b
def tcp(s, d, seq, ack, flags, b=b'', opt=b'', urg=0): return struct.pack('>HHIIBBHHH', s, d, seq, ack, (20 + len(opt)) // 4 << 4, flags, 500, 0, urg) + opt + b
def udp(s, d, b=b''): return struct.pack('>HHHH', s, d, 8 + len(b), 0) + b
def icmp(t, c, b): return struct.pack('>BBH', t, c, sum16(struct.pack('>BBH', t, c, 0) + b)) + b
def arp(op): return eth(0x806, struct.pack('>HHBBH6s4s6s4s', 1, 0x800, 6, 4, op, bytes(range(6)), A, bytes(6), B) + bytes(18))
syn = b'\2\4\5\xb4\4\2\x08\x0a' + struct.pack('>II', 7, 0) + b'\1\3\3\7'
ts = b'\1\1\x08\x0a' + struct.pack('>II', 8, 9)
sack = b'\1\1\5\x0a' + struct.pack('>II', 5011, 5020)
T = lambda *a, **k: eth(0x800, ip4(6, tcp(*a, **k)))
R = lambda *a, **k: eth(0x800, ip4(6, tcp(*a, **k), B, A))
err = ip4(17, udp(9, 99, b'x'))
P = [arp(1), arp(2),
  T(1000, 2000, 5000, 0, 2, opt=syn), R(2000, 1000, 9000, 5001, 18, opt=syn), T(1000, 2000, 5001, 9001, 16, opt=ts),
  T(1000, 2000, 5001, 9001, 24, b'hello', ts), R(2000, 1000, 9001, 5006, 16, opt=sack), R(2000, 1000, 9001, 5006, 24, b'12345678'),
  T(1000, 2000, 5006, 9009, 17), R(2000, 1000, 9009, 5007, 4), R(2000, 1000, 9009, 5007, 20), T(1000, 2000, 5006, 9009, 56, b'u', urg=1),
  T(7, 7, 1, 1, 0xd8, b'x'), T(7, 7, 3, 2, 0x10), T(1, 2, 3, 4, 0),
  eth(0x800, ip4(17, udp(9, 99, b'abc'))), eth(0x800, ip4(17, udp(9, 99))),
  eth(0x800, ip4(1, icmp(8, 0, struct.pack('>HH', 5, 6) + bytes(20)))), eth(0x800, ip4(1, icmp(0, 0, struct.pack('>HH', 5, 6) + bytes(20)))),
  eth(0x800, ip4(1, icmp(3, 3, bytes(4) + err))), eth(0x800, ip4(1, icmp(3, 1, bytes(4) + err))), eth(0x800, ip4(1, icmp(3, 0, bytes(4) + err))),
  eth(0x800, ip4(1, icmp(3, 2, bytes(4) + err))), eth(0x800, ip4(1, icmp(3, 4, struct.pack('>HH', 0, 1400) + err))),
  eth(0x800, ip4(1, icmp(3, 13, bytes(4) + err))), eth(0x800, ip4(1, icmp(11, 0, bytes(4) + err))), eth(0x800, ip4(1, icmp(5, 1, A + err))),
  eth(0x86dd, ip6(58, icmp(128, 0, struct.pack('>HH', 5, 6) + bytes(8)))), eth(0x86dd, ip6(58, icmp(135, 0, bytes(4) + A6))),
  eth(0x86dd, ip6(17, udp(9, 99, b'abc'))), eth(0x86dd, ip6(6, tcp(1000, 2000, 1, 2, 16))),
  eth(0x800, ip4(4, ip4(17, udp(9, 99, b'abc')))), eth(0x800, ip4(41, ip6(17, udp(9, 99, b'abc')))),
]
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    for i, p in enumerate(P): f.write(struct.pack('<IIII', i + 1, i, len(p), len(p)) + p)
Y
for o in -t -tt '-t -S'; do
	tcpdump -n $o -r "$TMP/p.pcap" 2>/dev/null >"$TMP/theirs"; "$PITON" filter -n $o -r "$TMP/p.pcap" >"$TMP/ours"
	diff "$TMP/theirs" "$TMP/ours" || exit 1
done
for o in -x -xx -X -XX; do	# the bytes, without the lines
	tcpdump -n -t $o -r "$TMP/p.pcap" 2>/dev/null | grep '^	' >"$TMP/theirs"; "$PITON" filter -n -t $o -r "$TMP/p.pcap" | grep '^	' >"$TMP/ours"
	diff "$TMP/theirs" "$TMP/ours" || { echo "$o differs"; exit 1; }
done
