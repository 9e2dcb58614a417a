# Compares the lines of the second file with the patterns of the first (README tells their words). Exit 1 and one
# sentence when they differ.

function trim(s) { sub(/^[ \t]+/, "", s); sub(/[ \t\r]+$/, "", s); return s }

# Does the text, from its start, begin with what a {word} of this kind stands for? Returns its length, -1 if not.
function word_len(kind, text, rest,   op, n, v) {
	if (kind == "any") {
		if (rest == "") return length(text)
		n = index(text, rest)
		return n ? n - 1 : -1
	}
	if (kind == "word") {
		if (!match(text, /^[^ \t]+/)) return -1
		if (rest == "") return RLENGTH
		n = index(text, rest)
		return n > 1 && n <= RLENGTH + 1 ? n - 1 : -1
	}
	if (kind == "hex") return match(text, /^0x[0-9a-fA-F]+/) ? RLENGTH : -1
	if (substr(kind, 1, 3) == "num") {
		if (!match(text, /^-?[0-9]+/)) return -1
		n = RLENGTH; v = substr(text, 1, n) + 0; op = substr(kind, 4)
		if (op == "") return n
		if (substr(op, 1, 2) == ">=") return v >= substr(op, 3) + 0 ? n : -1
		if (substr(op, 1, 2) == "<=") return v <= substr(op, 3) + 0 ? n : -1
		if (substr(op, 1, 1) == "=") return v == substr(op, 2) + 0 ? n : -1
	}
	print "match.awk: unknown word {" kind "}"; exit_now = 1; exit 1
}

function line_ok(pat, text,   open, shut, kind, rest, n, next_open) {
	for (;;) {
		open = match(pat, /\{(any|word|hex|num)[<>=0-9-]*\}/)
		if (!open) return pat == text
		n = RLENGTH
		if (substr(pat, 1, open - 1) != substr(text, 1, open - 1)) return 0
		kind = substr(pat, open + 1, n - 2)
		text = substr(text, open); pat = substr(pat, open + n)
		rest = pat
		next_open = match(rest, /\{(any|word|hex|num)[<>=0-9-]*\}/)
		if (next_open) rest = substr(rest, 1, next_open - 1)
		n = word_len(kind, text, rest)
		if (n < 0) return 0
		text = substr(text, n + 1)
	}
}

# Do the patterns from i on match the lines from j on? Remembers how far it came.
function all_ok(i, j) {
	if (i > np) return j > nl
	if (pattern[i] == "...") {
		if (i == np) return 1
		for (; j <= nl; j++)
			if (all_ok(i + 1, j)) return 1
		return 0
	}
	if (j > nl || !line_ok(pattern[i], line[j])) {
		if (i > far) { far = i; far_line = j }
		return 0
	}
	return all_ok(i + 1, j + 1)
}

NR == FNR { if (trim($0) != "") pattern[++np] = trim($0); next }
{ if (trim($0) != "") line[++nl] = trim($0) }
END {
	if (exit_now) exit 1
	if (all_ok(1, 1)) exit 0
	if (!far) print "there are more lines than expected, or none was expected"
	else print "expected: " pattern[far] (far_line <= nl ? "\ngot:      " line[far_line] : "\nbut the output ended")
	exit 1
}
