/* ctx: what depends on the program type: fields of the context (rows of ctx.def), of sockets, the values a program may
 * return, helpers it may call, attach types it can have. */
#include "vm/verify/verify.h"

#include <errno.h>

typedef enum Mode { MODE_none, MODE_N, MODE_S, MODE_F, MODE_P, MODE_H, MODE_E } Mode;
#define MODE_ MODE_none
#define R_SOCK_NULL R_SOCK
#define R_SOCK_COMMON_NULL R_SOCK_COMMON

/* R_SOCK_NULL and R_SOCK_COMMON_NULL are the kinds with F_NULL. */
enum { NULL_SCALAR = 0, NULL_PACKET = 0, NULL_PACKET_END = 0, NULL_META = 0, NULL_FLOW_KEYS = 0, NULL_SOCK = 0, NULL_TP_BUFFER = 0,
       NULL_BTF = 0, NULL_SOCK_NULL = F_NULL, NULL_SOCK_COMMON_NULL = F_NULL };

typedef struct Field { const char *types; u32 from, to; u8 width; char read, write; Kind gives; u32 flags; } Field;

static const Field fields[] = {
#define CTX(types, from, to, width, read, write, gives) \
	{ types, from, to, width, #read[0], #write[0], R_##gives, NULL_##gives },
#include "vm/verify/ctx.def"
#undef CTX
};

/* The letters under which ctx.def lists a program's context. */
static const char *
letters(const Code *c)
{
	u32 at = c->attach_type;

	switch (c->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER: return "f";
	case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: return "c";
	case BPF_PROG_TYPE_CGROUP_SKB: return "g";
	case BPF_PROG_TYPE_LWT_IN: case BPF_PROG_TYPE_LWT_OUT: case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_LWT_SEG6LOCAL:
		return "w";
	case BPF_PROG_TYPE_SK_SKB: return "K";
	case BPF_PROG_TYPE_FLOW_DISSECTOR: return "F";
	case BPF_PROG_TYPE_XDP: return at == BPF_XDP_DEVMAP ? "xD" : "x";
	case BPF_PROG_TYPE_KPROBE: return "k";
	case BPF_PROG_TYPE_TRACEPOINT: return "t";
	case BPF_PROG_TYPE_PERF_EVENT: return "p";
	case BPF_PROG_TYPE_RAW_TRACEPOINT: case BPF_PROG_TYPE_TRACING: case BPF_PROG_TYPE_LSM: return "r";
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return "W";
	case BPF_PROG_TYPE_CGROUP_SOCK:
		return at == BPF_CGROUP_INET4_POST_BIND ? "2" : at == BPF_CGROUP_INET6_POST_BIND ? "3" : "1";
	case BPF_PROG_TYPE_SOCK_OPS: return "O";
	case BPF_PROG_TYPE_CGROUP_DEVICE: return "d";
	case BPF_PROG_TYPE_SK_MSG: return "M";
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		switch (at) {
		case BPF_CGROUP_UDP4_SENDMSG: return "u4s";
		case BPF_CGROUP_UDP6_SENDMSG: return "u6S";
		case BPF_CGROUP_INET4_BIND: case BPF_CGROUP_INET4_CONNECT: case BPF_CGROUP_UDP4_RECVMSG:
		case BPF_CGROUP_INET4_GETPEERNAME: case BPF_CGROUP_INET4_GETSOCKNAME:
			return "u4";
		case BPF_CGROUP_INET6_BIND: case BPF_CGROUP_INET6_CONNECT: case BPF_CGROUP_UDP6_RECVMSG:
		case BPF_CGROUP_INET6_GETPEERNAME: case BPF_CGROUP_INET6_GETSOCKNAME:
			return "u6";
		}
		return "u";
	case BPF_PROG_TYPE_SK_REUSEPORT: return "R";
	case BPF_PROG_TYPE_CGROUP_SYSCTL: return "y";
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return at == BPF_CGROUP_GETSOCKOPT ? "7" : "8";
	case BPF_PROG_TYPE_SK_LOOKUP: return "L";
	case BPF_PROG_TYPE_SYSCALL: return "A";
	case K_PROG_NETFILTER: return "n";
	}
	return "";
}

static bool
fits(const Field *f, char mode, u32 off, u32 size)
{
	u32 start = off - (off - f->from) % f->width;

	if (off % size || off + size > f->to)
		return false;
	switch (mode) {
	case 'N': return size <= f->width && off + size <= start + f->width;
	case 'S': return size <= f->width && off == start;
	case 'F': return size == f->width && off == start;
	case 'P': return true;
	case 'H': return size == 4 || size == 8;
	case 'E': return size >= 2 && size <= 4;
	}
	return false;
}

bool
vf_ctx_access(Verifier *v, s32 off, u32 size, bool write, bool sext, CtxAccess *out)
{
	const char *mine = letters(v->code);

	for (size_t i = 0; off >= 0 && i < COUNT(fields); i++) {
		const Field *f = &fields[i];

		if ((u32)off < f->from || (u32)off >= f->to || !strpbrk(f->types, mine))
			continue;
		if (!fits(f, write ? f->write : f->read, (u32)off, size))
			continue;
		if (f->gives != R_SCALAR && sext)
			break;
		if (v->opt.unprivileged && (f->gives == R_PACKET || f->gives == R_PACKET_END))
			break;          /* direct access to packets is for CAP_BPF */
		*out = (CtxAccess){ f->gives, f->flags, 0, 0 };
		return true;
	}
	vf_remedy(v, "Access a whole field of the context, with its own size, that this program type has.");
	return vf_refuse(v, "invalid bpf_context access off=%d size=%u", off, size);
}

/* struct bpf_sock as programs see it: start, end, width, mode */
static const Field sock_fields[] = {
	{ "", 0, 4, 4, 'F', '-', R_SCALAR, 0 }, { "", 4, 16, 4, 'S', '-', R_SCALAR, 0 }, { "", 16, 24, 4, 'F', '-', R_SCALAR, 0 },
	{ "", 24, 44, 4, 'N', '-', R_SCALAR, 0 }, { "", 44, 52, 4, 'S', '-', R_SCALAR, 0 }, { "", 49, 50, 1, 'N', '-', R_SCALAR, 0 },
	{ "", 52, 72, 4, 'N', '-', R_SCALAR, 0 }, { "", 72, 80, 4, 'S', '-', R_SCALAR, 0 },
};
static const Field tcp_fields[] = {
	{ "", 0, 80, 4, 'F', '-', R_SCALAR, 0 }, { "", 80, 96, 8, 'F', '-', R_SCALAR, 0 }, { "", 96, 112, 4, 'F', '-', R_SCALAR, 0 },
};
static const Field xdp_sock_fields[] = { { "", 0, 4, 4, 'F', '-', R_SCALAR, 0 } };

bool
vf_sock_access(Kind kind, s32 off, u32 size)
{
	const Field *f = kind == R_TCP_SOCK ? tcp_fields : kind == R_XDP_SOCK ? xdp_sock_fields : sock_fields;
	size_t n = kind == R_TCP_SOCK ? COUNT(tcp_fields) : kind == R_XDP_SOCK ? COUNT(xdp_sock_fields) : COUNT(sock_fields);

	if (off < 0 || (kind == R_SOCK_COMMON && off >= 8 && off < 24))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((u32)off >= f[i].from && (u32)off < f[i].to && fits(&f[i], f[i].read, (u32)off, size))
			return true;
	return false;
}

bool
vf_ctx_return_range(const Code *c, s32 *lo, s32 *hi)
{
	u32 at = c->attach_type;

	*lo = 0;
	*hi = 1;
	switch (c->prog_type) {
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		switch (at) {
		case BPF_CGROUP_UDP4_RECVMSG: case BPF_CGROUP_UDP6_RECVMSG: case K_CGROUP_UNIX_RECVMSG:
		case BPF_CGROUP_INET4_GETPEERNAME: case BPF_CGROUP_INET6_GETPEERNAME: case K_CGROUP_UNIX_GETPEERNAME:
		case BPF_CGROUP_INET4_GETSOCKNAME: case BPF_CGROUP_INET6_GETSOCKNAME: case K_CGROUP_UNIX_GETSOCKNAME:
			*lo = 1;
			return true;
		case BPF_CGROUP_INET4_BIND: case BPF_CGROUP_INET6_BIND:
			*hi = 3;
			return true;
		}
		return true;
	case BPF_PROG_TYPE_CGROUP_SKB:
		if (at == BPF_CGROUP_INET_EGRESS)
			*hi = 3;
		return true;
	case BPF_PROG_TYPE_CGROUP_SOCK: case BPF_PROG_TYPE_SOCK_OPS: case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SYSCTL: case BPF_PROG_TYPE_CGROUP_SOCKOPT: case BPF_PROG_TYPE_SK_LOOKUP: case K_PROG_NETFILTER:
		return true;
	case BPF_PROG_TYPE_TRACING:
		*hi = 0;
		return at == BPF_TRACE_FENTRY || at == BPF_TRACE_FEXIT || at == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_LSM:
		*lo = -4095;
		*hi = 0;
		return true;
	}
	return false;
}

/* Hooks that run after the fact have no verdict to look at or to change. */
static bool
after_the_fact(u32 at)
{
	switch (at) {
	case BPF_CGROUP_UDP4_RECVMSG: case BPF_CGROUP_UDP6_RECVMSG: case K_CGROUP_UNIX_RECVMSG:
	case BPF_CGROUP_INET4_GETPEERNAME: case BPF_CGROUP_INET6_GETPEERNAME: case K_CGROUP_UNIX_GETPEERNAME:
	case BPF_CGROUP_INET4_GETSOCKNAME: case BPF_CGROUP_INET6_GETSOCKNAME: case K_CGROUP_UNIX_GETSOCKNAME:
		return true;
	}
	return false;
}

bool
vf_ctx_helper_allowed(const Code *c, const Helper *h)
{
	char letter = bpf_prog_type_letter(c->prog_type);

	if (h->types[0] != '*' && (!letter || !strchr(h->types, letter)))
		return false;
	switch (h->id) {
	case BPF_FUNC_get_func_ip:
		return c->prog_type == BPF_PROG_TYPE_KPROBE || c->prog_type == BPF_PROG_TYPE_TRACING;
	case BPF_FUNC_probe_write_user: case BPF_FUNC_override_return:
		return false;           /* kernels built or locked down for production refuse them */
	case BPF_FUNC_get_retval: case BPF_FUNC_set_retval:
		return c->prog_type != BPF_PROG_TYPE_CGROUP_SOCK_ADDR || !after_the_fact(c->attach_type);
	case BPF_FUNC_bind:
		return c->attach_type == BPF_CGROUP_INET4_CONNECT || c->attach_type == BPF_CGROUP_INET6_CONNECT;
	case BPF_FUNC_setsockopt: case BPF_FUNC_getsockopt:
		return c->prog_type != BPF_PROG_TYPE_CGROUP_SOCKOPT || c->attach_type == BPF_CGROUP_SETSOCKOPT;
	}
	return true;
}

const char *
vf_ctx_helper_signature(const Code *c, const Helper *h)
{
	if (h->id == BPF_FUNC_sk_assign && c->prog_type == BPF_PROG_TYPE_SK_LOOKUP)
		return "cJi>i";
	if (h->id == BPF_FUNC_get_socket_cookie && (c->prog_type == BPF_PROG_TYPE_TRACING || c->prog_type == BPF_PROG_TYPE_SYSCALL ||
						 c->prog_type == BPF_PROG_TYPE_SK_REUSEPORT))
		return "C>i";
	if (h->id == BPF_FUNC_get_cgroup_classid && !strchr("ciol6", bpf_prog_type_letter(c->prog_type)))
		return ">i";            /* of the current task */
	if (h->id == BPF_FUNC_setsockopt && c->prog_type == BPF_PROG_TYPE_CGROUP_SOCKOPT)
		return "Biirz>i";
	if (h->id == BPF_FUNC_getsockopt && c->prog_type == BPF_PROG_TYPE_CGROUP_SOCKOPT)
		return "Biiwz>i";
	return h->sig;
}

/* Which attach types a program type can be loaded for; others take any. */
bool
vf_ctx_attach_ok(Verifier *v)
{
	u32 at = v->code->attach_type;
	bool ok = true;

	switch (v->code->prog_type) {
	case BPF_PROG_TYPE_CGROUP_SOCK:
		ok = at == 0 || at == BPF_CGROUP_INET_SOCK_CREATE || at == BPF_CGROUP_INET_SOCK_RELEASE ||
			at == BPF_CGROUP_INET4_POST_BIND || at == BPF_CGROUP_INET6_POST_BIND;
		break;
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		ok = at == BPF_CGROUP_INET4_BIND || at == BPF_CGROUP_INET6_BIND || at == BPF_CGROUP_INET4_CONNECT ||
			at == BPF_CGROUP_INET6_CONNECT || at == BPF_CGROUP_UDP4_SENDMSG || at == BPF_CGROUP_UDP6_SENDMSG ||
			at == K_CGROUP_UNIX_CONNECT || at == K_CGROUP_UNIX_SENDMSG || after_the_fact(at);
		break;
	case BPF_PROG_TYPE_CGROUP_SKB:
		ok = at == BPF_CGROUP_INET_INGRESS || at == BPF_CGROUP_INET_EGRESS;
		break;
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
		ok = at == BPF_CGROUP_SETSOCKOPT || at == BPF_CGROUP_GETSOCKOPT;
		break;
	case BPF_PROG_TYPE_SK_LOOKUP:
		ok = at == BPF_SK_LOOKUP;
		break;
	case BPF_PROG_TYPE_SK_REUSEPORT:
		ok = at == 0 || at == BPF_SK_REUSEPORT_SELECT || at == BPF_SK_REUSEPORT_SELECT_OR_MIGRATE;
		break;
	case K_PROG_NETFILTER:
		ok = at == K_ATTACH_NETFILTER;
		break;
	case BPF_PROG_TYPE_SYSCALL: case BPF_PROG_TYPE_EXT:
		ok = at == 0;
		break;
	}
	v->pc = -1;
	return ok || vf_refuse(v, "a program of type %s cannot have attach type %u", bpf_prog_type_name(v->code->prog_type), at);
}
