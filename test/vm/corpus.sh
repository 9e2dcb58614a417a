# The verifier against programs of which the verdict of a 6.18 kernel (privileged) is known: test/vm/verdicts names them
# (verdict, tab, file in test/vm/corpus). No program that the kernel refuses may be accepted; of those it accepts, 97 of 100 must be.
# What is accepted runs, and does the same in the interpreter and the JIT.
cut -f 2 test/vm/verdicts | sed 's,^,test/vm/corpus/,' >"$TMP/files"
# shellcheck disable=SC2046	# names without blanks
timeout 60 "$PITON" vm verify $(cat "$TMP/files") >"$TMP/ok" 2>"$TMP/refused" </dev/null
res=$?
[ $res -le 3 ] || { echo "verify: exit $res"; tail -n 1 "$TMP/ok" "$TMP/refused"; exit 1; }
[ -r /sys/kernel/btf/vmlinux ] && btf=1
awk -v btf=$btf '
	function base(s) { sub(/.*\//, "", s); sub(/: .*/, "", s); return s }
	/^test\/vm\/corpus\/[^:]*: / {
		file = base($1); sub(/:$/, "", file); rest = $0; sub(/^[^:]*: /, "", rest)
		said[file] = rest ~ /^ok: / ? "accept" : rest ~ /^not supported: / ? "unsupported" : rest ~ /^./ ? "reject" : "nothing"
		words[file] = rest
		next
	}
	FILENAME ~ /verdicts$/ {
		if (!($2 in said)) { print $2 ": no answer"; wrong = 1 }
		else if ($1 == "accept" && said[$2] == "accept") accepted++
		else if ($1 == "accept") { n_false++; print $2 ": " words[$2] }
		else if (said[$2] == "accept") false_accepts = false_accepts " " $2
		else if (said[$2] == "nothing") { print $2 ": refused without a word"; wrong = 1 }
		else if (said[$2] == "unsupported" && btf) { print $2 ": refused only because it is not followed"; wrong = 1 }
		else refused++
	}
	END {
		print accepted + 0 " accepted, " refused + 0 " refused; falsely accepted:" (false_accepts ? false_accepts : " none") "; falsely refused: " n_false + 0
		exit wrong || false_accepts || n_false * 100 > (accepted + n_false) * 3
	}' "$TMP/ok" "$TMP/refused" test/vm/verdicts || exit 1
sed -n 's,^\(test/vm/corpus/[^:]*\): ok: .*,\1,p' "$TMP/ok" >"$TMP/good"
# shellcheck disable=SC2046
timeout 60 "$PITON" vm run --both $(cat "$TMP/good") >"$TMP/out" 2>&1 </dev/null
res=$?
[ $res -le 3 ] || { echo "run: exit $res"; tail -n 1 "$TMP/out"; exit 1; }
# 1804-* and unpriv.* give addresses, or what lies on the stack
! grep 'the interpreter gives' "$TMP/out" | grep -v '/1804-\|/unpriv\.'
