# -I names folders for #include, --include a file that the script begins with; a file that is not there is told with its place.
mkdir "$TMP/inc"
cat >"$TMP/inc/mine.h" <<'H'
#pragma once
#define ANSWER (6 * SEVEN)
#define SEVEN 7
struct mine { int a; short b; };
H
cat >"$TMP/x.bt" <<'BT'
#include "mine.h"
BEGIN { printf("%d %d\n", ANSWER, sizeof(struct mine)); }
BT
run "$PITON" --machine user -I "$TMP/inc" "$TMP/x.bt"
want_status 0
want_out '^42 8$'
run "$PITON" --machine user --include "$TMP/inc/mine.h" -e 'BEGIN { printf("%d\n", ANSWER); }'
want_status 0
want_out '^42$'
run "$PITON" --machine user "$TMP/x.bt"
want_status 2
want_err "x.bt:1:10-18: ERROR: cannot find the file 'mine.h' to include"
run "$PITON" --machine user --include "$TMP/none.h" -e 'BEGIN { exit(); }'
want_status 2
want_err "cannot find the file '.*none.h' to include"
