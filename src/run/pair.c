/* pair: a clause at the entries of functions and a clause at their returns, loaded as one program and attached by one link where the
 * kernel has sessions (kprobe_session 6.10, uprobe_session 6.13): half the links, and the kernel finds the call once. */
#include "run/session.h"

#include <string.h>

enum { AT_RETURN = 5, AT_ENTRY = 7, HEAD = 10 };

static Insn
call(u8 kind, s32 to)
{
	return (Insn){ .code = BPF_JMP | BPF_CALL, .src_reg = kind, .imm = to };
}

/* The program that asks where it is and calls the one or the other. kfunc: BTF id of bpf_session_is_return. */
static Code
joined(Arena *a, const Code *entry, const Code *ret, u32 kfunc, u32 attach_type)
{
	const Insn head[HEAD] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		call(BPF_PSEUDO_KFUNC_CALL, (s32)kfunc),
		{ .code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = 0, .imm = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = AT_ENTRY - 5 },
		[AT_RETURN] = call(BPF_PSEUDO_CALL, HEAD + (s32)entry->n - AT_RETURN - 1),
		{ .code = BPF_JMP | BPF_JA, .off = 1 },
		[AT_ENTRY] = call(BPF_PSEUDO_CALL, HEAD - AT_ENTRY - 1),
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },  /* 1 would ask not to come at the return */
		{ .code = BPF_JMP | BPF_EXIT },
	};
	Code c = *entry;

	c.n = HEAD + entry->n + ret->n;
	c.attach_type = attach_type;
	c.insns = NEW_N(a, Insn, c.n);
	memcpy(c.insns, head, sizeof(head));
	memcpy(c.insns + HEAD, entry->insns, sizeof(Insn) * entry->n);
	memcpy(c.insns + HEAD + entry->n, ret->insns, sizeof(Insn) * ret->n);
	c.spans = NULL;
	return c;
}

/* Both at the same functions, in the same order. */
static bool
same_places(const ScriptProg *p, const ScriptProg *q)
{
	if (q->prov->attach != p->prov->attach || !q->prov->is_return || q->probes.n != p->probes.n)
		return false;
	for (u32 i = 0; i < p->probes.n; i++) {
		const Probe *x = p->probes.v[i], *y = q->probes.v[i];

		if (!x->func || x->func != y->func || x->scope != y->scope || x->addr != y->addr || x->offset != y->offset ||
		    x->ref_ctr != y->ref_ctr)
			return false;
	}
	return true;
}

/* No third program at one of these places: of several at one place the kernel runs the first at the entry last at the return. */
static bool
alone(const Session *s, u32 i, u32 j)
{
	const ScriptProg *p = &s->script->progs.v[i];

	for (u32 k = 0; k < s->script->progs.n; k++) {
		const ScriptProg *q = &s->script->progs.v[k];

		if (k == i || k == j || q->prov->attach != p->prov->attach)
			continue;
		for (u32 x = 0; x < p->probes.n; x++)
			for (u32 y = 0; y < q->probes.n; y++)
				if (p->probes.v[x]->func == q->probes.v[y]->func)
					return false;
	}
	return true;
}

static void
mark(Session *s, const ScriptProg *p, const ScriptProg *q, bool paired)
{
	for (u32 k = 0; k < p->probes.n; k++)
		p->probes.v[k]->session = q->probes.v[k]->session = paired;
	if (p->prov->session_from == 1)
		s->script->n_probes += paired ? -p->probes.n : p->probes.n;
}

/* Loads programs i and j as one. A kernel that does not take it gets two. */
static void
load(Session *s, u32 i, u32 j, u32 kfunc)
{
	const ScriptProg *p = &s->script->progs.v[i], *q = &s->script->progs.v[j];
	Code c = joined(s->a, &p->code, &q->code, kfunc, p->prov->session_type);
	int prog = s->machine->ops->prog_load(s->machine, &c, s->map, s->n_maps, NULL);

	if (prog < 0)
		return;
	s->prog[i] = s->prog[j] = prog;
	mark(s, p, q, true);
}

void
run_pair(Session *s)
{
	u32 kfunc = 0, n = s->script->progs.n;

	for (u32 i = 0; i < n; i++) {
		const ScriptProg *p = &s->script->progs.v[i];

		if (!p->prov->session_type || p->probes.n < p->prov->session_from)
			continue;
		for (u32 j = 0; j < n; j++) {
			if (s->prog[j] != NOT_LOADED || !same_places(p, &s->script->progs.v[j]) || !alone(s, i, j))
				continue;
			if (!s->pc.has(s->machine, p->prov->session_needs) ||
			    (!kfunc && !type_btf_func(s->pc.types, NULL, "bpf_session_is_return", &kfunc)) || !kfunc)
				return;
			load(s, i, j, kfunc);
			break;
		}
	}
}

u32
run_unpair(Session *s, u32 i)
{
	for (u32 j = 0; j < s->script->progs.n; j++)
		if (j != i && s->prog[j] == s->prog[i]) {
			s->prog[i] = s->prog[j] = NOT_LOADED;
			mark(s, &s->script->progs.v[i], &s->script->progs.v[j], false);
			return j;
		}
	return i;
}
