#!/bin/sh
# needs: root
# A library inside of a ZIP archive, which programs map from there: probes by function and by wildcard, listed with arguments. Members
# that are compressed or not there are refused.
./zipped "$TMP/all.apk" 0 || fail "no archive"
run "$PITON" -lv "uprobe:$TMP/all.apk!/lib/me.so:tar*"
want_out "^uprobe:$TMP/all.apk!/lib/me.so:target$"
want_out '^    long n$'
run "$PITON" --dry-run -e "uprobe:$TMP/all.apk!/lib/small.so:target { exit(); }"
want_status 2
want_err 'is compressed in its archive'
run "$PITON" --dry-run -e "uprobe:$TMP/all.apk!/lib/none.so:target { exit(); }"
want_status 2
run "$PITON" --dry-run -e "uprobe:/bin/sh!/lib/none.so:target { exit(); }"
want_status 2

# The archive is there already: a second program of the same bytes maps it while it is watched.
cat >"$TMP/again" <<'END_AGAIN'
./zipped "$1" 3; ./zipped "$1" 2
END_AGAIN
__BPFTRACE_NOTIFY_PROBES_ATTACHED=1 timeout -k 2 20 "$PITON" -e "uprobe:$TMP/all.apk!/lib/me.so:target { printf(\"n %d\\n\", args.n); @n++; if (@n == 5) { exit(); } }
	uretprobe:$TMP/all.apk!/lib/me.so:target { @r = sum(retval); }" >"$TMP/out" 2>"$TMP/err" </dev/null &
tracer=$!
n=0
while ! grep -q NOTIFY "$TMP/out" && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done
sh "$TMP/again" "$TMP/all.apk"
wait $tracer; status=$?; ran="piton on an archive"
want_status 0
want_out '^n 2$'
want_out '^@n: 5$'
