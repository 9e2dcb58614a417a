/* What the files of type/ share and others do not see. */
#ifndef TYPE_INSIDE_H
#define TYPE_INSIDE_H

#include "type/type.h"

struct Types {
	Arena *a;
	Map derived;                    /* key bytes of pointers, arrays, tuples, ... -> Type */
	Map named;                      /* "struct x", "pid_t" -> Type, as defined by type_define */
	Map enumerators;                /* "NAME" -> Enumerator */
	const char *btf_path;           /* NULL: the default; "": none */
	bool btf_tried;
	struct Btf *btf;                /* vmlinux, then the modules that were asked for */
};

typedef struct Enumerator { s64 value; const Type *type; } Enumerator;

/* btf.c */
const Type *btf_find(Types *ts, char kind, const char *name, size_t n);   /* kind: 's' 'u' 'e' 't'(ypedef) 'i'(nt) */
void btf_complete(Types *ts, Type *t);                  /* fills in members, size, align of a struct with a BTF id */
bool btf_enumerator(Types *ts, const char *name, s64 *value, const Type **type);
void btf_free(struct Btf *b);

#endif
