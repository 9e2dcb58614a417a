/* btf: what the files that read BTF share: a blob, and its records one by one. Locals: b blob, h head of a record. */
#ifndef TYPE_BTF_H
#define TYPE_BTF_H

#include "type/inside.h"

#include <linux/btf.h>

/* Kinds that linux/btf.h of the build machine may lack. */
enum { K_FLOAT = 16, K_DECL_TAG = 17, K_TYPE_TAG = 18, K_ENUM64 = 19, N_KIND = 20 };

typedef struct Btf Btf;
struct Btf {
	HostMap map;
	const u8 *types;
	const char *strs;
	u32 types_len, strs_len;
	u32 first_id, str_base;         /* 1 and 0, or behind the base's */
	Btf *base, *next;               /* vmlinux of a module; the next module */
	const char *module;             /* NULL: vmlinux; "bpf:ID": a BPF program's, that stands alone */
	u32 *index, n_index, cap_index; /* offset of type first_id + STEP * i */
	u32 end_id, end_off;            /* how far the index was made: the next type to be seen */
	bool whole;
	bool swept;                     /* of vmlinux: all modules were opened */
	Map by_id;                      /* id -> Type */
	Map by_name;                    /* kind letter and name -> Type, or &ty_error for none */
	Map funcs;                      /* name of a function -> id, made when many were asked for */
	u32 funcs_asked;
};

typedef BtfHead Head;
#define KIND(h) BTF_KIND_OF(h)
#define VLEN(h) BTF_VLEN_OF(h)

/* bytes behind the 12 of the header: fixed, and per vlen */
typedef struct BtfExtra { u8 fixed, each; } BtfExtra;
extern const BtfExtra btf_extra[N_KIND];

/* Bytes of the record at off; 0 if it does not fit or is of no known kind. */
static inline u32
record_size(const Btf *b, u32 off)
{
	const Head *h = (const Head *)(b->types + off);
	u32 kind, n;

	if (b->types_len - off < 12)
		return 0;
	kind = KIND(h);
	if (!kind || kind >= N_KIND)
		return 0;
	n = 12 + btf_extra[kind].fixed + btf_extra[kind].each * VLEN(h);
	return n <= b->types_len - off ? n : 0;
}

/* btf.c */
const Head *btf_extend(Btf *b);         /* the next type that no pass came to; NULL at the end */
Btf *btf_vmlinux(Types *ts);            /* NULL: there is no BTF */
Btf *btf_module(Types *ts, const char *name);
Btf *btf_next(Types *ts, Btf *b);

/* btf_type.c */
const Type *btf_convert(Types *ts, Btf *b, u32 id, int depth);  /* depth: 0 */

#endif
