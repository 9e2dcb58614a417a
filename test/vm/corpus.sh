# The verifier against programs of which the verdict of a 6.18 kernel (privileged) is known: test/vm/verdicts names them
# (verdict, tab, file in test/vm/corpus). No program that the kernel refuses may be accepted; of those it accepts, 97 of 100 must be.
# What is accepted runs, and does the same in the interpreter and the JIT.
false_accepts= false_rejects= accepted=0 refused=0 wrong=0
while read -r verdict file; do
	timeout 20 "$PITON" vm verify "test/vm/corpus/$file" >"$TMP/out" 2>&1 </dev/null
	case $verdict.$? in
	accept.0) accepted=$((accepted + 1))
		timeout 20 "$PITON" vm run --both "test/vm/corpus/$file" >"$TMP/out" 2>&1 </dev/null
		case $? in [0-3]) ;; *) echo "$file: running it: exit $?"; wrong=1;; esac
		case $file in 1804-*|unpriv.*) continue;; esac   # give addresses, or what lies on the stack
		! grep 'the interpreter gives' "$TMP/out" || { echo "$file"; wrong=1; };;
	reject.1) refused=$((refused + 1))
		[ -s "$TMP/out" ] || { echo "$file: refused without a word"; wrong=1; };;
	reject.0) false_accepts="$false_accepts $file";;
	accept.[13]) false_rejects="$false_rejects $file"; echo "$file: $(head -n 1 "$TMP/out")";;
	reject.3) [ ! -r /sys/kernel/btf/vmlinux ] || { echo "$file: refused only because it is not followed"; wrong=1; };;
	*) echo "$file: $verdict expected, exit $?"; wrong=1;;
	esac
done <test/vm/verdicts
n_false=$(echo $false_rejects | wc -w)
echo "$accepted accepted, $refused refused; falsely accepted:${false_accepts:- none}; falsely refused: $n_false"
[ -z "$false_accepts" ] && [ $wrong = 0 ] && [ $((n_false * 100)) -le $(((accepted + n_false) * 3)) ]
