/* Asks the host kernel what it thinks of a program: makes the maps, loads the program, gives the verdict with its last words. */
#ifndef TEST_VM_KERNEL_H
#define TEST_VM_KERNEL_H

#include "bpf/btf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { LOG_BYTES = 4 << 20, N_MAPS = 64 };
static char kernel_log[LOG_BYTES];
typedef struct KMaps { int fd[N_MAPS]; u32 n; } KMaps;

static int
sys_bpf(int cmd, union bpf_attr *attr, u32 size)
{
	int r = (int)syscall(SYS_bpf, cmd, attr, size);

	return r < 0 ? -errno : r;
}

static int
btf_load(const void *blob, u32 n)
{
	union bpf_attr attr = { .btf = (u64)(uintptr_t)blob, .btf_size = n };

	return sys_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
}

/* BTF of `struct value` with a lock behind an int, with pointers to objects, or with a timer: ids 1 int, 2 the special struct, 3 value. */
static int
value_btf(const MapDef *m)
{
	static const char strings[] = "\0int\0bpf_spin_lock\0val\0value\0cnt\0l\0bpf_timer\0opaque\0t\0u64\0"
		"prog_test_ref_kfunc\0prog_test_member\0kptr\0kptr_untrusted\0a\0b\0c";
	u32 t[64], n = 0;
	struct { u16 magic; u8 version, flags; u32 hdr_len, type_off, type_len, str_off, str_len; } h = { 0xeb9f, 1, 0, 24, 0, 0, 0, 0 };
	u8 blob[1024];
	u32 at[24], k = 0;

	for (u32 i = 0; i < sizeof(strings); i++)
		if (i == 0 || !strings[i - 1])
			at[k++] = i;
	/* at: 0 "", 1 int, 2 bpf_spin_lock, 3 val, 4 value, 5 cnt, 6 l, 7 bpf_timer, 8 opaque, 9 t, 10 u64, 11 prog_test_ref_kfunc, 12 prog_test_member, 13 kptr, 14 kptr_untrusted, 15 a, 16 b, 17 c */
	if (m->fields[0].kind == MF_SPIN_LOCK) {
		u32 x[] = { at[1], 1 << 24, 4, 1 << 24 | 32, at[2], 4 << 24 | 1, 4, at[3], 1, 0, at[4], 4 << 24 | 2, 8, at[5], 1, 0, at[6], 2, 32 };

		memcpy(t, x, sizeof(x));
		n = COUNT(x);
	} else if (m->fields[0].kind == MF_KPTR_UNTRUSTED) {
		enum { STRUCT = 4 << 24, PTR = 2 << 24, TAG = 18 << 24 };
		u32 x[] = { at[1], 1 << 24, 4, 1 << 24 | 32, at[11], STRUCT, 0, at[4], STRUCT | 3, 24, at[15], 6, 0, at[16], 7, 64, at[17], 9, 128,
			    at[14], TAG, 2, at[13], TAG, 2, 0, PTR, 4, 0, PTR, 5, at[13], TAG, 10, 0, PTR, 8, at[12], STRUCT, 0 };

		memcpy(t, x, sizeof(x));
		n = COUNT(x);
	} else {
		u32 x[] = { at[1], 1 << 24, 4, 1 << 24 | 32, at[7], 4 << 24 | 1, 16, at[8], 5, 0, at[4], 4 << 24 | 1, 16, at[9], 2, 0,
			    at[10], 1 << 24, 8, 64, 0, 3 << 24, 0, 4, 1, 2 };

		memcpy(t, x, sizeof(x));
		n = COUNT(x);
	}
	h.type_len = h.str_off = n * 4;
	h.str_len = sizeof(strings);
	memcpy(blob, &h, 24);
	memcpy(blob + 24, t, n * 4);
	memcpy(blob + 24 + n * 4, strings, sizeof(strings));
	return btf_load(blob, 24 + n * 4 + (u32)sizeof(strings));
}

static int
map_make(const MapDef *m, int inner)
{
	union bpf_attr a = { .map_type = m->type, .key_size = m->key_size, .value_size = m->value_size,
			     .max_entries = m->max_entries, .map_flags = m->flags };
	int fd;

	if (inner > 0)
		a.inner_map_fd = (u32)inner;
	if (m->n_fields) {
		int btf = value_btf(m);

		if (btf < 0)
			return btf;
		a.btf_fd = (u32)btf;
		a.btf_key_type_id = 1;
		a.btf_value_type_id = 3;
	}
	fd = sys_bpf(BPF_MAP_CREATE, &a, sizeof(a));
	if (a.btf_fd)
		close((int)a.btf_fd);
	if (fd >= 0 && m->init) {
		u32 key = 0;
		union bpf_attr u = { .map_fd = (u32)fd, .key = (u64)(uintptr_t)&key, .value = (u64)(uintptr_t)m->init };

		sys_bpf(BPF_MAP_UPDATE_ELEM, &u, sizeof(u));
	}
	if (fd >= 0 && m->frozen) {
		union bpf_attr u = { .map_fd = (u32)fd };

		sys_bpf(BPF_MAP_FREEZE, &u, sizeof(u));
	}
	return fd;
}

/* Makes all maps of an object; false: the kernel (or this reader) cannot. */
static bool
maps_make(const Object *o, KMaps *k)
{
	bool ok = true;

	*k = (KMaps){ .n = MIN(o->n_maps, (u32)N_MAPS) };
	for (u32 i = 0; i < k->n; i++)
		k->fd[i] = -1;
	for (u32 i = k->n; i-- > 0; ) {
		k->fd[i] = map_make(&o->maps[i], o->maps[i].inner ? k->fd[o->maps[i].inner - 1] : 0);
		ok &= k->fd[i] >= 0;
	}
	return ok;
}

static inline void
maps_close(KMaps *k)
{
	for (u32 i = 0; i < k->n; i++)
		if (k->fd[i] >= 0)
			close(k->fd[i]);
}

/* The number of a kernel function in the kernel's BTF, 0 if it has none of that name. */
static s32
kfunc_id(const char *name)
{
	static BtfBlob b;
	static bool tried;
	static struct { char name[48]; s32 id; } found[256];
	u32 i = 0;
	BtfItem t;

	if (!tried) {
		static Buf file;
		static Arena *a;

		a = arena_new();
		if (host_read("/sys/kernel/btf/vmlinux", &file) >= 0)
			bpf_btf_open(a, file.p, file.n, &b);
		tried = true;
	}
	while (i < COUNT(found) - 1 && found[i].name[0] && strcmp(found[i].name, name))
		i++;
	if (found[i].name[0] && !strcmp(found[i].name, name))
		return found[i].id;
	snprintf(found[i].name, sizeof(found[i].name), "%s", name);
	found[i].id = 0;
	for (u32 id = 1; id < b.n && !found[i].id; id++)
		if (bpf_btf_at(&b, id, &t) && bpf_btf_kind(&t) == BTF_FUNC && !strcmp(bpf_btf_name(&b, t.name), name))
			found[i].id = (s32)id;
	return found[i].id;
}

/* 0 or -errno; with level, kernel_log holds the verifier's words. */
static int
kernel_verdict(const Code *c, const KMaps *maps, u32 level)
{
	Insn *insns = malloc((c->n + 1) * sizeof(Insn));
	struct { u32 off, type; } info[256];
	union bpf_attr a = { .prog_type = c->prog_type, .insn_cnt = c->n, .insns = (u64)(uintptr_t)insns,
			     .license = (u64)(uintptr_t)(c->license ? c->license : "GPL"), .prog_flags = c->flags,
			     .expected_attach_type = c->attach_type };
	int fd;

	memcpy(insns, c->insns, c->n * sizeof(Insn));
	for (u32 i = 0; i < c->n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insns[i].src_reg == BPF_PSEUDO_MAP_FD || insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
				insns[i].imm = (u32)insns[i].imm < maps->n ? maps->fd[insns[i].imm] : 9999;
			i++;
		}
	for (u32 i = 0; i < c->n_kfuncs; i++)
		if (c->kfuncs[i].pc < c->n && insns[c->kfuncs[i].pc].code == (BPF_JMP | BPF_CALL) &&
		    insns[c->kfuncs[i].pc].src_reg == BPF_PSEUDO_KFUNC_CALL)
			insns[c->kfuncs[i].pc].imm = kfunc_id(c->kfuncs[i].name);
	kernel_log[0] = 0;
	if (level) {
		a.log_buf = (u64)(uintptr_t)kernel_log;
		a.log_size = sizeof(kernel_log);
		a.log_level = level;
	}
	if (c->btf && c->n_funcs) {
		a.prog_btf_fd = (u32)btf_load(c->btf, c->btf_size);
		for (u32 i = 0; i < c->n_funcs && i < COUNT(info); i++) {
			info[i].off = c->funcs[i].pc;
			info[i].type = c->funcs[i].btf_type;
		}
		a.func_info = (u64)(uintptr_t)info;
		a.func_info_cnt = MIN(c->n_funcs, (u32)COUNT(info));
		a.func_info_rec_size = 8;
	}
	fd = sys_bpf(BPF_PROG_LOAD, &a, sizeof(a));
	if (a.prog_btf_fd && (int)a.prog_btf_fd > 0)
		close((int)a.prog_btf_fd);
	free(insns);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Can programs be loaded here, into a kernel with the verifier whose rules ours follows (6.18)? Says why not. */
static inline bool
kernel_is_ours(void)
{
	static Insn two[] = { { .code = 0xb7 }, { .code = 0x95 } };
	Code c = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = two, .n = 2 };
	KMaps none = { .n = 0 };
	struct utsname u;

	if (kernel_verdict(&c, &none, 0)) {
		puts("programs may not be loaded here");
		return false;
	}
	if (uname(&u) || strncmp(u.release, "6.18.", 5)) {
		puts("the rules are those of Linux 6.18; this is another kernel");
		return false;
	}
	return true;
}

/* The line of the log that tells the cause: the last one that is not bookkeeping. */
static inline const char *
kernel_words(void)
{
	static char line[400];
	char *end = kernel_log + strlen(kernel_log), *p;

	line[0] = 0;
	while (end > kernel_log) {
		while (end > kernel_log && end[-1] == '\n')
			*--end = 0;
		p = strrchr(kernel_log, '\n');
		p = p ? p + 1 : kernel_log;
		if (strncmp(p, "processed ", 10) && strncmp(p, "mark_precise", 12) && strncmp(p, "verification time", 17) &&
		    strncmp(p, "stack depth", 11) && !strstr(p, "parent state")) {
			snprintf(line, sizeof(line), "%.390s", p);
			return line;
		}
		end = p;
		*end = 0;
	}
	return line;
}

/* The kernel refused a program for a reason of its own: something other than its verifier did, or the verifier gave up or found
 * itself wrong on the way. Wants a second look at the log, with all paths. */
static inline bool
kernel_gave_up(const Code *c, const KMaps *maps)
{
	if (kernel_verdict(c, maps, 2) == -ENOSPC)
		kernel_verdict(c, maps, 1);
	return strstr(kernel_log, "is too complex") || strstr(kernel_log, "is too large") || strstr(kernel_log, "verifier bug") ||
		!kernel_words()[0];
}

static inline void
hex_line(FILE *f, const char *key, const void *p, size_t n)
{
	fputs(key, f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%02x", i % 8 == 0 && (i || key[0] != ' ') ? " " : "", ((const u8 *)p)[i]);
	fprintf(f, "\n");
}

/* Writes a program as bpfx to dir/no.bpfx; what it cannot say of maps is left out. */
static inline void
kernel_keep(const char *dir, u32 no, const MapDef *maps, u32 n_maps, const Code *c, const char *from)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%u.bpfx", dir, no);
	f = fopen(path, "w");
	if (!f)
		return;
	fprintf(f, "# %s\ntype %s\nattach_type %u\nflags %u\nlicense %s\n", from,
		bpf_prog_type_name(c->prog_type) ? bpf_prog_type_name(c->prog_type) : "?", c->attach_type, c->flags, c->license ? c->license : "GPL");
	for (u32 i = 0; i < n_maps; i++) {
		fprintf(f, "map %u %s %s key=%u value=%u entries=%u flags=%u%s%s", i, maps[i].name, bpf_map_type_name(maps[i].type),
			maps[i].key_size, maps[i].value_size, maps[i].max_entries, maps[i].flags,
			!maps[i].n_fields ? "" : maps[i].fields[0].kind == MF_SPIN_LOCK ? " btf=spin_lock" :
			maps[i].fields[0].kind == MF_TIMER ? " btf=timer" : " btf=kptr",
			maps[i].frozen ? " frozen=1" : "");
		if (maps[i].init)
			hex_line(f, " init=", maps[i].init, MIN(maps[i].value_size, 8u));
		else
			fprintf(f, "\n");
	}
	for (u32 i = 0; i < c->n_kfuncs; i++)
		fprintf(f, "kfunc %u %s\n", c->kfuncs[i].pc, c->kfuncs[i].name);
	if (c->btf && c->n_funcs) {
		const u32 *h = c->btf;

		hex_line(f, "btf_types", (const u8 *)c->btf + 24, h[3]);
		hex_line(f, "btf_strings", (const u8 *)c->btf + 24 + h[4], h[5]);
		fprintf(f, "func_info");
		for (u32 i = 0; i < c->n_funcs; i++) {
			u32 pair[] = { c->funcs[i].pc, c->funcs[i].btf_type };

			hex_line(f, "", pair, 8);
			fseek(f, -1, SEEK_CUR);
		}
		fprintf(f, "\n");
	}
	hex_line(f, "insns", c->insns, c->n * sizeof(Insn));
	fclose(f);
}

#endif
