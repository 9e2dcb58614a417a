# A NUL byte in a script is an error with a place, not the end of the script.
printf 'BEGIN { @x = 1; }\n\000 BEGIN { exit(); }\n' >"$TMP/x.bt"
run "$PITON" "$TMP/x.bt"
want_status 2
want_err 'x\.bt:2:'
