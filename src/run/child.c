/* child: the command of -c. It is made before the script is compiled (so that its pid is a constant there), waits on a
 * pipe until the probes are attached, and then becomes the command. A second pipe, closed by a successful exec, brings
 * exec's error back. */
#include "run/run.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORDS = 256 };

/* Splits cmd in place: blanks separate, '...' and "..." keep together, \ takes the next character as it is. plain: blanks alone
 * mean anything. Number of words, or -EINVAL for an open quote. */
static int
split(char *cmd, char **word, int max, bool plain)
{
	char *to = cmd, quote = 0;
	bool in = false;
	int n = 0;

	for (char *p = cmd; *p; p++) {
		bool blank = !quote && (*p == ' ' || *p == '\t' || *p == '\n');

		if (blank) {
			if (in)
				*to++ = 0;
			in = false;
			continue;
		}
		if (!in && n < max)
			word[n++] = to;
		in = true;
		if (!plain && (quote ? *p == quote : *p == '\'' || *p == '"')) {
			quote = quote ? 0 : *p;
			continue;
		}
		if (!plain && *p == '\\' && quote != '\'' && p[1])
			p++;
		*to++ = *p;
	}
	*to = 0;
	word[n] = NULL;
	return quote ? -EINVAL : n;
}

/* What the child needs until its exec. It shares our memory (a copy would cost both sides a fault for every page that one of
 * them writes), so it has a stack of its own and touches nothing else. */
struct Becoming {
	_Alignas(16) char stack[16384];
	char path[4096], *copy;
	char *argv[MAX_WORDS + 2];              /* a shell, for a script without #! as execvp(3) has it; the command's words */
	int go, failed, others[2];
};

/* In the child: waits for the word to go ('g'; 't': its parent wants to trace it), then execs. Bare system calls: errno and
 * the tables of the C library are the parent's. */
__attribute__((no_sanitize("address", "undefined"))) static int
become(void *arg)
{
	static const int unset[] = { SIGPIPE, SIGINT, SIGTERM };
	struct Becoming *b = arg;
	u64 none[4] = { 0 };                    /* an empty mask; SIG_DFL as the kernel's struct sigaction */
	char c = 0;
	int err;

	syscall(SYS_close, b->others[0]);
	syscall(SYS_close, b->others[1]);
	for (u32 i = 0; i < COUNT(unset); i++)
		syscall(SYS_rt_sigaction, unset[i], none, NULL, sizeof(u64));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, sizeof(u64));
	if (syscall(SYS_read, b->go, &c, 1) != 1)
		syscall(SYS_exit_group, 0);     /* the tracer gave up */
	if (c == 't')
		syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL);
	syscall(SYS_execve, b->path, b->argv + 1, environ);
	err = errno;
	if (err == ENOEXEC) {
		b->argv[1] = b->path;
		syscall(SYS_execve, b->argv[0], b->argv, environ);
	}
	syscall(SYS_write, b->failed, &err, sizeof(err));
	syscall(SYS_exit_group, 127);
	return 0;
}

/* Looks a command up as execvp(3) does, so that a misspelt one is told before anything is attached. */
static int
find(const char *name, char *full, size_t room)
{
	const char *path = getenv("PATH");

	if (strlen(name) >= room)
		return -ENAMETOOLONG;
	strcpy(full, name);
	if (strchr(name, '/'))
		return access(name, X_OK) ? -errno : 0;
	for (path = path ? path : "/bin:/usr/bin"; *path; path += *path == ':') {
		size_t n = strcspn(path, ":");

		if (n + strlen(name) + 2 < room) {
			memcpy(full, path, n);
			full[n] = '/';
			strcpy(full + n + 1, name);
			if (!access(full, X_OK))
				return 0;
		}
		path += n;
	}
	return -ENOENT;
}

static void
close_at(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
run_child_start(Child *c, const char *cmd, bool plain)
{
	struct Becoming *b = malloc(sizeof(*b));
	int go[2] = { -1, -1 }, failed[2] = { -1, -1 }, err;

	*c = (Child){ .pidfd = -1, .go = -1, .failed = -1, .becoming = b };
	if (!b || !(b->copy = strdup(cmd)))
		return -ENOMEM;
	b->argv[0] = "/bin/sh";
	err = split(b->copy, b->argv + 1, MAX_WORDS, plain);
	err = err > 0 ? find(b->argv[1], b->path, sizeof(b->path)) : -EINVAL;
	if (!err && (pipe2(go, O_CLOEXEC) || pipe2(failed, O_CLOEXEC)))
		err = -errno;
	if (!err) {
		b->go = go[0];
		b->failed = failed[1];
		b->others[0] = go[1];
		b->others[1] = failed[0];
		c->pid = clone(become, b->stack + sizeof(b->stack), CLONE_VM | SIGCHLD, b);
		if (c->pid < 0) {
			err = -errno;
			c->pid = 0;
		}
	}
	if (!err) {
		c->go = go[1];
		c->failed = failed[0];
		go[1] = failed[0] = -1;
		c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	}
	for (int i = 0; i < 2; i++) {
		close_at(&go[i]);
		close_at(&failed[i]);
	}
	return err;
}

static int
go(Child *c, const char *word)
{
	int err = 0;

	if (!c->pid || c->go < 0)
		return 0;
	if (write(c->go, word, 1) < 0)
		err = errno;
	close_at(&c->go);
	if (!err && read(c->failed, &err, sizeof(err)) != sizeof(err))
		err = 0;
	close_at(&c->failed);
	if (err)
		c->ended = waitpid(c->pid, &c->status, 0) == c->pid;
	return -err;
}

int
run_child_go(Child *c)
{
	return go(c, "g");
}

/* Where the program itself begins, behind the dynamic linker; 0: unknown. */
static u64
entry_of(s32 pid)
{
	u64 pair[2], at = 0;
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	f = fopen(path, "re");
	while (f && !at && fread(pair, sizeof(pair), 1, f) == 1 && pair[0] != AT_NULL)
		at = pair[0] == AT_ENTRY ? pair[1] : 0;
	if (f)
		fclose(f);
	return at;
}

#ifdef __aarch64__
static const u32 breakpoint = 0xd4200000;       /* brk #0 */
#else
static const u8 breakpoint = 0xcc;              /* int3 */
#endif

/* Waits until the child stops by SIGTRAP; other signals are passed on to it. False: it has ended. */
static bool
trapped(Child *c)
{
	int status;

	for (;;) {
		if (waitpid(c->pid, &status, 0) != c->pid)
			return false;
		if (!WIFSTOPPED(status)) {
			c->ended = true;
			c->status = status;
			return false;
		}
		if (WSTOPSIG(status) == SIGTRAP)
			return true;
		ptrace(PTRACE_CONT, c->pid, NULL, WSTOPSIG(status));
	}
}

/* Lets the child run up to the address `at`, where a breakpoint stands for that time. */
static bool
run_to(Child *c, u64 at)
{
	struct user_regs_struct regs;
	struct iovec io = { &regs, sizeof(regs) };
	long word;
	u64 changed;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, c->pid, at, NULL);
	if (errno)
		return true;
	changed = (u64)word;
	memcpy(&changed, &breakpoint, sizeof(breakpoint));
	if (ptrace(PTRACE_POKETEXT, c->pid, at, changed))
		return true;
	ptrace(PTRACE_CONT, c->pid, NULL, NULL);
	if (!trapped(c))
		return false;
	ptrace(PTRACE_POKETEXT, c->pid, at, word);
	if (ptrace(PTRACE_GETREGSET, c->pid, NT_PRSTATUS, &io))
		return true;
#ifdef __aarch64__
	regs.pc = at;
#else
	regs.rip = at;
#endif
	ptrace(PTRACE_SETREGSET, c->pid, NT_PRSTATUS, &io);
	return true;
}

int
run_child_go_to_entry(Child *c)
{
	int err = go(c, "t");
	u64 at;

	if (err || !c->pid || !trapped(c))
		return err;
	at = entry_of(c->pid);
	c->stopped = !at || run_to(c, at);
	return 0;
}

void
run_child_resume(Child *c)
{
	if (c->stopped)
		ptrace(PTRACE_DETACH, c->pid, NULL, NULL);
	c->stopped = false;
}

bool
run_child_ended(Child *c)
{
	if (c->pid && !c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = true;
	return c->ended;
}

void
run_child_end(Child *c)
{
	if (c->pid && !c->ended) {
		kill(c->pid, c->go >= 0 ? SIGKILL : SIGTERM);
		if (c->go >= 0)
			waitpid(c->pid, NULL, 0);
	}
	close_at(&c->pidfd);
	close_at(&c->go);
	close_at(&c->failed);
	c->pid = 0;
	if (c->becoming)
		free(c->becoming->copy);
	free(c->becoming);              /* nobody stands on that stack now: exec'ed, ended or never there */
	c->becoming = NULL;
}
