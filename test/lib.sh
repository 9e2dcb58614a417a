# Sourced by the tests that are shell scripts (test/cli, test/kern): run something, say what it should have done.
#
# run CMD...          runs CMD with stdin empty, at most LIMIT (30) seconds; sets status; leaves $TMP/out and $TMP/err
# want_status N       the exit status was N
# want_out RE         a line of standard output matches the extended expression; want_err: of standard error
# want_no_out RE      no line matches; want_no_err
# want_sane           it was not killed, did not hang, and no sanitizer spoke
# skip WORDS          this machine cannot run the test
# fail WORDS          the test failed; shows what the last run printed

: "${LIMIT:=30}"
[ -n "$TMP" ] || { TMP=$(mktemp -d) || exit 1; trap 'rm -rf "$TMP"' EXIT; }
[ -n "$PITON" ] || PITON=$PWD/build/piton

skip() { echo "$*"; exit 77; }

fail() {
	printf "%s\n" "$*"
	[ -z "$ran" ] || { printf "command: %s\n" "$ran"; echo "status: $status"; }
	for f in out err; do
		[ ! -s "$TMP/$f" ] || { echo "--- std$f"; head -c 3000 "$TMP/$f" | head -n 30; }
	done
	exit 1
}

run() {
	ran=$(printf '%s ' "$@" | head -c 300)
	timeout -k 2 "$LIMIT" "$@" >"$TMP/out" 2>"$TMP/err" </dev/null
	status=$?
	want_sane
}

want_sane() {
	case $status in
	124|137) fail "no end after $LIMIT s";;
	esac
	[ "$status" -lt 128 ] || [ "$status" = 255 ] || fail "killed by signal $((status - 128))"
	! grep -E 'Sanitizer|runtime error:|Assertion' "$TMP/err" || fail "the sanitizer or an assertion spoke"
}

want_status() { [ "$status" = "$1" ] || fail "exit status $status, wanted $1"; }
want_out() { grep -Eq -e "$1" "$TMP/out" || fail "standard output has no line like: $1"; }
want_err() { grep -Eq -e "$1" "$TMP/err" || fail "standard error has no line like: $1"; }
want_no_out() { ! grep -Eq -e "$1" "$TMP/out" || fail "standard output must have no line like: $1"; }
want_no_err() { ! grep -Eq -e "$1" "$TMP/err" || fail "standard error must have no line like: $1"; }
