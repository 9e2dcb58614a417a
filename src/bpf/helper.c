/* helper: the rows of helpers.def, by number and by name, and those of kfuncs.def. */
#include "bpf/bpf.h"

enum { C = HE_CONST, R = HE_READS, W = HE_WRITES, M = HE_MAP_WRITES, I = HE_IO };

static const Helper rows[] = {
#define HELPER(id, name, sig, effects, gpl, types) [id] = { id, #name, sig, effects, gpl, types },
#include "bpf/helpers.def"
#undef HELPER
};

/* Helpers that users of the machine brought along, by number from BPF_OWN_HELPERS on. Set once, read without a lock. */
static Helper own[64];
static u32 own_set[64];

const Helper *
bpf_helper(u32 id)
{
	u32 i = id - BPF_OWN_HELPERS;

	if (i < COUNT(own))
		return __atomic_load_n(&own_set[i], __ATOMIC_ACQUIRE) == 2 ? &own[i] : NULL;
	return id < COUNT(rows) && rows[id].name ? &rows[id] : NULL;
}

bool
bpf_helper_add(const Helper *h)
{
	u32 i = h->id - BPF_OWN_HELPERS, none = 0;

	if (i >= COUNT(own) || !__atomic_compare_exchange_n(&own_set[i], &none, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	own[i] = *h;
	__atomic_store_n(&own_set[i], 2, __ATOMIC_RELEASE);
	return true;
}

const Helper *
bpf_helper_named(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].name && !strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

#define T(id) ((u64)1 << (id))
#define ALL (~(u64)0)
#define TRACE (T(5) | T(7) | T(31))
#define CGROUP (T(8) | T(9) | T(13) | T(15) | T(18) | T(23) | T(25))
#define GENERIC (TRACE | CGROUP | T(3) | T(6))
#define ACQUIRE KF_ACQUIRE
#define RELEASE KF_RELEASE
#define NULL_RESULT KF_NULL_RESULT
#define SLEEPS KF_SLEEPS
#define TRUSTED KF_TRUSTED
#define RCU KF_RCU
static const Kfunc kfuncs[] = {
#define KFUNC(name, sig, flags, types, object) { #name, sig, flags, types, object },
#include "bpf/kfuncs.def"
#undef KFUNC
};

const Kfunc *
bpf_kfunc_named(const char *name)
{
	for (size_t i = 0; i < COUNT(kfuncs); i++)
		if (!strcmp(kfuncs[i].name, name))
			return &kfuncs[i];
	return NULL;
}
