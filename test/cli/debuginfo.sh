#!/bin/sh
# Separate debug files: by build id, by .gnu_debuglink beside the program, in .debug, and in folders of --debuginfo; those of another
# program, and those whose checksum is wrong, are not taken. Compressed sections are read.
command -v objcopy >/dev/null || skip "needs objcopy"
${CC:-cc} --version >/dev/null 2>&1 || skip "needs a C compiler"
top=$PWD
cd "$TMP" || exit 1
cat >prog.c <<'END_C'
struct point { int x, y; };
__attribute__((noinline)) int work(struct point *at, const char *name) { return at->x + name[0]; }
int main(int argc, char **argv) { struct point p = { argc, 2 }; return work(&p, argv[0]); }
END_C
make_prog() {	# FLAGS: prog without debug information, prog.debug with it
	# shellcheck disable=SC2086	# flags are words
	${CC:-cc} -g -O1 $1 -o prog prog.c && objcopy --only-keep-debug prog prog.debug && strip prog &&
		objcopy --add-gnu-debuglink=prog.debug prog || fail "no program"
}
known() { run "$PITON" "$@" -lv 'uprobe:./prog:work'; want_out '^    struct point\* at$'; want_out '^    const char\* name$|^    char\* name$'; }
unknown() { run "$PITON" "$@" -lv 'uprobe:./prog:work'; want_no_out 'struct point'; }

for id in -Wl,--build-id=sha1 -Wl,--build-id=none; do
	make_prog $id
	mv prog.debug other-name
	unknown
	mv other-name prog.debug
	known
	mkdir -p .debug far && mv prog.debug .debug/ && known
	mv .debug/prog.debug far/ && unknown
	known --debuginfo far
	known --debuginfo "$TMP/nowhere:$TMP/far"
	known --debuginfo "$TMP/nowhere" --debuginfo "+$TMP/far"
	mkdir -p "far$PWD" && mv far/prog.debug "far$PWD/" && known --debuginfo "$TMP/far"
	cp "far$PWD/prog.debug" good
	# One byte more: the checksum is another one.
	printf x >>"far$PWD/prog.debug"
	unknown --debuginfo "+$TMP/far"
	known --debuginfo "$TMP/far"
	rm -r far
	cp good prog.debug; printf x >>prog.debug
	[ $id = -Wl,--build-id=sha1 ] || unknown
	rm prog.debug
done

# By build id alone, in the form of the distributions' debug packages; the symbols come from there too.
make_prog -Wl,--build-id=sha1
id=$(readelf -n prog | sed -n 's/.*Build ID: //p')
mkdir -p "store/.build-id/$(echo "$id" | cut -c 1-2)"
mv prog.debug "store/.build-id/$(echo "$id" | cut -c 1-2)/$(echo "$id" | cut -c 3-).debug"
unknown
known --debuginfo "$TMP/store"
# Of another program: the build id tells.
${CC:-cc} -g -DOTHER=1 -O0 -o other prog.c && objcopy --only-keep-debug other prog.debug
unknown
rm prog.debug

# Compressed.
${CC:-cc} -g -gz=zlib -o prog prog.c && known
if ${CC:-cc} -g -gz=zlib-gnu -o prog prog.c 2>/dev/null; then known; fi

# In files of their own, beside the program or where it was compiled.
if ${CC:-cc} -g -gsplit-dwarf -O1 -o prog prog.c 2>/dev/null && [ -n "$(find . -maxdepth 1 -name '*.dwo')" ]; then
	known
	mkdir moved && mv prog ./*.dwo moved/ && cd moved && known && cd ..
	# All of them in one package.
	for dwp in dwp llvm-dwp; do
		if command -v $dwp >/dev/null && (cd moved && timeout 10 $dwp -e prog -o prog.dwp) 2>/dev/null && [ -s moved/prog.dwp ]; then
			mkdir "$dwp.d" && cp moved/prog moved/prog.dwp "$dwp.d" && cd "$dwp.d" && known && cd ..
			rm moved/prog.dwp
		fi
	done
	rm moved/*.dwo && cd moved && unknown && cd ..
fi
# The older form.
if ${CC:-cc} -g -gdwarf-4 -gsplit-dwarf -O1 -o prog prog.c 2>/dev/null && command -v dwp >/dev/null && timeout 10 dwp -e prog -o prog.dwp 2>/dev/null; then
	mkdir old && mv prog prog.dwp old && cd old && rm ../*.dwo && known && cd ..
fi
cd "$top" || exit 1
