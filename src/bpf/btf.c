/* btf: see btf.h. */
#include "bpf/btf.h"

enum { MAX_DEPTH = 32 };

static u32
get32(const u8 *p)
{
	u32 n;

	memcpy(&n, p, 4);
	return n;
}

/* Bytes behind the three words of a type. */
static u64
tail_of(u32 kind, u64 vlen)
{
	switch (kind) {
	case BTF_INT: case BTF_VAR: case BTF_DECL_TAG: return 4;
	case BTF_ARRAY: return 12;
	case BTF_STRUCT: case BTF_UNION: case BTF_DATASEC: case BTF_ENUM64: return vlen * 12;
	case BTF_ENUM: case BTF_FUNC_PROTO: return vlen * 8;
	}
	return 0;
}

bool
bpf_btf_open(Arena *a, const void *data, u64 n, BtfBlob *b)
{
	const u8 *p = data;
	u64 hdr, type_off, type_len, str_off, str_len, at = 0;
	Vec(u32) index = { 0 };

	*b = (BtfBlob){ 0 };
	if (!p || n < 24 || n > 1 << 28 || p[0] != 0x9f || p[1] != 0xeb)
		return false;
	hdr = get32(p + 4);
	type_off = get32(p + 8);
	type_len = get32(p + 12);
	str_off = get32(p + 16);
	str_len = get32(p + 20);
	if (hdr + type_off + type_len > n || hdr + str_off + str_len > n)
		return false;
	*b = (BtfBlob){ p + hdr + type_off, (u32)type_len, (const char *)p + hdr + str_off, (u32)str_len, NULL, 0 };
	VEC_PUSH(a, &index, 0);         /* type 0 is void */
	while (at + 12 <= type_len) {
		u32 info = get32(b->types + at + 4);
		u64 tail = tail_of(info >> 24 & 31, info & 0xffff);

		if (tail > type_len - at - 12)
			return false;
		VEC_PUSH(a, &index, (u32)at);
		at += 12 + tail;
	}
	b->at = index.v;
	b->n = index.n;
	return at == type_len;
}

bool
bpf_btf_at(const BtfBlob *b, u32 id, BtfItem *t)
{
	const u8 *p;

	if (!id || id >= b->n)
		return false;
	p = b->types + b->at[id];
	*t = (BtfItem){ get32(p), get32(p + 4), get32(p + 8), p + 12, 0 };
	t->n_rest = (u32)tail_of(bpf_btf_kind(t), bpf_btf_vlen(t));
	return true;
}

bool
bpf_btf_plain(const BtfBlob *b, u32 id, BtfItem *t)
{
	for (int i = 0; i < MAX_DEPTH; i++) {
		if (!bpf_btf_at(b, id, t))
			return false;
		switch (bpf_btf_kind(t)) {
		case BTF_TYPEDEF: case BTF_VOLATILE: case BTF_CONST: case BTF_RESTRICT: case BTF_TYPE_TAG:
			id = t->size;
			continue;
		}
		return true;
	}
	return false;           /* typedefs in a circle */
}

const char *
bpf_btf_name(const BtfBlob *b, u32 off)
{
	return off < b->n_strings && memchr(b->strings + off, 0, b->n_strings - off) ? b->strings + off : "";
}

static u64
size_of(const BtfBlob *b, u32 id, int depth)
{
	BtfItem t;

	if (depth > MAX_DEPTH || !bpf_btf_plain(b, id, &t))
		return 0;
	switch (bpf_btf_kind(&t)) {
	case BTF_INT: case BTF_STRUCT: case BTF_UNION: case BTF_ENUM: case BTF_ENUM64: case BTF_FLOAT: return t.size;
	case BTF_PTR: return 8;
	case BTF_ARRAY: return size_of(b, get32(t.rest), depth + 1) * get32(t.rest + 8) & UINT32_MAX;
	}
	return 0;
}

u32
bpf_btf_size(const BtfBlob *b, u32 id)
{
	return (u32)size_of(b, id, 0);
}
