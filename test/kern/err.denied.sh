# An ordinary user may not use BPF: one sentence and what helps, exit status 4.
command -v setpriv >/dev/null || skip "needs setpriv"
cp "$PITON" "$TMP/piton" && chmod 755 "$TMP" "$TMP/piton" && chmod go+x "$(dirname "$TMP")"
run setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$TMP/piton" --machine kernel -e 'begin { }'
want_status 4
want_err '\[denied\]$'
want_err 'HINT: it needs root, or CAP_BPF and CAP_PERFMON; --machine user needs neither'
