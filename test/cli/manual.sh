# doc/language.md: every example is run, and prints what stands under it. A fence "```bt WORDS" opens an example; args=A,B options,
# params=A,B words behind the script, env=NAME=VALUE, status=N, kernel: only parsed. The next "```text" is its output.
manual=${MANUAL:-doc/language.md}
machines=user; [ "$(id -u)" != 0 ] || machines='user kernel'
mkdir "$TMP/ex"
# One folder of files an example: N.bt, N.how, N.want
awk -v dir="$TMP/ex" '
	/^```bt/ { n++; sub(/^```bt */, ""); how = dir "/" n ".how"; print > how; close(how); out = dir "/" n ".bt"; next }
	/^```text/ { out = dir "/" n ".want"; printf "" > out; next }
	/^```/ { if (out) close(out); out = ""; next }
	out { print > out }' "$manual"
count=0
for bt in $(ls "$TMP"/ex/*.bt | sort -V); do
	base=${bt%.bt} args= params= env= want_rc=0 kernel=
	for w in $(cat "$base.how"); do
		case $w in
		args=*status=*) want_rc=${w##*status=}; w=${w%,status=*}; args=$(echo "${w#args=}" | tr , ' ');;
		args=*) args=$(echo "${w#args=}" | tr , ' ');;
		params=*) params=$(echo "${w#params=}" | tr , ' ');;
		env=*) env=${w#env=};;
		kernel) kernel=1;;
		*) fail "unknown word $w";;
		esac
	done
	if [ "$kernel" ]; then
		run "$PITON" --fmt "$bt"
		want_status 0
		continue
	fi
	[ -s "$base.want" ] || fail "an example without output: $(cat "$bt")"
	for m in $machines; do
		# shellcheck disable=SC2086
		run env $env "$PITON" --machine $m $args "$bt" $params
		want_status "$want_rc"
		grep . "$TMP/out" | sed 's/ ([0-9]* [a-zμ]*)$/ ({...})/' >"$TMP/got"
		grep . "$base.want" | diff - "$TMP/got" || fail "$m: the example prints something else (>) than the manual says (<): $(cat "$bt")"
	done
	count=$((count + 1))
done
[ $count -ge 25 ] || fail "only $count examples were found"
# The man page is the same text.
awk -f doc/man.awk doc/language.md | cmp - man/piton-language.7 || fail "man/piton-language.7 is older than doc/language.md: make man"
