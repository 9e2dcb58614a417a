# Every shell script parses, and shellcheck (where it is installed) has no warning for it.
# Left out: x= as an empty value, sourced files and their variables, counting loops, -nt and `ulimit -l` (all our shells have them).
scripts=$(git ls-files 2>/dev/null | grep -v '\.def$' | while read -r f; do
	[ -f "$f" ] || continue
	case $f in *.sh) echo "$f";; *) head -c 64 "$f" | head -n 1 | grep -aq '^#!.*sh$' && echo "$f";; esac
done)
[ -n "$scripts" ] || { echo "no list of files: not a git checkout"; exit 77; }
for f in $scripts; do sh -n "$f" || exit 1; done
command -v shellcheck >/dev/null || { echo "all parse; shellcheck is not installed"; exit 77; }
# shellcheck disable=SC2086	# a list
shellcheck -s sh -S warning -e SC1007,SC1090,SC1091,SC2034,SC2046,SC2115,SC2154,SC2164,SC3013,SC3045 $scripts
