/* region: what memory an unverified program may touch, and whether the arguments of its calls are what the
 * helpers expect. Slow and exact; the interpreter remembers the last answers. */
#include "vm/run.h"
#include "vm/maps/maps.h"

static bool
inside(u64 addr, u64 size, const void *lo, u64 len)
{
	u64 at = addr - (u64)(uintptr_t)lo;

	return at <= len && len - at >= size;
}

static bool
in_map(VmMap *m, u64 addr, u64 size, bool write, u64 *lo, u64 *len)
{
	const u8 *p = (const u8 *)(uintptr_t)addr;
	u8 *v;

	if (write && (m->def.frozen || m->def.flags & BPF_F_RDONLY_PROG))
		return false;
	if (!inside(addr, 0, m->base, m->size))
		return false;
	if (m->ops == &map_ring)
		return ring_record(m, p, lo, len) && inside(addr, size, (void *)(uintptr_t)*lo, *len);
	if (!m->ops->value_at)
		return false;
	v = m->ops->value_at(m, p);
	if (!v)
		return false;
	if (m->percpu)          /* one CPU's value */
		v += (size_t)(p - v) / m->vsize * m->vsize;
	*lo = (u64)(uintptr_t)v;
	*len = m->def.value_size;
	return inside(addr, size, v, *len);
}

bool
vm_region(const VmContext *c, u64 addr, u64 size, bool write, u64 *lo, u64 *len)
{
	const VmProg *p = c->prog;

	if (inside(addr, size, c->stack, sizeof(c->stack))) {
		*lo = (u64)(uintptr_t)c->stack;
		*len = sizeof(c->stack);
		return true;
	}
	if (c->ctx && inside(addr, size, c->ctx, c->ctx_size)) {
		*lo = (u64)(uintptr_t)c->ctx;
		*len = c->ctx_size;
		return true;
	}
	if (c->data && inside(addr, size, c->data, (u64)(c->data_end - c->data))) {
		*lo = (u64)(uintptr_t)c->data;
		*len = (u64)(c->data_end - c->data);
		return true;
	}
	for (u32 i = 0; i < p->n_maps; i++) {
		VmMap *m = p->maps[i];

		if (in_map(m, addr, size, write, lo, len))
			return true;
		if (m->slots && m->def.type != BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 s = 0; s < m->cap; s++)
				if (m->slots[s] && in_map(m->slots[s], addr, size, write, lo, len))
					return true;
	}
	return false;
}

VmMap *
vm_region_map(const VmContext *c, u64 addr)
{
	const VmProg *p = c->prog;

	for (u32 i = 0; i < p->n_maps; i++) {
		VmMap *m = p->maps[i];

		if ((u64)(uintptr_t)m == addr)
			return m;
		if (m->slots && m->def.type != BPF_MAP_TYPE_PROG_ARRAY)
			for (u32 s = 0; s < m->cap; s++)
				if (m->slots[s] && (u64)(uintptr_t)m->slots[s] == addr)
					return m->slots[s];
	}
	return NULL;
}

static bool
mem(VmContext *c, u64 addr, u64 size, bool write)
{
	u64 lo, len;

	if (!size || vm_region(c, addr, size, write, &lo, &len))
		return true;
	c->fault = write ? "lets the helper write" : "lets the helper read";
	c->fault_addr = addr;
	c->fault_size = (u32)MIN(size, (u64)UINT32_MAX);
	return false;
}

static bool
no(VmContext *c, const char *what)
{
	c->fault = what;
	return false;
}

/* A string that ends inside of the program's memory. */
static bool
string(VmContext *c, u64 addr)
{
	u64 lo, len;

	return vm_region(c, addr, 1, false, &lo, &len) &&
	       memchr((const void *)(uintptr_t)addr, 0, (size_t)(lo + len - addr)) ? true : mem(c, addr, UINT32_MAX, false);
}

bool
vm_check_call(VmContext *c, u32 id, const u64 *r)
{
	const Helper *h = bpf_helper(id);
	const char *sig = h ? h->sig : NULL;
	VmMap *m = NULL;

	if (!sig)
		return no(c, "calls a helper without a signature");
	for (u32 a = 1; sig[a - 1] != '>' && a <= 5; a++) {
		u64 v = r[a], size = a < 5 && (sig[a] == 'z' || sig[a] == 'Z') ? r[a + 1] : 0;

		switch (sig[a - 1]) {
		case 'c':
			if (v != (u64)(uintptr_t)c->ctx)
				return no(c, "passes something else where the helper wants the context");
			break;
		case 'X':
			if (v && v != (u64)(uintptr_t)c->ctx)
				return no(c, "passes something else where the helper wants the context");
			break;
		case 'm':
			m = vm_region_map(c, v);
			if (!m)
				return no(c, "passes something else where the helper wants a map");
			break;
		case 'k':
			if (!mem(c, v, m ? m->def.key_size : 0, false))
				return false;
			break;
		case 'n':
			if (!v)
				break;
			/* fall through */
		case 'v':
			if (!mem(c, v, m ? m->def.value_size : 0, false))
				return false;
			break;
		case 'V':
			if (!mem(c, v, m ? m->def.value_size : 0, true))
				return false;
			break;
		case 'f': {
			u64 at = v - (u64)(uintptr_t)c->prog->ops;

			if (at % sizeof(Op) || at / sizeof(Op) >= c->prog->n || c->prog->starts[at / sizeof(Op)] != 1)
				return no(c, "passes something else where the helper wants a function");
			break;
		}
		case 's':
			if (!string(c, v))
				return false;
			break;
		case 'R': case 'W':
			if (!v && !size)
				break;
			if (!mem(c, v, size, sig[a - 1] == 'W'))
				return false;
			break;
		case 'r': case 'q':
			if (!mem(c, v, size, false))
				return false;
			break;
		case 'w': case 'b':
			if (!mem(c, v, size, true))
				return false;
			break;
		case 'z':
			if (!v)
				return no(c, "passes a size of 0");
			break;
		case 'l':
			if (v & 7 || !mem(c, v, 8, true))
				return v & 7 ? no(c, "passes unaligned memory") : false;
			break;
		case 'L': case 'S':
			if (v & 3 || !mem(c, v, 4, true))
				return v & 3 ? no(c, "passes unaligned memory") : false;
			break;
		case 't':
			return no(c, "uses a timer, which takes a verified program");
		case 'd': case 'D': case 'E': case 'F':
			return no(c, "uses a dynptr, which takes a verified program");
		case 'e': {
			u64 lo = 0, len;
			bool found = false;

			for (u32 i = 0; i < c->prog->n_maps && !found; i++)
				found = c->prog->maps[i]->ops == &map_ring &&
					ring_record(c->prog->maps[i], (const u8 *)(uintptr_t)v, &lo, &len) && lo == v;
			if (!found)
				return no(c, "passes something else where the helper wants a reserved record");
			break;
		}
		}
	}
	return true;
}
