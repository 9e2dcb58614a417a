# needs: root
# A misspelt function is told with the one that was meant, and what the program's own types are asked for behind that still works.
run "$PITON" --dry-run -e 'uprobe:./inlined:signn { print(struct nosuch); print((struct nosuch *)0); }'
want_status 2
want_err 'did you mean .*sign'
