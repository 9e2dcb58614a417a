/* Maps for the benchmarks: those of the machine, or natively a function that is called, as a look-up in a library is. */
#include "bench.h"

#if defined(__bpf__) || defined(KERNEL)
#define MAP(name, kind, key_type, value_type, n) struct { \
		int (*type)[kind]; \
		int (*max_entries)[n]; \
		key_type *key; \
		value_type *value; \
	} name __attribute__((section(".maps"), used))
#define KIND_HASH 1
#define KIND_ARRAY 2
static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
#define LOOKUP(kind, map, key) map_lookup(&map, key)
#define UPDATE(kind, map, key, value) map_update(&map, key, value, 0)
#define MAPBENCH __attribute__((section("xdp"), used)) int prog(void *ctx) 
char license_[] __attribute__((section("license"))) = "GPL";
#else
typedef struct Table Table;
Table *table_new(int kind, unsigned n);
void *table_ARRAY(Table *t, const void *key);
void *table_HASH(Table *t, const void *key);
void table_put_ARRAY(Table *t, const void *key, const void *value);
void table_put_HASH(Table *t, const void *key, const void *value);
#define KIND_HASH 1
#define KIND_ARRAY 2
#define MAP(name, kind, key_type, value_type, n) \
	static Table *name; \
	__attribute__((constructor)) static void make_##name(void) { name = table_new(kind, n); } \
	struct force_semicolon
#define LOOKUP(kind, map, key) table_##kind(map, key)
#define UPDATE(kind, map, key, value) table_put_##kind(map, key, value)
#define MAPBENCH u64 prog(u8 *p, u64 n)
#endif
