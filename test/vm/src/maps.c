/* Maps by BTF, globals of all sections, a function of .text, a static one, and a loop that a number of the object bounds: `test` gives 40. */
typedef unsigned int __u32;
typedef unsigned long long __u64;
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_FUNC_map_lookup_elem = 1, BPF_FUNC_map_update_elem = 2, BPF_ANY = 0 };
struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index; };

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#ifdef __clang__
static void *(*const map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*const map_update)(void *map, const void *key, const void *value, __u64 flags) = (void *)BPF_FUNC_map_update_elem;
#else
void *map_lookup(void *map, const void *key) __attribute__((kernel_helper(1)));
long map_update(void *map, const void *key, const void *value, __u64 flags) __attribute__((kernel_helper(2)));
#endif

struct pair { __u32 a, b; };
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct pair);
} pairs SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 8);
} numbers SEC(".maps");

volatile const int limit = 10;
volatile int counter = 5;
volatile int zero;
char _license[] SEC("license") = "GPL";

__attribute__((noinline)) int
twice(int n)
{
	return n * 2 + zero;
}

static __attribute__((noinline)) int
add(int a, int b)
{
	return a + twice(b);
}

SEC("socket") int
test(void *ctx)
{
	__u32 key = 3;
	struct pair p = { 1, 2 }, *found;
	__u64 *n;
	int sum = 0;

	map_update(&pairs, &key, &p, BPF_ANY);
	found = map_lookup(&pairs, &key);
	if (!found)
		return 0;
	n = map_lookup(&numbers, &key);
	if (!n)
		return 0;
	*n += 7;
	for (int i = 0; i < 16 && i < limit; i++)
		sum = add(sum, found->a);
	return sum + counter + found->b * 4 + (*n ? 7 : 0);
}

SEC("xdp") int
drop(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end;

	if (data + 14 > end)
		return 1;
	return data[12] == 8 ? 2 : 1;
}

SEC("xdp") int
careless(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data;

	return data[12];
}
