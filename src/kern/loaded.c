/* loaded: the BPF programs that are in the kernel, whoever brought them there, and the BTF that describes them. */
#include "kern/machine.h"

#include <limits.h>

enum { MAX_FUNCS = 256 };       /* as many as the verifier allows */

int
kern_loaded_fd(u32 id)
{
	union bpf_attr attr = { .prog_id = id };

	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}

int
kern_loaded_each(int (*fn)(void *arg, const LoadedProg *p), void *arg)
{
	union bpf_attr attr = { 0 };
	char path[PATH_MAX];
	int err;

	if (host_path("/", path, sizeof(path)) == path)         /* a sysroot's programs are not those of this kernel */
		return 0;
	while (!(err = sys_bpf(BPF_PROG_GET_NEXT_ID, &attr))) {
		struct bpf_func_info funcs[MAX_FUNCS];
		struct bpf_prog_info i = { .nr_func_info = MAX_FUNCS, .func_info_rec_size = sizeof(funcs[0]), .func_info = ptr(funcs) };
		u32 ids[MAX_FUNCS];
		int fd = kern_loaded_fd(attr.next_id);
		LoadedProg p = { .id = attr.next_id, .funcs = ids };

		attr.start_id = attr.next_id;
		if (fd < 0)                     /* unloaded meanwhile */
			continue;
		err = sys_bpf_info(fd, &i, sizeof(i));
		close(fd);
		if (err || !i.btf_id || !i.nr_func_info)
			continue;
		p.btf_id = i.btf_id;
		p.n_funcs = MIN(i.nr_func_info, (u32)MAX_FUNCS);
		for (u32 k = 0; k < p.n_funcs; k++)
			ids[k] = funcs[k].type_id;
		if (fn(arg, &p))
			return 0;
	}
	return err == -ENOENT ? 0 : err;
}

int
kern_loaded_btf(u32 btf_id, Buf *out)
{
	union bpf_attr attr = { .btf_id = btf_id };
	struct bpf_btf_info size = { 0 };
	int fd = sys_bpf(BPF_BTF_GET_FD_BY_ID, &attr), err;

	if (fd < 0)
		return fd;
	err = sys_bpf_info(fd, &size, sizeof(size));
	if (!err) {
		struct bpf_btf_info all = { .btf = ptr(buf_space(out, size.btf_size)), .btf_size = size.btf_size };

		err = sys_bpf_info(fd, &all, sizeof(all));
		out->n += err ? 0 : size.btf_size;
	}
	close(fd);
	return err;
}
