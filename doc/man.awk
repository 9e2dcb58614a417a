# doc/language.md to man/piton-language.7: headings, paragraphs, lists, tables, code. `make man` runs it; test/cli/manual.sh compares.
function text(s,   out, i, bold) {
	gsub(/\\\|/, "\001", s)
	gsub(/\\/, "\\e", s)
	gsub(/\*\*/, "\002", s)
	gsub(/`/, "\003", s)
	gsub(/-/, "\\-", s)
	out = ""
	while (match(s, /[\002\003]/)) {
		out = out substr(s, 1, RSTART - 1) (bold ? "\\fR" : "\\fB")
		bold = !bold
		s = substr(s, RSTART + 1)
	}
	out = out s
	gsub(/\001/, "|", out)
	sub(/^[.']/, "\\\\\\&&", out)
	return out
}
function upper(s) { sub(/^[0-9]+\. /, "", s); return toupper(s) }
BEGIN {
	print ".\\\" made from doc/language.md by `make man`"
	print ".TH PITON\\-LANGUAGE 7 \"\" \"piton 0.1.0\" \"Miscellaneous Information Manual\""
	print ".SH NAME\npiton\\-language \\- the language of piton's scripts"
	print ".SH DESCRIPTION"
}
/^```/ { blank = 0; if (code) print ".fi\n.RE"; else { print ".PP\n.RS 4\n.nf"; } code = !code; next }
code { gsub(/\\/, "\\e"); gsub(/-/, "\\-"); sub(/^[.']/, "\\\\\\&&"); print; next }
/^# / { next }
/^## / { print ".SH " upper(substr($0, 4)); next }
/^### / { print ".SS " substr($0, 5); next }
/^\|[-|]*\|$/ { next }
/^\|/ {
	row = substr($0, 3, length($0) - 4)
	gsub(/\\\|/, "\001", row)
	n = split(row, cell, / \| /)
	if (!table) { table = 1; next }		# the head of a table says nothing here
	print ".TP"
	gsub(/\001/, "\\|", cell[1])
	print text(cell[1])
	rest = ""
	for (i = 2; i <= n; i++) {
		gsub(/^ +| +$|^\|$/, "", cell[i])
		gsub(/\001/, "\\|", cell[i])
		if (cell[i] != "") rest = rest (rest == "" ? "" : "; ") cell[i]
	}
	print rest == "" ? "\\&" : text(rest)
	next
}
{ table = 0 }
/^$/ { if (!blank) print ".PP"; blank = 1; next }
{ blank = 0 }
/^- / { print ".IP \\(bu 2\n" text(substr($0, 3)); next }
{ print text($0) }
