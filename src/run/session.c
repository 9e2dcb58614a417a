/* session: one tracing session, read as prose in run_trace() at the end of the file. */
#include "run/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm/vm.h"

static bool
colored(int fd)
{
	const char *when = getenv("BPFTRACE_COLOR");

	if (when && !strcmp(when, "always"))
		return true;
	if (when && !strcmp(when, "never"))
		return false;
	return isatty(fd) && !getenv("NO_COLOR");
}

bool
run_tell(Diag *d)
{
	Buf b = { 0 };
	bool good;

	diag_print(d, &b, colored(2));
	good = !b.n || write(2, b.p, b.n) >= 0;
	buf_free(&b);
	return good;
}

static void
tell(Session *s)
{
	if (!run_tell(s->d))
		s->status = RUN_ERROR;
}

/* Exit status of a failure: `code`, or what bpftrace gives under its name. */
static int
status_of(const Session *s, int code)
{
	return s->opt->compat && code != RUN_ERROR ? RUN_ERROR : code;
}

/* ---- sources, machine, child ---- */

u32
run_sources(const RunOptions *o, Arena *a, Diag *d, const char **text, size_t *n)
{
	Buf b = { 0 };

	if (o->n_sources == 1) {
		*text = o->sources[0].text;
		*n = o->sources[0].n;
		return diag_source(d, o->sources[0].name, *text, *n);
	}
	for (u32 i = 0; i < o->n_sources; i++) {
		buf_put(&b, o->sources[i].text, o->sources[i].n);
		buf_putc(&b, '\n');
	}
	*text = arena_str(a, b.p, b.n);
	*n = b.n;
	buf_free(&b);
	return diag_source(d, o->sources[0].name, *text, *n);
}

/* The kernel if it lets us, else our own; false: reported. */
static bool
choose_machine(Session *s)
{
	const char *want = s->opt->machine ? s->opt->machine : "auto";
	int err = 0;

	if (strcmp(want, "user")) {
		err = kern_usable();
		if (!err) {
			s->machine = kern_machine_new();
			return s->machine != NULL;
		}
		if (!strcmp(want, "kernel")) {
			diag_err(s->d, (Span){ 0 }, err == -ENOSYS ? E_UNSUPPORTED : E_DENIED,
				 "this kernel does not let us use BPF: %s", strerror(-err));
			diag_hint(s->d, "it needs root, or CAP_BPF and CAP_PERFMON; --machine user needs neither");
			s->status = err == -ENOSYS ? RUN_UNSUPPORTED : RUN_DENIED;
			return false;
		}
		if (!s->opt->quiet)
			fprintf(stderr, "piton: using its own machine (the kernel's BPF: %s)\n", strerror(-err));
	}
	s->machine = vm_machine_new(VM_AUTO);
	return s->machine != NULL;
}

static bool
start_child(Session *s)
{
	int err;

	if (!s->opt->cmd)
		return true;
	err = run_child_start(&s->child, s->opt->cmd, s->opt->compat);
	if (err) {
		diag_err(s->d, (Span){ 0 }, E_COMMAND, "cannot run the command '%s': %s", s->opt->cmd,
			 err == -ENOENT ? "no such program" : err == -EINVAL ? "nothing to run, or an open quote" : strerror(-err));
		s->status = RUN_ERROR;
	}
	return !err;
}

static bool
watch_pid(Session *s)
{
	if (!s->opt->pid)
		return true;
	s->pidfd = (int)syscall(SYS_pidfd_open, s->opt->pid, 0);
	if (s->pidfd >= 0 || errno == ENOSYS)
		return true;
	diag_err(s->d, (Span){ 0 }, E_COMMAND, "no process with pid %d: %s", s->opt->pid, strerror(errno));
	s->status = RUN_ERROR;
	return false;
}

/* ---- compile ---- */

static u64
boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static u64
wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* The files of --include, as if the script began with them. */
static bool
add_includes(Session *s)
{
	bool good = true;

	for (u32 i = 0; i < s->opt->n_includes; i++) {
		const char *text = arena_printf(s->a, "#include \"%s\"\n", s->opt->includes[i]);

		good &= type_parse_c(s->types, s->d, text, strlen(text), diag_source(s->d, "--include", text, strlen(text)));
	}
	return good;
}

static bool
compile(Session *s)
{
	const RunOptions *o = s->opt;
	Buf dump = { 0 };
	LangOptions lo = {
		.params = o->params, .n_params = o->n_params, .options = o->options, .n_options = o->n_options,
		.elapsed_base = boot_ns(), .wall_offset = wall_ns() - boot_ns(), .cpid = s->child.pid, .unsafe = o->unsafe, .warnings = o->warnings,
		.helper_errors = o->helper_errors, .script_name = o->sources[0].name,
		.dump = o->dump, .dump_to = &dump, .plain = base_in_list(o->dump, "plain"), .mode = o->mode,
	};
	const char *text;
	size_t n;
	u32 base = run_sources(o, s->a, s->d, &text, &n);

	s->pc = (ProbeContext){
		.a = s->a, .d = s->d, .types = s->types, .sym = s->sym, .machine = s->machine,
		.has = s->machine->ops->has, .pid = o->pid ? o->pid : s->child.pid,
		.pid_filter = o->pid != 0, .unsafe = o->unsafe,
		.n_unwind_pids = o->n_dwarf_pids, .max_probes = 1024, .probe_filter = o->probe_filter, .traceable = o->traceable,
		.stop = &run_stopped,
	};
	if (add_includes(s))
		s->script = lang_compile(&s->pc, &lo, text, n, base);
	if (dump.n)
		fwrite(dump.p, 1, dump.n, stdout);
	buf_free(&dump);
	if (!s->script)
		s->status = status_of(s, RUN_USAGE);
	if (s->script && s->script->help)
		fputs(s->script->help, stdout);
	return s->script && !s->script->help;
}

/* ---- maps and programs ---- */

static bool
make_maps(Session *s)
{
	Script *sc = s->script;

	s->map = NEW_N(s->a, int, sc->maps.n + 1);
	for (u32 i = 0; i < sc->maps.n; i++) {
		s->map[i] = s->machine->ops->map_new(s->machine, &sc->maps.v[i]);
		if (s->map[i] < 0) {
			const MapDef *def = &sc->maps.v[i];
			const char *type = bpf_map_type_name(def->type);

			diag_err(s->d, (Span){ 0 }, s->map[i] == -EPERM ? E_DENIED : E_REFUSED,
				 "cannot make the map %s (%s, key %u, value %u, %u entries): %s", def->name,
				 type ? type : "of unknown type", def->key_size, def->value_size, def->max_entries,
				 strerror(-s->map[i]));
			s->status = status_of(s, s->map[i] == -EPERM ? RUN_DENIED : RUN_ERROR);
			return false;
		}
		s->n_maps++;
	}
	if (sc->lost != NO_MAP && s->machine->ops->map_memory)
		s->lost_memory = s->machine->ops->map_memory(s->machine, s->map[sc->lost]);
	return true;
}

static bool
load_program(Session *s, u32 i)
{
	ScriptProg *sp = &s->script->progs.v[i];
	Refusal why = { .pc = -1 };

	if (sp->prov->code && sp->probes.n)
		sp->prov->code(&s->pc, sp->probes.v, sp->probes.n, &sp->code);
	s->prog[i] = s->machine->ops->prog_load(s->machine, &sp->code, s->map, s->n_maps, &why);
	if (s->prog[i] < 0) {
		run_explain_refusal(s->d, &sp->code, &why, s->opt->verbose);
		s->status = s->opt->compat ? 255 : s->prog[i] == -EPERM ? RUN_DENIED : RUN_ERROR;
	}
	buf_free(&why.log);
	return s->prog[i] >= 0;
}

static bool
load_programs(Session *s)
{
	u32 n = s->script->progs.n;

	s->prog = NEW_N(s->a, int, n + 1);
	for (u32 i = 0; i < n; i++)
		s->prog[i] = NOT_LOADED;
	run_pair(s);
	for (u32 i = 0; i < n; i++)
		if (s->prog[i] == NOT_LOADED && !load_program(s, i))
			return false;
	return true;
}

/* ---- output ---- */

/* unwatch(address): the probes there are detached; their programs stay. */
static void
unwatch(Session *s, u64 addr)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		const ScriptProg *p = &s->script->progs.v[i];

		for (u32 j = 0; p->prov->watches && j < p->probes.n; j++)
			if (p->probes.v[j]->addr == addr)
				probe_detach(p->probes.v[j]);
	}
}

static int
on_record(void *session, const void *data, u32 size)
{
	Session *s = session;
	const RecordHead *head = data;
	int code = 0;

	if (s->left && !s->ending) {
		s->behind_exit++;
		return 0;
	}
	if (run_stopped && !s->ending && head->event < s->script->events.n && size >= sizeof(*head) &&
	    s->script->events.v[head->event].kind == EV_SYSTEM)
		return 0;               /* nobody waits for commands after Ctrl-C */
	if (size >= sizeof(*head) + sizeof(u64) && head->event < s->script->events.n &&
	    s->script->events.v[head->event].kind == EV_UNWATCH)
		unwatch(s, *(const u64 *)(head + 1));
	if (out_record(s->out, data, size, &code) && !s->exiting && !s->testing) {
		s->exiting = s->left = true;
		s->status = code;
	}
	return 0;
}

static const char *
helper_name(u32 id)
{
	const Helper *h = bpf_helper(id);

	return h ? h->name : NULL;
}

static bool
open_output(Session *s)
{
	const RunOptions *o = s->opt;
	const Config *cf = &s->script->config;
	OutOptions oo = {
		.format = o->format, .fd = 1, .buffering = o->buffering, .max_strlen = (u32)cf->v[CF_MAX_STRLEN].n,
		.trailer = cf->v[CF_STR_TRUNC_TRAILER].s, .sym = s->sym, .diag = s->d,
		.max_cat_bytes = cf->v[CF_MAX_CAT_BYTES].n, .unsafe_ok = o->unsafe, .show_helper_errors = o->helper_errors,
		.debug_info = cf->v[CF_SHOW_DEBUG_INFO].n != 0, .map_walk = run_map_walk, .map_clear = run_map_clear, .arg = s,
		.types = s->types, .helper_name = helper_name,
	};
	int err;

	sym_demangles(s->sym, cf->v[CF_CPP_DEMANGLE].n != 0);
	if (o->output) {
		oo.fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (oo.fd < 0) {
			diag_err(s->d, (Span){ 0 }, E_COMMAND, "cannot write %s: %s", o->output, strerror(errno));
			s->status = RUN_ERROR;
			return false;
		}
	}
	oo.color = colored(oo.fd);
	s->out = out_new(s->a, &oo, s->script->events.v, s->script->events.n, s->script->infos.v, s->script->infos.n);
	if (s->script->ring == NO_MAP)
		return true;
	err = s->machine->ops->ring_open(s->machine, s->map[s->script->ring], (u32)cf->v[CF_PERF_RB_PAGES].n, on_record, s);
	if (err < 0) {
		diag_err(s->d, (Span){ 0 }, E_REFUSED, "cannot open the event ring: %s", strerror(-err));
		s->status = RUN_ERROR;
	}
	return err >= 0;
}

/* ---- probes ---- */

/* Runs every program whose time is `when`, in file order, until one calls exit(). */
static void
run_all(Session *s, ProbeWhen when)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		ScriptProg *p = &s->script->progs.v[i];
		int err;

		if (p->prov->when != when || !p->probes.n)
			continue;
		err = run_prog_now(s, i, NULL);
		if (err < 0) {
			diag_err(s->d, p->at, E_ATTACH, "%s could not run: %s", p->prov->name, strerror(-err));
			s->status = RUN_ERROR;
			s->exiting = true;
		}
		run_drain(s);
	}
}

/* The i-th probe of p could not be attached. False: that ends the session, and has been said. */
static bool
not_attached(Session *s, const ScriptProg *p, u32 i, int err)
{
	const Probe *one = i < p->probes.n ? p->probes.v[i] : NULL;
	bool denied = err == -EPERM || err == -EACCES;
	u64 how = s->script->config.v[CF_MISSING_PROBES].n;

	if (how && one && !denied) {
		if (how == 1)
			diag_warn(s->d, one->at, W_MISSING, "Unable to attach probe: %s. Skipping.", one->name);
		s->script->n_probes--;
		return true;
	}
	if (denied) {
		diag_err(s->d, one ? one->at : p->at, E_DENIED, "Unable to attach probe: %s: %s", one ? one->name : p->prov->name,
			 strerror(-err));
		diag_hint(s->d, "tracing needs root, or CAP_BPF and CAP_PERFMON");
	} else {
		diag_err(s->d, one ? one->at : p->at, E_ATTACH, "Unable to attach probe: %s. If this is expected, set the 'missing_probes' "
			 "config variable to 'warn'.", one ? one->name : p->prov->name);
		diag_hint(s->d, "the kernel says: %s", strerror(-err));
	}
	s->status = status_of(s, denied ? RUN_DENIED : RUN_ERROR);
	return false;
}

static bool
attach_one(Session *s, u32 i)
{
	ScriptProg *p = &s->script->progs.v[i];
	bool kernel = p->prov->attach && !strcmp(s->machine->ops->name, "kernel");
	int err;

	if ((p->prov->when != PW_EVENT && p->prov->when != PW_READ) || !p->probes.n)
		return true;
	if (p->prov->is_return && p->probes.v[0]->session)
		return true;                    /* attached with the entries */
	if (!kernel && p->prov->timer)
		return true;                    /* the loop fires it */
	if (!kernel) {
		diag_err(s->d, p->at, E_MACHINE, "%s probes need the kernel's machine", p->prov->name);
		diag_hint(s->d, "piton's own machine runs begin, end, self and timer probes");
		s->status = status_of(s, RUN_UNSUPPORTED);
		return false;
	}
	for (u32 at = 0, failed; at < p->probes.n; at += failed + 1) {
		failed = p->probes.n - at;
		err = p->prov->attach(&s->pc, p->probes.v + at, p->probes.n - at, kern_prog_fd(s->machine, s->prog[i]), &failed);
		if (err >= 0)
			return true;
		if (!run_stopped && p->probes.v[0]->session) {  /* a function that takes no such link */
			u32 other = run_unpair(s, i);

			return load_program(s, i) && load_program(s, other) && attach_one(s, i) && attach_one(s, other);
		}
		if (run_stopped || !not_attached(s, p, at + failed, err))
			return false;
	}
	return true;
}

static bool
last_first(const ScriptProg *p)
{
	return p->prov->last_first && !(p->probes.n && p->probes.v[0]->own_clock);
}

static bool
attach_all(Session *s)
{
	u32 n = s->script->progs.n;

	/* Programs at one place are to run in the order of the script. */
	for (u32 i = 0; i < n && !run_stopped; i++)
		if (!last_first(&s->script->progs.v[i]) && !attach_one(s, i))
			return run_stopped;
	for (u32 i = n; i-- > 0 && !run_stopped; )
		if (last_first(&s->script->progs.v[i]) && !attach_one(s, i))
			return run_stopped;
	if (s->script->n_probes)
		return true;
	diag_err(s->d, (Span){ 0 }, E_ATTACH, "Attachment failed for all probes.");
	s->status = RUN_ERROR;
	return false;
}

/* Before anything that begin sent, for whoever waits for this line. */
static void
tell_attached(Session *s)
{
	static const char word[] = "__BPFTRACE_NOTIFY_PROBES_ATTACHED\n";

	tell(s);
	if (!s->opt->quiet && !s->opt->mode && s->opt->format != OUT_JSON)
		fprintf(stderr, "Attached %u probe%s\n", s->script->n_probes, s->script->n_probes == 1 ? "" : "s");
	if (getenv("__BPFTRACE_NOTIFY_PROBES_ATTACHED") && write(1, word, sizeof(word) - 1) < 0)
		s->exiting = true;
}

static void
detach_all(Session *s)
{
	Vec(Probe *) all = { 0 };

	for (u32 i = 0; i < s->script->progs.n; i++)
		for (u32 j = 0; j < s->script->progs.v[i].probes.n; j++)
			VEC_PUSH(s->a, &all, s->script->progs.v[i].probes.v[j]);
	probe_detach_all(all.v, all.n);
}

static bool
release_child(Session *s)
{
	/* Before it runs its own first instruction, its stack can be walked. */
	int err = s->unwind ? run_child_go_to_entry(&s->child) : run_child_go(&s->child);

	if (s->child.stopped) {
		if (!s->mmaps)
			sym_remember(s->sym, (u32)s->child.pid);
		run_unwind_stale(s, (u32)s->child.pid);
		run_names_poll(s);
		run_child_resume(&s->child);
	}

	if (err) {
		diag_err(s->d, (Span){ 0 }, E_COMMAND, "cannot run the command '%s': %s", s->opt->cmd, strerror(-err));
		s->status = RUN_ERROR;
	}
	return !err;
}

/* ---- the whole way ---- */

/* Attaches, waits, detaches, and prints what is left. Records are in order: what begin sent is printed before the rest. */
static void
trace(Session *s)
{
	run_names_open(s);
	run_unwind_open(s);
	/* The first line of JSON, before what begin sends; only out_attached() tells JSON and text apart. */
	if (!s->opt->quiet && !s->opt->mode)
		out_attached(s->out, s->script->n_probes);
	s->holding = true;
	run_all(s, PW_BEGIN);
	if (s->exiting || run_stopped || attach_all(s)) {
		if (!run_stopped)
			tell_attached(s);
		s->holding = false;
		if (!s->exiting && !run_stopped && release_child(s)) {
			if (s->opt->mode == 't')
				run_tests(s);
			else if (s->opt->mode == 'b')
				run_benches(s);
			else
				run_loop(s);
		}
	}
	s->holding = false;
	detach_all(s);
	s->draining = true;
	run_drain(s);
	s->ending = true;
	if (s->status == 0 || s->exiting || run_stopped || s->opt->mode)
		run_all(s, PW_END);
	run_drain(s);
	if (s->script->config.v[CF_PRINT_MAPS_ON_EXIT].n && !s->opt->mode)
		out_maps_exit(s->out);
	out_flush(s->out);
	if (s->opt->verbose)
		fprintf(stderr, "%llu events printed, %llu lost, %llu behind exit()\n", (unsigned long long)out_printed(s->out),
			(unsigned long long)s->lost_told, (unsigned long long)s->behind_exit);
	if (s->opt->strict && s->lost_told && !s->status)
		s->status = RUN_LOST;
	if (s->opt->child_status && s->child.ended && !s->status)
		s->status = WIFEXITED(s->child.status) ? WEXITSTATUS(s->child.status) : 128 + WTERMSIG(s->child.status);
}

static void
describe_programs(const Session *s)
{
	for (u32 i = 0; i < s->script->progs.n; i++) {
		const ScriptProg *p = &s->script->progs.v[i];

		fprintf(stderr, "%s: %u instructions, %u probe%s\n", p->probes.n ? p->probes.v[0]->name : p->prov->name,
			p->code.n, p->probes.n, p->probes.n == 1 ? "" : "s");
	}
}

/* -d: "plain" only compiles without optimization and "load" loads the programs; all else is printed and ends the run. */
static bool
stops_at_code(const Session *s)
{
	const char *d = s->opt->dump;

	return d && strcmp(d, "plain") && !base_in_list(d, "load");
}

static void
run(Session *s)
{
	SymOptions so = { .demangle = true };

	if (!choose_machine(s) || !start_child(s) || !watch_pid(s))
		return;
	s->types = type_new(s->a);
	if (s->opt->btf || getenv("BPFTRACE_BTF"))
		type_set_btf(s->types, s->opt->btf ? s->opt->btf : getenv("BPFTRACE_BTF"));
	for (u32 i = 0; i < s->opt->n_include_dirs; i++)
		type_include_dir(s->types, s->opt->include_dirs[i]);
	s->sym = sym_new(&so);
	if (!compile(s))
		return;
	tell(s);
	if (stops_at_code(s))
		return;
	if (s->opt->verbose)
		describe_programs(s);
	if (!make_maps(s) || !load_programs(s) || base_in_list(s->opt->dump, "load") || !open_output(s))
		return;
	if (run_signals_take(s) < 0)
		return;
	if (!s->opt->dry_run) {
		trace(s);
	} else if (attach_all(s)) {
		tell_attached(s);
		detach_all(s);
	}
}

int
run_trace(const RunOptions *opt)
{
	Session s = { .opt = opt, .a = arena_new(), .pidfd = -1, .child = { .pidfd = -1, .go = -1, .failed = -1 } };

	s.d = diag_new(s.a);
	diag_set_warnings(s.d, opt->warnings);
	if (opt->compat)
		diag_hide_tags(s.d);
	run(&s);
	tell(&s);
	run_child_end(&s.child);
	run_names_close(&s);
	if (s.out)
		out_free(s.out);
	run_signals_give_back();
	if (s.machine)
		s.machine->ops->close(s.machine);
	if (s.sym)
		sym_free(s.sym);
	if (s.types)
		type_free(s.types);
	if (s.pidfd >= 0)
		close(s.pidfd);
	arena_free(s.a);
	return s.status;
}
