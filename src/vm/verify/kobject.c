/* kobject: pointers to objects of the kernel (R_BTF), whose fields programs read by the layout in the kernel's BTF. Reg.map is the
 * type's number there. Pointers among the fields are pointers again; what comes out of an untrusted one is untrusted. */
#include "vm/verify/call.h"

#include <pthread.h>

enum { MAX_DEPTH = 32, FUNC_CGRP_STORAGE_GET = 210, FUNC_CGRP_STORAGE_DELETE = 211 };  /* 6.2 */
#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

static u32
get32(const u8 *p)
{
	u32 n;

	memcpy(&n, p, 4);
	return n;
}

/* The kernel has one BTF for all programs: it is mapped and indexed once. */
static BtfBlob kernel_btf;

static void
open_kernel_btf(void)
{
	static Arena *a;        /* for ever */
	HostMap m;

	a = arena_new();
	if (host_map(KERNEL_BTF, &m) || !bpf_btf_open(a, m.p, m.n, &kernel_btf))
		kernel_btf.n = 0;
}

const BtfBlob *
vf_kernel_btf(Verifier *v)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (v->opt.no_kernel)
		return NULL;
	pthread_once(&once, open_kernel_btf);
	return kernel_btf.n ? &kernel_btf : NULL;
}

static bool
is_struct(const BtfItem *t)
{
	return bpf_btf_kind(t) == BTF_STRUCT || bpf_btf_kind(t) == BTF_UNION;
}

static u32
find_struct(const BtfBlob *b, const char *name)
{
	BtfItem t;

	for (u32 id = 1; id < b->n; id++)
		if (bpf_btf_at(b, id, &t) && is_struct(&t) && !strcmp(bpf_btf_name(b, t.name), name))
			return id;
	return 0;
}

u32
vf_kernel_struct(Verifier *v, const char *name)
{
	static struct { char name[32]; u32 id; } found[64];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	const BtfBlob *b = vf_kernel_btf(v);
	u32 i = 0, id;

	if (!b || strlen(name) >= sizeof(found[0].name))
		return b ? find_struct(b, name) : 0;
	pthread_mutex_lock(&lock);
	while (i < COUNT(found) - 1 && found[i].name[0] && strcmp(found[i].name, name))
		i++;
	if (strcmp(found[i].name, name)) {
		strcpy(found[i].name, name);
		found[i].id = find_struct(b, name);
	}
	id = found[i].id;
	pthread_mutex_unlock(&lock);
	return id;
}

const char *
vf_kernel_name(u32 id)
{
	BtfItem t;

	return bpf_btf_at(&kernel_btf, id, &t) ? bpf_btf_name(&kernel_btf, t.name) : "";
}

/* The number of the type behind typedefs and qualifiers. */
static u32
plain_id(const BtfBlob *b, u32 id, BtfItem *t)
{
	for (int i = 0; i < MAX_DEPTH && bpf_btf_at(b, id, t); i++)
		switch (bpf_btf_kind(t)) {
		case BTF_TYPEDEF: case BTF_VOLATILE: case BTF_CONST: case BTF_RESTRICT: case BTF_TYPE_TAG:
			id = t->size;
			break;
		default:
			return id;
		}
	return 0;
}

typedef struct Member { const char *name; u32 type, bit, bits; } Member;

static Member
member_at(const BtfBlob *b, const BtfItem *t, u32 i)
{
	const u8 *p = t->rest + i * 12;
	u32 at = get32(p + 8);
	bool packed = t->info >> 31;

	return (Member){ bpf_btf_name(b, get32(p)), get32(p + 4), packed ? at & 0xffffff : at, packed ? at >> 24 : 0 };
}

/* What lies behind the end of a struct: elements of a last member without a length. Gives its offset in the element, or -1. */
static s64
flexible(const BtfBlob *b, const BtfItem *t, u32 off, u32 *elem)
{
	BtfItem a, e;
	Member m;

	if (!bpf_btf_vlen(t))
		return -1;
	m = member_at(b, t, bpf_btf_vlen(t) - 1);
	if (!bpf_btf_plain(b, m.type, &a) || bpf_btf_kind(&a) != BTF_ARRAY || get32(a.rest + 8) || off < m.bit / 8)
		return -1;
	*elem = plain_id(b, get32(a.rest), &e);
	if (bpf_btf_kind(&e) == BTF_INT)
		return 0;
	return is_struct(&e) && e.size ? (s64)((off - m.bit / 8) % e.size) : -1;
}

/* An array's elements are looked at as one; gives the type and the offset of the element that holds off. */
static u32
element(const BtfBlob *b, u32 type, u32 off, u32 *start, u32 *size, BtfItem *t)
{
	u32 id = plain_id(b, type, t);

	while (id && bpf_btf_kind(t) == BTF_ARRAY)
		id = plain_id(b, get32(t->rest), t);
	*size = id ? bpf_btf_size(b, id) : 0;
	if (id && *size)
		*start += (off - *start) / *size * *size;
	return id;
}

/* What is at [off, + size) of type id: 2 a pointer to memory, 1 a pointer to the struct *to, 0 a number, -1 refused. */
static int
walk(Verifier *v, const BtfBlob *b, u32 id, u32 off, u32 size, u32 *to, bool *in_union, const char **member)
{
	const char *name;
	BtfItem t, mt, pt;
	u32 elem;

	for (int depth = 0; depth < MAX_DEPTH; depth++) {
		bool deeper = false;

		if (!plain_id(b, id, &t) || !is_struct(&t))
			return 0;
		name = bpf_btf_name(b, t.name);
		if (off + size > t.size) {
			s64 in = flexible(b, &t, off, &elem);

			if (in < 0) {
				vf_refuse(v, "access beyond struct %s at off %u size %u", name, off, size);
				return -1;
			}
			id = elem;
			off = (u32)in;
			continue;
		}
		for (u32 i = 0; i < bpf_btf_vlen(&t) && !deeper; i++) {
			Member m = member_at(b, &t, i);
			u32 at = m.bit / 8, end, msize, mid;

			if (off + size <= at)
				break;
			if (m.bits) {
				if (off <= at && (m.bit + m.bits + 7) / 8 <= off + size)
					return 0;
				continue;
			}
			if (off < at)
				break;
			end = at + bpf_btf_size(b, m.type);
			if (off >= end)
				continue;
			mid = element(b, m.type, off, &at, &msize, &mt);
			if (mid && is_struct(&mt)) {    /* which member of a union is meant nobody knows */
				*in_union |= bpf_btf_kind(&mt) == BTF_UNION && bpf_btf_vlen(&mt) != 1;
				id = mid;
				off -= at;
				deeper = true;
				continue;
			}
			if (mid && bpf_btf_kind(&mt) == BTF_PTR) {
				if (size != msize || off != at) {
					vf_refuse(v, "cannot access ptr member %s with moff %u in struct %s with off %u size %u", m.name, at,
						  name, off, size);
					return -1;
				}
				*member = m.name;
				*to = plain_id(b, mt.size, &pt);
				return *to && is_struct(&pt) ? 1 : 2;
			}
			if (off + size <= end || *in_union)
				return 0;
			vf_refuse(v, "access beyond the end of member %s (mend:%u) in struct %s with off %u size %u", m.name, end, name, off,
				  size);
			return -1;
		}
		if (!deeper) {
			vf_refuse(v, "struct %s doesn't have field at offset %u", name, off);
			return -1;
		}
	}
	return 0;
}

/* Is there an object of type want at offset off of an object of type id? */
bool
vf_kernel_holds(Verifier *v, u32 id, s64 off, u32 want)
{
	const BtfBlob *b = vf_kernel_btf(v);
	BtfItem t, mt;

	for (int depth = 0; b && off >= 0 && depth < MAX_DEPTH; depth++) {
		u32 next = 0;

		id = plain_id(b, id, &t);
		if (id == want && off == 0)
			return true;
		if (!id || !is_struct(&t))
			return false;
		for (u32 i = 0; i < bpf_btf_vlen(&t) && !next; i++) {
			Member m = member_at(b, &t, i);
			u32 at = m.bit / 8, size;

			if (m.bits || off < at || off >= (s64)at + bpf_btf_size(b, m.type))
				continue;
			next = element(b, m.type, (u32)off, &at, &size, &mt);
			if (!next || !is_struct(&mt))
				return false;
			off -= at;
		}
		if (!next)
			return false;
		id = next;
	}
	return false;
}

/* Pointers in trusted objects that can be trusted too, or as long as the read lock is held. */
static const struct { const char *type, *member; u16 flags; } kept[] = {
	{ "task_struct", "cpus_ptr", F_RCU }, { "task_struct", "cgroups", F_RCU }, { "task_struct", "real_parent", F_RCU },
	{ "task_struct", "group_leader", F_RCU }, { "cgroup", "kn", F_RCU }, { "css_set", "dfl_cgrp", F_RCU },
	{ "cgroup_subsys_state", "cgroup", F_RCU }, { "mm_struct", "exe_file", F_RCU | F_NULL }, { "mm_struct", "owner", F_RCU | F_NULL },
	{ "sk_buff", "sk", F_RCU | F_NULL }, { "request_sock", "sk", F_RCU | F_NULL }, { "bpf_iter_meta", "seq", F_TRUSTED },
	{ "bpf_iter__task", "meta", F_TRUSTED }, { "bpf_iter__task", "task", F_TRUSTED }, { "linux_binprm", "file", F_TRUSTED },
	{ "file", "f_inode", F_TRUSTED }, { "dentry", "d_inode", F_TRUSTED | F_NULL }, { "socket", "sk", F_TRUSTED | F_NULL },
	{ "vm_area_struct", "vm_mm", F_TRUSTED | F_NULL }, { "vm_area_struct", "vm_file", F_TRUSTED | F_NULL },
};

/* The flags of a pointer that was loaded from member of an object. Only what a trusted object holds can be trusted; what else it
 * holds is good for helpers while the read lock is held, which it is all the time in programs that do not sleep. */
static u32
loaded_flags(const Verifier *v, const Reg *r, const char *member)
{
	bool locked = !v->code->sleepable || v->s->rcu || v->s->lock_map;

	if (!(r->flags & (F_TRUSTED | F_RCU)) && !r->ref)
		return r->flags & F_UNTRUSTED;
	for (size_t i = 0; i < COUNT(kept); i++)
		if (!strcmp(kept[i].member, member) && !strcmp(kept[i].type, vf_kernel_name(r->map)) &&
		    (kept[i].flags & F_TRUSTED || locked))
			return kept[i].flags;
	return locked ? 0 : F_UNTRUSTED;
}

bool
vf_object_access(Verifier *v, const Reg *r, int reg, s32 off, u32 size, int how, int value)
{
	const BtfBlob *b = vf_kernel_btf(v);
	const char *kind = vf_kind_name(v, r);
	Reg *dst;
	bool in_union = false;
	const char *member = "";
	u32 to = 0, flags;
	int is;

	if (!vf_license_is_free(v->code))
		return vf_refuse(v, "Cannot access kernel 'struct %s' from non-GPL compatible program", vf_kernel_name(r->map));
	if (off < 0)
		return vf_refuse_reg(v, reg, "R%d is %s%s invalid negative access: off=%d", reg, kind, vf_kernel_name(r->map), off);
	if (!tnum_is_const(r->bits) || r->bits.value)
		return vf_refuse_reg(v, reg, "R%d is %s%s invalid variable offset: off=%d", reg, kind, vf_kernel_name(r->map), off);
	if (how != ACC_READ)
		return vf_refuse_reg(v, reg, "only read is supported");
	if (!b || !r->map)
		return vf_unsupported(v, "fields of kernel objects need the kernel's BTF (%s)", KERNEL_BTF);
	is = walk(v, b, r->map, (u32)off, size, &to, &in_union, &member);
	if (is < 0)
		return false;
	if (value < 0)
		return true;
	dst = &vf_regs_of(v)[value];
	if (is == 0) {
		vf_reg_unknown(dst);
		return true;
	}
	if (is == 2) {                  /* bytes of which nobody knows how many there are: read with fault protection */
		vf_reg_pointer(dst, R_MEM, F_RDONLY | F_UNTRUSTED);
		return true;
	}
	flags = in_union || r->flags & F_UNTRUSTED ? F_UNTRUSTED : loaded_flags(v, r, member);
	vf_reg_pointer(dst, R_BTF, flags);
	dst->map = to;
	if (flags & F_NULL)
		dst->id = ++v->ids;
	return true;
}

/* What helpers take and give: the type of argument `arg`, of the result for 0. */
static const struct { u8 id, arg; const char *name; } types[] = {
	{ BPF_FUNC_get_current_task_btf, 0, "task_struct" }, { BPF_FUNC_task_pt_regs, 0, "pt_regs" }, { BPF_FUNC_task_pt_regs, 1, "task_struct" },
	{ BPF_FUNC_skc_to_tcp6_sock, 0, "tcp6_sock" }, { BPF_FUNC_skc_to_tcp_sock, 0, "tcp_sock" },
	{ BPF_FUNC_skc_to_tcp_timewait_sock, 0, "tcp_timewait_sock" }, { BPF_FUNC_skc_to_tcp_request_sock, 0, "tcp_request_sock" },
	{ BPF_FUNC_skc_to_udp6_sock, 0, "udp6_sock" }, { BPF_FUNC_skc_to_unix_sock, 0, "unix_sock" },
	{ BPF_FUNC_skc_to_mptcp_sock, 0, "mptcp_sock" }, { BPF_FUNC_sock_from_file, 0, "socket" }, { BPF_FUNC_sock_from_file, 1, "file" },
	{ BPF_FUNC_skb_output, 1, "sk_buff" }, { BPF_FUNC_xdp_output, 1, "xdp_buff" }, { BPF_FUNC_tcp_send_ack, 1, "tcp_sock" },
	{ BPF_FUNC_seq_printf, 1, "seq_file" }, { BPF_FUNC_seq_write, 1, "seq_file" }, { BPF_FUNC_seq_printf_btf, 1, "seq_file" },
	{ BPF_FUNC_get_task_stack, 1, "task_struct" }, { BPF_FUNC_inode_storage_get, 2, "inode" }, { BPF_FUNC_inode_storage_delete, 2, "inode" },
	{ BPF_FUNC_d_path, 1, "path" }, { BPF_FUNC_task_storage_get, 2, "task_struct" }, { BPF_FUNC_task_storage_delete, 2, "task_struct" },
	{ BPF_FUNC_bprm_opts_set, 1, "linux_binprm" }, { BPF_FUNC_ima_inode_hash, 1, "inode" }, { BPF_FUNC_ima_file_hash, 1, "file" },
	{ BPF_FUNC_find_vma, 1, "task_struct" }, { BPF_FUNC_copy_from_user_task, 4, "task_struct" },
	{ FUNC_CGRP_STORAGE_GET, 2, "cgroup" }, { FUNC_CGRP_STORAGE_DELETE, 2, "cgroup" },
};

const char *
vf_helper_object(u32 id, int arg)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].id == id && types[i].arg == arg)
			return types[i].name;
	return NULL;
}

/* Is the register what the helper takes there? Sockets are taken by what they begin with. */
bool
vf_object_fits(Verifier *v, int reg, const char *want)
{
	const Reg *r = &vf_regs_of(v)[reg];

	if (!vf_kernel_btf(v))
		return vf_unsupported(v, "kernel objects need the kernel's BTF (%s)", KERNEL_BTF);
	if (vf_kernel_holds(v, r->map, r->off + (s64)r->bits.value, vf_kernel_struct(v, want)))
		return true;
	return vf_refuse_reg(v, reg, "R%d is of type %s but %s is expected", reg, vf_kernel_name(r->map), want);
}

void
vf_object_pointer(Verifier *v, Reg *r, const char *name, u32 flags)
{
	vf_reg_pointer(r, R_BTF, flags);
	r->map = vf_kernel_struct(v, name);
	if (flags & F_NULL)
		r->id = ++v->ids;
}
