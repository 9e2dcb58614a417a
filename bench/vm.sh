#!/bin/sh
# The machine's speed, side by side in one run: gcc -O2 of the same C, piton's JIT and interpreters, and, as root with -k, the
# kernel's JIT through BPF_PROG_TEST_RUN (1024 bytes as an XDP packet). Ratios are to gcc. array and hash: 1,000 look-ups in maps
# beside calls of a C function and of a plain hash table; not in the mean. usage: bench/vm.sh [-k] [NAME...]
case $0 in */run) sh "$top/bench/vm.sh" -k; return 0;; esac     # as a section of bench/run
cd "$(dirname "$0")/vm" || exit 1
: "${PITON:=$PWD/../../build/piton}" "${CPU:=v3}"
kernel=
[ "$1" != -k ] || { kernel=1; shift; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
# 1024 bytes: packets of 64 bytes, some TCP, some UDP over VLAN, and strings without an end
mem=$(awk 'BEGIN { for (i = 0; i < 16; i++) {
	h = "02000000000102000000000" i % 10
	h = substr(h, 1, 24)
	h = h (i % 3 == 2 ? "8100000108004500" : "08004500") "002e" "00004000" (i % 2 ? "4006" : "4011") "0000" "0a0000010a000002" "1f900050" "aabbccddeeff"
	while (length(h) < 128) h = h "5a"
	printf "%s", substr(h, 1, 128) } }')
names=${*:-arith muldiv bytesum memcpy jhash siphash parse strcmp array hash}
printf '%-9s %10s %10s %6s %10s %6s %10s %6s' program gcc jit ratio interp ratio checked ratio
[ -z "$kernel" ] || printf ' %10s %6s' kernel ratio
echo "  bytes, load"
for name in $names; do
	m=$mem
	[ $name != strcmp ] || m=$(printf '%01024d' 0 | sed 's/0/61/g')$(printf '%01024d' 0 | sed 's/0/61/g')
	[ $name != strcmp ] || m=$(echo "$m" | cut -c 1-2048)
	maps=
	case $name in array | hash) maps=1;; esac
	gcc -O2 -fno-strict-aliasing -o "$tmp/native" native.c $name.c ${maps:+table.c} || exit 1
	clang -O2 -g -target bpf -mcpu=$CPU -fno-strict-aliasing -c -o "$tmp/o" $name.c || exit 1
	# with maps the object itself, else its instructions as a function over memory
	[ "$maps" ] && cp "$tmp/o" "$tmp/raw" || llvm-objcopy -O binary --only-section=.text "$tmp/o" "$tmp/raw" 2>/dev/null || llvm-objcopy-14 -O binary --only-section=.text "$tmp/o" "$tmp/raw" || exit 1
	set -- $("$tmp/native" "$m"); gcc_ns=$1 want=$2
	for engine in --interp --jit; do
		got=$("$PITON" vm run $engine --no-verify --mem "$m" "$tmp/raw") || exit 1
		[ "$got" = "$want" ] || { [ "$maps" ] && [ $((got & 0xffffffff)) = $((want & 0xffffffff)) ]; } || { echo "$name: $engine gives $got, gcc $want"; exit 1; }
	done
	"$PITON" vm bench --no-verify --mem "$m" "$tmp/raw" >"$tmp/out" || exit 1
	k=
	if [ "$kernel" ]; then
		clang -O2 -target bpf -mcpu=$CPU -fno-strict-aliasing -g -DKERNEL -c -o "$tmp/k.o" $name.c &&
		mkdir "$tmp/fs" && unshare -m sh -c 'mount -t bpf bpf "$1/fs" && bpftool prog load "$1/k.o" "$1/fs/p" type xdp &&
			echo "$2" | xxd -r -p >"$1/pkt" && bpftool prog run pinned "$1/fs/p" data_in "$1/pkt" repeat 20000' x "$tmp" "$m" >"$tmp/k" 2>"$tmp/kerr"
		k=$(grep -o '[0-9]*ns' "$tmp/k" | tr -d ns)
		rmdir "$tmp/fs"
	fi
	awk -v name=$name -v maps=$maps -v g="$gcc_ns" -v k="$k" -v kernel="$kernel" '
	/^interpreter, checked/ { c = $3 } /^interpreter  / { i = $2 }
	/^JIT/ { j = $2; l = $4; b = $0; sub(/.*load  */, "", b) }
	END { printf "%-9s %10.1f %10.1f %6.2f %10.1f %6.1f %10.1f %6.1f", name, g, j, j / g, i, i / g, c, c / g
		if (kernel) { if (k) printf " %10.1f %6.2f", k, k / g; else printf " %10s %6s", "-", "-" }
		print "  " b ", " l " us to load"
		if (!maps) printf "%s %f %f %f %f\n", name, j / g, i / g, c / g, k / g >>"'"$tmp"'/all" }' "$tmp/out"
done
[ ! -e "$tmp/all" ] || awk '{ j += log($2); i += log($3); c += log($4); if ($5 > 0) { k += log($5); nk++ } }
END { printf "geometric mean: jit %.2f, interpreter %.1f, checked %.1f", exp(j / NR), exp(i / NR), exp(c / NR)
	if (nk) printf ", kernel %.2f", exp(k / nk); print "" }' "$tmp/all"
# the verifier: 4,000 instructions in a row, and with a branch at every tenth
for every in 0 10; do
	awk -v every=$every 'BEGIN { print "call bpf_get_prandom_u32\nr1 = r0\nr2 = 1"
		for (i = 3; i < 3998; i++) print every && i % every == 0 ? "if r3 > " i " goto +1" : every && i % every == 9 ? "r3 = r2" : i % 2 ? "r0 += r1" : "r2 ^= r0"
		print "r0 = 0\nexit" }' >"$tmp/text"
	{ echo "type socket_filter"; echo "insns $("$PITON" vm asm "$tmp/text" | tr -d ' \n')"; } >"$tmp/big.bpfx"
	"$PITON" vm bench "$tmp/big.bpfx" | awk -v what="$([ $every = 0 ] && echo "in a row" || echo "with 400 branches")" '
		/^verifier/ { v = $2 } /^JIT/ { j = $4 }
		END { printf "4000 instructions %s: verified in %.1f ms, compiled in %.2f ms\n", what, v / 1000, j / 1000 }'
done
