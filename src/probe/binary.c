/* binary: user programs and libraries that probes name: found by path, short name, wildcard or process, opened once. Where an
 * address of the program lies in its file, and what its notes say, is read from the file's own tables. */
#include "probe/inside.h"

#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- finding ---- */

static void
add_path(ProbeContext *pc, ProbeNames *out, const char *path)
{
	VEC_PUSH(pc->a, &out->v, arena_str(pc->a, path, strlen(path)));
}

static bool
same_file(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];
	struct stat s, t;

	return !stat(host_path(a, x, sizeof(x)), &s) && !stat(host_path(b, y, sizeof(y)), &t) && s.st_dev == t.st_dev &&
	       s.st_ino == t.st_ino;
}

/* The file as pc->pid sees it, by its plain name where that is the same for us. */
static int
find(ProbeContext *pc, const char *name, char *out, size_t size)
{
	u32 pid = pc->pid > 0 ? (u32)pc->pid : 0;
	int err = sym_find_file(name, pid, out, size);
	char root[32];
	size_t n = pid ? (size_t)snprintf(root, sizeof(root), "/proc/%u/root", pid) : 0;

	if (!err && n && !strncmp(out, root, n) && same_file(out, out + n))
		memmove(out, out + n, strlen(out + n) + 1);
	return err;
}

/* Every file that the process has mapped executable, as we can open it. */
static void
mapped_files(ProbeContext *pc, ProbeNames *out)
{
	char path[64];
	Buf b = { 0 };

	snprintf(path, sizeof(path), "/proc/%d/maps", pc->pid);
	if (!host_read(path, &b))
		for (char *save = NULL, *line = strtok_r(b.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			char *file = strchr(line, '/'), *perms = strchr(line, ' ');

			if (file && perms && perms[3] == 'x' && perms < file && strncmp(file, "/dev/", 5) && !strstr(file, " (deleted)")) {
				char found[PATH_MAX];

				if (!find(pc, file, found, sizeof(found)))
					add_path(pc, out, found);
			}
		}
	buf_free(&b);
	probe_names_sort(out);
}

static void
glob_files(ProbeContext *pc, const char *pat, ProbeNames *out)
{
	char real[PATH_MAX];
	const char *p = host_path(pat, real, sizeof(real));
	size_t skip = p == pat ? 0 : strlen(p) - strlen(pat);
	glob_t g;

	if (!glob(p, 0, NULL, &g))
		for (size_t i = 0; i < g.gl_pathc; i++)
			add_path(pc, out, g.gl_pathv[i] + skip);
	globfree(&g);
}

int
binary_find(ProbeContext *pc, const char *name, ProbeNames *out)
{
	char path[PATH_MAX];
	int err;

	out->a = pc->a;
	if (!strcmp(name, "*")) {
		if (pc->pid <= 0)
			return -ESRCH;
		mapped_files(pc, out);
	} else if (base_has_glob(name, strlen(name)) && strchr(name, '/')) {
		glob_files(pc, name, out);
	} else if (strstr(name, "!/")) {                        /* a member of an archive */
		u64 offset, size;

		err = host_member(name, path, sizeof(path), &offset, &size);
		if (err)
			return err;
		add_path(pc, out, name);
	} else if (strchr(name, '/') && *name != '/') {         /* relative: as written, from the current folder */
		if (!host_exists(name))
			return -ENOENT;
		add_path(pc, out, name);
	} else {
		err = find(pc, name, path, sizeof(path));
		if (err)
			return err;
		add_path(pc, out, path);
	}
	return 0;
}

/* ---- opening ---- */

typedef struct Opened { const char *path; Elf *elf; } Opened;

/* Few files are probed at a time; the oldest gives way. */
Elf *
binary_elf(const char *path)
{
	static Opened open[8];
	static u32 next;
	int err = 0;

	path = interns(path);
	for (u32 i = 0; i < COUNT(open); i++)
		if (open[i].path == path)
			return open[i].elf;
	Opened *o = &open[next++ % COUNT(open)];

	if (o->elf)
		sym_elf_close(o->elf);
	o->path = path;
	o->elf = sym_elf_open(path, &err);
	return o->elf;
}

const char *
binary_file(ProbeContext *pc, const char *path, u64 *add)
{
	char file[PATH_MAX];
	u64 size;

	if (host_member(path, file, sizeof(file), add, &size))
		*add = 0;
	return strcmp(file, path) ? arena_str(pc->a, file, strlen(file)) : path;
}

/* ---- the file's tables; any content is safe ---- */

bool
binary_map(const char *path, Binary *b)
{
	const Elf64_Ehdr *h;

	*b = (Binary){ 0 };
	if (host_map(path, &b->map))
		return false;
	h = (const Elf64_Ehdr *)b->map.p;
	if (b->map.n >= sizeof(*h) && !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	    h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phoff % 8 == 0 && h->e_phoff <= b->map.n &&
	    (b->map.n - h->e_phoff) / sizeof(Elf64_Phdr) >= h->e_phnum)
		return true;
	host_unmap(&b->map);
	return false;
}

void
binary_unmap(Binary *b)
{
	host_unmap(&b->map);
}

bool
binary_offset(const Binary *b, u64 vaddr, u64 *offset)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)b->map.p;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(b->map.p + h->e_phoff);

	for (u32 i = 0; i < h->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && vaddr >= ph[i].p_vaddr && vaddr - ph[i].p_vaddr < ph[i].p_memsz) {
			*offset = vaddr - ph[i].p_vaddr + ph[i].p_offset;
			return true;
		}
	return false;
}

bool
binary_section(const Binary *b, const char *name, BinarySection *out)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)b->map.p;
	size_t size = b->map.n;
	const Elf64_Shdr *sh;

	if (h->e_shentsize != sizeof(*sh) || h->e_shoff % 8 || h->e_shoff > size || (size - h->e_shoff) / sizeof(*sh) < h->e_shnum ||
	    h->e_shstrndx >= h->e_shnum)
		return false;
	sh = (const Elf64_Shdr *)(b->map.p + h->e_shoff);
	const Elf64_Shdr *strs = &sh[h->e_shstrndx];

	if (strs->sh_offset > size || strs->sh_size > size - strs->sh_offset)
		return false;
	for (u32 i = 0; i < h->e_shnum; i++) {
		const char *s = (const char *)b->map.p + strs->sh_offset + sh[i].sh_name;

		if (sh[i].sh_name >= strs->sh_size || strnlen(s, strs->sh_size - sh[i].sh_name) == strs->sh_size - sh[i].sh_name ||
		    strcmp(s, name))
			continue;
		bool inside = sh[i].sh_type != SHT_NOBITS && sh[i].sh_offset <= size && sh[i].sh_size <= size - sh[i].sh_offset;

		*out = (BinarySection){ inside ? b->map.p + sh[i].sh_offset : NULL, inside ? sh[i].sh_size : 0, sh[i].sh_addr };
		return true;
	}
	return false;
}
