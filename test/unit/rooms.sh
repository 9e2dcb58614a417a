# Every #include "room/..." in src/ is an edge that src/ROOMS allows.
cd src && grep -rn '^#include "[a-z]*/' --include='*.[ch]' --include='*.def' . | awk -F'[:/"]' '
BEGIN { while ((getline l < "ROOMS") > 0) { n = split(l, f, " ")
        if (f[1] !~ /^#/) for (i = 1; i <= n; i++) ok[f[1], f[i]] = 1 } }
{ split($0, q, "\""); split(q[2], r, "/")
  if (!(($2, r[1]) in ok)) { print "src/" substr($0, 3) ": not in src/ROOMS"; bad = 1 } }
END { exit bad }'
