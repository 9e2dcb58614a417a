# The usual names are known where /etc/protocols, /etc/services and /etc/networks are missing, as in a container without them.
[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "needs root and mount namespaces"; exit 77; }
for name in 'ip proto \icmp:ip proto 1' 'ip6 protochain \tcp:ip6 protochain 6' 'ip proto ospf:ip proto 89' 'net loopback:host 127.0.0.0' \
	'tcp port https:tcp port 443' 'udp port ntp:udp port 123' 'port domain:port 53'; do
	"$PITON" filter -d "${name#*:}" >>"$TMP/numbers" || exit 1
	printf '%s\n' "${name%%:*}" >>"$TMP/names"
done
# shellcheck disable=SC2016
unshare -m sh -c '
	: >"$TMP/empty"
	for f in protocols services networks; do [ ! -e /etc/$f ] || mount --bind "$TMP/empty" /etc/$f || exit 1; done
	while read -r e; do "$PITON" filter -d "$e" || exit 1; done' <"$TMP/names" >"$TMP/got" || exit 1
diff "$TMP/numbers" "$TMP/got"
