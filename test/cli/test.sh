# --test: each test: probe runs once; what it returns decides. On every machine that is there.
machines=user; [ "$(id -u)" != 0 ] || machines='user kernel'
cat >"$TMP/t.bt" <<'END'
begin { @n = 41; }
test:good { return 0; }
test:bad { printf("n is %d\n", @n); return 1; }
test:quiet { printf("not shown\n"); }
test:false /@n == 0/ { return 5; }
test:exit_one { exit(1); }
test:exit_null { exit(0); }
test:last { @n++; return @n != 42; }
bench:none { return 1; }
end { printf("the end\n"); }
END
for m in $machines; do
	run "$PITON" --machine $m --test "$TMP/t.bt"
	want_status 1
	sed 's/ ([0-9]* .*s)$//' "$TMP/out" | grep . >"$TMP/got"
	diff - "$TMP/got" <<'END' || fail "$m: other lines"
[==========] Running 7 tests.
[ RUN      ] good
[       OK ] good
[ RUN      ] bad
n is 41
[  FAILED  ] bad
[ RUN      ] quiet
[       OK ] quiet
[ RUN      ] false
[       OK ] false
[ RUN      ] exit_one
[  FAILED  ] exit_one
[ RUN      ] exit_null
[       OK ] exit_null
[ RUN      ] last
[       OK ] last
[==========] 7 tests ran.
[  PASSED  ] 5 tests.
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] bad
[  FAILED  ] exit_one
the end
END
	run "$PITON" --machine $m -f json --test "$TMP/t.bt"
	want_status 1
	want_out '^\{"type": "test_result", "data": \{"bad": \{"duration": [0-9]+, "passed": false, "output": "n is 41\\n"\}\}\}$'
	want_out '"quiet": \{"duration": [0-9]+, "passed": true, "output": "not shown\\n"'
	run "$PITON" --machine $m --mode test -e 'test:one { assert(1 == 1, "no"); }'
	want_status 0
	want_out '^\[  PASSED  \] 1 test\.$'
done
run "$PITON" --machine user "$TMP/t.bt"
want_status 0
run "$PITON" --machine user -e 'test:a { }'
want_status 2
want_err 'No probes attached; use --test to run test probes'
run "$PITON" --machine user --test -e 'test:a { } test:a { }'
want_status 2
want_err '"a" was used as the name for more than one test probe'
run "$PITON" --test --bench -e 'test:a { }'
want_status 2
want_err 'conflicts'
BPFTRACE_COLOR=always run "$PITON" --machine user --test -e 'test:a { }'
want_out "^.\[32m\[       OK \].\[0m a"
