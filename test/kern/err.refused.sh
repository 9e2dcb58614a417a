# A program that the verifier does not take: the script's line with the place, the reason in one sentence, at most 20 lines; all of the
# log with -v.
run "$PITON" -e 'begin { $a = 1; print(path((uint64)curtask)); }'
want_status 1
want_err '^stdin:1:23-44: ERROR: helper bpf_d_path not allowed in probe \[refused\]$'
want_err '^ {22}~{21}$'
want_err 'HINT: the kernel does not let this kind of probe call it'
[ "$(wc -l <"$TMP/err")" -le 20 ] || fail "more than 20 lines"
run "$PITON" -v -e 'begin { @ = 1; @++; @++; @++; @++; @++; @++; @++; @++; @++; print(path((uint64)curtask)); }'
want_err 'the whole log'
[ "$(wc -l <"$TMP/err")" -gt 20 ] || fail "-v does not show all of the log"
