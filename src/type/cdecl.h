/* cdecl: what the files that read declarations share. Locals: p parse, t type or token, a attributes. */
#ifndef TYPE_CDECL_H
#define TYPE_CDECL_H

#include "type/c.h"

enum { MAX_DEPTH = 100 };

typedef struct Attributes { bool packed; u32 aligned; } Attributes;

static inline const CTok *
tok(const CParse *p)
{
	return &p->t[p->i];
}

static inline bool
is(const CParse *p, const char *word)
{
	return c_is(tok(p), word);
}

static inline bool
accept(CParse *p, const char *word)
{
	if (!is(p, word))
		return false;
	p->i++;
	return true;
}

/* cdecl.c */
void c_error(CParse *p, const CTok *t, const char *fmt, ...);
bool c_expect(CParse *p, const char *word);     /* or an error */
void c_skip_group(CParse *p);
bool c_decoration(CParse *p, Attributes *a);    /* reads one attribute, qualifier or storage class, if there is one */
const Type *c_specifiers(CParse *p, Attributes *a, bool *is_typedef);
/* t with what stands around the name; *name stays if there is none. */
const Type *c_declarator(CParse *p, const Type *t, const CTok **name, Attributes *a);
const Type *c_settle(const Type *t);            /* what a name may stand for: char becomes int8 */

/* cdecl_body.c: behind the word "struct", "union" or "enum". */
const Type *c_struct_or_union(CParse *p, bool is_union);
const Type *c_enumeration(CParse *p);

#endif
