# What was sent before SIGINT is captured, though no time is left between.
[ "$(id -u)" = 0 ] && command -v python3 >/dev/null && unshare -n true 2>/dev/null || { echo "needs root and python3"; exit 77; }
cat >"$TMP/in.sh" <<'X'
ip link set lo up
"$PITON" filter -i lo -w "$TMP/p.pcapng" 'udp port 4000' 2>"$TMP/err" & a=$!
trap 'kill $a 2>/dev/null' EXIT
n=0; until grep -q listening "$TMP/err"; do sleep 0.05; n=$((n + 1)); [ $n -lt 600 ] || exit 1; done
python3 - $a <<'Y'
import os, signal, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(500): s.sendto(b'x', ('127.0.0.1', 4000))
os.kill(int(sys.argv[1]), signal.SIGINT)
Y
wait $a
X
export TMP PITON
timeout 20 unshare -n sh "$TMP/in.sh" || { cat "$TMP/err"; exit 1; }
[ "$("$PITON" filter --count -r "$TMP/p.pcapng")" = "500 packets" ] || { cat "$TMP/err"; exit 1; }
