/* btf: the kernel's own types, read where they lie. A blob is mapped, never parsed as a whole: a name is looked up in the
 * string section first (names are stored once), then one pass over the type headers compares offsets. The only index is
 * the place of every 64th type, made as far as the passes came. Blobs are not trusted: every read is bounds-checked, chains
 * of modifiers and nesting have a limit, and structs point at each other through Types that are completed on demand.
 * Layout: linux/btf.h; split BTF of a module continues the ids and string offsets of vmlinux. */
#include "type/inside.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

/* Kinds that linux/btf.h of the build machine may lack. */
enum { K_FLOAT = 16, K_DECL_TAG = 17, K_TYPE_TAG = 18, K_ENUM64 = 19, N_KIND = 20 };
enum { STEP = 64, MAX_CHAIN = 32 };

typedef struct Btf Btf;
struct Btf {
	HostMap map;
	const u8 *types;
	const char *strs;
	u32 types_len, strs_len;
	u32 first_id, str_base;         /* 1 and 0, or behind the base's */
	Btf *base, *next;               /* vmlinux of a module; the next module */
	const char *module;             /* NULL: vmlinux */
	u32 *index, n_index, cap_index; /* offset of type first_id + STEP * i */
	u32 end_id, end_off;            /* how far the index was made: the next type to be seen */
	bool whole;
	bool swept;                     /* of vmlinux: all modules were opened */
	Map by_id;                      /* id -> Type */
	Map by_name;                    /* kind letter and name -> Type, or &ty_error for none */
	Map funcs;                      /* name of a function -> id, made when many were asked for */
	u32 funcs_asked;
};

/* bytes behind the 12 of the header: fixed, and per vlen */
static const struct { u8 fixed, each; } extra[N_KIND] = {
	[BTF_KIND_INT] = { 4, 0 }, [BTF_KIND_ARRAY] = { 12, 0 }, [BTF_KIND_STRUCT] = { 0, 12 }, [BTF_KIND_UNION] = { 0, 12 },
	[BTF_KIND_ENUM] = { 0, 8 }, [BTF_KIND_FUNC_PROTO] = { 0, 8 }, [BTF_KIND_VAR] = { 4, 0 },
	[BTF_KIND_DATASEC] = { 0, 12 }, [K_DECL_TAG] = { 4, 0 }, [K_ENUM64] = { 0, 12 },
};

typedef BtfHead Head;
#define KIND(h) BTF_KIND_OF(h)
#define VLEN(h) BTF_VLEN_OF(h)

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
	n = 12 + extra[kind].fixed + extra[kind].each * VLEN(h);
	return n <= b->types_len - off ? n : 0;
}

/* Notes where the next type lies and steps over it; NULL at the end. */
static const Head *
extend(Btf *b)
{
	const Head *h = (const Head *)(b->types + b->end_off);
	u32 n = b->whole || b->types_len - b->end_off < 12 ? 0 : record_size(b, b->end_off);

	if (!n) {
		b->whole = true;
		return NULL;
	}
	if ((b->end_id - b->first_id) % STEP == 0) {
		if (b->n_index == b->cap_index) {
			b->cap_index = b->cap_index ? b->cap_index * 2 : 256;
			b->index = realloc(b->index, b->cap_index * sizeof(u32));
			if (!b->index)
				die("out of memory (index of BTF)");
		}
		b->index[b->n_index++] = b->end_off;
	}
	b->end_id++;
	b->end_off += n;
	return h;
}

static const Head *
by_id(Btf *b, u32 id)
{
	u32 off, left;

	if (b->base && id < b->first_id)
		b = b->base;
	if (id < b->first_id)
		return NULL;
	while (id >= b->end_id)
		if (!extend(b))
			return NULL;
	off = b->index[(id - b->first_id) / STEP];
	for (left = (id - b->first_id) % STEP; left; left--)
		off += record_size(b, off);
	return (const Head *)(b->types + off);
}

static const char *
str(const Btf *b, u32 off)
{
	if (b->base && off < b->str_base)
		b = b->base;
	if (off < b->str_base || off - b->str_base >= b->strs_len)
		return "";
	return b->strs + (off - b->str_base);   /* the section ends with NUL */
}

const BtfHead *
btf_head(Btf *b, u32 id)
{
	return by_id(b, id);
}

const char *
btf_str(const Btf *b, u32 off)
{
	return str(b, off);
}

/* Finds the section .BTF of an ELF file in m; narrows p and n to it. */
static bool
elf_section(const u8 **p, size_t *n)
{
	const Elf64_Ehdr *eh = (const void *)*p;
	const Elf64_Shdr *sh, *names;

	if (*n < sizeof(*eh) || eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_shentsize != sizeof(*sh) || eh->e_shoff % 8 ||
	    eh->e_shoff > *n || (*n - eh->e_shoff) / sizeof(*sh) < eh->e_shnum || eh->e_shstrndx >= eh->e_shnum)
		return false;
	sh = (const void *)(*p + eh->e_shoff);
	names = &sh[eh->e_shstrndx];
	if (names->sh_offset > *n || *n - names->sh_offset < names->sh_size)
		return false;
	for (u32 i = 0; i < eh->e_shnum; i++) {
		if (sh[i].sh_name > names->sh_size || names->sh_size - sh[i].sh_name < 5 ||
		    memcmp(*p + names->sh_offset + sh[i].sh_name, ".BTF", 5) || sh[i].sh_type == SHT_NOBITS)
			continue;
		if (sh[i].sh_offset > *n || *n - sh[i].sh_offset < sh[i].sh_size || sh[i].sh_offset % 4)
			return false;
		*p += sh[i].sh_offset;
		*n = sh[i].sh_size;
		return true;
	}
	return false;
}

/* Checks the header; sets types and strings. */
static bool
take(Btf *b)
{
	const u8 *p = b->map.p;
	size_t n = b->map.n, end;
	struct btf_header h;

	if (n >= 4 && !memcmp(p, ELFMAG, 4) && !elf_section(&p, &n))
		return false;
	if (n < sizeof(h))
		return false;
	memcpy(&h, p, sizeof(h));
	end = n - MIN(n, (size_t)h.hdr_len);
	if (h.magic != BTF_MAGIC || h.hdr_len < sizeof(h) || h.hdr_len > n || h.hdr_len % 4 ||
	    h.type_off > end || end - h.type_off < h.type_len || h.type_off % 4 ||
	    h.str_off > end || end - h.str_off < h.str_len || h.str_len == 0)
		return false;
	b->types = p + h.hdr_len + h.type_off;
	b->types_len = h.type_len;
	b->strs = (const char *)p + h.hdr_len + h.str_off;
	b->strs_len = h.str_len;
	return b->strs[0] == 0 && b->strs[h.str_len - 1] == 0;
}

static Btf *
open_blob(Types *ts, const char *path, Btf *base, const char *module)
{
	Btf *b = NEW(ts->a, Btf);

	if (host_map(path, &b->map))
		return NULL;
	if (!take(b)) {
		host_unmap(&b->map);
		return NULL;
	}
	b->base = base;
	b->module = module;
	b->first_id = 1;
	if (base) {
		while (extend(base))
			;
		b->first_id = base->end_id;
		b->str_base = base->strs_len;
	}
	b->end_id = b->first_id;
	b->by_id.arena = b->by_name.arena = b->funcs.arena = ts->a;
	return b;
}

void
btf_free(Btf *b)
{
	for (; b; b = b->next) {
		host_unmap(&b->map);
		free(b->index);
	}
}

void
type_set_btf(Types *ts, const char *path)
{
	ts->btf_path = path;
	ts->btf_tried = false;
	btf_free(ts->btf);
	ts->btf = NULL;
}

/* vmlinux, opened at the first question; the places are those of the kernel and of distributions' debug packages. */
static Btf *
vmlinux(Types *ts)
{
	static const char *const places[] = {
		"/boot/vmlinux-%s", "/lib/modules/%s/vmlinux-%s", "/lib/modules/%s/build/vmlinux", "/usr/lib/debug/boot/vmlinux-%s",
	};
	struct utsname u;
	char path[512];

	if (ts->btf_tried)
		return ts->btf;
	ts->btf_tried = true;
	if (ts->btf_path)
		return ts->btf = *ts->btf_path ? open_blob(ts, ts->btf_path, NULL, NULL) : NULL;
	ts->btf = open_blob(ts, "/sys/kernel/btf/vmlinux", NULL, NULL);
	for (u32 i = 0; !ts->btf && i < COUNT(places) && !uname(&u); i++) {
		snprintf(path, sizeof(path), places[i], u.release, u.release);
		if (host_exists(path))
			ts->btf = open_blob(ts, path, NULL, NULL);
	}
	return ts->btf;
}

bool
type_has_btf(Types *ts)
{
	return vmlinux(ts) != NULL;
}

static Btf *
module_btf(Types *ts, const char *name)
{
	Btf *b = vmlinux(ts);
	char path[512];

	if (!b || !strcmp(name, "vmlinux"))
		return b;
	if (ts->btf_path || strchr(name, '/') || strlen(name) > 64)
		return NULL;            /* modules belong to the running kernel, not to a file given */
	for (; ; b = b->next) {
		if (b->module && !strcmp(b->module, name))
			return b;
		if (!b->next)
			break;
	}
	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", name);
	return b->next = open_blob(ts, path, ts->btf, interns(name));
}

void
type_btf_modules(Types *ts, void (*fn)(void *arg, const char *name), void *arg)
{
	char path[512];
	struct dirent *e;
	DIR *dir;

	if (!vmlinux(ts) || ts->btf_path)
		return;
	dir = opendir(host_path("/sys/kernel/btf", path, sizeof(path)));
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && strcmp(e->d_name, "vmlinux"))
			fn(arg, e->d_name);
	if (dir)
		closedir(dir);
}

static void
open_module(void *arg, const char *name)
{
	module_btf(arg, name);
}

/* The blob to search behind b; when the opened ones are exhausted, all modules are opened, once. */
static Btf *
next_blob(Types *ts, Btf *b)
{
	if (!b->next && !ts->btf->swept) {
		ts->btf->swept = true;
		type_btf_modules(ts, open_module, ts);
	}
	return b->next;
}

/* ---- types ---- */

static const Type *convert(Types *ts, Btf *b, u32 id, int depth);

static Type *
known(Btf *b, u32 id)
{
	return map_get(&b->by_id, (char *)&id, sizeof(id));
}

static void
know(Btf *b, u32 id, const Type *t)
{
	map_set(&b->by_id, (char *)&id, sizeof(id), (void *)t);
}

static const Type *
bytes_type(Types *ts, u32 n)
{
	return type_array(ts, type_int(1, false), n);
}

static const Type *
int_type(Types *ts, const Head *h)
{
	u32 enc = *(const u32 *)(h + 1) >> 24;

	if (enc & BTF_INT_BOOL && h->size == 1)
		return &ty_bool;
	if (h->size == 1 || h->size == 2 || h->size == 4 || h->size == 8)
		return type_int(h->size, enc & BTF_INT_SIGNED);
	return bytes_type(ts, MIN(h->size, 64u));
}

static const char *
name_or_null(const Btf *b, u32 off)
{
	const char *s = str(b, off);

	return *s ? interns(s) : NULL;
}

static const Type *
enum_type(Types *ts, Btf *b, u32 id, const Head *h)
{
	bool wide = KIND(h) == K_ENUM64, sign = h->info >> 31;
	u32 n = VLEN(h), size = wide ? 8 : h->size == 1 || h->size == 2 || h->size == 8 ? h->size : 4;
	const u32 *v = (const u32 *)(h + 1);
	EnumValue *values = NEW_N(ts->a, EnumValue, n ? n : 1);
	Type *t;

	for (u32 i = 0; i < n; i++, v += wide ? 3 : 2) {
		values[i].name = interns(str(b, v[0]));
		values[i].value = wide ? (s64)((u64)v[2] << 32 | v[1]) : sign ? (s64)(s32)v[1] : (s64)v[1];
	}
	t = (Type *)type_enum_new(ts, NULL, type_int(size, sign), values, n);
	t->name = name_or_null(b, h->name);
	t->id = id;
	t->btf = b;
	know(b, id, t);
	return t;
}

/* A function's type; known before its parameters are looked at, so that cycles end. */
static const Type *
proto_type(Types *ts, Btf *b, u32 id, const Head *h, int depth)
{
	const u32 *v = (const u32 *)(h + 1);
	u32 n = VLEN(h);
	Field *f = NEW_N(ts->a, Field, n ? n : 1);
	Type *t = (Type *)type_func(ts, &ty_none, f, n);

	t->id = id;
	t->btf = b;
	know(b, id, t);
	for (u32 i = 0; i < n; i++)
		f[i].type = &ty_none;
	t->elem = convert(ts, b, h->size, depth + 1);
	for (u32 i = 0; i < n; i++, v += 2) {
		f[i].name = name_or_null(b, v[0]);
		f[i].type = v[1] ? convert(ts, b, v[1], depth + 1) : &ty_none;  /* 0: varargs */
	}
	return t;
}

static const Type *
struct_type(Types *ts, Btf *b, u32 id, const Head *h)
{
	bool fwd = KIND(h) == BTF_KIND_FWD;
	Type *t = (Type *)type_struct_new(ts, NULL, fwd ? h->info >> 31 : KIND(h) == BTF_KIND_UNION);

	t->name = name_or_null(b, h->name);
	t->id = id;
	t->btf = b;
	t->size = fwd ? 0 : h->size;
	/* Right for nearly all, until the members are looked at. */
	t->align = t->size % 8 == 0 ? 8 : t->size % 4 == 0 ? 4 : t->size % 2 == 0 ? 2 : 1;
	know(b, id, t);
	return t;
}

/* char itself, behind const: arrays of it are strings; those of s8 and u8 are numbers. */
static bool
is_char(Btf *b, u32 id)
{
	const Head *h = by_id(b, id);

	for (int chain = 0; h && KIND(h) == BTF_KIND_CONST && chain < MAX_CHAIN; chain++)
		h = by_id(b, h->size);
	return h && KIND(h) == BTF_KIND_INT && h->size == 1 && !strcmp(str(b, h->name), "char");
}

static const Type *
convert(Types *ts, Btf *b, u32 id, int depth)
{
	const Head *h;
	const Type *t;

	for (int chain = 0;; chain++) {
		if (!id || chain > MAX_CHAIN || depth > MAX_CHAIN)
			return &ty_none;
		if (b->base && id < b->first_id)
			b = b->base;
		t = known(b, id);
		if (t)
			return t;
		h = by_id(b, id);
		if (!h)
			return &ty_none;
		switch (KIND(h)) {
		case BTF_KIND_TYPEDEF: case BTF_KIND_CONST: case BTF_KIND_VOLATILE: case BTF_KIND_RESTRICT:
		case K_TYPE_TAG: case BTF_KIND_FUNC: case BTF_KIND_VAR: case K_DECL_TAG:
			id = h->size;
			continue;
		}
		break;
	}
	switch (KIND(h)) {
	case BTF_KIND_INT:
		t = int_type(ts, h);
		break;
	case BTF_KIND_PTR:
		t = type_ptr(ts, convert(ts, b, h->size, depth + 1), AS_KERNEL);
		break;
	case BTF_KIND_ARRAY: {
		const struct btf_array *arr = (const void *)(h + 1);

		if (is_char(b, arr->type) && arr->nelems)
			t = type_string(ts, arr->nelems);
		else
			t = type_array(ts, convert(ts, b, arr->type, depth + 1), arr->nelems);
		break;
	}
	case BTF_KIND_STRUCT: case BTF_KIND_UNION: case BTF_KIND_FWD:
		return struct_type(ts, b, id, h);
	case BTF_KIND_ENUM: case K_ENUM64:
		return enum_type(ts, b, id, h);
	case BTF_KIND_FUNC_PROTO:
		return proto_type(ts, b, id, h, depth);
	case K_FLOAT:
		t = bytes_type(ts, MIN(h->size, 64u));
		break;
	default:
		return &ty_none;
	}
	/* Cut off by the depth limit is right for this caller only. */
	if (depth < MAX_CHAIN / 2)
		know(b, id, t);
	return t;
}

/* Width and offset of a bitfield as older BTF has them: in the integer's own description. */
static u32
int_bits(Btf *b, u32 id, u32 *bit_off)
{
	const Head *h = by_id(b, id);

	for (int chain = 0; h && chain < MAX_CHAIN && (KIND(h) == BTF_KIND_TYPEDEF || KIND(h) == BTF_KIND_CONST ||
	     KIND(h) == BTF_KIND_VOLATILE); chain++)
		h = by_id(b, h->size);
	if (!h || KIND(h) != BTF_KIND_INT)
		return 0;
	u32 enc = *(const u32 *)(h + 1), bits = enc & 0xff;

	if (bits == h->size * 8)
		return 0;
	*bit_off += enc >> 16 & 0xff;
	return bits;
}

/* Places a bitfield in the aligned word of its type, as C does; in the bytes that hold it if it is packed. */
void
type_place_bits(Field *f, u32 bit_off, u32 bits)
{
	u32 size = f->type->size == 1 || f->type->size == 2 || f->type->size == 4 ? f->type->size : 8;

	f->offset = bit_off / 8 / size * size;
	if (bit_off - f->offset * 8 + bits > size * 8)
		f->offset = bit_off / 8;
	f->bit_offset = (u16)(bit_off - f->offset * 8);
	f->bit_size = (u16)bits;
}

void
btf_complete(Types *ts, Type *t)
{
	Btf *b = t->btf;
	const Head *h = by_id(b, t->id);
	const u32 *v = (const u32 *)(h + 1);
	Field *f;
	u32 n, align = 1;

	if (KIND(h) == BTF_KIND_FWD) {          /* defined elsewhere, in vmlinux or another module */
		if (t->name)
			btf_adopt(ts, t);
		return;
	}
	n = VLEN(h);
	f = NEW_N(ts->a, Field, n ? n : 1);
	for (u32 i = 0; i < n; i++, v += 3) {
		u32 off = v[2], bits = 0;

		if (h->info >> 31) {
			bits = off >> 24;
			off &= 0xffffff;
		} else {
			bits = int_bits(b, v[1], &off);
		}
		f[i].name = interns(str(b, v[0]));
		f[i].type = convert(ts, b, v[1], 0);
		f[i].offset = off / 8;
		if (bits && bits <= 64 && type_is_int(f[i].type))
			type_place_bits(&f[i], off, bits);
		if (off / 8 % MAX(f[i].type->align, 1u) == 0)
			align = MAX(align, f[i].type->align);
	}
	if (t->size % align)
		align = t->align;
	type_struct_set(ts, t, f, n, t->size, align);
}

void
btf_adopt(Types *ts, Type *t)
{
	const Type *full = btf_find(ts, t->is_union ? 'u' : 's', t->name, strlen(t->name));
	Field *f;
	u32 n;

	if (!full || full == t)
		return;
	f = (Field *)type_fields(ts, full, &n);
	if (f)
		type_struct_set(ts, t, f, n, full->size, full->align);
}

/* ---- names ---- */

/* The offsets under which a name may stand in b's strings. One in all BTF seen; the tail of a longer string counts too. */
static u32
name_offset(const Btf *b, const char *name, size_t n, bool *shared)
{
	char key[256];
	const char *p;

	*shared = false;
	if (!n || n > sizeof(key) - 2)
		return 0;
	key[0] = 0;
	memcpy(key + 1, name, n);
	key[n + 1] = 0;
	p = memmem(b->strs, b->strs_len, key, n + 2);
	if (p)
		return b->str_base + (u32)(p + 1 - b->strs);
	p = memmem(b->strs, b->strs_len, key + 1, n + 1);
	if (p)
		*shared = true;
	return p ? b->str_base + (u32)(p - b->strs) : 0;
}

static bool
kind_is(char want, u32 kind)
{
	switch (want) {
	case 's': return kind == BTF_KIND_STRUCT;
	case 'u': return kind == BTF_KIND_UNION;
	case 'e': return kind == BTF_KIND_ENUM || kind == K_ENUM64;
	case 't': return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_INT;
	case 'f': return kind == BTF_KIND_FUNC;
	default: return false;
	}
}

/* Walks all types of a blob: by the index's front where nobody went yet, by the records' sizes where somebody did. */
typedef struct Walk { Btf *b; u32 id, off; } Walk;

static inline const Head *
walk(Walk *w)
{
	const Head *h;

	if (w->id == w->b->end_id) {
		h = extend(w->b);
		w->off = w->b->end_off;
	} else {
		h = (const Head *)(w->b->types + w->off);
		w->off += record_size(w->b, w->off);
	}
	w->id++;
	return h;
}
#define WALK(b) { (b), (b)->first_id, 0 }

/* The id of the first type of a kind with this name in b alone; 0 if there is none. */
static u32
find_id(Btf *b, char kind, const char *name, size_t n)
{
	bool shared, base_shared;
	u32 off = name_offset(b, name, n, &shared);
	u32 base_off = b->base ? name_offset(b->base, name, n, &base_shared) : 0;
	Walk w = WALK(b);
	const Head *h;

	if (!off && !base_off)
		return 0;
	while ((h = walk(&w))) {
		const char *s;

		if (!kind_is(kind, KIND(h)))
			continue;
		if (h->name == off || (base_off && h->name == base_off) || shared) {
			s = str(b, h->name);
			if (!strncmp(s, name, n) && !s[n])
				return w.id - 1;
		}
	}
	return 0;
}

const Type *
btf_find(Types *ts, char kind, const char *name, size_t n)
{
	const Type *t = NULL;
	char key[256];
	u32 id = 0;

	if (!vmlinux(ts) || !n || n > sizeof(key) - 2)
		return NULL;
	key[0] = kind;
	memcpy(key + 1, name, n);
	t = map_get(&ts->btf->by_name, key, n + 1);
	if (t)
		return t == &ty_error ? NULL : t;
	for (Btf *b = ts->btf; b && !id; b = kind == 't' ? b->next : next_blob(ts, b)) {
		id = find_id(b, kind, name, n);
		if (id)
			t = convert(ts, b, id, 0);
	}
	map_set(&ts->btf->by_name, key, n + 1, (void *)(t ? t : &ty_error));
	return t;
}

/* The first few functions are searched for, which is sooner done than the index of all. */
static u32
func_id(Btf *b, const char *name)
{
	enum { FEW = 16 };
	size_t n = strlen(name);
	const Head *h;

	if (++b->funcs_asked <= FEW)
		return find_id(b, 'f', name, n);
	if (b->funcs_asked == FEW + 1) {
		Walk w = WALK(b);

		while ((h = walk(&w)))
			if (KIND(h) == BTF_KIND_FUNC) {
				const char *s = str(b, h->name);

				if (!map_get(&b->funcs, s, strlen(s)))
					map_set(&b->funcs, s, strlen(s), (void *)(uintptr_t)(w.id - 1));
			}
	}
	return (u32)(uintptr_t)map_get(&b->funcs, name, n);
}

const Type *
type_btf_func(Types *ts, const char *module, const char *name, u32 *id)
{
	Btf *b = vmlinux(ts);
	u32 found = 0;
	const Type *t;

	*id = 0;
	if (module)
		b = b ? module_btf(ts, module) : NULL;
	for (; b && !found; b = module ? NULL : next_blob(ts, b)) {
		found = func_id(b, name);
		if (found) {
			t = convert(ts, b, found, 0);
			*id = found;
			return t->kind == TY_FUNC ? t : NULL;
		}
	}
	return NULL;
}

void
type_btf_each_in(Types *ts, const char *module, char kind, void (*fn)(void *arg, const char *name), void *arg)
{
	Btf *b = vmlinux(ts);
	const Head *h;

	if (b && module)
		b = module_btf(ts, module);
	if (!b)
		return;
	Walk w = WALK(b);

	while ((h = walk(&w)))
		if (kind_is(kind, KIND(h)) && *str(b, h->name))
			fn(arg, str(b, h->name));
}

void
type_btf_each(Types *ts, char kind, void (*fn)(void *arg, const char *name), void *arg)
{
	type_btf_each_in(ts, NULL, kind, fn, arg);
}

static bool
value_in(Types *ts, Btf *b, const char *name, s64 *value, const Type **type)
{
	size_t n = strlen(name);
	bool shared;
	u32 off = name_offset(b, name, n, &shared);
	Walk w = WALK(b);
	const Head *h;

	if (!off)
		return false;
	while ((h = walk(&w))) {
		u32 step = KIND(h) == K_ENUM64 ? 3 : 2;
		const u32 *v = (const u32 *)(h + 1);

		if (!kind_is('e', KIND(h)))
			continue;
		for (u32 i = 0; i < VLEN(h); i++, v += step)
			if (v[0] == off || (shared && !strcmp(str(b, v[0]), name))) {
				*type = convert(ts, b, w.id - 1, 0);
				*value = (*type)->kind == TY_ENUM ? (*type)->values[i].value : 0;
				return true;
			}
	}
	return false;
}

bool
btf_enumerator(Types *ts, const char *name, s64 *value, const Type **type)
{
	for (Btf *b = vmlinux(ts); b; b = b->next)
		if (value_in(ts, b, name, value, type)) {
			type_define_value(ts, name, *value, *type);
			return true;
		}
	return false;
}
