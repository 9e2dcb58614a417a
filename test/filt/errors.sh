# Every refusal has a place and says what was expected; the exit status is 2.
bad=0
try() {	# expression, columns, a part of the message
	"$PITON" filter -d -- "$1" >"$TMP/out" 2>"$TMP/err"
	s=$?
	if [ $s != 2 ] || [ -s "$TMP/out" ] || ! grep -q "^filter:1:$2: ERROR: .*$3" "$TMP/err" || ! grep -q '~' "$TMP/err"; then
		echo "'$1': status $s, wanted 1:$2 and '$3'"; cat "$TMP/err"; bad=1
	fi
}
try 'tcp and' 8 'ends where'
try 'ip[0' 3 "has no ']'"
try 'ip[0]' 6 'a comparison'
try '10.0.0.1' 1-9 'needs a word before it'
try 'TCP' 1-4 'not a word'
try 'tcp por 80' 5-8 "'and', 'or'"
try 'host 256.1.1.1' 1-15 'each part is 0 to 255'
try 'net 10.0.0.1/8' 1-15 'outside of the mask'
try 'port 70000' 1-11 'ports end at 65535'
try 'udp net 10.0.0.0/8' 1-19 'do not go together'
try 'ip[0] << 32 = 1' 1-12 'more than the 31'
try 'len > 4294967296' 7-17 'does not fit in 32 bits'
try '(tcp or udp' 1 "has no ')'"
try '()' 1-3 'nothing between'
try '"tcp"' 1 'no meaning here'
try 'host nosuchhost.invalid' 1-24 'there is no host'
try 'ether host 00:11:22:33:44' 12-26 'neither a MAC'
try 'rnr 5' 1-6 "pf's log"
try 'vlan 5000' 1-10 'is not a VLAN'
try 'proto nonesuch' 1-15 'there is no protocol'
try 'tcp[0:3] = 1' 7 'cannot be read at once'
try '1 = 2 = 3' 7 'two sides'
exit $bad
