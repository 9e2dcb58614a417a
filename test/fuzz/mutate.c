/* mutate: the whole compiler on changed scripts.  usage: mutate SEED COUNT FILE...
 *
 * Each round takes a file or a generated script, changes it (bytes, tokens, lines, pieces of another) and compiles it for
 * piton's own machine, whose verifier sees the program too. Many rounds run in one child; when it dies, its last round is tried
 * again alone, and the script is shown and kept as mutate-SEED.bt. Run it under the sanitizers. Exit 1 after a finding. */
#include "gen.h"
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 100 };
static const struct itimerval limit = { .it_value = { 20 } };   /* of CPU time, for a round */

typedef struct Text { char *p; size_t n; } Text;

static Text *files;
static u32 n_files;

static Text
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	Text t = { malloc(1 << 20) };

	if (!f || !t.p) {
		perror(path);
		exit(2);
	}
	t.n = fread(t.p, 1, 1 << 20, f);
	fclose(f);
	return t;
}

/* ---- changes ---- */

static const char *const words[] = {
	"{", "}", "(", ")", "[", "]", ";", ",", ".", "->", "..", "?", ":", "=", "==", "+=", "++", "&&", "<<", "/", "*", "&", "-", "!", "~",
	"$x", "$1", "$#", "@", "@x", "@m0", "0", "1", "-1", "9223372036854775808", "18446744073709551615", "0x", "1e9", "1ms", "\"", "\"a\"",
	"\"%s %d\\n\"", "\\", "\\xff", "if", "else", "for ($i : 0..9)", "for ($kv : @x)", "while", "unroll(3)", "break;", "continue;", "return;",
	"let", "macro f(x, $y, @z)", "f(1, $x, @x)", "import \"x\"", "config = { max_strlen = 9 }", "comptime", "sizeof(", "offsetof(struct S, a)",
	"typeof(", "(int8)", "(uint64)", "(struct S *)", "(uint8[4])", "(string[5])", "true", "comm", "pid", "curtask", "args", "args.x", "arg0",
	"retval", "kstack", "ustack", "nsecs", "probe", "func", "count()", "sum(1)", "hist(1)", "lhist(1, 0, 10, 1)", "stats(1)", "tseries(1, 1s, 5)",
	"print(", "printf(", "str(", "buf(", "strlen(", "delete(@x, 1)", "has_key(@x, 1)", "len(@x)", "clear(@x)", "begin", "end", "interval:s:1",
	"struct S { int a : 3; char b[4]; struct S *n; };", "enum E { A, B = 5 };", "#define X 1\n", "#include <x.h>\n", "#ifdef X\n", "#endif\n",
	"//", "/*", "*/", "\n", " ", "\t", "\377", "(1, 2)", "(a = 1, b = \"x\")", ".0", ".a", "getopt(\"x\", 1)", "{ let $q = 1; $q }",
};

static void
replace(Text *t, size_t at, size_t drop, const char *put, size_t n)
{
	char *new = malloc(t->n - drop + n + 1);

	memcpy(new, t->p, at);
	memcpy(new + at, put, n);
	memcpy(new + at + n, t->p + at + drop, t->n - at - drop);
	t->n = t->n - drop + n;
	free(t->p);
	t->p = new;
}

static size_t
place(Rand *r, size_t n)
{
	return n ? rand_below(r, (u32)n) : 0;
}

static void
change(Rand *r, Text *t)
{
	size_t at = place(r, t->n + 1), n = place(r, 40), from;
	const char *w = words[rand_below(r, COUNT(words))];
	const Text *other = &files[rand_below(r, n_files)];
	char byte;

	n = MIN(n, t->n - at);          /* MIN evaluates twice */
	switch (rand_below(r, 8)) {
	case 0:
		replace(t, at, n, "", 0);
		break;
	case 1: case 2: case 3:
		replace(t, at, 0, w, strlen(w));
		break;
	case 4:
		replace(t, at, MIN(n, strlen(w)), w, strlen(w));
		break;
	case 5:
		if (at < t->n) {
			byte = (char)(t->p[at] ^ (1 << rand_below(r, 8)));
			replace(t, at, 1, &byte, 1);
		}
		break;
	case 6:         /* a piece of itself elsewhere */
		if (n) {
			char *piece = malloc(n);

			memcpy(piece, t->p + at, n);
			replace(t, place(r, t->n), 0, piece, n);
			free(piece);
		}
		break;
	case 7:
		from = place(r, other->n);
		n = place(r, 200);
		replace(t, at, 0, other->p + from, MIN(other->n - from, n));
		break;
	}
}

/* The script of a round. */
static Text
script(u64 seed)
{
	Rand r;
	Text t;

	rand_seed(&r, seed);
	if (rand_below(&r, 4) == 0) {
		Buf b = { 0 };

		gen_script(rand_below(&r, 1000000), rand_below(&r, 2) ? GEN_BEGIN : 0, &b);
		t = (Text){ b.p, b.n };
	} else {
		const Text *f = &files[rand_below(&r, n_files)];

		t = (Text){ malloc(f->n + 1), f->n };
		memcpy(t.p, f->p, f->n);
	}
	for (u32 k = 1 + rand_below(&r, rand_below(&r, 3) ? 3 : 20); k; k--)
		change(&r, &t);
	return t;
}

/* ---- rounds ---- */

/* system() and the like are never run: nothing is executed, the programs are only loaded. */
static void
round_of(u64 seed)
{
	Text t = script(seed);
	RunSource src = { "script", t.p, t.n };
	static const char *const params[] = { "1", "abc" };
	RunOptions o = { .sources = &src, .n_sources = 1, .machine = "user", .dump = seed % 3 ? "load" : "load,plain", .unsafe = true,
		.params = params, .n_params = 2, .warnings = true };

	run_trace(&o);
	free(t.p);
}

/* Rounds in a child, whose words go to `err`. Gives its wait status; *last is the round it was in. */
static int
rounds(u64 from, u64 n, volatile u64 *last, int err)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(err, 2);
		for (u64 k = from; k < from + n; k++) {
			setitimer(ITIMER_PROF, &limit, NULL);
			*last = k;
			if (ftruncate(err, 0) < 0 || lseek(err, 0, SEEK_SET) < 0)
				_exit(2);
			round_of(k);
		}
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void
show(u64 seed, int status, int err)
{
	Text t = script(seed);
	char path[64], words_of[4000];
	ssize_t n;
	FILE *f;

	lseek(err, 0, SEEK_SET);
	n = read(err, words_of, sizeof(words_of));
	printf("seed %llu: ended with status %#x\n%.*s\n", (unsigned long long)seed, status, (int)MAX(n, 0), words_of);
	snprintf(path, sizeof(path), "mutate-%llu.bt", (unsigned long long)seed);
	f = fopen(path, "w");
	if (f) {
		fwrite(t.p, 1, t.n, f);
		fclose(f);
	}
	free(t.p);
}

int
main(int argc, char **argv)
{
	u64 from, count, done = 0, findings = 0;
	volatile u64 *last = mmap(NULL, sizeof(*last), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int err = memfd_create("err", MFD_CLOEXEC);

	if (argc < 4) {
		fprintf(stderr, "usage: mutate SEED COUNT FILE...\n");
		return 2;
	}
	from = strtoull(argv[1], NULL, 10) * 1000000000;
	count = strtoull(argv[2], NULL, 10);
	files = calloc((size_t)argc, sizeof(*files));
	for (int i = 3; i < argc; i++)
		files[n_files++] = read_file(argv[i]);
	while (done < count) {
		u64 n = MIN(count - done, (u64)BATCH);
		int status = rounds(from + done, n, last, err);

		if (!status) {
			done += n;
			continue;
		}
		/* Alone it tells whether the round or what ran before it is the fault. */
		done = *last - from + 1;
		findings++;
		show(*last, status, err);
		if (!rounds(*last, 1, last, err))
			printf("(not when it runs alone)\n");
	}
	printf("%llu scripts, %llu findings\n", (unsigned long long)count, (unsigned long long)findings);
	return findings > 0;
}
