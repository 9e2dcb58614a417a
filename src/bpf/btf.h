/* btf: reads the type information that programs carry, as far as loading and verifying need it. For files of bpf/ and vm/;
 * the types of kernels are type/'s. The blob is suspect: nothing outside it is touched. */
#ifndef BPF_BTF_H
#define BPF_BTF_H

#include "bpf/bpf.h"

enum { BTF_INT = 1, BTF_PTR, BTF_ARRAY, BTF_STRUCT, BTF_UNION, BTF_ENUM, BTF_FWD, BTF_TYPEDEF, BTF_VOLATILE, BTF_CONST, BTF_RESTRICT,
       BTF_FUNC, BTF_FUNC_PROTO, BTF_VAR, BTF_DATASEC, BTF_FLOAT, BTF_DECL_TAG, BTF_TYPE_TAG, BTF_ENUM64 };

typedef struct BtfBlob { const u8 *types; u32 n_types; const char *strings; u32 n_strings; u32 *at, n; } BtfBlob;
/* One type: its three words (size is also the type pointed to) and what follows. */
typedef struct BtfItem { u32 name, info, size; const u8 *rest; u32 n_rest; } BtfItem;

bool bpf_btf_open(Arena *a, const void *p, u64 n, BtfBlob *b);  /* false: malformed */
bool bpf_btf_at(const BtfBlob *b, u32 id, BtfItem *t);
bool bpf_btf_plain(const BtfBlob *b, u32 id, BtfItem *t);       /* behind typedefs and qualifiers */
u32 bpf_btf_size(const BtfBlob *b, u32 id);                     /* bytes, 0 if it has none */
const char *bpf_btf_name(const BtfBlob *b, u32 off);            /* "" if there is none */
static inline u32 bpf_btf_kind(const BtfItem *t) { return t->info >> 24 & 31; }
static inline u32 bpf_btf_vlen(const BtfItem *t) { return t->info & 0xffff; }

#endif
