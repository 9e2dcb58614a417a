# A script that is not there, one that may not be read, a folder: exit 2 or 1 and the name with the reason.
run "$PITON" "$TMP/nothing.bt"
[ $status = 1 ] || [ $status = 2 ] || fail "exit status $status, wanted 1 or 2"
want_err 'nothing\.bt.*[Nn]o such file'
run "$PITON" "$TMP"
[ $status = 1 ] || [ $status = 2 ] || fail "exit status $status, wanted 1 or 2"
want_err 'directory'
echo 'BEGIN { exit(); }' >"$TMP/secret.bt"
chmod 0 "$TMP/secret.bt"
if [ "$(id -u)" = 0 ]; then
	# Root reads everything; somebody else must not.
	command -v setpriv >/dev/null || skip "no setpriv to become somebody else with"
	chmod 711 "$TMP" "${TMP%/*}"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$PITON" "$TMP/secret.bt"
	[ $status != 126 ] && [ $status != 127 ] || skip "somebody else cannot reach $PITON"
else
	run "$PITON" "$TMP/secret.bt"
fi
[ $status = 1 ] || [ $status = 2 ] || fail "exit status $status, wanted 1 or 2"
want_err 'secret\.bt.*[Pp]ermission denied'
