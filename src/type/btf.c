/* btf: the kernel's own types, read where they lie. A blob is mapped, never parsed as a whole. The only index is the place of
 * every 64th type, made as far as the passes came. Blobs are not trusted: every read is bounds-checked.
 * Layout: linux/btf.h; split BTF of a module continues the ids and string offsets of vmlinux.
 * Its types as Types: btf_type.c; what they are called: btf_name.c. */
#include "type/btf.h"

#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

enum { STEP = 64 };

const BtfExtra btf_extra[N_KIND] = {
	[BTF_KIND_INT] = { 4, 0 }, [BTF_KIND_ARRAY] = { 12, 0 }, [BTF_KIND_STRUCT] = { 0, 12 }, [BTF_KIND_UNION] = { 0, 12 },
	[BTF_KIND_ENUM] = { 0, 8 }, [BTF_KIND_FUNC_PROTO] = { 0, 8 }, [BTF_KIND_VAR] = { 4, 0 },
	[BTF_KIND_DATASEC] = { 0, 12 }, [K_DECL_TAG] = { 4, 0 }, [K_ENUM64] = { 0, 12 },
};

/* ---- records ---- */

/* Notes where the next type lies and steps over it; NULL at the end. */
const Head *
btf_extend(Btf *b)
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

const BtfHead *
btf_head(Btf *b, u32 id)
{
	u32 off, left;

	if (b->base && id < b->first_id)
		b = b->base;
	if (id < b->first_id)
		return NULL;
	while (id >= b->end_id)
		if (!btf_extend(b))
			return NULL;
	off = b->index[(id - b->first_id) / STEP];
	for (left = (id - b->first_id) % STEP; left; left--)
		off += record_size(b, off);
	return (const Head *)(b->types + off);
}

const char *
btf_str(const Btf *b, u32 off)
{
	if (b->base && off < b->str_base)
		b = b->base;
	if (off < b->str_base || off - b->str_base >= b->strs_len)
		return "";
	return b->strs + (off - b->str_base);   /* the section ends with NUL */
}

/* ---- blobs ---- */

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

/* Of b->map, which is given back if it is no BTF. */
static Btf *
begin(Types *ts, Btf *b, Btf *base, const char *module)
{
	if (!take(b)) {
		host_unmap(&b->map);
		return NULL;
	}
	b->base = base;
	b->module = module;
	b->first_id = 1;
	if (base) {
		while (btf_extend(base))
			;
		b->first_id = base->end_id;
		b->str_base = base->strs_len;
	}
	b->end_id = b->first_id;
	b->by_id.arena = b->by_name.arena = b->funcs.arena = ts->a;
	return b;
}

static Btf *
open_blob(Types *ts, const char *path, Btf *base, const char *module)
{
	Btf *b = NEW(ts->a, Btf);

	return host_map(path, &b->map) ? NULL : begin(ts, b, base, module);
}

bool
type_btf_add(Types *ts, const char *name, Buf *blob)
{
	Btf *b = NEW(ts->a, Btf);

	b->map = (HostMap){ (u8 *)blob->p, blob->n, true };
	*blob = (Buf){ 0 };
	b = begin(ts, b, NULL, name);
	if (!b)
		return false;
	b->next = ts->added;
	ts->added = b;
	return true;
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
Btf *
btf_vmlinux(Types *ts)
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
	return btf_vmlinux(ts) != NULL;
}

Btf *
btf_module(Types *ts, const char *name)
{
	Btf *b = btf_vmlinux(ts);
	char path[512];

	if (!b || !strcmp(name, "vmlinux"))
		return b;
	for (Btf *p = ts->added; p; p = p->next)
		if (!strcmp(p->module, name))
			return p;
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

	if (!btf_vmlinux(ts) || ts->btf_path)
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
	btf_module(arg, name);
}

/* The blob to search behind b; when the opened ones are exhausted, all modules are opened, once. */
Btf *
btf_next(Types *ts, Btf *b)
{
	if (!b->next && !ts->btf->swept) {
		ts->btf->swept = true;
		type_btf_modules(ts, open_module, ts);
	}
	return b->next;
}
