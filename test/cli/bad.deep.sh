# Nesting 10,000 deep, of every kind: an error with a place, no crash.
deep() {	# NAME OPEN CORE CLOSE: OPEN 10,000 times, CORE, CLOSE 10,000 times
	awk -v a="$2" -v m="$3" -v z="$4" 'BEGIN {
		printf "BEGIN { "
		for (i = 0; i < 10000; i++) printf "%s", a
		printf "%s", m
		for (i = 0; i < 10000; i++) printf "%s", z
		print " }"
	}' >"$TMP/$1.bt"
	run "$PITON" -d ast "$TMP/$1.bt"
	case $status in
	0) ;;
	2) want_err "$1\.bt:1:";;
	*) fail "$1: exit status $status";;
	esac
}
deep parens '(' 1 ')'
deep blocks '{ ' '' '}'
deep ifs 'if (1) { ' '@ = 1;' '}'
deep not '!' 1 ''
deep minus '-' 1 ''
deep ternary '1 ? ' 1 ' : 2'
deep index '@x[' 1 ']'
deep calls 'str(' 1 ')'
deep sums '1 + ' 1 ''
deep tuple '(1, ' 1 ')'
