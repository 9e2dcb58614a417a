# Sourced by bench/run: the words that sections use.
#
# $tracers        the tracers found here, names without blanks: piton first, then those of bpftrace's language, then ply
# run_with T CMD  runs CMD, a command line that begins with the tracer T's program, in T's system: run_with T start -r 9 -- ...
# prog T          T's program
# dialect T       reads a script in 0.27's words, writes it in T's
# tool NAME       the built program of bench/NAME.c
# value NAME      from a line of NAME=VALUE on standard input, the value
# row, ratio      a line of a table; a quotient with two digits

mkdir -p "$B/bench"
tool() {
	[ "$B/bench/$1" -nt "bench/$1.c" ] || ${CC:-cc} -O2 -g -Wall -o "$B/bench/$1" "bench/$1.c" >&2 || exit 1
	echo "$top/$B/bench/$1"
}
value() { sed -n "s/.*\\b$1=\\([^ ]*\\).*/\\1/p"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a + 0 == 0 || b + 0 == 0) print "-"; else printf "%.2f\n", a / b }'; }

peers() { [ -n "$PITON_PEERS" ] && [ -x "$PITON_PEERS/peers-enter" ]; }
in_peers() { peers && "$PITON_PEERS/peers-enter" sh -c "command -v $1" >/dev/null 2>&1; }

# Under systems that mount debugfs late, bpftrace before 0.18 finds its tracefs only there.
[ -e /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null

tracers=piton
! command -v bpftrace >/dev/null || tracers="$tracers bpftrace"
! in_peers bpftrace || tracers="$tracers bpftrace-peer"
if in_peers ply; then tracers="$tracers ply-peer"
elif command -v ply >/dev/null; then tracers="$tracers ply"
fi

prog() {
	case $1 in
	piton) echo "$PITON";;
	*)     echo "${1%-peer}";;
	esac
}
run_with() {
	case $1 in
	*-peer) shift; "$PITON_PEERS/peers-enter" "$@";;
	*)      shift; "$@";;
	esac
}
version() {
	case $1 in
	ply*) run_with "$1" ply -v 2>&1 | head -n 1;;
	*)    run_with "$1" "$(prog "$1")" --version 2>&1 | head -n 1;;
	esac
}

# bpftrace before 0.21 wants args-> and no `begin` in lower case; only 0.17's words differ enough to matter.
dialect() {
	case $(version "$1") in
	*"v0.1"*|*"v0.20"*) sed 's/args\./args->/g';;
	*) cat;;
	esac
}

# Bytes of a program and of all libraries it loads.
size_of() {
	run_with "$1" sh -c '
		f=$(command -v "$1"); { echo "$f"; ldd "$f" 2>/dev/null | sed -n "s/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p"; } |
		sort -u | while read -r l; do readlink -f "$l"; done | sort -u | xargs stat -c %s | awk "{ s += \$1 } END { print s }"' sh "$(prog "$1")"
}
