#!/bin/sh
# needs: root
# Samples of a program without frame pointers against gdb: at each, the script prints the stack and sends the program a signal, at
# which gdb stops it on the same instruction and walks the stack itself. At least 99 of 100 must be equal.
[ -z "$PITON_GUEST" ] || skip "takes too long in an emulated guest"
command -v gdb >/dev/null || skip "needs gdb"
gdb -batch -ex 'python import gdb' 2>&1 | grep -q . && skip "needs a gdb with Python"

cat >"$TMP/stacks.bt" <<'EOF'
config = { unstable_dw_ustack = "enable" }
profile:hz:499 { printf("S%s\n", dw_ustack(raw)); signal("SIGUSR1"); }
EOF
cat >"$TMP/walk.py" <<'EOF'
import gdb, os, subprocess, time
for c in ("set pagination off", "set confirm off", "set backtrace past-main on", "set backtrace past-entry on",
	  "set startup-with-shell off", "handle SIGUSR1 stop print nopass", "handle SIGALRM nostop noprint pass", "break main", "run", "delete"):
	gdb.execute(c, to_string=True)
tmp = os.environ["TMP"]
out = open(tmp + "/piton.out", "w")
p = subprocess.Popen(["timeout", "-k", "2", "50", os.environ["PITON"], "--unsafe", "-q", "-p", str(gdb.selected_inferior().pid),
	tmp + "/stacks.bt"], stdin=subprocess.DEVNULL, stdout=out, stderr=open(tmp + "/piton.err", "w"))
for i in range(200):
	time.sleep(0.05)
	if "__BPFTRACE" in open(tmp + "/piton.out").read():
		break
with open(tmp + "/gdb.out", "w") as res:
	for n in range(int(os.environ["SAMPLES"])):
		gdb.execute("continue", to_string=True)
		f, pcs = gdb.newest_frame(), []
		while f and len(pcs) < 127:
			# Neither of these has a frame on the stack.
			if f.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
				pcs.append("%x" % f.pc())
			f = f.older()
		res.write(" ".join(pcs) + "\n")
time.sleep(0.2)
p.terminate()
p.wait()
gdb.execute("kill")
EOF
cat >"$TMP/compare.awk" <<'EOF'
FNR == NR { gdb[++n] = $0; next }
/^__/ { next }
/^S/ { k++; next }
NF { s[k] = s[k] (s[k] == "" ? "" : " ") $1 }
END {
	for (i = 1; i <= n; i++) {
		# Where another signal came at the same moment, gdb stops at the first instruction of its handler: two frames more.
		rest = gdb[i]; sub(/^[^ ]+ [^ ]+ /, "", rest)
		# Where the timer fired again before the signal got there, gdb stops once for two samples.
		for (j = at + 1; j <= at + 4 && s[j] != gdb[i] && s[j] != rest; j++) ;
		if (j <= at + 4) { same++; at = j }
		else if (shown++ < 3) print "gdb:   " gdb[i] "\npiton: " s[++at]
	}
	printf "%d of %d samples equal\n", same, n
	exit !(n > 0 && same >= n * least)
}
EOF
least=0.99
case $PITON in *san*) least=0.9;; esac  # the tracer is late there, and more signals fall together
export SAMPLES=300 TMP PITON __BPFTRACE_NOTIFY_PROBES_ATTACHED=1
for args in "100000000" "100000000 signals"; do
	# shellcheck disable=SC2086	# words
	timeout -k 2 100 gdb -q -batch -x "$TMP/walk.py" --args ./walks $args >"$TMP/gdb.log" 2>&1 </dev/null
	[ "$(wc -l <"$TMP/gdb.out")" = $SAMPLES ] || { tail -5 "$TMP/gdb.log" "$TMP/piton.err"; fail "gdb saw $(wc -l <"$TMP/gdb.out") samples"; }
	awk -v least="$least" -f "$TMP/compare.awk" "$TMP/gdb.out" "$TMP/piton.out" || fail "stacks differ from gdb's"
done
