/* Unwinding tables against readelf's reading of the same call frame information: programs for both machines, from .eh_frame and
 * .debug_frame, and the C library; and the same bytes with errors in them. */
#include "sym/inside.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Frames of many shapes: saved registers, alloca, realigned stacks, big frames, calls without return, leaves. */
static const char program[] =
	"#include <stdlib.h>\n"
	"int sink(void *); int leaf(int x) { return x * 3; }\n"
	"int saved(int a, int b, int c) { int s = sink(&a); s += sink(&b) * c; return s + sink(&c) + a + b; }\n"
	"int variable(int n) { char *p = __builtin_alloca(n); return sink(p) + sink(&n) + p[0]; }\n"
	"int realigned(int n) { int v[16] __attribute__((aligned(64))); v[0] = n; sink(v); char *q = __builtin_alloca(n); sink(q);\n"
	"	return v[3] + q[1]; }\n"
	"int big(int n) { char b[100000]; return sink(b) + b[n]; }\n"
	"__attribute__((noreturn)) void never(int n) { sink(&n); abort(); }\n"
	"int sink(void *p) { static void *last; last = p; return leaf((int)(long)last); }\n"
	"int main(int argc, char **argv) { if (argc > 9) never(argc); return saved(argc, 1, 2) + variable(argc) + realigned(argc) + big(argc); }\n";

typedef struct Columns { int ra, fp, bx; } Columns;
typedef struct Count { u32 compared, end, expr; } Count;

/* The saved place in a cell of readelf's: "c-16". False: "u", or an expression. */
static bool
place(const char *cell, int *off)
{
	return sscanf(cell, "c%d", off) == 1;
}

static void
same_rule(const UnwindRow *row, u32 shift, s16 off, const char *cell, const char *line)
{
	int want;
	u32 how = row->saved >> shift & 3;

	if (place(cell, &want)) {
		bool same = how == UNWIND_AT_CFA ? off == want : how == UNWIND_AT_SP && off == row->cfa + want;

		if (!same)
			fprintf(stderr, "%s: %d %d\n", line, how, off);
		assert(same);
	} else if (!strcmp(cell, "u") || !strcmp(cell, "s")) {
		assert(how == UNWIND_SAME);
	}
}

static void
compare(const UnwindTable *t, const char *line, const Columns *c, bool arm, Count *n)
{
	static const char *const bases[2][4] = { { "rsp", "rbp", "rbx", "r10" }, { "sp", "x29", "x19", "x30" } };
	char cell[24][16] = { { 0 } }, reg[16];
	int used = 0, off = 0, len;
	unsigned long long pc;
	const char *p = line;

	if (sscanf(p, "%llx%n", &pc, &len) != 1 || len != 16)
		return;
	for (p += len; used < 24 && sscanf(p, "%15s%n", cell[used], &len) == 1; p += len)
		used += cell[used][0] != '(';           /* "r10 (r10)" */
	const UnwindRow *row = sym_unwind_row(t, pc);
	u32 mode;

	if (!used || !row)
		return;
	mode = row->how & UNWIND_MODE;
	n->compared++;
	/* "u" is also what readelf writes for a register that was not mentioned, as arm64's in a leaf. */
	if (c->ra >= 0 && !strcmp(cell[c->ra], "u") && (!arm || mode == UNWIND_END)) {
		assert(mode == UNWIND_END);
		n->end++;
		return;
	}
	if (sscanf(cell[0], "%15[a-z0-9]%d", reg, &off) == 2) {
		/* Kept in a register that is not followed, as where setcontext() goes on, and in arm64's calls for thread-local
		 * variables. */
		if (c->ra < 0 ? mode == UNWIND_NONE : cell[c->ra][0] == 'r') {
			assert(mode == UNWIND_NONE);
			return;
		}
		const char *base = bases[arm][row->how >> UNWIND_BASE_SHIFT & 3];

		if (mode != UNWIND_OFFSET && (!strcmp(reg, "rsp") || !strcmp(reg, "rbp") || !strcmp(reg, "sp") || !strcmp(reg, "x29"))) {
			fprintf(stderr, "%s: how %#x\n", line, row->how);
			assert(!"a row with a base register is not known");
		}
		if (mode != UNWIND_OFFSET)
			return;
		if (strcmp(base, reg) || row->cfa != off)
			fprintf(stderr, "%s: %s%+d\n", line, base, row->cfa);
		assert(!strcmp(base, reg) && row->cfa == off);
	} else {
		n->expr++;
		assert(mode != UNWIND_OFFSET || row->how >> UNWIND_BASE_SHIFT & 3);
		return;
	}
	if (c->fp >= 0)
		same_rule(row, UNWIND_FP_SHIFT, row->fp, cell[c->fp], line);
	if (c->bx >= 0)
		same_rule(row, UNWIND_BX_SHIFT, row->bx, cell[c->bx], line);
	if (c->ra >= 0)
		same_rule(row, 0, row->ra, cell[c->ra], line);
}

/* "   LOC           CFA      rbx   rbp   ra": which cell behind the address is whose. */
static Columns
columns(const char *line, bool arm)
{
	Columns c = { -1, -1, -1 };
	char word[16];
	int len, i = -1;

	for (const char *p = line; sscanf(p, "%15s%n", word, &len) == 1; p += len, i++) {
		if (!strcmp(word, "ra"))
			c.ra = i;
		if (!strcmp(word, arm ? "x29" : "rbp"))
			c.fp = i;
		if (!strcmp(word, arm ? "x19" : "rbx"))
			c.bx = i;
	}
	return c;
}

static Count
check_file(const char *path, bool arm)
{
	char cmd[256], line[512];
	UnwindTable t;
	Columns c = { -1, -1, -1 };
	Count n = { 0 };
	bool cie = false;
	int err;
	Elf *e = sym_elf_open(path, &err);
	FILE *f;

	assert(e && sym_unwind_table(e, &t));
	for (u32 i = 1; i < t.n; i++)
		assert(t.row[i - 1].pc < t.row[i].pc);
	snprintf(cmd, sizeof(cmd), "readelf -wF '%s' 2>/dev/null", path);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (strstr(line, " CIE ") || strstr(line, " FDE "))
			cie = strstr(line, " CIE ") != NULL;
		else if (strstr(line, "LOC "))
			c = columns(line, arm);
		else if (!cie)
			compare(&t, line, &c, arm, &n);
	}
	assert(f && pclose(f) >= 0);
	sym_unwind_free(&t);
	sym_elf_close(e);
	return n;
}

static bool
compile(const char *dir, const char *cc, const char *flags)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "cd %s && %s -w %s -o prog prog.c 2>/dev/null", dir, cc, flags);
	return system(cmd) == 0;
}

static u32 seed = 1;

static u32
rnd(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Whatever the file holds, the table is in order, or there is none. */
static void
damaged(const char *path)
{
	HostMap m;
	UnwindTable t;

	assert(!host_map(path, &m));
	for (u32 round = 0; round < 300; round++) {
		u8 *copy = malloc(m.n);
		Bytes sec;
		u64 addr;
		Elf *e;

		memcpy(copy, m.p, m.n);
		e = sym_elf_memory(copy, m.n);
		assert(e && sym_elf_section(e, ".eh_frame", &sec, &addr));
		for (u32 i = 0; i < 1 + round / 30; i++)
			copy[(size_t)(sec.p - copy) + rnd((u32)sec.n)] = (u8)rnd(256);
		if (sym_unwind_table(e, &t))
			for (u32 i = 1; i < t.n; i++)
				assert(t.row[i - 1].pc <= t.row[i].pc);
		sym_unwind_free(&t);
		sym_elf_close(e);
		free(copy);
	}
	host_unmap(&m);
}

int
main(void)
{
	static const struct { const char *cc, *flags; bool arm; } builds[] = {
		{ "cc", "-O2 -fomit-frame-pointer", false }, { "cc", "-O0 -fno-omit-frame-pointer", false },
		{ "cc", "-O2 -g -fno-asynchronous-unwind-tables", false }, { "cc", "-O3 -static", false },
		{ "aarch64-linux-gnu-gcc", "-O2", true }, { "aarch64-linux-gnu-gcc", "-O0 -mbranch-protection=standard", true },
		{ "aarch64-linux-gnu-gcc", "-Os -static -fomit-frame-pointer", true },
	};
	static const char *const libs[] = { "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
		"/usr/aarch64-linux-gnu/lib/libc.so.6" };
	char dir[] = "/tmp/cfi.XXXXXX", path[64], cmd[64];
	u32 done = 0;
	FILE *f;

	if (system("readelf --version >/dev/null 2>&1")) {
		puts("needs readelf");
		return 77;
	}
	assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/prog.c", dir);
	f = fopen(path, "w");
	fputs(program, f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/prog", dir);
	for (u32 i = 0; i < COUNT(builds); i++) {
		Count n;

		if (!compile(dir, builds[i].cc, builds[i].flags))
			continue;
		n = check_file(path, builds[i].arm);
		assert(n.compared > 15);
		done++;
		if (!i)
			damaged(path);
	}
	for (u32 i = 0; i < COUNT(libs); i++)
		if (!access(libs[i], R_OK)) {
			Count n = check_file(libs[i], i == 2);

			assert(n.compared > 1000);
			printf("%s: %u rows as readelf has them, %u ends, %u expressions\n", libs[i], n.compared, n.end, n.expr);
		}
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert(!system(cmd) && done >= 4);
	return 0;
}
