/* process: who runs: pid, tid, uid, comm and their kind. Kernel: helpers without arguments, whose calls ir/ merges. */
#include "lang/comp.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool
lang_own_namespace(u64 *dev, u64 *ino)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == 0xeffffffc)  /* PROC_PID_INIT_INO */
		return false;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return true;
}

static const Type *
check_id(Comp *c, Node *n)
{
	const Node *w = n->n ? n->list[0] : NULL;

	if (w && (w->kind != ND_IDENT || (strcmp(w->name, "init") && strcmp(w->name, "curr_ns")))) {
		comp_err(c, w->at, E_ARGS, "Invalid PID namespace mode: %s (expects: curr_ns or init)", w->name ? w->name : "?");
		return &ty_error;
	}
	return type_int(4, false);
}

/* pid << 32 | tid, as this namespace counts them. struct bpf_pidns_info: {u32 pid; u32 tgid}. */
static Ref
ns_ids(Comp *c, u64 dev, u64 ino)
{
	Ref m = ir_mem(c->fn, 8, 8, c->fn->at);

	IR_CALL(c->fn, BPF_FUNC_get_ns_current_pid_tgid, ir_const(c->fn, (s64)dev), ir_const(c->fn, (s64)ino), m, ir_const(c->fn, 8));
	return m;
}

static Ref
current_id(Comp *c, bool init, bool tid)
{
	u64 dev, ino;
	Ref r;

	if (!init && lang_own_namespace(&dev, &ino) && comp_has(c, FEAT_NS_PID))
		return ir_load(c->fn, ns_ids(c, dev, ino), tid ? 0 : 4, 4, false);
	r = ir_call(c->fn, BPF_FUNC_get_current_pid_tgid, 0, NULL);
	return tid ? ir_ext(c->fn, r, 4, false) : ir_bini(c->fn, IR_shr, r, 32);
}

Ref
lower_own_pid(Comp *c)
{
	return current_id(c, false, false);
}

static Ref
lower_id(Comp *c, Node *n, bool tid)
{
	return current_id(c, n->n && !strcmp(n->list[0]->name, "init"), tid);
}

static Ref
lower_pid(Comp *c, Node *n)
{
	return lower_id(c, n, false);
}

static Ref
lower_tid(Comp *c, Node *n)
{
	return lower_id(c, n, true);
}

static const Type *
check_u64(Comp *c, Node *n)
{
	(void)c, (void)n;
	return type_int(8, false);
}

static Ref
lower_uid(Comp *c, Node *n)
{
	(void)n;
	return ir_ext(c->fn, ir_call(c->fn, BPF_FUNC_get_current_uid_gid, 0, NULL), 4, false);
}

static Ref
lower_gid(Comp *c, Node *n)
{
	(void)n;
	return ir_bini(c->fn, IR_shr, ir_call(c->fn, BPF_FUNC_get_current_uid_gid, 0, NULL), 32);
}

static const Type *
check_username(Comp *c, Node *n)
{
	(void)n;
	return type_special(c->ts, TY_USERNAME, 8, false, 0, 0);
}

/* A helper without arguments. */
static Ref
plain(Comp *c, u32 id)
{
	return ir_call(c->fn, id, 0, NULL);
}

static Ref
lower_cpu(Comp *c, Node *n)
{
	(void)n;
	/* Not the same register as an index into what CPUs have: Linux 6.12 forgets that one's bounds when this one, plus
	 * something, is compared. */
	return ir_call_apart(c->fn, BPF_FUNC_get_smp_processor_id);
}

static Ref
lower_numaid(Comp *c, Node *n)
{
	(void)n;
	return plain(c, BPF_FUNC_get_numa_node_id);
}

static Ref
lower_rand(Comp *c, Node *n)
{
	(void)n;
	return plain(c, BPF_FUNC_get_prandom_u32);
}

static Ref
lower_cgroup(Comp *c, Node *n)
{
	(void)n;
	return plain(c, BPF_FUNC_get_current_cgroup_id);
}

static const Type *
check_ncpus(Comp *c, Node *n)
{
	(void)c, (void)n;
	return type_int(8, false);
}

static Ref
lower_ncpus(Comp *c, Node *n)
{
	(void)n;
	return ir_const(c->fn, host_cpus());
}

static Ref
lower_cpid(Comp *c, Node *n)
{
	(void)n;
	return ir_const(c->fn, c->opt->cpid);
}

static const Type *
check_cpid(Comp *c, Node *n)
{
	if (!c->opt->cpid)
		comp_warn(c, n->at, W_CPID, "cpid is 0: no command was given with -c");
	return type_int(8, false);
}

static const Type *
check_has_cpid(Comp *c, Node *n)
{
	(void)c;
	n->num = c->opt->cpid != 0;
	n->fixed = true;
	return &ty_bool;
}

static Ref
lower_num(Comp *c, Node *n)
{
	return ir_const(c->fn, (s64)n->num);
}

/* ---- comm ---- */

static const Type *
check_comm(Comp *c, Node *n)
{
	(void)n;
	return type_string(c->ts, 16);
}

static void
into_comm(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	u32 size = MIN(as->size, 16u);

	(void)n;
	/* Linux 5.19 to 6.3 leaves what stands behind the name's last word as it was: keys of one name would differ. */
	if (clean)
		ir_zero(c->fn, base, off, size);
	IR_CALL(c->fn, BPF_FUNC_get_current_comm, offset(c, base, off), ir_const(c->fn, size));
	if (clean && as->size > size)
		ir_zero(c->fn, base, off + (s32)size, as->size - size);
}

/* ---- struct task_struct ---- */

static const Type *
task_type(Comp *c, Node *n)
{
	const Type *t = type_find(c->ts, "struct task_struct");

	if (!t) {
		comp_err(c, n->at, E_TYPE, "%s needs the kernel's BTF, which is not there", n->name);
		return &ty_error;
	}
	return t;
}

static const Type *
check_curtask(Comp *c, Node *n)
{
	const Type *t = type_find(c->ts, "struct task_struct");

	(void)n;
	return t ? type_ptr(c->ts, t, AS_KERNEL) : type_int(8, false);
}

static Ref
lower_curtask(Comp *c, Node *n)
{
	(void)n;
	return plain(c, BPF_FUNC_get_current_task);
}

/* The value of a member of the call's task (the current one, if it names none), through `steps` pointers of struct task_struct. */
static Val
task_member(Comp *c, Node *n, const char *const *steps)
{
	const Type *t = type_find(c->ts, "struct task_struct");
	Val v = { .type = t, .where = W_FAR, .space = AS_KERNEL,
		  .r = n->n ? lower_int(c, n->list[0]) : plain(c, BPF_FUNC_get_current_task) };
	Field f;

	for (; *steps; steps++) {
		if (!type_field(c->ts, t, interns(*steps), &f))
			return val_reg(type_int(8, false), ir_const(c->fn, 0));
		v = val_part(v, f.offset, f.type);
		if (f.type->kind == TY_PTR) {
			v.r = val_load(c, v).r;
			v.off = 0;
			v.type = t;
		}
	}
	return v;
}

static const Type *
check_task_id(Comp *c, Node *n)
{
	return task_type(c, n) == &ty_error ? &ty_error : type_int(4, false);
}

static Ref
lower_ppid(Comp *c, Node *n)
{
	static const char *const path[] = { "real_parent", "tgid", NULL };

	return val_load(c, task_member(c, n, path)).r;
}

static Ref
lower_leader_tid(Comp *c, Node *n)
{
	static const char *const path[] = { "group_leader", "pid", NULL };

	return val_load(c, task_member(c, n, path)).r;
}

static const Type *
check_task_comm(Comp *c, Node *n)
{
	return task_type(c, n) == &ty_error ? &ty_error : type_string(c->ts, 16);
}

static void
into_member_comm(Comp *c, Node *n, const char *parent, const Type *as, Ref base, s32 off)
{
	const char *const path[] = { parent, "comm", NULL };
	Val v = task_member(c, n, path);

	v.type = type_string(c->ts, 16);
	val_store(c, v, as, base, off, true);
}

static void
into_pcomm(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	(void)clean;
	into_member_comm(c, n, "real_parent", as, base, off);
}

static void
into_leader_comm(Comp *c, Node *n, const Type *as, Ref base, s32 off, bool clean)
{
	(void)clean;
	into_member_comm(c, n, "group_leader", as, base, off);
}

const Builtin builtins_process[] = {
	{ "pid",         "?x", B_VAR | B_WORDS, check_id, lower_pid },
	{ "tid",         "?x", B_VAR | B_WORDS, check_id, lower_tid },
	{ "uid",         "", B_VAR, check_u64, lower_uid },
	{ "gid",         "", B_VAR, check_u64, lower_gid },
	{ "username",    "", B_VAR, check_username, lower_uid },
	{ "cpu",         "", B_VAR, check_u64, lower_cpu },
	{ "numaid",      "", B_VAR, check_u64, lower_numaid },
	{ "ncpus",       "", B_VAR, check_ncpus, lower_ncpus },
	{ "rand",        "", B_VAR, check_u64, lower_rand },
	{ "cgroup",      "", B_VAR, check_u64, lower_cgroup },
	{ "cpid",        "", B_VAR, check_cpid, lower_cpid },
	{ "has_cpid",    "", B_VAR, check_has_cpid, lower_num },
	{ "comm",        "", B_VAR, check_comm, NULL, into_comm },
	{ "curtask",     "", B_VAR, check_curtask, lower_curtask },
	{ "ppid",        "?p", B_VAR, check_task_id, lower_ppid },
	{ "leader_tid",  "?p", B_VAR, check_task_id, lower_leader_tid },
	{ "pcomm",       "?p", B_VAR, check_task_comm, NULL, into_pcomm },
	{ "leader_comm", "?p", B_VAR, check_task_comm, NULL, into_leader_comm },
	{ NULL },
};
