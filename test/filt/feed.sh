# --process knows clients that are gone at once, from BPF programs on the cgroup. They are put on a cgroup of the test's own: in a
# cgroup namespace it is the outermost one.
[ "$(id -u)" = 0 ] && command -v python3 >/dev/null && unshare -n -m -C true 2>/dev/null || { echo "needs root and python3"; exit 77; }
all=$(awk '{ for (i = 6; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo)
[ -n "$all" ] && mkdir "$all/piton-feed.$$" 2>/dev/null || { echo "needs a cgroup2 tree to make a cgroup in"; exit 77; }
trap 'rmdir "$all/piton-feed.$$"' EXIT
cat >"$TMP/in.sh" <<'X2'
echo $$ >"$1/cgroup.procs"
exec unshare -n -m -C sh "$2" "$1"
X2
cat >"$TMP/inner.sh" <<'X2'
umount "${1%/*}" && mount -t cgroup2 none "${1%/*}" || exit 77
ip link set lo up
"$PITON" filter -n -v -i lo --process -l 'tcp or udp' >"$TMP/lines" 2>"$TMP/err" & a=$!
"$PITON" filter -n -i lo -l 'comm quick6 or (tcp and comm quicktcp)' >"$TMP/comm" 2>"$TMP/err2" & b=$!
n=0; until grep -q listening "$TMP/err" && grep -q listening "$TMP/err2"; do sleep 0.1; n=$((n + 1)); [ $n -lt 60 ] || exit 1; done
kill -STOP $a $b		# the clients are gone before anybody looks
cat >"$TMP/quick.py" <<'Y'
import socket, sys
def name(s): open('/proc/self/comm', 'w').write(s)
name('quick4'); s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', 4001))
name('quick6'); s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b'x', ('::1', 4002))
name('quicktcp'); s = socket.socket()
try: s.connect(('127.0.0.1', 4003))
except OSError: pass
Y
python3 "$TMP/quick.py"
kill -CONT $a $b
sleep 1; kill -INT $a $b; wait $a $b
X2
export TMP PITON
timeout 40 sh "$TMP/in.sh" "$all/piton-feed.$$" "$TMP/inner.sh"; s=$?
[ $s = 77 ] && { echo "cgroups cannot be mounted here"; exit 77; }
cat "$TMP/err" "$TMP/err2" "$TMP/lines"
if grep -q 'socket tables alone' "$TMP/err"; then echo "this kernel has no such programs"; exit 77; fi
for i in 'quick4\] IP .*127.0.0.1.4001: .*UDP' 'quick6\] IP6 .*::1.4002: .*UDP' 'quicktcp\] IP .*127.0.0.1.4003: Flags \[S\]'; do
	grep -q "^[^ ]* \[pid [0-9]* $i" "$TMP/lines" || { echo "no line '$i'"; exit 1; }
done
[ "$(grep -c 4002 "$TMP/comm")" = 1 ] && ! grep -q 4001 "$TMP/comm" && grep -q 4003 "$TMP/comm"
