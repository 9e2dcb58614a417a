/* What the arguments of one helper call have told so far. */
#ifndef VM_VERIFY_CALL_H
#define VM_VERIFY_CALL_H

#include "vm/verify/verify.h"

struct CallMeta {
	const Helper *h;
	const MapDef *map;
	u32 map_index, map_uid;
	bool raw;               /* the memory argument is only written */
	int raw_reg;            /* and these bytes of stack get values by the call */
	u32 raw_size;
	int release;            /* register to be released, or 0 */
	u32 ref;
	u64 msize;              /* greatest size argument */
	u32 mem_size;
	s64 key;                /* constant key of an array, or -1 */
	int sub;                /* callback */
	u32 dynptr_id, dynptr_ref;
	int dynptr_new, dynptr_kind;
	int dynptr_from;        /* kind that a kernel function makes */
	bool dynptr_rdonly;
	bool clone;             /* the new dynptr is what the other one is */
	u32 iter_ref;
	const char *kptr;       /* struct of the field that kptr_xchg exchanges */
};

/* arg.c */
bool vf_check_arg(Verifier *v, int reg, const char *sig, CallMeta *m);
const MapField *vf_map_field(const MapDef *m, MapFieldKind kind);       /* NULL: its values have none */

/* dynptr.c */
enum { DYN_LOCAL = 1, DYN_RINGBUF, DYN_SKB, DYN_XDP, DYN_SKB_META };
bool vf_dynptr_overwritten(Verifier *v, Frame *f, u32 slot);       /* a store hits the slot; false: refused */
bool vf_dynptr_arg(Verifier *v, int reg, char letter, CallMeta *m);
bool vf_dynptr_after(Verifier *v, CallMeta *m);

/* call.c */
bool vf_helper_changes_packet(u32 id);
bool vf_helper_sleeps(u32 id);
void vf_forget_packets(Verifier *v);   /* pointers into the packet are no longer */

/* calls.c: functions of the program, callbacks */
bool vf_call_sub(Verifier *v, int sub);
bool vf_call_back(Verifier *v, CallMeta *m);
State *vf_push_async(Verifier *v, int sub);
bool vf_throw(Verifier *v);            /* bpf_throw: may it leave here? The path ends. */

/* global.c */
bool vf_global_find(Verifier *v);
bool vf_check_global_args(Verifier *v, int sub);
bool vf_global_args(Verifier *v, int sub, Frame *f);
bool vf_map_struct_access(Verifier *v, int reg, s32 off, u32 size);
bool vf_helper_fits_map(Verifier *v, const MapDef *map, u32 id);

#endif
