# Every row of base/diag.def is provoked by a script here, with the place that the caret line underlines; those that no script
# can cause name the test that does. And the hints that name what was meant.
# tag|place|arguments (@: behind the script)|script
cat >"$TMP/rows" <<'END'
syntax|1:17||begin { print(1 }
number|1:15-20||begin { print(12abc); }
string|1:15-23||begin { print("abc); }
char|1:9||begin { ` }
preprocessor|1:10-27||#include <nosuch/header.h>\nbegin { }
c-declaration|1:12-20||struct s { nosuch_t x; };\nbegin { }
machine|1:1-27|--machine user|software:page-faults:1 { }
provider|1:1-14||intervall:s:1 { }
probe|1:1-9||interval { }
config|1:12-26||config = { max_strln = 10 } begin { }
no-probe|1:1-37||uprobe:/bin/sh:no_such_function_here { }
undefined|1:15-19||begin { print(pidd); }
type|1:15-22||begin { print(1 + "a"); }
args|1:15-23||begin { print(strlen()); }
assign|1:26-29||begin { let $x : uint8 = 300; }
map|1:20-22||begin { @x[1] = 1; @x = 2; }
agg|1:14-21||begin { $x = count(); }
field|1:58-64||struct s { int abc; }; begin { $s = (struct s *)0; print($s.abd); }
format|1:9-23||begin { printf("%d\\n"); }
const|1:26-29||begin { @h = lhist(1, 0, pid, 1); }
fold|1:15-20||begin { print(1 / 0); }
loop|1:9-14||begin { break; }
builtin|1:15-21||begin { print(retval); }
unsafe|1:9-21||begin { system("ls"); }
macro|1:32-39||macro m(x) { x } begin { print(m(1, 2)); }
import|1:1-19||import "nosuch.bt"; begin { }
sign|1:32-39||begin { $x = (int64)pid; print(-$x / 3); }
truncate|1:26-29||begin { let $x : uint8 = pid; print($x); }
discard|1:9-20||begin { strlen("a"); }
unused|1:13-15||begin { let $x; }
unreachable|1:17-25||begin { exit(); print(1); }
deprecated|1:17-41||begin { $i = 0; while ($i < 3) { $i++; } }
param|1:15-17||begin { print($1); }
missing|1:36-72||config = { missing_probes = warn } uprobe:/bin/sh:no_such_function_here { } begin { }
removed|1:36-72||config = { missing_probes = warn } uprobe:/bin/sh:no_such_function_here { } begin { }
cpid|1:15-19||begin { print(cpid); }
unstable|1:51-68||config = { unstable_tseries = warn } begin { @t = tseries(1, 1s, 3); }
unstable-feature|1:52-69||config = { unstable_tseries = error } begin { @t = tseries(1, 1s, 3); }
assert|1:9-44||begin { static_assert(sizeof(1) == 2, "no"); }
END
# those that need more than a line of script: by hand below, or in the test that is named
cat >"$TMP/elsewhere" <<'END'
nesting here
filter here
object here
asm here
command here
unsupported here
ir-text here
too-big here
option test/cli/script-options.sh
stack test/lang/err.stack.too-many-values.bt
refused test/kern/err.refused.sh
denied test/kern/err.denied.sh
attach test/kern/err.attach.sh
END
while read -r tag where; do
	[ "$where" = here ] || grep -qF "$tag" "$where" || fail "$where does not provoke $tag"
done <"$TMP/elsewhere"
cat "$TMP/rows" "$TMP/elsewhere" | sed 's/[| ].*//' | sort >"$TMP/have"
sed -n 's/^DIAG([A-Z_]*, "\([a-z-]*\)".*/\1/p' src/base/diag.def | sort >"$TMP/want"
diff "$TMP/want" "$TMP/have" || fail "rows of diag.def without a test (<), or tests of none (>)"

while IFS='|' read -r tag place args script; do
	printf '%b\n' "$script" >"$TMP/stdin"
	behind=
	case $args in @*) behind=${args#@} args=;; esac
	[ "$args" ] || args='--machine user'
	# shellcheck disable=SC2086
	run "$PITON" $args "$TMP/stdin" $behind
	grep -F "stdin:$place: " "$TMP/err" | grep -qF "[$tag]" || fail "$tag: not at $place"
	# the line below shows the script's line, the next underlines it from that column on
	col=${place#*:}; from=${col%-*}; to=${col#*-}
	[ "$to" != "$col" ] || to=$((from + 1))
	grep -F -A2 "stdin:$place: " "$TMP/err" | sed -n 3p >"$TMP/caret"
	awk -v a="$from" -v n="$((to - from))" 'BEGIN { s = sprintf("%" (a - 1) "s", ""); while (n-- > 0) s = s "~"; print s }' >"$TMP/line"
	cmp -s "$TMP/caret" "$TMP/line" || fail "$tag: the caret line is '$(cat "$TMP/caret")'"
	run "$PITON" explain "$tag"
	want_status 0
	want_out "^$tag: [A-Za-z]"
done <"$TMP/rows"

run "$PITON" -c /no/such/program -e 'begin { }'
want_err '\[command\]'
run "$PITON" --machine user -e 'begin { print(path(0)); }'
want_err ':1:15-22: ERROR: .*\[unsupported\]'
run "$PITON" --machine user -e "begin { print($(printf '(%.0s' $(seq 600))1$(printf ')%.0s' $(seq 600))); }"
want_err '\[nesting\]'
run "$PITON" filter -d 'tcp and and'
want_err ':1:9-12: ERROR: .*\[filter\]'
echo hello >"$TMP/hello"
run "$PITON" vm dis "$TMP/hello"
want_err ':1:1: ERROR: .*\[object\]'
run "$PITON" vm asm "$TMP/hello"
want_err ':1:1-6: ERROR: .*\[asm\]'
run "$B/unit/ir" fold "$TMP/hello"
cat "$TMP/out" >>"$TMP/err"
want_err '\[ir-text\]'
awk 'BEGIN { print "begin { $x = pid; if ($x == 1) {"; for (i = 0; i < 40000; i++) printf "@a%d = %d;\n", i % 10, i; print "} print(1); }" }' >"$TMP/far.bt"
run "$PITON" --machine user --no-warnings "$TMP/far.bt"
want_err '\[too-big\]'

hint() { # hint SCRIPT WORDS
	run "$PITON" --machine user -e "$1"
	grep -qF "HINT: did you mean $2?" "$TMP/err" || fail "no hint that $2 was meant"
}
hint 'begin { prinf("x"); }' printf
hint 'begin { print(pidd); }' pid
hint 'intervall:s:1 { }' "'interval'"
hint 'config = { max_strln = 10 } begin { }' max_strlen
hint 'struct s { int abc; }; begin { $s = (struct s *)0; print($s.abd); }' abc
hint 'software:page-fault:1 { }' "'page-faults'"
hint 'uprobe:/bin/bash:readlin { }' "'uprobe:/bin/bash:readline'"
run "$PITON" --probe-filtr x -e 'begin { }'
want_err 'did you mean --probe-filter'
