# Malformed programs and files: one clear line on standard error (where a file has lines: that one and a caret), exit 1 or 2.
printf 'b70000' >"$TMP/trunc"; want_trunc='positive number of 8-byte instructions'
printf 'b7000000000000000500010000000000180000000100000000000000000000009500000000000000' >"$TMP/mid"; want_mid='middle of'
printf 'ff000000000000009500000000000000' >"$TMP/opcode"; want_opcode='pcode'
printf 'b700000000000000850000000ffff0009500000000000000' >"$TMP/helper"; want_helper='helper\|invalid func'
printf '18110000070000000000000000000000b7000000000000009500000000000000' >"$TMP/mapfd"; want_mapfd='map'
cp test/vm/objects/maps.o "$TMP/machine"; printf '\076' | dd of="$TMP/machine" bs=1 seek=18 conv=notrunc 2>/dev/null; want_machine='machine 62'
cp test/vm/objects/maps.o "$TMP/huge"; size=$(wc -c <"$TMP/huge"); want_huge='does not lie inside the file'
printf '\377\377\377\077' | dd of="$TMP/huge" bs=1 seek=$((size - 32)) conv=notrunc 2>/dev/null
for f in trunc mid opcode helper mapfd machine huge; do
	eval "want=\$want_$f"
	for verb in verify run bench "run --no-verify --jit" "run --both"; do
		timeout 10 "$PITON" vm $verb "$TMP/$f" >"$TMP/out" 2>"$TMP/err" </dev/null
		s=$?
		[ $s = 1 ] || [ $s = 2 ] || { echo "$verb $f: exit $s"; cat "$TMP/err"; exit 1; }
		head -n 1 "$TMP/err" | grep -q "$want" || { echo "$verb $f:"; cat "$TMP/err"; exit 1; }
		[ "$(wc -l <"$TMP/err")" -le 3 ] && [ ! -s "$TMP/out" ] || { echo "$verb $f:"; cat "$TMP/out" "$TMP/err"; exit 1; }
	done
done
# types that go round in circles: read to their end, whoever asks for them
cc=$(command -v clang) || exit 0
cat >"$TMP/cycle.c" <<'C'
typedef unsigned long long number;
struct value { number n; struct value *next; };
struct { int (*type)[1]; unsigned *key; struct value *value; int (*max_entries)[4]; } m __attribute__((section(".maps"), used));
__attribute__((section("xdp"), used)) int prog(void *c) { return 2; }
C
"$cc" -target bpf -g -O2 -c -o "$TMP/cycle.o" "$TMP/cycle.c" 2>/dev/null || exit 0
[ "$("$PITON" vm run "$TMP/cycle.o" 2>&1)" = 0x2 ] || { echo "cycle.o does not run"; exit 1; }
# every type of the BTF names itself: u32 `type` of each 12-byte head becomes its own number
python=$(command -v python3) || exit 0
"$python" - "$TMP/cycle.o" "$TMP/self.o" <<'P' || exit 1
import struct, sys
b = bytearray(open(sys.argv[1], 'rb').read())
at = b.find(b'\x9f\xeb\x01\x00')
hdr, type_off, type_len = struct.unpack_from('<III', b, at + 4)
p, end, n = at + hdr + type_off, at + hdr + type_off + type_len, 1
extra = {1: 4, 3: 12, 14: 4, 17: 4}
while p < end:
    name, info, size = struct.unpack_from('<III', b, p)
    kind, vlen = info >> 24 & 31, info & 0xffff
    if kind in (2, 8, 9, 10, 11):
        struct.pack_into('<I', b, p + 8, n)
    if kind == 3:
        struct.pack_into('<I', b, p + 12, n)
    p += 12 + extra.get(kind, vlen * {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}.get(kind, 0))
    n += 1
open(sys.argv[2], 'wb').write(b)
P
for verb in verify run bench dis; do
	timeout 10 "$PITON" vm $verb "$TMP/self.o" >"$TMP/out" 2>"$TMP/err" </dev/null
	s=$?
	[ $s -le 3 ] || { echo "$verb self.o: exit $s"; exit 1; }
	[ $s = 0 ] || [ "$(wc -l <"$TMP/err")" -le 3 ] || { echo "$verb self.o:"; cat "$TMP/err"; exit 1; }
done
