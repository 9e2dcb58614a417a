# A module that is not loaded is named; wildcards do not find RCU's functions.
# needs: kprobe
run "$PITON" -e 'kprobe:no_such_module:vfs_read { exit(); }'
want_status 2
want_err 'specified module no_such_module in probe kprobe:no_such_module:vfs_read is not loaded'
run "$PITON" -e 'kprobe:rcu_* { exit(); }'
want_status 2
want_err 'Probe has no valid attach points'
