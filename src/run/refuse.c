/* refuse: why a machine did not take a program, told at the script's line. The verifier's log ends with the sentence that
 * matters, followed by statistics; Refusal.pc leads to the span. */
#include "run/run.h"

#include <errno.h>

enum { LOG_LINES = 14 };

/* True for the lines of a log that explain nothing by themselves: statistics, instructions, source lines, states. */
static bool
is_noise(const char *line, size_t n)
{
	static const char *const starts[] = { "processed ", "verification time", "stack depth", "from ", "mark_precise", ";", "max_states" };

	for (u32 i = 0; i < COUNT(starts); i++)
		if (n >= strlen(starts[i]) && !memcmp(line, starts[i], strlen(starts[i])))
			return true;
	return n < 4 || (*line >= '0' && *line <= '9');
}

static const char *
last_sentence(Arena *a, const Buf *log)
{
	const char *end = log->p + log->n;

	while (log->n && end > log->p) {
		const char *line = end;

		while (line > log->p && line[-1] != '\n')
			line--;
		if (!is_noise(line, (size_t)(end - line)))
			return arena_str(a, line, (size_t)(end - line));
		end = line > log->p ? line - 1 : line;
	}
	return NULL;
}

/* The last lines of the log, for a reader who knows the verifier. */
static const char *
tail(const Buf *log, int lines)
{
	const char *p = log->p + log->n;

	while (p > log->p && lines) {
		p--;
		if (p > log->p && p[-1] == '\n')
			lines--;
	}
	return p;
}

/* What helps against some of the verifier's sentences. */
static const char *
advice(const char *sentence)
{
	static const struct { const char *has, *help; } rows[] = {
		{ "too large", "the verifier walked too many ways through it: fewer rounds of loops, or several probes at the same event" },
		{ "too complex", "the verifier walked too many ways through it: fewer rounds of loops, or several probes at the same event" },
		{ "infinite loop", "the verifier sees no end of a loop: count it by for over a range" },
		{ "back-edge", "this kernel takes no loops (Linux 5.3): unroll() does without" },
		{ "invalid mem access 'scalar'", "the address is a plain number to the verifier: cast it to a pointer, kptr() or uptr() say into what" },
		{ "invalid mem access 'inv'", "the address is a plain number to the verifier: cast it to a pointer, kptr() or uptr() say into what" },
		{ "stack size", "large values fit when on_stack_limit is smaller" },
		{ "only read access", "the memory is the kernel's and cannot be written" },
	};

	for (u32 i = 0; i < COUNT(rows); i++)
		if (strstr(sentence, rows[i].has))
			return rows[i].help;
	return NULL;
}

/* The helper that this kind of program may not call, if that is what the verifier says; or NULL. */
static const Helper *
forbidden(const Code *code, s32 pc, const char *sentence)
{
	bool says = strstr(sentence, "cannot use helper") || strstr(sentence, "unknown func") || strstr(sentence, "helper call is not allowed");
	const Insn *i = pc >= 0 && (u32)pc < code->n ? &code->insns[pc] : NULL;

	return says && i && i->code == (BPF_JMP | BPF_CALL) && !i->src_reg ? bpf_helper((u32)i->imm) : NULL;
}

static Span
place(const Code *code, s32 pc)
{
	if (!code->spans)
		return (Span){ 0, 0 };
	if (pc >= 0 && (u32)pc < code->n && code->spans[pc].from)
		return code->spans[pc];
	for (u32 i = 0; i < code->n; i++)
		if (code->spans[i].from)
			return code->spans[i];
	return (Span){ 0, 0 };
}

void
run_explain_refusal(Diag *d, const Code *code, const Refusal *why, bool verbose)
{
	Arena *a = arena_new();
	const char *sentence = last_sentence(a, &why->log);
	Span at = place(code, why->pc);

	if (sentence && forbidden(code, why->pc, sentence)) {
		diag_err(d, at, E_REFUSED, "helper bpf_%s not allowed in probe", forbidden(code, why->pc, sentence)->name);
		diag_hint(d, "the kernel does not let this kind of probe call it; another kind of probe may");
	} else if (sentence) {
		diag_err(d, at, E_REFUSED, "the verifier refused the program: %s", sentence);
		if (advice(sentence))
			diag_hint(d, "%s", advice(sentence));
	} else if (why->err == -EPERM || why->err == -EACCES) {
		diag_err(d, at, E_DENIED, "not permitted to load BPF programs");
		diag_hint(d, "this needs root, or CAP_BPF and CAP_PERFMON; --machine user runs begin, end and "
			  "interval probes without either");
	} else {
		diag_err(d, at, E_REFUSED, "the program could not be loaded: %s", strerror(-why->err));
	}
	if (why->log.n)
		diag_hint(d, "%s:\n%s", verbose ? "the whole log" : "the end of the log (-v shows all of it)",
			  verbose ? why->log.p : tail(&why->log, LOG_LINES));
	arena_free(a);
}
