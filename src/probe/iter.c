/* iter: runs a clause once for each object of a kind that the kernel keeps (tasks, their files, maps, sockets, ...), then ends.
 * Kernel: BPF_TRACE_ITER programs (5.8), loaded for the BTF id of bpf_iter_KIND, run by reading the link's file.
 * Script: iter:task, iter:task_file, iter:task_vma, ... `ctx` is a struct bpf_iter__KIND.
 * iter:KIND:PIN leaves the link as a file in the BPF file system and ends: whoever reads the file runs the clause and gets what its
 * printf writes. */
#include "probe/inside.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n < 1 || n > 2 || !*part[0])
		return probe_bad(pc, p, "iter probe type requires 1 argument, found %u", n);
	if (n == 2 && !*part[1])
		return probe_bad(pc, p, "iter:%s: the file to pin it to is missing", part[0]);
	p->func = part[0];
	p->has_glob = base_has_glob(p->func, strlen(p->func));
	if (n == 2 && p->has_glob)
		return probe_bad(pc, p, "only one iterator can be pinned to a file");
	if (n == 2)
		p->priv = arena_printf(pc->a, "%s%s", *part[1] == '/' ? "" : "/sys/fs/bpf/", part[1]);
	p->name = interns(arena_printf(pc->a, "iter:%s%s%s", p->func, n == 2 ? ":" : "", n == 2 ? part[1] : ""));
	return true;
}

static u32
id_of(ProbeContext *pc, const char *kind)
{
	char name[128];
	u32 id = 0;

	snprintf(name, sizeof(name), "bpf_iter_%s", kind);
	type_btf_func(pc->types, NULL, name, &id);
	return id;
}

typedef struct Found { ProbeNames names; const char *pat; } Found;

static void
add(void *arg, const char *name)
{
	Found *f = arg;

	if (!strncmp(name, "bpf_iter__", 10) && base_glob(f->pat, strlen(f->pat), name + 10, strlen(name + 10)))
		VEC_PUSH(f->names.a, &f->names.v, arena_str(f->names.a, name + 10, strlen(name + 10)));
}

static int
one(ProbeContext *pc, const Probe *p, const char *kind, ProbeFn *fn, void *arg, bool *stop)
{
	Probe *q;
	u32 id = id_of(pc, kind);

	if (!id)
		return 0;
	q = probe_new(pc, p);
	q->func = interns(kind);
	q->id = id;
	if (p->has_glob)
		q->name = interns(arena_printf(pc->a, "iter:%s", kind));
	*stop = fn(arg, q) != 0;
	return 1;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Found f = { { pc->a, { 0 } }, p->func };
	bool stop = false;
	int n = 0;

	if (!type_has_btf(pc->types))
		return -EOPNOTSUPP;
	if (!p->has_glob)
		return one(pc, p, p->func, fn, arg, &stop);
	type_btf_each(pc->types, 's', add, &f);
	probe_names_sort(&f.names);
	for (u32 i = 0; i < f.names.v.n && !stop; i++)
		n += one(pc, p, f.names.v.v[i], fn, arg, &stop);
	return n;
}

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	(void)pc, (void)p;
	*why = "an iterator's object is in ctx: ctx->task";
	return NULL;
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	char words[160];
	const Type *t;

	if (strcmp(name, "ctx"))
		return probe_no_value(pc, p, name, why);
	snprintf(words, sizeof(words), "struct bpf_iter__%s", p->func);
	t = type_find(pc->types, words);
	if (!t)
		*why = "the kernel's BTF does not know this iterator";
	/* Read as kernel memory, not through the verifier's eyes: it would want each pointer compared with NULL where it is
	 * used. */
	return t ? type_ptr(pc->types, t, AS_KERNEL) : NULL;
}

/* After the last object the kernel calls once more, without any: nothing for the script. The object follows the pointer to
 * struct bpf_iter_meta. */
static void
enter(ProbeContext *pc, const Probe *p, Fn *fn)
{
	u32 none = ir_block_cold(fn), some = ir_block(fn);

	(void)pc, (void)p;
	ir_br(fn, ir_load_ctx(fn, ir_ctx(fn), 8, 8, false), some, none);
	ir_seal(fn, none);
	ir_seal(fn, some);
	ir_start(fn, none);
	ir_ret(fn, 0);
	ir_start(fn, some);
}

/* bpf_iter__KIND begins with struct bpf_iter_meta *meta, and that with struct seq_file *seq. */
static Ref
seq(const Probe *p, Fn *fn)
{
	return p->priv ? ir_load(fn, ir_load_ctx(fn, ir_ctx(fn), 0, 8, false), 0, 8, false) : 0;
}

static void
list_args(ProbeContext *pc, const Probe *p, Buf *out)
{
	const char *why;
	const Type *t = value_type(pc, p, "ctx", &why);
	u32 n = 0;
	const Field *f = t ? type_fields(pc->types, t->elem, &n) : NULL;

	for (u32 i = 0; i < n; i++) {           /* pointers hide in unions without a name */
		u32 m = 1;
		const Field *g = f[i].name && *f[i].name ? &f[i] : type_fields(pc->types, f[i].type, &m);

		for (u32 j = 0; g && j < m; j++) {
			buf_puts(out, "    ");
			type_name(g[j].type, out);
			buf_printf(out, " %s\n", g[j].name);
		}
	}
}

static void
code(ProbeContext *pc, Probe *const *p, u32 n, Code *c)
{
	(void)pc, (void)n;
	c->btf_id = p[0]->id;
}

/* ---- attaching: a thread reads, so that what the program sends is taken from the ring meanwhile ---- */

typedef struct Reader { int iter, end; } Reader;

static void *
read_all(void *arg)
{
	Reader r = *(Reader *)arg;
	char buf[4096];
	ssize_t n;

	free(arg);
	do
		n = read(r.iter, buf, sizeof(buf));
	while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	close(r.iter);
	close(r.end);           /* tells that it is over */
	return NULL;
}

static int
start(int iter, int end)
{
	Reader *r = malloc(sizeof(*r));
	sigset_t all, old;
	pthread_t t;
	int err;

	if (!r)
		return -ENOMEM;
	*r = (Reader){ iter, end };
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&t, NULL, read_all, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		free(r);
		return -err;
	}
	pthread_detach(t);
	return 0;
}

/* fds[0] becomes readable when all objects were seen. */
static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	int link = kern_attach_iter(prog_fd), iter, end[2], err;

	if (link < 0)
		return link;
	if (p->priv) {
		err = kern_pin(link, p->priv);
		if (!err)
			fprintf(stderr, "Program pinned to %s\n", (const char *)p->priv);
		goto out_link;
	}
	iter = kern_iter_fd(link);
	if (iter < 0) {
		err = iter;
		goto out_link;
	}
	if (pipe2(end, O_CLOEXEC)) {
		err = -errno;
		goto out_iter;
	}
	err = start(iter, end[1]);
	if (err)
		goto out_pipe;
	probe_keep_fd(pc, p, end[0]);
	probe_keep_fd(pc, p, link);
	return 0;
out_pipe:
	close(end[0]);
	close(end[1]);
out_iter:
	close(iter);
out_link:
	close(link);
	return err;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

const Provider iter_provider = {
	.name = "iter", .alias = "it", .when = PW_READ, .prog_type = BPF_PROG_TYPE_TRACING, .attach_type = BPF_TRACE_ITER,
	.feature = FEAT_ITER, .space = AS_KERNEL, .parts = 1, .usage = "iter:KIND[:PIN] (task, task_file, task_vma, ...)",
	.per_pid = true,        /* the process that reads is piton */
	.parse = parse, .expand = expand, .args = args, .value_type = value_type, .load = probe_no_load, .enter = enter, .seq = seq, .code = code,
	.attach = attach, .list_args = list_args,
};
