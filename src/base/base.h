/* base: what every room stands on. Comes in: bytes and file names. Goes out: memory with an owner,
 * containers, diagnostics with spans and carets, the one door to the host's files.
 * Called by everybody; knows nobody. Nothing here knows BPF.
 * Memory: containers grow inside an Arena; only Buf owns heap memory of its own.
 * Locals: a arena, v vector, d diag, at span. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN(n, to) (((n) + (to) - 1) / (to) * (to))
#define PRINTF(f, v) __attribute__((format(printf, f, v)))

/* arena.c: memory that is given back all at once. Out of memory ends the process with a message. */
typedef struct Arena Arena;
typedef struct { void *block; size_t used; } Mark;
Arena *arena_new(void);
void arena_free(Arena *a);                      /* NULL is fine */
void *arena_alloc(Arena *a, size_t n);          /* zeroed, aligned to 16 */
char *arena_str(Arena *a, const char *s, size_t n);    /* a NUL-terminated copy of n bytes */
char *arena_printf(Arena *a, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(Arena *a, const char *fmt, va_list ap);
Mark arena_mark(Arena *a);
void arena_release(Arena *a, Mark m);           /* gives back all that was allocated since the mark */
#define NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define NEW_N(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

/* vec.c: Vec(T) grows inside an arena. VEC_PUSH(a, &v, x); v.v[i]; v.n. A zeroed Vec is empty. */
#define Vec(T) struct { T *v; u32 n, cap; }
void *vec_grow(Arena *a, void *v, u32 *cap, u32 need, size_t size);
#define VEC_PUSH(a, vec, x) do { \
	if ((vec)->n == (vec)->cap) \
		(vec)->v = vec_grow((a), (vec)->v, &(vec)->cap, (vec)->n + 1, sizeof(*(vec)->v)); \
	(vec)->v[(vec)->n++] = (x); \
} while (0)
typedef Vec(u32) VecU32;
typedef Vec(const char *) VecStr;

/* map.c: string -> pointer. Keys are copied into the arena. A zeroed Map with an arena set is empty. */
typedef struct Map { Arena *arena; struct MapSlot *slot; u32 n, cap; } Map;
typedef struct MapSlot { const char *key; u32 len, hash; void *value; } MapSlot;
void *map_get(const Map *m, const char *key, size_t len);      /* NULL if absent */
void map_set(Map *m, const char *key, size_t len, void *value);
/* Walks in no particular order: for (MapSlot *s = NULL; (s = map_next(m, s)); ) */
MapSlot *map_next(const Map *m, MapSlot *s);
u32 base_hash(const void *p, size_t n);         /* FNV-1a with a final mix */

/* intern.c: one pointer per spelling, so that names compare by ==. Process wide, never freed; not for
 * threads of the libraries (vm/ and filt/ do not use it). */
const char *intern(const char *s, size_t n);
const char *interns(const char *s);

/* bits.c: sets of small integers. */
typedef struct Bits { u64 *w; u32 n; } Bits;     /* n: bits, fixed at bits_new */
Bits bits_new(Arena *a, u32 n);
bool bits_has(const Bits *b, u32 i);
void bits_add(Bits *b, u32 i);
void bits_del(Bits *b, u32 i);
bool bits_or(Bits *to, const Bits *from);       /* true if `to` grew */
void bits_copy(Bits *to, const Bits *from);
u32 bits_count(const Bits *b);
s64 bits_next(const Bits *b, u32 from);         /* first member >= from, or -1 */

/* buf.c: a growing byte buffer on the heap; always NUL-terminated behind n. A zeroed Buf is empty. */
typedef struct Buf { char *p; size_t n, cap; } Buf;
void buf_put(Buf *b, const void *p, size_t n);
void buf_putc(Buf *b, char c);
void buf_puts(Buf *b, const char *s);
void buf_printf(Buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(Buf *b, const char *fmt, va_list ap);
void *buf_space(Buf *b, size_t n);              /* room for n more bytes behind the end (b->n unchanged) */
void buf_clear(Buf *b);
void buf_free(Buf *b);

/* diag.c: what is wrong with the user's text, where, and what to try. */
typedef struct Span { u32 from, to; } Span;     /* byte offsets over all sources of a Diag; {0,0}: nowhere */
typedef enum DiagTag {
#define DIAG(tag, name, sentence) tag,
#include "base/diag.def"
#undef DIAG
	N_DIAG
} DiagTag;
typedef struct Diag Diag;
Diag *diag_new(Arena *a);
/* Registers a text (kept by reference); gives the offset that its first byte has in spans (never 0). */
u32 diag_source(Diag *d, const char *name, const char *text, size_t n);
/* Each error or warning stays pending until printed; hint and note belong to the last one.
 * Two errors at one span are one. Over 20 errors are counted, not kept. */
void diag_err(Diag *d, Span at, DiagTag tag, const char *fmt, ...) PRINTF(4, 5);
void diag_warn(Diag *d, Span at, DiagTag tag, const char *fmt, ...) PRINTF(4, 5);
void diag_verr(Diag *d, bool warning, Span at, DiagTag tag, const char *fmt, va_list ap);
void diag_hint(Diag *d, const char *fmt, ...) PRINTF(2, 3);
void diag_from(Diag *d, Span at);       /* a note: the place that is complained of was put there by a macro called here */
void diag_note(Diag *d, Span at, const char *fmt, ...) PRINTF(3, 4);
u32 diag_errors(const Diag *d);
void diag_set_warnings(Diag *d, bool on);       /* --no-warnings */
void diag_hide_tags(Diag *d);                   /* messages end without their tag */
/* Appends all pending ones, then forgets them (the error count stays). Order: by source position.
 *   FILE:LINE:COL-COL: ERROR: text [tag]
 *   source line
 *   ~~~~            under the span (tabs kept)
 *   HINT: text
 * Columns count from 1, the second one is exclusive. color: ANSI colours. */
void diag_print(Diag *d, Buf *out, bool color);
/* The place of a span in words, "FILE:LINE:COL-COL"; line/col may be NULL. */
const char *diag_where(const Diag *d, Span at, Buf *out);
bool diag_line_col(const Diag *d, u32 pos, const char **file, u32 *line, u32 *col);
/* The text of the line that holds pos, without its newline; len gets its length. */
const char *diag_line_text(const Diag *d, u32 pos, u32 *len);
const char *diag_name(DiagTag tag);             /* "agg-scalar" */
const char *diag_sentence(DiagTag tag);
int diag_find(const char *name);                /* tag, or -1 */
/* The nearest of n words to `seen` by edit distance, or NULL if none is near: "did you mean". */
const char *base_nearest(const char *seen, const char *const *words, u32 n);

/* glob.c: '*' and '[...]' as in attach points; the whole of s must match. */
bool base_glob(const char *pat, size_t patlen, const char *s, size_t n);
bool base_has_glob(const char *pat, size_t patlen);
bool base_in_list(const char *list, const char *word);   /* is it one of "a,b,c"? list may be NULL */

/* host.c: the one door to the host's files. With a sysroot set, "/proc/x" is "SYSROOT/proc/x".
 * Results are -errno on failure. */
void host_set_sysroot(const char *dir);         /* NULL: "/" ; kept by reference */
const char *host_path(const char *path, char *out, size_t size);       /* the path behind the door */
int host_open(const char *path, int flags);     /* fd (O_CLOEXEC) or -errno */
int host_read(const char *path, Buf *out);      /* whole file appended; 0 or -errno */
/* zip.c: where a member lies in a ZIP archive. -ENOENT: none of that name; -ENOTSUP: it is compressed; -ENOEXEC: no archive. */
int base_zip_member(const u8 *p, size_t n, const char *name, u64 *offset, u64 *size);
/* Maps a whole regular file read-only (also sysfs files of known size, read into memory if they cannot
 * be mapped), or a member of a ZIP archive: "ARCHIVE!/MEMBER". Free with host_unmap. */
typedef struct HostMap { const u8 *p; size_t n; bool heap; } HostMap;
int host_map(const char *path, HostMap *m);
void host_unmap(HostMap *m);
/* "ARCHIVE!/MEMBER": the archive's path, and where the member's bytes lie in it, at the start of a page; other paths as they are
 * (offset 0). -ENOTSUP: programs cannot map it from there, as it is compressed or lies askew. */
int host_member(const char *path, char *archive, size_t room, u64 *offset, u64 *size);
bool host_exists(const char *path);
u32 host_cpus(void);                            /* possible CPUs, from /sys/devices/system/cpu/possible; >= 1 */
u32 host_cpus_online(VecU32 *out, Arena *a);    /* their numbers; gives the count */

/* die.c: for cmd/ and arenas only. */
void die(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));

#endif
