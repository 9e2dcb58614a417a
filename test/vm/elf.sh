# Objects of clang and gcc: maps by BTF, globals, functions of .text, lines in refusals.
tried=0
try() {	# name, compiler and its flags
	name=$1; shift
	command -v "$1" >/dev/null 2>&1 || return 0
	"$@" -c test/vm/src/maps.c -o "$TMP/$name.o" 2>"$TMP/err" || { echo "$name: $(head -n 3 "$TMP/err")"; return 0; }
	tried=1
	for s in test drop; do
		"$PITON" vm verify "$TMP/$name.o:$s" || { echo "$name: $s is refused"; exit 1; }
	done
	[ "$("$PITON" vm run "$TMP/$name.o:test")" = 0x28 ] || { echo "$name: test does not give 0x28"; exit 1; }
	"$PITON" vm verify "$TMP/$name.o:careless" 2>"$TMP/err" && { echo "$name: careless is accepted"; exit 1; }
	grep -q 'offset is outside of the packet' "$TMP/err" || { cat "$TMP/err"; exit 1; }
	[ "$name" != clang ] || grep -q 'maps.c:[0-9]*: return data\[12\]' "$TMP/err" || { cat "$TMP/err"; exit 1; }
}
try clang clang -target bpf -O2 -g
try gcc bpf-gcc -O2 -gbtf
# An object of another machine, a cut one, one with a section larger than the file.
for bad in machine cut huge; do
	cp test/vm/objects/maps.o "$TMP/$bad.o"
	case $bad in
	machine) printf '\076' | dd of="$TMP/$bad.o" bs=1 seek=18 conv=notrunc 2>/dev/null;;
	cut) head -c 700 test/vm/objects/maps.o >"$TMP/$bad.o";;
	huge) size=$(wc -c <"$TMP/$bad.o"); printf '\377\377\377\077' | dd of="$TMP/$bad.o" bs=1 seek=$((size - 32)) conv=notrunc 2>/dev/null;;
	esac
	"$PITON" vm verify "$TMP/$bad.o" >"$TMP/out" 2>&1
	[ $? = 2 ] && [ "$(wc -l <"$TMP/out")" -le 3 ] || { echo "$bad:"; cat "$TMP/out"; exit 1; }
done
[ "$("$PITON" vm run test/vm/objects/maps.o:test)" = 0x28 ] || exit 1
[ $tried = 1 ] || { echo "no compiler for BPF here"; exit 77; }
