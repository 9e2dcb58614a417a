# What an ordinary user's program is refused for that a privileged one may do; the words are the kernel's.
bad=0
while IFS=: read -r file words; do
	[ -n "$file" ] || continue
	"$PITON" vm verify --unprivileged "test/vm/corpus/unpriv.$file.bpfx" >"$TMP/out" 2>&1 </dev/null
	head -n 1 "$TMP/out" | grep -qF "$words" || { echo "$file: expected '$words', got '$(head -n 1 "$TMP/out")'"; bad=1; }
done <<'END'
compare-addresses:R10 pointer comparison prohibited
difference-of-addresses:R1 pointer -= pointer prohibited
exit-with-address:R0 leaks addr as return value
function:loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN
half-of-address:R1 partial copy of pointer
key-uninitialized:invalid read from stack R2 off -8+0 size 8
loop:back-edge from insn 2 to 1
plain:ok
printk:unprivileged programs cannot use helper bpf_trace_printk#6
spilled-address-half:attempt to corrupt spilled pointer on stack
store-address-in-map:R6 leaks addr into map
uninitialized-stack:invalid read from stack off -8+0 size 8
xdp:programs of type xdp are not for unprivileged users
END
exit $bad
