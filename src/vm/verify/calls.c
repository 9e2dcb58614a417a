/* calls: functions of the program and callbacks of helpers; leaving a function; which helper takes which map. */
#include "vm/verify/call.h"

static Frame *
enter(Verifier *v, State *s, s32 callsite, int sub)
{
	Frame *f;

	if (s->cur + 1 >= MAX_FRAMES) {
		vf_refuse(v, "the call stack of %u frames is too deep", s->cur + 2);
		return NULL;
	}
	f = vf_frame_new(v, callsite, (u32)sub);
	f->reg[BPF_REG_10].frame = (u8)(s->cur + 1);
	s->frame[++s->cur] = f;
	return f;
}

static void
clobber(Frame *f)
{
	for (int i = 0; i <= 5; i++)
		vf_reg_none(&f->reg[i]);
}

bool
vf_call_sub(Verifier *v, int sub)
{
	Frame *caller = vf_frame_of(v), *f;

	v->sub[sub].called = true;
	if (v->sub[sub].global) {
		if (v->s->lock_map)
			return vf_refuse(v, "global function calls are not allowed while holding a lock");
		if (!vf_check_global_args(v, sub))
			return false;
		clobber(caller);
		vf_reg_unknown(&caller->reg[0]);
		return true;
	}
	f = enter(v, v->s, v->pc, sub);
	if (!f)
		return false;
	for (int i = 1; i <= 5; i++)
		f->reg[i] = caller->reg[i];
	clobber(caller);
	v->pc = v->sub[sub].start - 1;
	return true;
}

static bool
iterable(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_ARRAY: case BPF_MAP_TYPE_PERCPU_ARRAY: case BPF_MAP_TYPE_HASH: case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH: case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return true;
	}
	return false;
}

static void
map_triple(Verifier *v, Frame *f, const CallMeta *m)
{
	(void)v;
	vf_reg_pointer(&f->reg[1], R_MAP, 0);
	vf_reg_pointer(&f->reg[2], R_KEY, 0);
	vf_reg_pointer(&f->reg[3], R_VALUE, 0);
	for (int i = 1; i <= 3; i++)
		f->reg[i].map = m->map_index;
	f->reg[1].uid = f->reg[3].uid = m->map_uid;
}

/* The callback's first instruction is walked later, from here; the call itself goes on as if it had come to its end. */
bool
vf_call_back(Verifier *v, CallMeta *m)
{
	u32 id = m->h->id;
	bool async = id == BPF_FUNC_timer_set_callback;
	Reg *regs = vf_regs_of(v);
	State *s;
	Frame *f, *caller;

	if (id == BPF_FUNC_for_each_map_elem && !iterable(m->map->type))
		return vf_refuse(v, "callback function not allowed for map");
	if (v->sub[m->sub].global)
		return vf_refuse(v, "callback function not static");
	if (id == BPF_FUNC_loop) {
		vf_mark_reg_precise(v, 1);
		if (vf_frame_of(v)->callback_depth >= regs[1].umax) {
			vf_frame_of(v)->callback_depth = 0;
			return true;
		}
	}
	if (async) {
		v->sub[m->sub].async_cb = true;
		s = vf_push_async(v, m->sub);
		f = s->frame[0];
		f->ret_hi = 0;
		map_triple(v, f, m);
		f->async = f->callback = true;
		return true;
	}
	s = vf_push_branch(v, v->sub[m->sub].start);
	vf_path_add(v, s, v->pc, true);
	caller = s->frame[s->cur];
	f = enter(v, s, v->pc, m->sub);
	if (!f)
		return false;
	f->callback = true;
	f->ret_hi = 1;
	s->unroll_depth++;
	caller->callback_depth++;
	vf_frame_of(v)->callback_depth = 0;
	switch (id) {
	case BPF_FUNC_loop:
		vf_reg_unknown(&f->reg[1]);
		f->reg[2] = caller->reg[3];
		break;
	case BPF_FUNC_for_each_map_elem:
		map_triple(v, f, m);
		f->reg[4] = caller->reg[3];
		break;
	case BPF_FUNC_find_vma:
		vf_object_pointer(v, &f->reg[1], "task_struct", F_TRUSTED);
		vf_object_pointer(v, &f->reg[2], "vm_area_struct", F_TRUSTED);
		f->reg[3] = caller->reg[4];
		break;
	case BPF_FUNC_user_ringbuf_drain:
		vf_reg_pointer(&f->reg[1], R_DYNPTR, F_RDONLY);
		f->reg[2] = caller->reg[3];
		break;
	}
	return true;
}

static bool
check_range(Verifier *v, const Reg *r, s64 lo, s64 hi, bool sub32, const char *where)
{
	s64 min = sub32 ? r->s32min : r->smin, max = sub32 ? r->s32max : r->smax;

	if (lo <= min && max <= hi)
		return true;
	vf_remedy(v, "Set r0 to a value in the range on every path before exit.");
	if (r->smin == INT64_MIN && r->smax == INT64_MAX)
		return vf_refuse_reg(v, 0, "%s the register R0 has unknown scalar value should have been in [%lld, %lld]", where,
				  (long long)lo, (long long)hi);
	return vf_refuse_reg(v, 0, "%s the register R0 has smin=%lld smax=%lld should have been in [%lld, %lld]", where,
			  (long long)r->smin, (long long)r->smax, (long long)lo, (long long)hi);
}

static bool
check_result(Verifier *v)
{
	const Frame *f = vf_frame_of(v);
	const Reg *r = &f->reg[0];
	s32 lo, hi;

	if (!vf_use_reg(v, 0))
		return false;
	if (vf_secret(v, r))
		return vf_refuse_reg(v, 0, "R0 leaks addr as return value");
	if (f->async)
		return (r->kind == R_SCALAR || vf_refuse_reg(v, 0, "At async callback return the register R0 is not a known value (%s)",
							  vf_kind_name(v, r))) &&
			(vf_mark_reg_precise(v, 0), check_range(v, r, 0, f->ret_hi, false, "At async callback return"));
	if (v->sub_id)
		return r->kind == R_SCALAR ||
			vf_refuse_reg(v, 0, "At subprogram exit the register R0 is not a scalar value (%s)", vf_kind_name(v, r));
	if (!vf_ctx_return_range(v->code, &lo, &hi))
		return true;
	if (r->kind != R_SCALAR)
		return vf_refuse_reg(v, 0, "At program exit the register R0 is not a known value (%s)", vf_kind_name(v, r));
	vf_mark_reg_precise(v, 0);
	return check_range(v, r, lo, hi, false, "At program exit");
}

/* An exception leaves the whole program, from any depth of calls; its cookie is the result. */
bool
vf_throw(Verifier *v)
{
	const Reg *r = &vf_regs_of(v)[1];
	s32 lo, hi;

	if (!vf_check_leave(v, "bpf_throw"))
		return false;
	v->thrown = true;
	if (!vf_ctx_return_range(v->code, &lo, &hi))
		return true;
	vf_mark_reg_precise(v, 1);
	return check_range(v, r, lo, hi, false, "At program exit by bpf_throw");
}

static bool
leave_callback(Verifier *v, const Frame *f)
{
	const Reg *r = &f->reg[0];

	if (r->kind != R_SCALAR)
		return vf_refuse_reg(v, 0, "R0 not a scalar value");
	vf_mark_precise(v, r->deps);
	return check_range(v, r, 0, f->ret_hi, false, "At callback return");
}

int
vf_do_exit(Verifier *v)
{
	State *s = v->s;
	Frame *f = vf_frame_of(v);
	bool callback = f->callback;

	if (s->cur == 0) {
		if (!vf_check_leave(v, "BPF_EXIT instruction in main prog") || !check_result(v))
			return -1;
		return 0;
	}
	if (f->reg[0].kind == R_STACK) {
		vf_refuse_reg(v, 0, "cannot return stack pointer to the caller");
		return -1;
	}
	if (callback && !leave_callback(v, f))
		return -1;
	if (!callback)
		s->frame[s->cur - 1]->reg[0] = f->reg[0];
	v->pc = callback ? f->callsite : f->callsite + 1;
	vf_frame_free(v, f);
	s->frame[s->cur--] = NULL;
	if (callback)
		vf_widen_from_entry(v, s, s->parent);
	return 1;
}

/* ---- helpers and maps ---- */

#define H(h) BPF_FUNC_##h
#define M(t) BPF_MAP_TYPE_##t
/* Maps that only these helpers take. */
static const struct { u8 map; u8 helper[8]; } only[] = {
	{ M(PROG_ARRAY), { H(tail_call) } },
	{ M(PERF_EVENT_ARRAY), { H(perf_event_read), H(perf_event_output), H(skb_output), H(perf_event_read_value), H(xdp_output) } },
	{ M(RINGBUF), { H(ringbuf_output), H(ringbuf_reserve), H(ringbuf_query), H(ringbuf_reserve_dynptr), H(ringbuf_submit_dynptr),
			H(ringbuf_discard_dynptr) } },
	{ M(USER_RINGBUF), { H(user_ringbuf_drain) } },
	{ M(STACK_TRACE), { H(get_stackid) } },
	{ M(CGROUP_ARRAY), { H(skb_under_cgroup), H(current_task_under_cgroup) } },
	{ M(CGROUP_STORAGE), { H(get_local_storage) } },
	{ M(PERCPU_CGROUP_STORAGE), { H(get_local_storage) } },
	{ M(DEVMAP), { H(redirect_map), H(map_lookup_elem) } },
	{ M(DEVMAP_HASH), { H(redirect_map), H(map_lookup_elem) } },
	{ M(CPUMAP), { H(redirect_map) } },
	{ M(XSKMAP), { H(redirect_map), H(map_lookup_elem) } },
	{ M(ARRAY_OF_MAPS), { H(map_lookup_elem) } },
	{ M(HASH_OF_MAPS), { H(map_lookup_elem) } },
	{ M(SOCKMAP), { H(sk_redirect_map), H(sock_map_update), H(map_delete_elem), H(msg_redirect_map), H(sk_select_reuseport),
			H(map_lookup_elem), H(map_update_elem) } },
	{ M(SOCKHASH), { H(sk_redirect_hash), H(sock_hash_update), H(map_delete_elem), H(msg_redirect_hash), H(sk_select_reuseport),
			 H(map_lookup_elem), H(map_update_elem) } },
	{ M(REUSEPORT_SOCKARRAY), { H(sk_select_reuseport) } },
	{ M(QUEUE), { H(map_peek_elem), H(map_pop_elem), H(map_push_elem) } },
	{ M(STACK), { H(map_peek_elem), H(map_pop_elem), H(map_push_elem) } },
	{ M(BLOOM_FILTER), { H(map_peek_elem), H(map_push_elem) } },
	{ M(SK_STORAGE), { H(sk_storage_get), H(sk_storage_delete), H(kptr_xchg) } },
	{ M(INODE_STORAGE), { H(inode_storage_get), H(inode_storage_delete), H(kptr_xchg) } },
	{ M(TASK_STORAGE), { H(task_storage_get), H(task_storage_delete), H(kptr_xchg) } },
};

/* Helpers that only take these maps. */
static const struct { u8 helper; u8 map[5]; } needs[] = {
	{ H(tail_call), { M(PROG_ARRAY) } },
	{ H(perf_event_read), { M(PERF_EVENT_ARRAY) } }, { H(perf_event_output), { M(PERF_EVENT_ARRAY) } },
	{ H(perf_event_read_value), { M(PERF_EVENT_ARRAY) } }, { H(skb_output), { M(PERF_EVENT_ARRAY) } },
	{ H(xdp_output), { M(PERF_EVENT_ARRAY) } },
	{ H(ringbuf_output), { M(RINGBUF) } }, { H(ringbuf_reserve), { M(RINGBUF) } }, { H(ringbuf_query), { M(RINGBUF) } },
	{ H(ringbuf_reserve_dynptr), { M(RINGBUF) } }, { H(user_ringbuf_drain), { M(USER_RINGBUF) } },
	{ H(get_stackid), { M(STACK_TRACE) } },
	{ H(current_task_under_cgroup), { M(CGROUP_ARRAY) } }, { H(skb_under_cgroup), { M(CGROUP_ARRAY) } },
	{ H(redirect_map), { M(DEVMAP), M(DEVMAP_HASH), M(CPUMAP), M(XSKMAP) } },
	{ H(sk_redirect_map), { M(SOCKMAP) } }, { H(msg_redirect_map), { M(SOCKMAP) } }, { H(sock_map_update), { M(SOCKMAP) } },
	{ H(sk_redirect_hash), { M(SOCKHASH) } }, { H(msg_redirect_hash), { M(SOCKHASH) } }, { H(sock_hash_update), { M(SOCKHASH) } },
	{ H(get_local_storage), { M(CGROUP_STORAGE), M(PERCPU_CGROUP_STORAGE) } },
	{ H(sk_select_reuseport), { M(REUSEPORT_SOCKARRAY), M(SOCKMAP), M(SOCKHASH) } },
	{ H(map_pop_elem), { M(QUEUE), M(STACK) } },
	{ H(map_peek_elem), { M(QUEUE), M(STACK), M(BLOOM_FILTER) } }, { H(map_push_elem), { M(QUEUE), M(STACK), M(BLOOM_FILTER) } },
	{ H(map_lookup_percpu_elem), { M(PERCPU_ARRAY), M(PERCPU_HASH), M(LRU_PERCPU_HASH) } },
	{ H(sk_storage_get), { M(SK_STORAGE) } }, { H(sk_storage_delete), { M(SK_STORAGE) } },
	{ H(inode_storage_get), { M(INODE_STORAGE) } }, { H(inode_storage_delete), { M(INODE_STORAGE) } },
	{ H(task_storage_get), { M(TASK_STORAGE) } }, { H(task_storage_delete), { M(TASK_STORAGE) } },
	{ H(for_each_map_elem), { M(ARRAY), M(PERCPU_ARRAY), M(HASH), M(PERCPU_HASH), M(LRU_HASH) } },
};

/* Types of programs that may change socket maps. */
static bool
may_update_sockets(const Verifier *v, u32 id)
{
	switch (v->code->prog_type) {
	case BPF_PROG_TYPE_SOCK_OPS:
		return id == BPF_FUNC_map_delete_elem;
	case BPF_PROG_TYPE_SOCKET_FILTER: case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT: case BPF_PROG_TYPE_FLOW_DISSECTOR: case BPF_PROG_TYPE_SK_LOOKUP:
		return true;
	}
	return false;
}

bool
vf_helper_fits_map(Verifier *v, const MapDef *map, u32 id)
{
	bool ok = true;

	for (size_t i = 0; i < COUNT(only); i++)
		if (only[i].map == map->type)
			ok = memchr(only[i].helper, (int)id, COUNT(only[i].helper)) != NULL;
	for (size_t i = 0; i < COUNT(needs); i++)
		if (needs[i].helper == id && !(id == BPF_FUNC_for_each_map_elem))
			ok &= memchr(needs[i].map, (int)map->type, COUNT(needs[i].map)) != NULL;
	if ((map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH) &&
	    (id == BPF_FUNC_map_update_elem || id == BPF_FUNC_map_delete_elem))
		ok &= may_update_sockets(v, id);
	if (ok)
		return true;
	return vf_refuse(v, "cannot pass map_type %u into func bpf_%s#%u", map->type, bpf_helper(id)->name, id);
}

/* The head of struct bpf_map as programs may read it (6.18): start, width of the fields, number of them; width 0: bytes. */
static const struct { u16 off, end; u8 width; bool pointer; } map_head[] = {
	{ 0, 32, 0, false }, { 32, 36, 4, false }, { 40, 64, 8, true }, { 64, 80, 4, false }, { 80, 88, 8, false },
	{ 88, 96, 4, false }, { 96, 104, 8, true }, { 104, 120, 4, false }, { 120, 136, 8, true }, { 136, 152, 0, false },
	{ 152, 160, 8, false }, { 160, 168, 4, false }, { 168, 184, 8, true }, { 184, 208, 8, false }, { 208, 232, 8, true },
	{ 232, 240, 8, false }, { 240, 244, 4, false }, { 248, 256, 8, true },
};

bool
vf_map_struct_access(Verifier *v, int reg, s32 off, u32 size)
{
	for (size_t i = 0; i < COUNT(map_head); i++) {
		u32 at = (u32)off - map_head[i].off, w = map_head[i].width;

		if ((u32)off < map_head[i].off || (u32)off >= map_head[i].end)
			continue;
		if (map_head[i].pointer ? at % 8 == 0 && size == 8 : w ? at % w + size <= w : (u32)off + size <= map_head[i].end)
			return true;
	}
	return vf_refuse_reg(v, reg, "cannot access struct bpf_map with off %d size %u", off, size);
}
