# Completion for bash, zsh and fish is made of the option and command tables; each shell that is there reads it and completes.
for sh in bash zsh fish; do
	run "$PITON" completion $sh
	want_status 0
	cp "$TMP/out" "$TMP/$sh"
	# every option of the help
	"$PITON" --help | grep -oE '^ +(-[a-zA-Z],?)? *--[a-z-]+' | grep -oE '[a-z][a-z-]+$' | while read -r o; do
		grep -qE -e "(--|-l )$o( |\[|=|\$|')" "$TMP/$sh" || echo "$o"
	done >"$TMP/missing"
	[ ! -s "$TMP/missing" ] || fail "$sh: these options are missing: $(cat "$TMP/missing")"
	for c in explain vm filter completion; do grep -q "\b$c\b" "$TMP/$sh" || fail "$sh: the command $c is missing"; done
done
offered() { # the words that bash offers for a command line
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _piton; printf "%s\n" "${COMPREPLY[@]}"' bash "$TMP/bash" "$@"
}
command -v bash >/dev/null || skip "needs bash"
[ "$(offered piton --machine '' | sort | tr '\n' ' ')" = 'auto kernel user ' ] || fail "bash: --machine"
[ "$(offered piton --probe-f)" = --probe-filter ] || fail "bash: --probe-f"
[ "$(offered piton expl | head -n 1)" = explain ] || fail "bash: expl"
if command -v zsh >/dev/null; then
	zsh -n "$TMP/zsh" || fail "zsh cannot read it"
fi
if command -v fish >/dev/null; then
	HOME=$TMP fish -c "source $TMP/fish; complete -C 'piton --machine '" >"$TMP/words" || fail "fish cannot read it"
	grep -q '^kernel' "$TMP/words" || fail "fish: --machine"
	HOME=$TMP fish -c "source $TMP/fish; complete -C 'piton --probe-f'" | grep -q '^--probe-filter' || fail "fish: --probe-f"
fi
exit 0
