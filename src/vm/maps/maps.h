/* maps: all map kinds of the machine. A map is one block of memory without pointers inside (Block of its kind first), so
 * that processes can share it at different addresses; VmMap is each process's own view of it.
 * Threads and processes use a map at once. Look-ups take no lock. A lock holds the number of its thread; whoever waits for a
 * dead thread takes the lock over, and every change is made so that it can stop between any two stores: what is linked
 * is complete, what is half done is not linked. Elements lost that way are gathered when none is free. */
#ifndef VM_MAPS_MAPS_H
#define VM_MAPS_MAPS_H

#include "vm/vm.h"

typedef struct MapOps {
	int (*plan)(VmMap *m);          /* checks def, sets m->size: 0 or -errno */
	void (*view)(VmMap *m);         /* sets this process's pointers into m->base */
	void (*fresh)(VmMap *m);        /* fills a new, zeroed block; may be NULL */
	void *(*lookup)(VmMap *m, const void *key);
	int (*update)(VmMap *m, const void *key, const void *value, u64 flags);
	int (*remove)(VmMap *m, const void *key);
	int (*next)(VmMap *m, const void *key, void *next);
	int (*push)(VmMap *m, const void *value, u64 flags);
	int (*pop)(VmMap *m, void *value);
	int (*peek)(VmMap *m, void *value);
	/* The value that holds addr, for checked runs: its start, or NULL. */
	u8 *(*value_at)(VmMap *m, const u8 *addr);
	void (*gone)(VmMap *m);         /* before the block goes; may be NULL */
} MapOps;

struct VmMap {
	const MapOps *ops;
	MapDef def;                     /* name is the map's own copy */
	u8 *base;                       /* the block */
	size_t size;
	size_t before;                  /* bytes mapped in front of it: a file's head */
	bool percpu;
	u32 refs;
	u32 cpus;                       /* values per key */
	u32 vsize;                      /* bytes of one value, a multiple of 8 */
	u32 stride;                     /* bytes of one element */
	u32 cap;                        /* elements there are */
	u8 *values;                     /* array kinds: first value; else first element */
	u32 *buckets;                   /* hash kinds: lock and head of each */
	u32 mask;
	u32 koff, voff;                 /* inside an element */
	u32 timer;                      /* offset of a bpf_timer in the value + 1; 0: none */
	void **slots;                   /* map-in-map, prog array: this process's pointers */
	VmMap *inner;                   /* template of a map-in-map */
	void *(*quick)(VmMap *m, const void *key);      /* the look-up for compiled code: that of ops, or one for this size of key */
	int wake;                       /* ring: eventfd, or -1 */
	u32 slots_lock;
};

extern const MapOps map_array, map_hash, map_lpm, map_ring, map_queue, map_bloom, map_stacks, map_slots, map_slots_hash,
	map_inert;

/* lock.c: 1: taken over from a thread that died. */
int map_lock(u32 *lock);
bool map_trylock(u32 *lock);
void map_unlock(u32 *lock);
bool map_owner_dead(u32 owner);
u32 map_self(void);

u32 map_cpu(const VmMap *m);                    /* this CPU, < m->cpus */
VmMap *vm_map_ref(VmMap *m);
bool map_kind_keyless(const VmMap *m);          /* queue, stack, bloom: no key */

/* A look-up and an update as the user side sees them: values of all CPUs. */
int vm_map_get(VmMap *m, const void *key, void *value);
int vm_map_put(VmMap *m, const void *key, const void *value, u64 flags);
void *vm_map_lookup_cpu(VmMap *m, const void *key, u32 cpu);

/* slots.c */
VmProg *vm_map_prog(VmMap *m, u32 index);       /* of a prog array, or NULL */
int vm_map_set_prog(VmMap *m, u32 index, VmProg *p);
int vm_map_set_map(VmMap *m, const void *key, VmMap *inner);

/* ring.c */
void *ring_reserve(VmMap *m, u64 size);         /* NULL: full */
void ring_commit(VmMap *m, void *record, bool discard, u64 flags);
int ring_consume(VmMap *m, RecordFn *fn, void *arg);
/* The same by one caller at a time: -EBUSY. */
int ring_drain(VmMap *m, RecordFn *fn, void *arg);
u64 ring_query(VmMap *m, u64 what);
u64 ring_lost(VmMap *m);
bool ring_record(VmMap *m, const u8 *p, u64 *lo, u64 *len);     /* a reserved record that holds p */

/* stacks.c */
s64 map_stack_id(VmMap *m, const u64 *ips, u32 n, u64 flags);

#endif
