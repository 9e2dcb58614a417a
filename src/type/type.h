/* type: what a value is and how it lies in memory. Comes in: names, C declarations, BTF. Goes out: Types,
 * one pointer per distinct type, so equal types compare by == (structs by definition).
 * Called by lang/, probe/, out/, sym/. BTF is read on demand: nothing is indexed before a name is asked for,
 * members of a struct are filled in at the first type_fields().
 * Never here: values, printing of values, kernels.
 * Locals: ts types, t type, f field. */
#ifndef TYPE_TYPE_H
#define TYPE_TYPE_H

#include "base/base.h"

typedef enum TypeKind {
	TY_ERROR,               /* already reported; silences what follows */
	TY_NONE,                /* statement-like calls give this (void); with a size: a floating-point member */
	TY_BOOL, TY_INT, TY_ENUM, TY_PTR, TY_ARRAY, TY_STRUCT, TY_FUNC,
	TY_STRING,              /* size bytes, NUL-terminated unless full */
	TY_BUFFER,              /* u32 length, then size - 4 bytes */
	TY_TUPLE, TY_RECORD,    /* fields; a tuple's have no name */
	/* printed only; the integer or bytes that they carry lie in size bytes */
	TY_KSYM, TY_USYM,       /* u64 address; usym: + u32 pid, u32 probe id */
	TY_KSTACK, TY_USTACK,   /* see out/out.h "stacks" */
	TY_INET, TY_MAC, TY_TIMESTAMP, TY_USERNAME, TY_CGROUP_PATH, TY_STRERROR, TY_SIGNAL, TY_SYSCALL, TY_PROBE,
	/* aggregations: only as map values */
	TY_COUNT, TY_SUM, TY_MIN, TY_MAX, TY_AVG, TY_STATS, TY_HIST, TY_LHIST, TY_TSERIES,
	N_TYPE_KIND
} TypeKind;

typedef enum AddrSpace { AS_NONE, AS_KERNEL, AS_USER, AS_BPF } AddrSpace;        /* what a pointer points into */

typedef struct Type Type;
typedef struct Field {
	const char *name;               /* interned; NULL or "": anonymous member or tuple element */
	const Type *type;
	u32 offset;                     /* bytes */
	u16 bit_offset, bit_size;       /* bitfield: bits from `offset` (little endian numbering), width; else 0 */
	bool data_loc;                  /* tracepoints: a __data_loc word, low 16 bits offset in the record, high 16 length */
	Span at;
} Field;

struct Type {
	u8 kind;
	bool sign;                      /* TY_INT, TY_ENUM, aggregations: signed */
	bool is_union, is_complete;     /* TY_STRUCT */
	u8 space;                       /* TY_PTR: AddrSpace */
	u8 mode;                        /* stacks: out's StackMode */
	u32 size, align;                /* bytes */
	u32 count;                      /* TY_ARRAY: elements; stacks: frames; TY_HIST: bits; strings: size again */
	const Type *elem;               /* TY_PTR, TY_ARRAY: of what; TY_ENUM: its integer; TY_FUNC: result */
	const char *name;               /* struct, enum, typedef'd integer: as printed; interned */
	Field *fields;                  /* struct, tuple, record; use type_fields() for structs */
	u32 n_fields;
	const struct EnumValue *values; /* TY_ENUM */
	u32 n_values;
	s64 min, max, step;             /* TY_LHIST; TY_TSERIES: interval, count, aggregation */
	u32 id;                         /* BTF id, or 0 */
	struct Btf *btf;                /* where id comes from */
};
typedef struct EnumValue { const char *name; s64 value; } EnumValue;

typedef struct Types Types;
Types *type_new(Arena *a);
void type_free(Types *ts);              /* unmaps BTF; types live in the arena */

/* types.c: constructors give the one pointer for their arguments */
extern const Type ty_error, ty_none, ty_bool;
const Type *type_int(u32 bytes, bool sign);             /* "int8" .. "uint64" */
const Type *type_float(u32 bytes);                      /* 4, 8, 16: a TY_NONE with a size, since BPF has no such values */
const Type *type_string(Types *ts, u32 size);
const Type *type_buffer(Types *ts, u32 size);           /* size: of the content */
const Type *type_ptr(Types *ts, const Type *elem, AddrSpace space);
const Type *type_array(Types *ts, const Type *elem, u32 n);
const Type *type_tuple(Types *ts, const Type *const *elem, u32 n);      /* laid out with natural alignment */
const Type *type_record(Types *ts, const char *const *names, const Type *const *elem, u32 n);
const Type *type_special(Types *ts, TypeKind kind, u32 size, bool sign, u32 count, u32 mode);   /* stacks, ksym, ..., aggregations */
const Type *type_lhist(Types *ts, s64 min, s64 max, s64 step);
const Type *type_tseries(Types *ts, s64 interval, s64 count, u32 agg, bool sign);       /* agg: 0 none, 'a' 'M' 'm' 's': avg max min sum */
const Type *type_text(Types *ts, TypeKind kind, const char *text, u32 mode);    /* TY_TIMESTAMP: strftime format; TY_CGROUP_PATH: glob or NULL; 8 bytes */
const Type *type_enum_new(Types *ts, const char *name, const Type *base, const EnumValue *values, u32 n);
const Type *type_func(Types *ts, const Type *result, Field *params, u32 n);
/* type_find(name) gives t from now on ("struct x", "pid_t"); type_enumerator(name) the value. */
void type_define(Types *ts, const char *name, const Type *t);
void type_define_value(Types *ts, const char *name, s64 value, const Type *t);
const Type *type_struct_new(Types *ts, const char *name, bool is_union);        /* incomplete; for cdecl, tracepoints, DWARF */
void type_struct_set(Types *ts, const Type *s, Field *fields, u32 n, u32 size, u32 align);
/* Sets offset, bit_offset and bit_size of a bitfield that starts bit_off bits into its struct; f->type is set. */
void type_place_bits(Field *f, u32 bit_off, u32 bits);
/* A struct made by type_struct_new whose members are asked for later: fill calls type_struct_set, or leaves it incomplete. */
typedef void TypeFill(Types *ts, const Type *t, void *arg, u64 id);
void type_struct_later(Types *ts, const Type *t, TypeFill *fill, void *arg, u64 id);
bool type_is_agg(const Type *t);
bool type_is_int(const Type *t);                        /* int, bool, enum */
bool type_equal(const Type *a, const Type *b);          /* == for all but records of equal shape from different places */
const char *type_name(const Type *t, Buf *out);         /* "uint64", "string[16]", "struct task_struct *", "(int64,string[16])" */
/* The element of b that meets the i-th of a: of records the one of its name, of tuples the i-th; NULL: there is none. */
const Field *type_partner(const Type *a, u32 i, const Type *b);
/* Members of a struct or union, completed from BTF if need be; NULL when unknown. */
const Field *type_fields(Types *ts, const Type *t, u32 *n);
/* A member by name, through anonymous members (offset added up in *out). */
bool type_field(Types *ts, const Type *t, const char *name, Field *out);

/* By name: "int", "unsigned long", "uint64_t", "pid_t", "struct task_struct", "union x", "enum y", "size_t"; script's own C
 * first, then BTF. NULL if unknown. */
const Type *type_find(Types *ts, const char *name);
/* Asked by type_find() for what the script itself does not define, before BTF: the types of a traced program. NULL: none. */
typedef const Type *TypeFind(Types *ts, void *arg, const char *name);
void type_find_elsewhere(Types *ts, TypeFind *find, void *arg);
/* The value of an enumerator or numeric #define from the script's C, then BTF. */
bool type_enumerator(Types *ts, const char *name, s64 *value, const Type **type);

/* cdecl.c, cpp.c: C text of the script at base: preprocessor lines and declarations. false: errors went to d. */
bool type_parse_c(Types *ts, Diag *d, const char *text, size_t n, u32 base);
void type_include_dir(Types *ts, const char *dir);      /* -I, before the text is parsed */

/* cmacro.c */
/* The replacement text of a macro without parameters, expanded ("3 + 4", "\"x\""); NULL if there is none. */
const char *type_macro(Types *ts, const char *name);
/* The same of text, "name(...)", for a macro with parameters. */
const char *type_macro_call(Types *ts, const char *name, const char *text, u32 n);

/* btf.c, btf_name.c: opened at first use from /sys/kernel/btf/vmlinux, or the file set here. */
void type_set_btf(Types *ts, const char *path);         /* NULL: the default; "": none */
bool type_has_btf(Types *ts);
/* A kernel function's prototype (TY_FUNC: elem result, fields parameters); module may be NULL. *id: its BTF id. */
const Type *type_btf_func(Types *ts, const char *module, const char *name, u32 *id);
/* Calls fn for each function (or type of `kind` 's','u','e') name in BTF; for listing. */
void type_btf_each(Types *ts, char kind, void (*fn)(void *arg, const char *name), void *arg);
/* The same of one module (NULL: vmlinux), and the names of all modules that have BTF. kind 't' are typedefs, 'f' functions. */
void type_btf_each_in(Types *ts, const char *module, char kind, void (*fn)(void *arg, const char *name), void *arg);
/* "struct PATTERN", "union ...", "enum ...": the names that match, one a line, or their definitions as C text. Their number; -1:
 * the pattern is of no such form. */
int type_btf_list(Types *ts, const char *pattern, bool definitions, Buf *out);
void type_btf_modules(Types *ts, void (*fn)(void *arg, const char *name), void *arg);
/* BTF that is in no file and needs no vmlinux: from now on that of module `name` (interned). Takes the blob over. false: it is none. */
bool type_btf_add(Types *ts, const char *name, Buf *blob);
const char *type_btf_func_name(Types *ts, const char *module, u32 id);  /* NULL: no function has this id */

#endif
