/* lib: libpiton-filter, the compiler for other programs (include/piton-filter.h). */
#include "filt/filt.h"

#include "../include/piton-filter.h"

#include <stdio.h>
#include <stdlib.h>

static void
tell(Diag *d, char *err, size_t size)
{
	Buf b = {0};

	diag_print(d, &b, false);
	if (size)
		snprintf(err, size, "%s", b.p ? b.p : "");
	buf_free(&b);
}

static Filt *
compile(Arena *a, int linktype, int snaplen, const char *expr, const struct piton_filter_options *o, char *err, size_t size,
	int *status)
{
	FiltOpts f = { .linktype = linktype, .no_text = true, .no_process = true, .snaplen = snaplen > 0 ? (u32)snaplen : 0 };
	struct piton_filter_options mine = {0};
	Diag *d = diag_new(a);
	Filt *out;

	if (o)
		memcpy(&mine, o, MIN(o->size, sizeof(mine)));
	f.plain = mine.no_optimize;
	f.scoped = mine.scoped;
	f.savefile = mine.savefile;
	f.netmask = mine.netmask;
	f.netmask_known = mine.netmask_known;
	if (!filt_link_name(linktype)) {
		if (size)
			snprintf(err, size, "link type %d is not known", linktype);
		*status = PITON_FILTER_LINK;
		return NULL;
	}
	out = filt_compile(a, d, expr ? expr : "", expr ? strlen(expr) : 0, &f);
	*status = out ? PITON_FILTER_OK : PITON_FILTER_BAD;
	if (!out)
		tell(d, err, size);
	return out;
}

int
piton_filter_compile(void *program, int linktype, int snaplen, const char *expression,
	const struct piton_filter_options *options, char *err, size_t err_size)
{
	struct piton_filter_program *p = program;
	Arena *a = arena_new();
	int status;
	u32 n;
	Filt *f = compile(a, linktype, snaplen, expression, options, err, err_size, &status);

	p->len = 0;
	p->insns = NULL;
	if (f) {
		const FiltInsn *insn = filt_code(f, &n);

		p->insns = malloc(sizeof(*p->insns) * n);
		if (!p->insns)
			die("out of memory");
		memcpy(p->insns, insn, sizeof(*p->insns) * n);
		p->len = n;
	}
	arena_free(a);
	return status;
}

void
piton_filter_free(void *program)
{
	struct piton_filter_program *p = program;

	free(p->insns);
	p->insns = NULL;
	p->len = 0;
}

uint32_t
piton_filter_run(const void *program, const void *packet, uint32_t caplen, uint32_t len)
{
	const struct piton_filter_program *p = program;

	return filt_run((const FiltInsn *)p->insns, p->len, packet, caplen, len);
}

int
piton_filter_linktype(const char *name)
{
	return filt_link_named(name);
}

const char *
piton_filter_linktype_name(int linktype)
{
	return filt_link_name(linktype);
}

int
piton_filter_object(int linktype, const char *kind, const char *expression, const struct piton_filter_options *options,
	void **object, size_t *object_size, char *err, size_t err_size)
{
	int k = !strcmp(kind, "socket") ? FILT_SOCKET : !strcmp(kind, "tc") ? FILT_TC : !strcmp(kind, "xdp") ? FILT_XDP : -1, status;
	Arena *a = arena_new();
	Filt *f = compile(a, linktype, 0, expression, options, err, err_size, &status);
	Buf b = {0};

	if (f && (k < 0 || !filt_object(f, k, &b))) {
		if (err_size)
			snprintf(err, err_size, "a program of kind '%s' cannot hold this filter", kind);
		status = PITON_FILTER_BAD;
		buf_free(&b);
	}
	*object = b.p;
	*object_size = b.n;
	arena_free(a);
	return status;
}
