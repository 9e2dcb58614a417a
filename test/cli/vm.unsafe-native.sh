# What nobody verified can do in machine code what it did not do in the checked interpreter: that ends the run, not piton.
# (a register that was never set: 0 there, anything here)
printf '%s\n' 'r0 = 0' 'r0 += r6' 'r0 += r7' 'r0 += r8' 'r0 += r9' 'if r0 == 0 goto out' 'r1 = 1' '*(u64 *)(r1 +0) = 0' 'out:' 'exit' >"$TMP/text"
hex=$("$PITON" vm asm "$TMP/text") || exit 1
[ "$("$PITON" vm run --hex "$hex")" = 0x0 ] || exit 1
"$PITON" vm run --jit --hex "$hex" >"$TMP/out" 2>"$TMP/err"
s=$?
[ $s = 0 ] || [ $s = 1 ] || { echo "exit $s"; exit 1; }
[ $s = 0 ] || grep -q 'signal' "$TMP/err" || { cat "$TMP/err"; exit 1; }
# one that goes on for ever in machine code only
printf '%s\n' 'r0 = 0' 'r0 += r6' 'r0 += r7' 'r0 += r8' 'r0 += r9' 'again:' 'if r0 != 0 goto again' 'exit' >"$TMP/text"
hex=$("$PITON" vm asm "$TMP/text") || exit 1
timeout 60 "$PITON" vm run --jit --hex "$hex" >"$TMP/out" 2>"$TMP/err"
s=$?
[ $s = 0 ] || [ $s = 1 ] || { echo "endless: exit $s"; exit 1; }
