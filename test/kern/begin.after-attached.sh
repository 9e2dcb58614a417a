# What begin prints comes after the line that says how many probes are attached, also when begin calls exit().
# needs: uprobe
"$PITON" -e 'begin { print("begun"); exit(); } uprobe:./calls:leaf { print(1); }' >"$TMP/both" 2>&1 </dev/null || fail "exit status $?"
head -n 2 "$TMP/both" | tr '\n' ' ' | grep -qx 'Attached 2 probes begun ' || fail "$(cat "$TMP/both")"
