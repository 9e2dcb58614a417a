# A stripped program whose debug information lies below a folder that --debuginfo names: by build id, and by its path.
# needs: uprobe
command -v objcopy >/dev/null || skip "no objcopy here"
mkdir -p "$TMP/debug$TMP/"
objcopy --strip-debug calls "$TMP/bare" && objcopy --only-keep-debug calls "$TMP/debug$TMP/bare.debug" || fail "objcopy"
script='uprobe:'$TMP'/bare:leaf { printf("n %d\n", args.n); exit(); }'
run "$PITON" -c "$TMP/bare 2" -e "$script"
want_status 2
run "$PITON" --debuginfo "/no/such/folder:$TMP/debug" -c "$TMP/bare 2" -e "$script"
want_status 0
want_out '^n 0$'
id=$(readelf -n calls | sed -n 's/.*Build ID: //p')
[ -n "$id" ] || exit 0
rest=${id#??}
mkdir -p "$TMP/ids/.build-id/${id%"$rest"}"
mv "$TMP/debug$TMP/bare.debug" "$TMP/ids/.build-id/${id%"$rest"}/$rest.debug"
run "$PITON" --debuginfo="$TMP/ids" -c "$TMP/bare 2" -e "$script"
want_status 0
want_out '^n 0$'
