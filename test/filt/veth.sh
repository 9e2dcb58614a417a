# A capture on a veth pair in two network namespaces of its own, beside tcpdump's of the same packets.
[ "$(id -u)" = 0 ] && command -v ip >/dev/null && unshare -n true 2>/dev/null || { echo "needs root and ip(8)"; exit 77; }
cat >"$TMP/in.sh" <<'X'
ip link set lo up
unshare -n sleep 60 & other=$!
trap 'kill $other $a $b 2>/dev/null' EXIT
while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add v0 type veth peer name v1 && ip link set v1 netns $other || exit 77
nsenter -t $other -n sh -c 'ip addr add 10.9.9.2/24 dev v1; ip link set v1 up'
ip addr add 10.9.9.1/24 dev v0; ip link set v0 up
"$PITON" filter -i v0 --process -w "$TMP/p.pcapng" 'udp port 4000' 2>"$TMP/p.err" & a=$!
tcpdump -i v0 -w "$TMP/t.pcap" 'udp port 4000' 2>"$TMP/t.err" & b=$!
n=0; until grep -q listening "$TMP/p.err" && grep -q listening "$TMP/t.err"; do sleep 0.1; n=$((n + 1)); [ $n -lt 300 ] || exit 1; done
sleep 0.3
python3 - <<'Y'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20000):
    s.sendto(b'x' * 1400, ('10.9.9.2', 4000 if i % 2 else 4001))
Y
sleep 1
kill -INT $a $b; wait $a; wait $b 2>/dev/null
X
export TMP PITON
command -v tcpdump >/dev/null && command -v python3 >/dev/null || { echo "tcpdump or python3 is missing"; exit 77; }
timeout 50 unshare -n sh "$TMP/in.sh" || exit $?
ours=$("$PITON" filter --count -r "$TMP/p.pcapng") theirs=$("$PITON" filter --count -r "$TMP/t.pcap")
cat "$TMP/p.err"
echo "piton: $ours, tcpdump: $theirs"
[ "${ours% *}" -ge "${theirs% *}" ] && [ "${ours% *}" -gt 0 ]
