/* What the files of type/ share and others do not see. */
#ifndef TYPE_INSIDE_H
#define TYPE_INSIDE_H

#include "type/type.h"

typedef struct Cpp Cpp;

struct Types {
	Arena *a;
	Map derived;                    /* key bytes of pointers, arrays, tuples, ... -> Type */
	Map named;                      /* "struct x", "pid_t" -> Type, as defined by type_define */
	Map later;                      /* struct pointer -> Later */
	Map enumerators;                /* "NAME" -> Enumerator */
	bool in_macro;                  /* c_macro_value is at work: what names are left in the text are no macros */
	Cpp *cpp;                       /* macros and include folders, once there is C text */
	TypeFind *elsewhere;            /* asked before BTF, or NULL */
	void *elsewhere_arg;
	bool asking;
	const char *btf_path;           /* NULL: the default; "": none */
	bool btf_tried;
	struct Btf *btf;                /* vmlinux, then the modules that were asked for */
	struct Btf *added;              /* by type_btf_add(): searched by their own names only */
};

typedef struct Later { TypeFill *fill; void *arg; u64 id; bool done; } Later;
typedef struct Enumerator { s64 value; const Type *type; } Enumerator;

/* btf.c; a type's record is a head (struct btf_type) and what its kind brings. NULL: no such id. */
typedef struct BtfHead { u32 name, info, size; } BtfHead;
#define BTF_KIND_OF(h) ((h)->info >> 24 & 31)
#define BTF_VLEN_OF(h) ((h)->info & 0xffff)
const BtfHead *btf_head(struct Btf *b, u32 id);
const char *btf_str(const struct Btf *b, u32 off);      /* "" for what is none */
void btf_free(struct Btf *b);

/* btf_name.c */
const Type *btf_find(Types *ts, char kind, const char *name, size_t n);   /* kind: 's' 'u' 'e' 't'(ypedef) 'i'(nt) */
bool btf_enumerator(Types *ts, const char *name, s64 *value, const Type **type);

/* btf_type.c */
void btf_complete(Types *ts, Type *t);                  /* fills in members, size, align of a struct with a BTF id */
void btf_adopt(Types *ts, Type *t);                     /* the same of a struct that C text only names, if BTF has one */

/* cmacro.c: the number that a macro of the script's C stands for. */
bool c_macro_value(Types *ts, const char *name, s64 *value, const Type **type);

#endif
