# The command of -c: found in PATH, a script without #!, quotes, its own signals; one that cannot be executed is told.
printf 'echo "plain $1"\n' >"$TMP/plain"
printf '#!/no/such/interpreter\n' >"$TMP/orphan"
chmod +x "$TMP/plain" "$TMP/orphan"
PATH="$TMP:$PATH"
export PATH
run "$PITON" -q -e 'begin { }' -c "plain 'two words'"
want_status 0
want_out '^plain two words$'
run "$PITON" -q -e 'begin { }' -c "$TMP/plain here"
want_status 0
want_out '^plain here$'
run "$PITON" -q -e 'begin { }' -c orphan
want_status 1
want_err "cannot run the command 'orphan': No such file or directory"
run "$PITON" -q -e 'begin { }' -c "$TMP"
want_status 1
want_err 'cannot run the command .*: Permission denied'
run "$PITON" -q -e 'begin { }' -c no-such-program-here
want_status 1
want_err "cannot run the command 'no-such-program-here': no such program"
# What piton ignores or blocks is not handed down.
run "$PITON" -q -e 'begin { }' -c "grep -E 'Sig(Blk|Ign)' /proc/self/status"
want_status 0
want_out '^SigBlk:.0+$'
want_out '^SigIgn:.0+$'
