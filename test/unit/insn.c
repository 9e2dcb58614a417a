/* Lengths of instructions, and returns among them, as objdump has them in whole programs of this machine; garbage is survived. */
#include "probe/inside.h"

#include <assert.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Seen { u64 n, unlike, returns; } Seen;

/* One line of objdump's: "  401000:\tf3 0f 1e fa \tendbr64". Long instructions go on in lines without text. */
static void
one_line(const char *line, u16 machine, Seen *seen)
{
	u8 bytes[32] = { 0 };
	u32 n = 0, length, word;
	const char *p = strchr(line, '\t'), *text;
	char *end;

	text = p ? strchr(p + 1, '\t') : NULL;
	if (!p || !text || strchr(text, '(') == text + 1)               /* "(bad)" */
		return;
	if (machine == EM_AARCH64) {
		word = (u32)strtoul(p, &end, 16);
		memcpy(bytes, &word, n = 4);
		if (strstr(text, ".inst") || strstr(text, ".word"))
			return;
	} else {
		for (p++; n < 16; p = end) {
			p += strspn(p, " ");
			if (p >= text)
				break;
			bytes[n++] = (u8)strtoul(p, &end, 16);
		}
	}
	if (machine == EM_X86_64 && bytes[0] == 0x9b && n > 1)          /* objdump shows fwait and its neighbour as one */
		return;
	memset(bytes + n, 0x90, 16);            /* what is behind does not count */
	length = insn_length(machine, bytes, 32);
	seen->n++;
	if (length != n) {
		if (seen->unlike++ < 8)
			fprintf(stderr, "%s: %u, not %u\n", line, length, n);
		return;
	}
	assert(insn_length(machine, bytes, n) == n && (n == 1 || !insn_length(machine, bytes, n - 1) || machine == EM_AARCH64));
	bool ret = strstr(text, "\tret") || strstr(text, " ret") == text + strlen(text) - 4;

	if (strstr(text, "iret") || strstr(text, "sysret") || strstr(text, "eret") || strstr(text, "lret"))
		ret = false;
	if (ret != insn_returns(machine, bytes, n))
		fprintf(stderr, "%s: returns %d\n", line, !ret);
	assert(ret == insn_returns(machine, bytes, n));
	seen->returns += ret;
}

static Seen
file(const char *path, u16 machine)
{
	char cmd[512], line[1024];
	Seen seen = { 0 };
	FILE *f;

	snprintf(cmd, sizeof(cmd), "%s -d --insn-width=16 '%s' 2>/dev/null", machine == EM_AARCH64 ? "aarch64-linux-gnu-objdump" : "objdump", path);
	f = popen(cmd, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		while (strlen(line) && line[strlen(line) - 1] == ' ')
			line[strlen(line) - 1] = 0;
		one_line(line, machine, &seen);
	}
	if (f)
		pclose(f);
	return seen;
}

int
main(int argc, char **argv)
{
	static const struct { const char *path; u16 machine; u64 least; } files[] = {
		{ "/lib/x86_64-linux-gnu/libc.so.6", EM_X86_64, 200000 }, { "/lib/x86_64-linux-gnu/libm.so.6", EM_X86_64, 50000 },
		{ "/usr/aarch64-linux-gnu/lib/libc.so.6", EM_AARCH64, 200000 },
	};
	u8 junk[16];

	if (system("objdump --version >/dev/null 2>&1")) {
		puts("needs objdump");
		return 77;
	}
	srand(1);
	for (u32 i = 0; i < 1000000; i++) {
		size_t n = (size_t)rand() % 16;

		for (u32 j = 0; j < sizeof(junk); j++)
			junk[j] = (u8)rand();
		assert(insn_length(EM_X86_64, junk, n) <= n);
	}
	for (u32 i = 0; i < COUNT(files); i++) {
		Seen s;

		if (access(files[i].path, R_OK) || (files[i].machine == EM_AARCH64 && system("aarch64-linux-gnu-objdump --version >/dev/null 2>&1")))
			continue;
		s = file(files[i].path, files[i].machine);
		printf("%s: %llu instructions, %llu unlike, %llu returns\n", files[i].path, (unsigned long long)s.n,
		       (unsigned long long)s.unlike, (unsigned long long)s.returns);
		assert(s.n > files[i].least && s.returns > 500 && !s.unlike);
	}
	for (int i = 1; i < argc; i++) {
		Seen s = file(argv[i], EM_X86_64);

		printf("%s: %llu instructions, %llu unlike, %llu returns\n", argv[i], (unsigned long long)s.n, (unsigned long long)s.unlike,
		       (unsigned long long)s.returns);
	}
	return 0;
}
