/* Classic BPF: text and back, checks, and conversion: each filter runs as extended BPF, verified and in every engine, over
 * packets whose verdict is written beside it. */
#include "vm/run.h"
#include "vm/packet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static const u8 tcp[] = {
	2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
	0x46, 0, 0, 52, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0,     /* IPv4 with 4 bytes of options */
	0x1f, 0x90, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0, 'h', 'i',
};

/* Programs see the packet from its network header on; the link header is at SKF_LL_OFF. */
static const struct { const char *text; u32 verdict; } filters[] = {
	{ "ret #7", 7 },
	{ "ld #len\n ret a", sizeof(tcp) - 14 },
	{ "ldb [9]\n jeq #6, yes\n ret #0\n yes: ret #-1", 0xffffffff },
	{ "ldb [9]\n jne #6, no\n ret #65535\n no: ret #0", 65535 },
	{ "ldx 4*([0]&0xf)\n ldh [x + 2]\n jeq #80 jt 3 jf 4\n ret #1\n ret #2\n", 1 },
	{ "ldx 4*([0]&0xf)\n txa\n ret a", 24 },
	{ "ld [12]\n st M[3]\n ld [16]\n ldx M[3]\n sub x\n ret a", 1 },
	{ "ld #100\n ldx #7\n div x\n st M[0]\n ld #100\n mod x\n ldx M[0]\n lsh x\n ret a", (100 % 7) << 14 },
	{ "ld #100\n ldx #0\n div x\n ret #5", 0 },
	{ "ld #5\n neg\n and #0xff\n ret a", 251 },
	{ "ld [2000]\n ret #1", 0 },
	{ "ldh [-2097140]\n ret a", 0x800 },            /* SKF_LL_OFF + 12 */
	{ "ld proto\n ret a", 0x800 },
	{ "ld type\n ret a", 0 },
	{ "ld vlan_avail\n ret a", 0 },
	{ "ld #0x10\n jset #0x30, a, b\n a: ld #1\n ret a\n b: ret #9", 1 },
	{ "ld #3\n jgt #3, a, b\n a: ret #1\n b: jge #3, c, a2\n a2: ret #2\n c: ret #3", 3 },
	{ "ld #1\n rsh #1\n or #0x80000000\n xor #1\n tax\n jmp out\n ret #0\n out: txa\n mul #2\n add #5\n ret a", 7 },
};

static const char *const wrong[] = {
	"ld #1", "ld M[3]\n ret a", "ld #1\n jeq #1, x\n st M[1]\n x: ld M[1]\n ret a", "div #0\n ret a", "lsh #32\n ret a",
};

int
main(void)
{
	Arena *a = arena_new();
	Diag *d = diag_new(a);

	for (u32 i = 0; i < COUNT(filters); i++) {
		struct sock_filter *f, *again;
		Buf text = { 0 }, why = { 0 };
		Code code = { .name = "classic", .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
		Verdict v = { 0 };
		u32 n, m;

		if (!bpf_classic_asm("filter", filters[i].text, strlen(filters[i].text), d, a, &f, &n)) {
			diag_print(d, &text, false);
			printf("%s", text.p);
			return 1;
		}
		for (u32 pc = 0; pc < n; pc++) {
			assert(bpf_classic_dis(&f[pc], pc, &text));
			buf_putc(&text, '\n');
		}
		assert(bpf_classic_asm("again", text.p, text.n, d, a, &again, &m) && m == n && !memcmp(f, again, n * sizeof(*f)));
		assert(bpf_classic_convert(f, n, a, &code.insns, &code.n, &why));
		if (!vm_verify(&code, NULL, 0, NULL, &v, NULL)) {
			printf("%s\nnot verified: %s\n", filters[i].text, v.text.p);
			return 1;
		}
		for (VmEngine e = VM_INTERP; e <= VM_JIT; e++) {
			int err;
			u64 r0;
			VmProg *p = vm_prog_new(&code, NULL, 0, e, true, &err, &why);

			if (!p || vm_prog_run_packet(p, tcp, sizeof(tcp), &r0, &why) || (u32)r0 != filters[i].verdict) {
				printf("%s\nengine %d gives 0x%x, not 0x%x %s\n", filters[i].text, e, (u32)r0, filters[i].verdict,
				       why.p ? why.p : "");
				return 1;
			}
			vm_prog_free(p);
		}
		verdict_free(&v);
		buf_free(&text);
		buf_free(&why);
	}
	for (u32 i = 0; i < COUNT(wrong); i++) {
		struct sock_filter *f;
		Buf why = { 0 };
		u32 n;

		assert(bpf_classic_asm("wrong", wrong[i], strlen(wrong[i]), d, a, &f, &n));
		assert(!bpf_classic_check(f, n, &why) && why.n);
		buf_free(&why);
	}
	assert(!bpf_classic_asm("x", "ld [12", 6, d, a, &(struct sock_filter *){ 0 }, &(u32){ 0 }));
	assert(!bpf_classic_asm("x", "a: ja a", 7, d, a, &(struct sock_filter *){ 0 }, &(u32){ 0 }));
	arena_free(a);
	return 0;
}
