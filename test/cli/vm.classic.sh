# classic BPF through `piton vm`: text to numbers, back, and to extended BPF that verifies
printf 'ldh [12]\njeq #0x800, ok, no\nok: ret #-1\nno: ret #0\n' >"$TMP/f"
want='4
40 0 0 12
21 0 1 2048
6 0 0 4294967295
6 0 0 0'
"$PITON" vm asm --classic "$TMP/f" >"$TMP/n" || exit 1
[ "$(cat "$TMP/n")" = "$want" ] || { cat "$TMP/n"; exit 1; }
"$PITON" vm dis --classic "$TMP/n" >"$TMP/t" && "$PITON" vm asm --classic "$TMP/t" | cmp - "$TMP/n" || exit 1
"$PITON" vm asm --convert "$TMP/f" >"$TMP/x" && "$PITON" vm verify "$TMP/x" | grep -q '^ok' || exit 1
printf 'ld [12\n' >"$TMP/bad"
"$PITON" vm asm --classic "$TMP/bad" 2>"$TMP/e" && exit 1
grep -q "bad:1:.*ERROR" "$TMP/e" || { cat "$TMP/e"; exit 1; }
