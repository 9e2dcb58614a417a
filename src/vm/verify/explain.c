/* explain: a refusal in words: the cause in one sentence, the instruction, what the registers hold, how one gets there, and
 * what would help. */
#include "vm/verify/verify.h"

static const char *const names[N_KINDS] = {
	[R_NONE] = "?", [R_SCALAR] = "scalar", [R_CTX] = "ctx", [R_MAP] = "map_ptr", [R_VALUE] = "map_value", [R_KEY] = "map_key",
	[R_STACK] = "fp", [R_PACKET] = "pkt", [R_META] = "pkt_meta", [R_PACKET_END] = "pkt_end", [R_FLOW_KEYS] = "flow_keys",
	[R_SOCK] = "sock", [R_SOCK_COMMON] = "sock_common", [R_TCP_SOCK] = "tcp_sock", [R_XDP_SOCK] = "xdp_sock", [R_BTF] = "ptr_",
	[R_MEM] = "mem", [R_TP_BUFFER] = "tp_buffer", [R_FUNC] = "func", [R_DYNPTR] = "dynptr_ptr",
};
/* name, name_or_null, ringbuf_mem and so on: made once per combination. */
static const char *const or_null[N_KINDS] = {
	[R_VALUE] = "map_value_or_null", [R_SOCK] = "sock_or_null", [R_SOCK_COMMON] = "sock_common_or_null",
	[R_TCP_SOCK] = "tcp_sock_or_null", [R_XDP_SOCK] = "xdp_sock_or_null", [R_MEM] = "mem_or_null", [R_MAP] = "map_ptr_or_null",
	[R_BTF] = "ptr_or_null_",
};

const char *
vf_kind_name(const Verifier *v, const Reg *r)
{
	(void)v;
	if (r->kind == R_MEM && (r->flags & F_RINGBUF))
		return r->flags & F_NULL ? "ringbuf_mem_or_null" : "ringbuf_mem";
	if (r->kind == R_MEM && (r->flags & F_RDONLY) && (r->flags & F_UNTRUSTED))
		return "rdonly_untrusted_mem";
	if (r->kind == R_BTF && r->flags & (F_UNTRUSTED | F_TRUSTED | F_RCU))
		return r->flags & F_UNTRUSTED ? (r->flags & F_NULL ? "untrusted_ptr_or_null_" : "untrusted_ptr_") :
			r->flags & F_RCU ? (r->flags & F_NULL ? "rcu_ptr_or_null_" : "rcu_ptr_") :
			r->flags & F_NULL ? "trusted_ptr_or_null_" : "trusted_ptr_";
	if (r->kind == R_MEM && (r->flags & F_RDONLY))
		return r->flags & F_NULL ? "rdonly_mem_or_null" : "rdonly_mem";
	if (r->kind != R_SCALAR && (r->flags & F_NULL) && or_null[r->kind])
		return or_null[r->kind];
	return names[r->kind];
}

static void
note(Verifier *v, const char *fmt, va_list ap)
{
	if (v->failed)
		return;
	v->failed = true;
	v->out->pc = v->pc;
	buf_vprintf(&v->out->text, fmt, ap);
}

bool
vf_refuse(Verifier *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note(v, fmt, ap);
	va_end(ap);
	return false;
}

bool
vf_refuse_reg(Verifier *v, int reg, const char *fmt, ...)
{
	va_list ap;

	if (!v->failed)
		v->fail_reg = reg;
	va_start(ap, fmt);
	note(v, fmt, ap);
	va_end(ap);
	return false;
}

bool
vf_unsupported(Verifier *v, const char *fmt, ...)
{
	va_list ap;

	if (!v->failed)
		v->out->unsupported = true;
	va_start(ap, fmt);
	note(v, fmt, ap);
	va_end(ap);
	return false;
}

/* Kept for the refusal that follows; the first one of a refusal counts. */
void
vf_remedy(Verifier *v, const char *text)
{
	if (!v->failed)
		v->remedy = text;
}

static void
print_bounds(const Reg *r, Buf *out)
{
	const char *sep = "";

	if (tnum_is_const(r->bits)) {
		buf_printf(out, "%lld", (long long)r->bits.value);
		return;
	}
	buf_puts(out, "scalar(");
#define BOUND(name, field, all, fmt, cast) \
	if (r->field != (all)) { \
		buf_printf(out, "%s" name "=" fmt, sep, (cast)r->field); \
		sep = ","; \
	}
	BOUND("smin", smin, INT64_MIN, "%lld", long long)
	BOUND("smax", smax, INT64_MAX, "%lld", long long)
	BOUND("umin", umin, 0, "%llu", unsigned long long)
	BOUND("umax", umax, UINT64_MAX, "%llu", unsigned long long)
	BOUND("smin32", s32min, INT32_MIN, "%d", int)
	BOUND("smax32", s32max, INT32_MAX, "%d", int)
	BOUND("umin32", u32min, 0, "%u", unsigned)
	BOUND("umax32", u32max, UINT32_MAX, "%u", unsigned)
	if (r->bits.mask != UINT64_MAX)
		buf_printf(out, "%svar_off=(0x%llx; 0x%llx)", sep, (unsigned long long)r->bits.value,
			   (unsigned long long)r->bits.mask);
	buf_putc(out, ')');
}

void
vf_reg_print(const Reg *r, Buf *out)
{
	if (r->kind == R_SCALAR) {
		print_bounds(r, out);
		return;
	}
	buf_puts(out, vf_kind_name(NULL, r));
	if (r->kind == R_STACK && tnum_is_const(r->bits)) {
		buf_printf(out, "%lld", (long long)r->bits.value + r->off);
		return;
	}
	buf_puts(out, "(");
	if (r->kind == R_VALUE || r->kind == R_MAP || r->kind == R_KEY)
		buf_printf(out, "map=%u,", r->map);
	if (r->off)
		buf_printf(out, "off=%d,", r->off);
	if (r->kind == R_PACKET || r->kind == R_META)
		buf_printf(out, "r=%d,", r->range);
	if (r->kind == R_MEM)
		buf_printf(out, "sz=%u,", r->size);
	if (r->flags & F_NULL)
		buf_printf(out, "id=%u,", r->id);
	if (!tnum_is_const(r->bits))
		print_bounds(r, out);
	if (out->p[out->n - 1] == ',')
		out->p[--out->n] = 0;
	buf_puts(out, ")");
}

/* A register in words. */
static void
say_reg(const Verifier *v, int i, const Reg *r, Buf *out)
{
	buf_printf(out, "  r%d holds ", i);
	switch (r->kind) {
	case R_NONE: buf_puts(out, "nothing that may be read"); break;
	case R_SCALAR:
		if (tnum_is_const(r->bits))
			buf_printf(out, "the number %lld", (long long)r->bits.value);
		else if (r->umin == 0 && r->umax == UINT64_MAX && r->smin == INT64_MIN && r->smax == INT64_MAX)
			buf_puts(out, "a number of which nothing is known");
		else if (r->umax < UINT64_MAX)
			buf_printf(out, "a number from %llu to %llu", (unsigned long long)r->umin, (unsigned long long)r->umax);
		else
			buf_printf(out, "a number from %lld to %lld, signed", (long long)r->smin, (long long)r->smax);
		break;
	case R_VALUE:
		buf_printf(out, "a pointer %sto a value of map '%s' (%u bytes), offset %d", r->flags & F_NULL ? "(or NULL) " : "",
			   v->maps[r->map].name ? v->maps[r->map].name : "?", v->maps[r->map].value_size, r->off);
		break;
	case R_PACKET:
		buf_printf(out, "a pointer into the packet, offset %d, of which %d bytes are known to be there", r->off, MAX(r->range, 0));
		break;
	case R_STACK: buf_printf(out, "the address of the stack at %d", r->off); break;
	case R_CTX: buf_printf(out, "the context, offset %d", r->off); break;
	default:
		buf_puts(out, "a pointer: ");
		vf_reg_print(r, out);
		break;
	}
	if (r->kind != R_SCALAR && r->kind != R_NONE && !tnum_is_const(r->bits))
		buf_printf(out, ", plus %lld to %lld", (long long)r->smin, (long long)r->smax);
	buf_putc(out, '\n');
}

static const CodeLine *
line_of(const Code *c, s32 pc)
{
	const CodeLine *l = NULL;

	for (u32 i = 0; i < c->n_lines && c->lines[i].pc <= (u32)pc; i++)
		l = &c->lines[i];
	return l;
}

static void
say_place(const Verifier *v, s32 pc, Buf *out)
{
	const CodeLine *l = line_of(v->code, pc);

	if (l)
		buf_printf(out, " (%s:%u%s%s)", l->file ? l->file : "?", l->line, l->text ? ": " : "", l->text ? l->text : "");
}

enum { MAX_PATH = 12 };

/* The last decisions on the way, oldest first. */
static void
say_path(const Verifier *v, Buf *out)
{
	const Step *last[MAX_PATH];
	u32 n = 0, all = 0;

	for (const Step *p = v->s ? v->s->path : NULL; p; p = p->prev, all++)
		if (n < MAX_PATH)
			last[n++] = p;
	if (!n)
		return;
	buf_printf(out, "path:%s\n", all > n ? " (its end)" : "");
	while (n-- > 0) {
		const Insn *insn = &v->insn[last[n]->pc];

		buf_printf(out, "  %d: ", last[n]->pc);
		bpf_dis(insn, (u32)last[n]->pc, SYN_KERNEL, out);
		buf_puts(out, insn->code == (BPF_JMP | BPF_CALL) ? "  -> the callback" : last[n]->taken ? "  -> taken" : "  -> not taken");
		say_place(v, last[n]->pc, out);
		buf_putc(out, '\n');
	}
}

void
vf_explain(Verifier *v)
{
	Buf *out = &v->out->text;
	const Insn *insn;
	u16 used = 0;

	if (v->explained || !v->failed)
		return;
	v->explained = true;
	buf_putc(out, '\n');
	if (v->out->pc >= 0 && v->out->pc < v->n) {
		insn = &v->insn[v->out->pc];
		buf_printf(out, "at %d: ", v->out->pc);
		bpf_dis(insn, (u32)v->out->pc, SYN_KERNEL, out);
		say_place(v, v->out->pc, out);
		buf_putc(out, '\n');
		if (v->s) {
			Frame *f = vf_frame_of(v);

			used |= (u16)(1u << insn->dst_reg | 1u << insn->src_reg);
			if (insn->code == (BPF_JMP | BPF_CALL))
				used = 0;
			if (v->fail_reg >= 0)
				used |= (u16)(1u << v->fail_reg);
			for (int i = 0; i < N_REGS - 1; i++)
				if (used >> i & 1)
					say_reg(v, i, &f->reg[i], out);
		}
	}
	say_path(v, out);
	if (v->remedy)
		buf_printf(out, "try: %s\n", v->remedy);
}

void
vf_trace_state(Verifier *v)
{
	Buf *out = &v->out->log;
	Frame *f = vf_frame_of(v);

	if (out->n > 16 << 20)
		return;
	buf_printf(out, "%d: ", v->pc);
	bpf_dis(&v->insn[v->pc], (u32)v->pc, SYN_KERNEL, out);
	buf_puts(out, "\t;");
	for (int i = 0; i < N_REGS; i++)
		if (f->reg[i].kind != R_NONE) {
			buf_printf(out, " R%d=", i);
			vf_reg_print(&f->reg[i], out);
		}
	for (u32 i = 0; i < f->n_slots; i++) {
		const Slot *s = &f->slot[i];

		if (vf_slot_is_spill(s)) {
			buf_printf(out, " fp-%u=", (i + 1) * 8);
			vf_reg_print(&s->reg, out);
		} else if (s->type[7] || s->type[0]) {
			buf_printf(out, " fp-%u=", (i + 1) * 8);
			for (int k = 7; k >= 0; k--)
				buf_putc(out, "?rm0di"[s->type[k]]);
		}
	}
	buf_putc(out, '\n');
}
