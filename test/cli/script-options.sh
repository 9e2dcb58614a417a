# Behind "--" words that begin with "--" are the script's options, others are parameters behind those before it.
run "$PITON" --machine user -e 'begin { print(($1, $2, $#, getopt("aa", 10), getopt("dd", false))); }' pos1 -- --aa=20 pos2 --dd
want_status 0
want_out "\\(pos1, pos2, 2, 20, true\\)"
run "$PITON" --machine user -e 'begin { print((getopt("aa", 20), getopt("bb", -1), getopt("cc", true))); }' -- \
	--aa=0xffffffffffffffff --bb=-10 --cc=False
want_out "\\(18446744073709551615, -10, false\\)"
run "$PITON" --machine user -e 'begin { print(getopt("aa", 10)); }' -- --aa=False
want_status 2
want_err 'program command line option --aa invalid integer \(value: False\)'
run "$PITON" --machine user -e 'begin { print(getopt("aa", true)); }' -- --aa=7
want_err "program command line option --aa expects a boolean \\(e.g. .true.\\) \\(value: 7\\)"
