# Programs that clang and gcc make of C (bench/vm), by instruction set and level of optimization: the interpreters, the JIT and the JIT
# with blinded constants give what the same C gives natively, and so does the kernel, when it may be asked.
cc -O2 -o "$TMP/hello" -x c - <<'C' 2>/dev/null || { echo "needs a C compiler"; exit 77; }
int main(void) { return 0; }
C
mem=$(awk 'BEGIN { for (i = 0; i < 1024; i++) printf "%02x", (i * 37 + int(i / 64) * 11 + (i % 64 == 12 ? 8 - i * 37 : 0)) % 256 }' | tr -d -)
tried=0 kernel=0
[ "$(id -u)" = 0 ] && command -v bpftool >/dev/null && command -v xxd >/dev/null && can_ask=1 || can_ask=
wrong() { echo "$name, $*"; exit 1; }
check() {	# what: raw instructions in $TMP/raw
	tried=$((tried + 1))
	for engine in --interp --jit --blind --both; do
		got=$("$PITON" vm run $engine --no-verify --mem "$mem" "$TMP/raw" 2>&1) && [ "$got" = "$want" ] ||
			wrong "$1: $engine gives $got, native code $want"
	done
}
cut() { objcopy -I elf64-little -O binary --only-section=.text "$1" "$TMP/raw" 2>/dev/null; }
for name in arith muldiv bytesum memcpy jhash siphash parse strcmp; do
	cc -O2 -w -fno-strict-aliasing -o "$TMP/native" bench/vm/native.c bench/vm/$name.c || exit 1
	set -- $("$TMP/native" "$mem" once); want=$2
	if command -v clang >/dev/null; then
		for flags in "-O2 -mcpu=v1" "-O1 -mcpu=v2" "-Os -mcpu=v3" "-O2 -mcpu=v4"; do
			clang $flags -w -target bpf -fno-strict-aliasing -c -o "$TMP/o" bench/vm/$name.c 2>/dev/null || continue
			cut "$TMP/o" && check "clang $flags"
		done
	fi
	if command -v bpf-gcc >/dev/null; then
		# not -mcpu=v2: gcc 12 then clears upper halves by `&= -1`, which does not
		for flags in -O1 -O2; do
			bpf-gcc $flags -w -fno-strict-aliasing -c -o "$TMP/o" bench/vm/$name.c 2>/dev/null || continue
			cut "$TMP/o" && check "gcc $flags"
		done
	fi
	[ "$can_ask" ] && clang -O2 -w -target bpf -mcpu=v3 -fno-strict-aliasing -DKERNEL -c -o "$TMP/k.o" bench/vm/$name.c 2>/dev/null || continue
	echo "$mem" | xxd -r -p >"$TMP/pkt"; mkdir -p "$TMP/fs"
	unshare -m sh -c 'mount -t bpf bpf "$1/fs" && bpftool prog load "$1/k.o" "$1/fs/p" type xdp && bpftool prog run pinned "$1/fs/p" data_in "$1/pkt"' \
		x "$TMP" >"$TMP/out" 2>/dev/null || continue
	got=$(sed -n 's/.*Return value: \([0-9]*\).*/\1/p' "$TMP/out")
	kernel=$((kernel + 1))
	low=$(echo "${want#0x}" | sed 's/.*\(........\)$/\1/')
	[ "$got" = $((0x$low)) ] || wrong "the kernel gives $got, native code $want"
done
echo "$tried programs, $kernel of them in the kernel"
[ $tried -gt 0 ] || { echo "no compiler for BPF here"; exit 77; }
