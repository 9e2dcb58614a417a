# --process names the client that a test starts: in the lines, in the packets' comments of the file, and for pid and comm.
[ "$(id -u)" = 0 ] && command -v python3 >/dev/null && unshare -n true 2>/dev/null || { echo "needs root and python3"; exit 77; }
cat >"$TMP/in.sh" <<'X'
ip link set lo up
cat >"$TMP/talk.py" <<'Y'
import socket, threading, time, os
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', 4321)); s.listen()
pid = os.fork()
if pid == 0:
    c = s.accept()[0]; c.recv(10); time.sleep(1.5); os._exit(0)
open(os.environ['TMP'] + '/pid', 'w').write(str(os.getpid()))
s.close()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('127.0.0.1', 9999))
c = socket.create_connection(('127.0.0.1', 4321)); c.send(b'hello')
for i in range(5):
    try: u.send(b'x')
    except OSError: pass
    time.sleep(0.1)
time.sleep(0.5); c.close()
Y
"$PITON" filter -n -i lo --process -w "$TMP/p.pcapng" --print -l 'tcp or udp' >"$TMP/lines" 2>"$TMP/err" & a=$!
trap 'kill $a $b 2>/dev/null' EXIT
"$PITON" filter -n -i lo -l 'comm python3 and udp' >"$TMP/comm" 2>"$TMP/err2" & b=$!
n=0; until grep -q listening "$TMP/err" && grep -q listening "$TMP/err2"; do sleep 0.1; n=$((n + 1)); [ $n -lt 60 ] || { cat "$TMP/err"; exit 1; }; done
python3 "$TMP/talk.py"
sleep 0.5; kill -INT $a $b; wait $a $b
X
export TMP PITON
timeout 40 unshare -n sh "$TMP/in.sh" || { cat "$TMP/err"; exit 1; }
pid=$(cat "$TMP/pid")
head -n 5 "$TMP/lines"
grep -q "\[pid $pid python3\] IP 127.0.0.1.* > 127.0.0.1.9999: UDP" "$TMP/lines" || exit 1
grep -q "python3\] IP 127.0.0.1.*4321: Flags" "$TMP/lines" || exit 1
grep -q "9999: UDP" "$TMP/comm" || exit 1
! command -v tshark >/dev/null || tshark -r "$TMP/p.pcapng" -T fields -e frame.comment 2>/dev/null | grep -q "pid $pid python3"
