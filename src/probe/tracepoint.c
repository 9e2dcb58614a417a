/* tracepoint: the kernel's named places. Kernel: PERF_TYPE_TRACEPOINT through perf_event_open(2), names and records from
 * tracefs. The context is the record itself.
 * Script: tracepoint:CATEGORY:EVENT, wildcards in both. args: the record's fields. */
#include "probe/inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

static bool
parse(ProbeContext *pc, const char *const *part, u32 n, Probe *p)
{
	if (n == 1 && base_has_glob(part[0], strlen(part[0]))) {        /* "t:*sleep": the category is open */
		p->scope = "*";
		p->func = part[0];
	} else if (n != 2 || !*part[0] || !*part[1]) {
		return probe_bad(pc, p, "tracepoint probe type requires 2 arguments, found %u", n);
	} else {
		p->scope = part[0];
		p->func = part[1];
	}
	p->has_glob = base_has_glob(p->scope, strlen(p->scope)) || base_has_glob(p->func, strlen(p->func));
	p->name = interns(arena_printf(pc->a, "tracepoint:%s:%s", p->scope, p->func));
	return true;
}

/* Appends the names of the folders in dir that match. */
static int
folders(const char *dir, const char *pat, ProbeNames *out)
{
	char path[PATH_MAX];
	DIR *d = opendir(host_path(dir, path, sizeof(path)));
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && e->d_type == DT_DIR && base_glob(pat, strlen(pat), e->d_name, strlen(e->d_name)))
			VEC_PUSH(out->a, &out->v, arena_str(out->a, e->d_name, strlen(e->d_name)));
	closedir(d);
	probe_names_sort(out);
	return 0;
}

static int
expand_glob(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	ProbeNames cats = { pc->a, { 0 } };
	const char *fs = kern_tracefs();
	char dir[PATH_MAX];
	int n = 0, err;

	snprintf(dir, sizeof(dir), "%s/events", fs);
	err = folders(dir, p->scope, &cats);
	for (u32 i = 0; i < cats.v.n && !err; i++) {
		ProbeNames events = { pc->a, { 0 } };

		if (!strcmp(cats.v.v[i], "ftrace"))             /* the function tracer's own, no tracepoints */
			continue;
		snprintf(dir, sizeof(dir), "%s/events/%s", fs, cats.v.v[i]);
		folders(dir, p->func, &events);
		for (u32 j = 0; j < events.v.n; j++) {
			Probe one = *p;

			one.scope = interns(cats.v.v[i]);
			one.func = interns(events.v.v[j]);
			one.name = interns(arena_printf(pc->a, "tracepoint:%s:%s", one.scope, one.func));
			n++;
			if (fn(arg, probe_new(pc, &one)))
				return n;
		}
	}
	return err ? err : n;
}

static int
expand(ProbeContext *pc, const Probe *p, ProbeFn *fn, void *arg)
{
	Probe one = *p;
	int id;

	if (!kern_tracefs())
		return -ENODEV;
	if (p->has_glob)
		return expand_glob(pc, p, fn, arg);
	id = kern_tracepoint_id(p->scope, p->func);
	if (id < 0)
		return id == -ENOENT ? 0 : id;
	one.id = (u32)id;
	return probe_expand_one(pc, &one, fn, arg);
}

static const Type *
args(ProbeContext *pc, const Probe *p, const char **why)
{
	bool syscall = !strcmp(p->scope, "syscalls");
	u32 id;

	return format_read(pc, p->scope, p->func, syscall ? AS_USER : AS_KERNEL, &id, why);
}

static void
list_args(ProbeContext *pc, const Probe *p, Buf *out)
{
	(void)pc;
	format_list(p->scope, p->func, out);
}

static const Type *
value_type(ProbeContext *pc, const Probe *p, const char *name, const char **why)
{
	const Type *t = probe_no_value(pc, p, name, why);

	if (!t && !strncmp(name, "arg", 3))
		*why = "a tracepoint's arguments have names: args.NAME (piton -lv shows them)";
	return t;
}

static int
attach_one(ProbeContext *pc, Probe *p, int prog_fd)
{
	int id = (int)p->id, fd;

	if (!id)
		id = kern_tracepoint_id(p->scope, p->func);
	if (id < 0)
		return id;
	fd = kern_attach_tracepoint(prog_fd, (u32)id, 0, p->cookie);
	if (fd >= 0)
		probe_keep_fd(pc, p, fd);
	return fd;
}

static int
attach(ProbeContext *pc, Probe **p, u32 n, int prog_fd, u32 *failed)
{
	return probe_each(pc, p, n, failed, attach_one, prog_fd);
}

const Provider tracepoint_provider = {
	.name = "tracepoint", .alias = "t", .prog_type = BPF_PROG_TYPE_TRACEPOINT, .feature = N_FEATURE, .space = AS_KERNEL,
	.args_in_ctx = true, .same_code = true, .parts = 2, .usage = "tracepoint:CATEGORY:EVENT",
	.parse = parse, .expand = expand, .args = args, .value_type = value_type, .load = probe_no_load, .attach = attach,
	.list_args = list_args,
};
