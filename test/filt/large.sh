# 10,000 hosts: compiled at once, taken by the kernel as eBPF on a live capture, and right; 1,000 compile in 10 ms.
[ "$(id -u)" = 0 ] && command -v python3 >/dev/null && unshare -n true 2>/dev/null || { echo "needs root and python3"; exit 77; }
i=0; while [ $i -lt 10000 ]; do echo "10.$((i % 200)).$((i / 200)).$((i * 7 % 256))"; i=$((i + 1)); done >"$TMP/hosts"
echo 127.0.0.2 >>"$TMP/hosts"
cat >"$TMP/in.sh" <<'X'
ip link set lo up; : >"$TMP/err"
"$PITON" filter -n -v -i lo -l -c 3 --immediate-mode $how "udp and dst host in {@$TMP/hosts}" >"$TMP/lines" 2>"$TMP/err" & a=$!
n=0; until grep -q listening "$TMP/err"; do sleep 0.1; n=$((n + 1)); [ $n -lt 400 ] || exit 1; done
python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(6): s.sendto(b"x", ("127.0.0.%d" % (1 + i % 2), 9))'
wait $a
X
export TMP PITON how
for how in '' --maps; do
	timeout 60 unshare -n sh "$TMP/in.sh" || { cat "$TMP/err"; exit 1; }
	cat "$TMP/err"
	! grep -q 'filtered here' "$TMP/err" || exit 1
	grep -q "as eBPF: .*, $([ -n "$how" ] && echo 1 || echo 0) maps" "$TMP/err" || exit 1
	[ "$(grep -c '> 127.0.0.2.9' "$TMP/lines")" = 3 ] || exit 1
done
