/* Do hardware breakpoints fire here? Some hypervisors open them and never report a hit. Exit 0: they do. */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile unsigned long watched;

int
main(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_BREAKPOINT, .size = sizeof(a), .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (unsigned long)&watched, .bp_len = sizeof(watched), .sample_period = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
	unsigned long hits = 0;

	for (int i = 0; i < 5; i++)
		watched = i;
	return fd < 0 || read(fd, &hits, sizeof(hits)) != sizeof(hits) || hits != 5;
}
