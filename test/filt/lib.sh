# libpiton-filter: the example with libpcap, static and shared; the header in C++; threads that compile side by side.
set -e
case $B in *san*) echo "the libraries are built without sanitizers"; exit 77;; esac
[ -e /usr/include/pcap/pcap.h ] || { echo "libpcap's headers are missing"; exit 77; }
${CC:-cc} -Wall -Werror -Iinclude -o "$TMP/e1" doc/examples/filter.c "$B/libpiton-filter.a" -lpcap $LDFLAGS
${CC:-cc} -Wall -Werror -Iinclude -o "$TMP/e2" doc/examples/filter.c -L"$B" -lpiton-filter -lpcap $LDFLAGS
ln -s "$PWD/$B/libpiton-filter.so" "$TMP/libpiton-filter.so.0"
"$PITON" filter -w "$TMP/a.pcap" --check 'tcp port 80' 'udp port 53' >/dev/null || [ $? = 1 ]
one=$("$PITON" filter --count -r "$TMP/a.pcap" tcp port 80)
[ "$("$TMP/e1" "$TMP/a.pcap" 'tcp port 80')" = "${one% *} packets" ]
[ "$(LD_LIBRARY_PATH=$TMP "$TMP/e2" "$TMP/a.pcap" 'tcp port in {80}')" = "${one% *} packets" ]
if "$TMP/e1" "$TMP/a.pcap" 'tcp prt 80' 2>"$TMP/err"; then exit 1; fi
grep -q '^filter:1:5-8: ERROR' "$TMP/err"
cat >"$TMP/t.c" <<'X'
#include <piton-filter.h>
#include <pthread.h>
#include <stdio.h>
static void *work(void *arg)
{
	char expr[64], err[200];
	for (int i = 0; i < 300; i++) {
		struct piton_filter_program p;
		snprintf(expr, sizeof(expr), "tcp port %d or host 10.0.0.%d", i, i & 255);
		if (piton_filter_compile(&p, 1, 0, expr, 0, err, sizeof(err)) || p.len < 10)
			return arg;
		piton_filter_free(&p);
	}
	return 0;
}
int main(void)
{
	pthread_t t[4];
	void *bad, *any = 0;
	void *o; size_t n; char err[100];
	for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, work, err);
	for (int i = 0; i < 4; i++) { pthread_join(t[i], &bad); any = bad ? bad : any; }
	if (piton_filter_object(1, "xdp", "udp port 53", 0, &o, &n, err, sizeof(err)) || n < 500) return 2;
	return any != 0 || piton_filter_linktype("RAW") != 12;
}
X
${CC:-cc} -Wall -Werror -Iinclude -o "$TMP/t" "$TMP/t.c" "$B/libpiton-filter.a" -lpthread $LDFLAGS
"$TMP/t"
! command -v c++ >/dev/null || { echo '#include <piton-filter.h>' >"$TMP/x.cc"; c++ -Wall -Werror -Iinclude -c -o "$TMP/x.o" "$TMP/x.cc"; }
