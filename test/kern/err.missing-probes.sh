# Places that are not there: an error that names them, a warning, or silence, as missing_probes says; patterns may match nothing
# beside a place that is there.
# needs: uprobe
run "$PITON" -e 'uprobe:./calls:leaf, uprobe:./calls:no_such { exit(); }'
want_status 2
want_err '1:22-[0-9]+: ERROR: No matches for uprobe ./calls:no_such\.'
run "$PITON" -e 'uprobe:./calls:no_such* { exit(); }'
want_status 2
want_err "1:1-[0-9]+: ERROR: Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to 'warn'."
run "$PITON" -e 'uprobe:./calls:no_such*, begin { print("ran"); exit(); }'
want_status 0
want_out 'ran'
run "$PITON" -e 'config = { missing_probes = "warn" } uprobe:./calls:no_such, begin { print("ran"); exit(); }'
want_status 0
want_out 'ran'
want_err 'WARNING: No matches for uprobe ./calls:no_such. Skipping.'
run "$PITON" -e 'config = { missing_probes = "warn" } uprobe:./calls:no_such { print(1); } begin { print("ran"); exit(); }'
want_status 0
want_err 'WARNING: Probe has no valid attach points. It is being removed'
run "$PITON" -e 'config = { missing_probes = "ignore" } uprobe:./calls:no_such { print(1); } begin { print("ran"); exit(); }'
want_status 0
want_out 'ran'
want_no_err WARNING
run "$PITON" -e 'rawtracepoint:no_such_event { print(1); }'
want_status 2
want_err 'ERROR: Probe has no valid attach points'
run "$PITON" -e 'uprobe:./no-such-program:main { print(1); }'
want_status 2
want_err "uprobe target file './no-such-program' does not exist or is not executable"
