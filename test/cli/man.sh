# Every option that the help shows stands in piton(1), and the other way round.
"$PITON" --help | grep -oE '^ +(-[a-zA-Z],?)? *(--[a-z-]+)?' | grep -oE -e '--[a-z-]+|-[a-zA-Z]' | sort -u >"$TMP/help"
sed -n '/^.SH OPTIONS/,/^.SH EXIT/p' man/piton.1 | grep '^\.BR\? ' | sed 's/\\-/-/g; s/\\f.*//' | grep -oE -e '--[a-z-]+|-[a-zA-Z]' | sort -u >"$TMP/man"
diff "$TMP/help" "$TMP/man"
