/* interp_loop: the loop of the interpreter, included twice by interp.c with LOOP (its name) and CHECKED.
 * With c == NULL it gives the table of its labels through r0p.
 * Every label does one instruction of isa.def and goes on to that of the next Op. */
static int
LOOP(VmContext *c, const Op *pc, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, u64 *r0p)
{
	static const void *const labels[N_VL] = {
#define ROW(N, ...) [OP_##N] = &&L_##N,
#include "bpf/isa.def"
		[VL_END] = &&L_END, [VL_TAIL] = &&L_TAIL,
#define LOAD(N, op, mn, T) [VL_PROVEN + OP_##N] = &&P_##N,
#define STORE(N, op, mn, T, sh) [VL_PROVEN + OP_##N] = &&P_##N,
#define ROW(N, ...)
#include "bpf/isa.def"
	};
	u64 R[11];
	VmFrame frames[VM_FRAMES];
	u32 depth, bottom;
	/* the object that the last checked load and store found */
	u64 rlo = 0, rlen = 0, wlo = 0, wlen = 0;
	s64 budget;

	if (!c) {
		*(const void *const **)r0p = labels;
		return 0;
	}
	(void)rlo, (void)rlen, (void)wlo, (void)wlen;
	bottom = depth = c->depth;
	budget = c->budget;
	if (CHECKED)
		memset(R, 0, sizeof(R));
	R[0] = 0, R[1] = r1, R[2] = r2, R[3] = r3, R[4] = r4, R[5] = r5;
	R[10] = (u64)(uintptr_t)c->stack + (depth + 1) * VM_STACK;

#define DST R[pc->dst]
#define SRC R[pc->src]
#define NEXT do { pc++; goto *pc->go; } while (0)
#define GO(o) do { \
	s32 by = (o); \
	if (CHECKED && by < 0 && --budget < 0) \
		goto tired; \
	pc += by + 1; \
	goto *pc->go; \
} while (0)
	/* the 32- or 64-bit world of a meaning */
#define WORLD(w) \
	typedef u##w U __attribute__((unused)); \
	typedef s##w S __attribute__((unused)); \
	enum { W __attribute__((unused)) = w };
#define ALU1(N, w, from, m) \
	L_##N: { WORLD(w) U d __attribute__((unused)) = (U)DST, s = (U)(from); DST = (U)(m); NEXT; }
#define IMM (s64)pc->imm
	goto *pc->go;

#define ALU(N, op, off, mn, sym, m) \
	ALU1(N##64K, 64, IMM, m) ALU1(N##64X, 64, SRC, m) ALU1(N##32K, 32, IMM, m) ALU1(N##32X, 32, SRC, m)
#define UNARY(N, op, sh, imm, w, mn, sym, m) \
	L_##N: { WORLD(w) U d = (U)DST; DST = (U)(m); NEXT; }
#define MOVSX(N, op, off, w, mn, sym, T) \
	L_##N: { WORLD(w) DST = (U)(S)(T)SRC; NEXT; }
#define JUMP1(N, w, from, m) \
	L_##N: { WORLD(w) U d = (U)DST, s = (U)(from); if (m) GO(pc->off); NEXT; }
#define JUMP(N, op, mn, sym, m) \
	JUMP1(N##64K, 64, IMM, m) JUMP1(N##64X, 64, SRC, m) JUMP1(N##32K, 32, IMM, m) JUMP1(N##32X, 32, SRC, m)

#if CHECKED
	/* a is within the object found last, or it is looked for */
#define CAN_READ(a, n) do { \
	if (__builtin_expect((a) - rlo > rlen - (n) || rlen < (n), 0)) { \
		if (!vm_region(c, (a), (n), false, &rlo, &rlen)) { \
			rlen = 0; c->fault = "reads"; c->fault_addr = (a); c->fault_size = (n); goto fault; \
		} \
	} \
} while (0)
#define CAN_WRITE(a, n) do { \
	if (__builtin_expect((a) - wlo > wlen - (n) || wlen < (n), 0)) { \
		if (!vm_region(c, (a), (n), true, &wlo, &wlen)) { \
			wlen = 0; c->fault = "writes"; c->fault_addr = (a); c->fault_size = (n); goto fault; \
		} \
	} \
} while (0)
#define ALIGNED(a, n) do { \
	if ((a) & ((n) - 1)) { \
		c->fault = "does an atomic operation on unaligned memory,"; c->fault_addr = (a); c->fault_size = (n); \
		goto fault; \
	} \
} while (0)
#else
#define CAN_READ(a, n) ((void)0)
#define CAN_WRITE(a, n) ((void)0)
#define ALIGNED(a, n) ((void)0)
#endif
#define LOAD1(L, T, check) \
	L: { u64 a = SRC + (u64)(s64)pc->off; check; DST = (u64)(s64)*(T##_mem *)(uintptr_t)a; NEXT; }
#define LOAD(N, op, mn, T) LOAD1(L_##N, T, CAN_READ(a, sizeof(T))) LOAD1(P_##N, T, )
#define SH_ST_FROM (u64)(s64)pc->imm
#define SH_STX_FROM SRC
#define STORE1(L, T, sh, check) \
	L: { u64 a = DST + (u64)(s64)pc->off; check; *(T##_mem *)(uintptr_t)a = (T)(sh##_FROM); NEXT; }
#define STORE(N, op, mn, T, sh) STORE1(L_##N, T, sh, CAN_WRITE(a, sizeof(T))) STORE1(P_##N, T, sh, )
#define ATOMIC1(N, w, res, m) \
	L_##N: { \
		WORLD(w) \
		u64 a = DST + (u64)(s64)pc->off; \
		U *p, s = (U)SRC, was; \
		u64 r0 __attribute__((unused)) = R[0]; \
		CAN_WRITE(a, sizeof(U)); \
		ALIGNED(a, sizeof(U)); \
		p = (U *)(uintptr_t)a; \
		was = (m); \
		if (res >= 0) \
			R[res > 0 ? pc->src : 0] = was; \
		NEXT; \
	}
#define ATOMIC(N, imm, mn, sym, res, m) ATOMIC1(N##_64, 64, res, m) ATOMIC1(N##_32, 32, res, m)
#define ACQREL(N, op, im, mn, T) \
	L_##N: { \
		bool load = im == K_ATOMIC_LOAD_ACQ; \
		u64 a = (load ? SRC : DST) + (u64)(s64)pc->off; \
		T *p = (T *)(uintptr_t)a; \
		if (load) { \
			CAN_READ(a, sizeof(T)); \
			ALIGNED(a, sizeof(T)); \
			DST = __atomic_load_n(p, __ATOMIC_ACQUIRE); \
		} else { \
			CAN_WRITE(a, sizeof(T)); \
			ALIGNED(a, sizeof(T)); \
			__atomic_store_n(p, (T)SRC, __ATOMIC_RELEASE); \
		} \
		NEXT; \
	}
#define ROW(N, ...)
#include "bpf/isa.def"

	L_JA:
		GO(pc->off);
	L_JA32:
		GO(pc->imm);
	L_MAYGOTO:
		if (--c->loops < 0)     /* then it leaves the loop */
			GO(pc->off);
		NEXT;
	L_LDDW: L_LDMAPFD: L_LDMAPVAL: L_LDVAR: L_LDFUNC: L_LDMAPIDX: L_LDIDXVAL:
		DST = (u64)(uintptr_t)pc[1].go;
		pc += 2;
		goto *pc->go;
	L_LDABSW: L_LDABSH: L_LDABSB: L_LDINDW: L_LDINDH: L_LDINDB: {
		static const u8 size[4] = { 4, 2, 1, 8 };
		/* src keeps the mode: 16 for LD_IND, whose register is below; off the size */
		s64 at = (s64)(s32)((u32)pc->imm + (pc->src & 16 ? (u32)R[pc->src & 15] : 0));

		if (!vm_packet_load(c, at, size[pc->off & 3], &R[0])) {
			R[0] = 0;
			depth = bottom;
			goto done;
		}
		NEXT;
	}
	L_CALLX:
		if (!CHECKED || DST > UINT16_MAX || !vm_helper((u32)DST)) {
			c->fault = "calls a helper that is not there";
			goto fault;
		}
		r1 = DST;
		goto helper;
	L_CALL:
		r1 = (u32)pc->imm;
	helper:
		if (CHECKED) {
			c->fault_at = pc;
			if (--budget < 0)
				goto tired;
			if (!vm_check_call(c, (u32)r1, R))
				goto fault;
		}
		c->depth = depth + 1;
		c->budget = budget;
		R[0] = vm_helper((u32)r1)(R[1], R[2], R[3], R[4], R[5], c);
		if (CHECKED) {
			if (c->fault)
				return -EFAULT;
			budget = c->budget;
			rlen = wlen = 0;        /* what was found may be gone (adjust_head, a freed record) */
		}
		NEXT;
	L_CALLKFUNC:
		c->fault = "calls a kernel function, which this machine does not have";
		goto fault;
	L_CALLSUB:
		if (depth + 1 >= VM_FRAMES) {
			c->fault = "calls deeper than 8 frames";
			goto fault;
		}
		if (CHECKED && --budget < 0)
			goto tired;
		frames[depth] = (VmFrame){ pc + 1, R[6], R[7], R[8], R[9] };
		depth++;
		R[10] += VM_STACK;
		pc += pc->imm + 1;
		goto *pc->go;
	L_TAIL: {
		const VmProg *to;

		if (CHECKED) {
			c->fault_at = pc;
			if (!vm_check_call(c, BPF_FUNC_tail_call, R))
				goto fault;
		}
		to = vm_map_prog((VmMap *)(uintptr_t)R[2], (u32)R[3]);
		if (!to || to->checked != c->prog->checked || c->tail_calls >= VM_TAIL_CALLS) {
			R[0] = (u64)-ENOENT;
			NEXT;
		}
		c->tail_calls++;
		c->prog = to;
		if (depth == bottom) {
			pc = to->ops;
			goto *pc->go;
		}
		/* from a subprogram: the new program returns to this one's caller */
		pc = to->ops;
		goto *pc->go;
	}
	L_EXIT:
		if (depth > bottom) {
			const VmFrame *f = &frames[--depth];

			R[6] = f->r6, R[7] = f->r7, R[8] = f->r8, R[9] = f->r9;
			R[10] -= VM_STACK;
			pc = f->back;
			goto *pc->go;
		}
	done:
		c->budget = budget;
		c->depth = bottom;
		*r0p = R[0];
		return 0;
	L_END:
		c->fault = "runs past the last instruction";
		goto fault;
	tired:
		c->fault = "has run for too long: 268 million jumps backward";
	fault:
		c->fault_at = pc;
		return -EFAULT;
#undef DST
#undef SRC
#undef NEXT
#undef GO
#undef WORLD
#undef ALU1
#undef IMM
#undef JUMP1
#undef CAN_READ
#undef CAN_WRITE
#undef ALIGNED
#undef LOAD1
#undef STORE1
#undef SH_ST_FROM
#undef SH_STX_FROM
#undef ATOMIC1
}
