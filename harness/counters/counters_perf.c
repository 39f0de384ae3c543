/* counters_perf.c: counters of this system, by perf_event_open.
 *
 * A counter belongs to one thread, on whatever processor it runs. Linux answers ENOENT where the processor or the
 * virtual machine lacks an event, and EACCES or EPERM where the administrator forbids counting or a container filters
 * the call. */
#include "counters.h"

#include "util/proc_file.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int perf_open(void *ctx, const counter_event *event, pid_t thread, int leader)
{
    (void)ctx;
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = event->type,
        .config = event->config,
        .config1 = event->config1,
        .config2 = event->config2,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .disabled = leader < 0, /* members count when their leader does */
        .exclude_user = !event->user,
        .exclude_kernel = !event->system,
        .exclude_hv = 1,
    };
    const int any_processor = -1;
    const long handle = syscall(SYS_perf_event_open, &attr, thread, any_processor, leader, PERF_FLAG_FD_CLOEXEC);
    return handle < 0 ? -errno : (int)handle;
}

static int perf_enable(void *ctx, int leader)
{
    (void)ctx;
    return ioctl(leader, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

static int perf_read(void *ctx, int handle, counter_reading *out)
{
    (void)ctx;
    uint64_t word[3];
    const ssize_t bytes = read(handle, word, sizeof word);
    if (bytes != (ssize_t)sizeof word) return bytes < 0 ? -errno : -EIO;
    *out = (counter_reading){.value = word[0], .enabled = word[1], .running = word[2]};
    return 0;
}

static void perf_close(void *ctx, int handle)
{
    (void)ctx;
    close(handle);
}

/* User-mode events need kernel.perf_event_paranoid <= 2, kernel-mode events <= 1. Some distributions add 4, 'only
 * root'. */
static void explain_forbidden(const counter_event *event, char *out, size_t size)
{
    char level[16] = "";
    const int wanted = event->system ? 1 : 2;
    const bool known = proc_file_read("", "/proc/sys/kernel/perf_event_paranoid", level, sizeof level);
    if (known && atoi(level) > wanted)
        snprintf(out, size,
                 "perf events are forbidden (kernel.perf_event_paranoid is %s): sudo sysctl "
                 "kernel.perf_event_paranoid=%d",
                 level, wanted);
    else
        snprintf(out, size,
                 "perf_event_open is forbidden, as containers do: allow it in the container's seccomp "
                 "profile and add the capability PERFMON");
}

static void perf_explain(void *ctx, const counter_event *event, int error, char *out, size_t size)
{
    (void)ctx;
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case EOPNOTSUPP:
        snprintf(out, size,
                 "this processor or virtual machine does not count it: measure on bare metal, or have the "
                 "host expose its counters (vPMU)");
        break;
    case EACCES:
    case EPERM: explain_forbidden(event, out, size); break;
    case ENOSYS: snprintf(out, size, "this kernel or sandbox has no perf events: measure outside of it"); break;
    case EMFILE:
    case ENFILE: snprintf(out, size, "too many open files: raise ulimit -n, or ask for fewer events"); break;
    case EINVAL: snprintf(out, size, "the kernel refuses to count it on a thread: choose another event"); break;
    case EBUSY: snprintf(out, size, "another program holds the counters: end it (perf, a profiler)"); break;
    default: snprintf(out, size, "%s", strerror(error)); break;
    }
}

const counter_backend *counters_perf(void)
{
    static const counter_backend perf = {
        .open = perf_open, .enable = perf_enable, .read = perf_read, .close = perf_close, .explain = perf_explain};
    return &perf;
}
