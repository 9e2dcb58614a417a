# -o FILE.o: libbpf and the kernel take the objects of all kinds; -o FILE.c: the compiler does, and the function agrees.
set -e
list=$(for i in $(seq 1 50); do printf '%shost 10.0.%d.%d' "$sep" $((i % 7)) $i; sep=' or '; done)
for k in socket tc xdp; do
	for e in 'tcp port 80' 'not ip' 'ip[len - 40] = 0' 'ip6 protochain \tcp' 'tcp and udp' 'geneve and ip6' "$list" ''; do
		"$PITON" filter -o "$TMP/f.o" --type $k "$e"
		readelf -SW "$TMP/f.o" | grep -q " $k .*PROGBITS"
		readelf -SW "$TMP/f.o" | grep -q '\.BTF '
		[ "$(id -u)" = 0 ] && command -v bpftool >/dev/null || continue
		unshare -m sh -c 'mount -t bpf bpf /sys/fs/bpf && bpftool prog load "$1" /sys/fs/bpf/f 2>"$2"' x "$TMP/f.o" "$TMP/err" || { cat "$TMP/err"; echo "$k: $e"; exit 1; }
	done
done
if "$PITON" filter -o "$TMP/f.o" --type nonsense ip 2>/dev/null; then exit 1; fi
"$PITON" filter -o "$TMP/f.c" 'tcp port 80 and ip[8] > 3'
cat >"$TMP/main.c" <<'X'
#include <stdio.h>
#include "f.c"
int main(void)
{
	unsigned char p[60] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 6, [37] = 80 };
	int a = filter(p, 60, 60), b, c;
	p[22] = 3;
	b = filter(p, 60, 60);
	p[22] = 64;
	c = filter(p, 30, 60);
	printf("%d %d %d\n", a, b, c);
	return 0;
}
X
${CC:-cc} -Wall -Werror -o "$TMP/main" "$TMP/main.c"
[ "$("$TMP/main")" = "1 0 0" ]
