/* once: one of each. Values of the expression, nodes of the graph and instructions are found again by their content. */
#include "filt/in.h"

static void
grow(Once *t, Arena *a)
{
	Once old = *t;

	t->slots = old.slots ? old.slots * 2 : 256;
	t->slot = NEW_N(a, OnceSlot, t->slots);
	for (u32 i = 0; i < old.slots; i++)
		if (old.slot[i].p) {
			u32 at = old.slot[i].hash & (t->slots - 1);

			while (t->slot[at].p)
				at = (at + 1) & (t->slots - 1);
			t->slot[at] = old.slot[i];
		}
}

void **
filt_once(Once *t, Arena *a, u32 hash, const void *key, bool (*same)(const void *, const void *))
{
	u32 at;

	if (t->n >= t->slots / 2)
		grow(t, a);
	for (at = hash & (t->slots - 1); t->slot[at].p; at = (at + 1) & (t->slots - 1))
		if (t->slot[at].hash == hash && same(t->slot[at].p, key))
			return &t->slot[at].p;
	t->n++;
	t->slot[at].hash = hash;
	return &t->slot[at].p;
}
