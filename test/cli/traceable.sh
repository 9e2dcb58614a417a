# --traceable-functions names the list of kernel functions. Wildcards leave out RCU's own functions and the pieces that the compiler
# split off; software and hardware events are listed by all their names.
printf '%s\n' vfs_read 'vfs_write' 'rcu_note_context_switch' '__rcu_irq_enter_check_tick' 'vfs_statfs.part.0' 'nf_hook [nf_tables]' >"$TMP/list"
run "$PITON" --traceable-functions "$TMP/list" -l 'kprobe:*'
want_status 0
printf '%s\n' kprobe:nf_tables:nf_hook kprobe:vfs_read kprobe:vfs_write | cmp - "$TMP/out" || fail "another list"
run "$PITON" -l 's:c*'
want_status 0
want_out '^software:cs:$'
want_out '^software:cpu-clock:$'
run "$PITON" -l 'hardware:cycles'
want_out '^hardware:cycles:$'
run "$PITON" --no-feature no_such -e 'begin { }'
want_status 2
want_err "unknown feature 'no_such'"
