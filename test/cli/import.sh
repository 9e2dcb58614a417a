# import: relative to the importing file, each path once, a folder's files, and nothing that others could have written.
mkdir "$TMP/lib" "$TMP/open"
echo 'macro twice(x) { x * 2 }' >"$TMP/lib/m.bt"
echo 'struct pair { int a; long b; };' >"$TMP/lib/t.h"
echo 'import "m.bt"; begin { print(("chain", twice(3))); }' >"$TMP/lib/chain.bt"
echo 'int f(int a) { return a; }' >"$TMP/f.bpf.c"
cp "$TMP/lib/m.bt" "$TMP/open/"; chmod 777 "$TMP/open"
try() { run "$PITON" --machine user -e "$1"; }
try "import \"$TMP/lib/chain.bt\"; import \"$TMP/lib/chain.bt\"; import \"$TMP/lib/m.bt\"; begin { print(twice(2)); }"
want_status 0
[ "$(grep -c chain "$TMP/out")" = 1 ] || fail "imported twice"
want_out '^4$'
try "import \"$TMP/lib\"; begin { print((twice(5), sizeof(struct pair))); }"
want_status 0
want_out '^\(10, 16\)$'
try 'import "stdlib"; begin { print(1); }'
want_status 0
try "import \"$TMP/open\"; begin { print(1); }"
want_status 2
want_err 'writable by everybody'
try "import \"$TMP/open/m.bt\"; begin { print(1); }"
want_status 2
want_err 'writable by everybody'
try "import \"$TMP/f.bpf.c\"; begin { print(1); }"
want_status 2
want_err 'is C for a BPF compiler'
want_err 'HINT: write the function as a macro'
try 'import "nothing.bt"; begin { print(1); }'
want_status 2
want_err 'cannot import nothing.bt: No such file'
