# contains, pid, comm and cgroup anywhere in an expression; what the kernel's program lets through, and what refuses them.
command -v python3 >/dev/null || { echo "python3 is missing"; exit 77; }
python3 - "$TMP/p.pcapng" <<'Y'
import struct, sys
def udp(d, b): return bytes(12) + b'\x08\0' + struct.pack('>BBHHHBBH4s4s', 0x45, 0, 28 + len(b), 1, 0, 64, 17, 0, bytes([10,0,0,1]), bytes([10,0,0,2])) + struct.pack('>HHHH', 9, d, 8 + len(b), 0) + b
def block(t, b): n = len(b) + 12; return struct.pack('<II', t, n) + b + struct.pack('<I', n)
def pad(b): return b + bytes(-len(b) % 4)
P = [(udp(53, b'GET x'), 'pid 10 curl'), (udp(53, b'PUT x'), 'pid 11 nc'), (udp(80, b'GET y'), 'pid 11 nc'), (udp(80, b'none'), None),
     (udp(81, b'GET PUT'), 'pid 10 curl')]
with open(sys.argv[1], 'wb') as f:
    f.write(block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1)))
    f.write(block(1, struct.pack('<HHI', 1, 0, 262144)))
    for i, (p, c) in enumerate(P):
        o = struct.pack('<HH', 1, len(c)) + pad(c.encode()) + struct.pack('<HH', 0, 0) if c else b''
        f.write(block(6, struct.pack('<IIIII', 0, 0, (i + 1) * 1000000, len(p), len(p)) + pad(p) + o))
Y
bad=0
takes() {	# expression, the packets
	for o in '' -O --scoped; do
		got=$("$PITON" filter -n -tt -r "$TMP/p.pcapng" $o "$1" | sed 's/\..*//' | tr '\n' ' ')
		[ "$got" = "${2:+$2 }" ] || { echo "$o '$1': $got, wanted $2"; bad=1; }
	done
}
takes 'contains "GET"' '1 3 5'
takes 'not contains "GET"' '2 4'
takes 'contains "GET" or contains "PUT"' '1 2 3 5'
takes 'contains "GET" and not contains "PUT"' '1 3'
takes 'udp port 80 or contains "PUT"' '2 3 4 5'
takes 'not (udp port 80 or contains "PUT")' '1'
takes '(contains "GET" and port 53) or (not contains "GET" and port 80)' '1 4'
takes 'contains ""' '1 2 3 4 5'
takes 'pid 10 or port 80' '1 3 4 5'
takes 'not pid 10' '2 3 4'
takes 'comm nc and not port 80' '2'
takes '(pid 10 or comm nc) and contains "GET"' '1 3 5'
takes 'tcp or (udp and (pid 11 or contains "none"))' '2 3 4'
takes 'pid 10 and pid 11' ''
takes 'vlan or contains "GET"' '1 3 5'
takes 'contains "GET" and contains "GET"' '1 3 5'
takes 'cgroup x or ip[1000] = 1' ''
# the kernel's program: what is and-ed and asks nothing
"$PITON" filter -d 'udp and (contains "x" or port 53)' 2>"$TMP/err" >"$TMP/1"; "$PITON" filter -d udp >"$TMP/2"
cmp "$TMP/1" "$TMP/2" && grep -q 'behind the program' "$TMP/err" || bad=1
[ "$("$PITON" filter -d 'pid 5 or udp' 2>/dev/null | wc -l)" = 1 ] || { echo "an or with pid is not left to piton"; bad=1; }
"$PITON" filter -d '(pid 5 and udp) and tcp' 2>/dev/null | grep -q 'ret .*#262144' && { echo "udp and tcp is nothing"; bad=1; }
# programs of others have nobody behind them
for e in 'pid 5 or tcp' 'udp and not comm x' 'contains "GET"'; do
	if "$PITON" filter -o "$TMP/f.o" "$e" 2>"$TMP/err"; then echo "an object took '$e'"; bad=1; fi
	grep -q '^filter:1:' "$TMP/err" || { echo "'$e' is refused without a place"; bad=1; }
done
"$PITON" filter -o "$TMP/f.c" 'udp port 53 or contains "G\x00\"T"' || bad=1
cat >"$TMP/main.c" <<'Y'
#include <string.h>
#include "f.c"
int main(void)
{
	unsigned char p[60] = { 0 };
	int a = filter(p, 60, 60), b, c;
	memcpy(p + 56, "G\0\"T", 4);
	b = filter(p, 60, 60);
	c = filter(p, 59, 60);
	return a || !b || c;
}
Y
for cc in "${CC:-cc}" clang; do
	command -v "${cc##* }" >/dev/null || continue
	$cc -Wall -Werror -o "$TMP/main" "$TMP/main.c" && "$TMP/main" || { echo "$cc: the C function differs"; bad=1; }
done
[ "$("$PITON" filter --check 'not (pid 5 or contains "x")' 'not contains "x" and not pid 5' | cut -d: -f1)" = 'the same' ] || bad=1
"$PITON" filter --check 'udp and contains "abc"' 'udp' >"$TMP/out"; [ $? = 1 ] || { cat "$TMP/out"; bad=1; }
"$PITON" filter --check 'pid 5 or tcp' 'pid 5' >"$TMP/out"; [ $? = 1 ] && grep -q 'local process with pid' "$TMP/out" || { cat "$TMP/out"; bad=1; }
exit $bad
