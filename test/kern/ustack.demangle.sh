#!/bin/sh
# needs: root
# Names of C++ in stacks, as in the source or (cpp_demangle = 0) as in the symbol table; functions by their C++ names, templates with or
# without the result that stands before them.
${CXX:-c++} --version >/dev/null 2>&1 || skip "needs a C++ compiler"
cat >"$TMP/names.cc" <<'END_CC'
namespace ns {
template <class T> __attribute__((noinline)) T twice(T v) { asm volatile("" : "+r"(v)); return v * 2; }
struct Thing { int get(int k) const; };
__attribute__((noinline)) int Thing::get(int k) const { int r = twice(k); asm volatile("" : "+r"(r)); return r + 1; }
}
int main() { ns::Thing t; return t.get(3) == 9; }
END_CC
${CXX:-c++} -O1 -fno-omit-frame-pointer -fno-optimize-sibling-calls -o "$TMP/names" "$TMP/names.cc" || fail "no program"
run "$PITON" -q -c "$TMP/names" -e "uprobe:$TMP/names:cpp:\"ns::twice*\" { print(ustack(2)); }"
want_out '^ *int ns::twice<int>\(int\)\+0$'
run "$PITON" -q -c "$TMP/names" -e "config = { cpp_demangle = 0 } uprobe:$TMP/names:cpp:\"int ns::twice<int>(int)\" { print(ustack(1)); }"
want_out '^ *_ZN2ns5twiceIiEET_S1_\+0$'
run "$PITON" -q -c "$TMP/names" -e "uprobe:$TMP/names:cpp:\"ns::Thing::get\" { print(func); print(usym(reg(\"ip\"))); }"
want_out '^ns::Thing::get\(int\) const$'
