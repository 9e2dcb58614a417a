/* btf_name: types, functions and enumerators by name. A name is looked up in the string section first (names are stored
 * once), then one pass over the type headers compares offsets. */
#include "type/btf.h"

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
		h = btf_extend(w->b);
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
			s = btf_str(b, h->name);
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

	if (!btf_vmlinux(ts) || !n || n > sizeof(key) - 2)
		return NULL;
	key[0] = kind;
	memcpy(key + 1, name, n);
	t = map_get(&ts->btf->by_name, key, n + 1);
	if (t)
		return t == &ty_error ? NULL : t;
	for (Btf *b = ts->btf; b && !id; b = kind == 't' ? b->next : btf_next(ts, b)) {
		id = find_id(b, kind, name, n);
		if (id)
			t = btf_convert(ts, b, id, 0);
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
				const char *s = btf_str(b, h->name);

				if (!map_get(&b->funcs, s, strlen(s)))
					map_set(&b->funcs, s, strlen(s), (void *)(uintptr_t)(w.id - 1));
			}
	}
	return (u32)(uintptr_t)map_get(&b->funcs, name, n);
}

const Type *
type_btf_func(Types *ts, const char *module, const char *name, u32 *id)
{
	Btf *b = btf_vmlinux(ts);
	u32 found = 0;
	const Type *t;

	*id = 0;
	if (module)
		b = b ? btf_module(ts, module) : NULL;
	for (; b && !found; b = module ? NULL : btf_next(ts, b)) {
		found = func_id(b, name);
		if (found) {
			t = btf_convert(ts, b, found, 0);
			*id = found;
			return t->kind == TY_FUNC ? t : NULL;
		}
	}
	return NULL;
}

const char *
type_btf_func_name(Types *ts, const char *module, u32 id)
{
	Btf *b = btf_module(ts, module);
	const Head *h = b ? btf_head(b, id) : NULL;

	return h && KIND(h) == BTF_KIND_FUNC ? btf_str(b, h->name) : NULL;
}

void
type_btf_each_in(Types *ts, const char *module, char kind, void (*fn)(void *arg, const char *name), void *arg)
{
	Btf *b = btf_vmlinux(ts);
	const Head *h;

	if (b && module)
		b = btf_module(ts, module);
	if (!b)
		return;
	Walk w = WALK(b);

	while ((h = walk(&w)))
		if (kind_is(kind, KIND(h)) && *btf_str(b, h->name))
			fn(arg, btf_str(b, h->name));
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
			if (v[0] == off || (shared && !strcmp(btf_str(b, v[0]), name))) {
				*type = btf_convert(ts, b, w.id - 1, 0);
				*value = (*type)->kind == TY_ENUM ? (*type)->values[i].value : 0;
				return true;
			}
	}
	return false;
}

bool
btf_enumerator(Types *ts, const char *name, s64 *value, const Type **type)
{
	for (Btf *b = btf_vmlinux(ts); b; b = b->next)
		if (value_in(ts, b, name, value, type)) {
			type_define_value(ts, name, *value, *type);
			return true;
		}
	return false;
}
