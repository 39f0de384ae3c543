/* process_use.c: a thread that came and went has still used processor time, and the process's clock keeps it. */
#include "process_use.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "machine/pool.h"
#include "util/console.h"

static double seconds(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0;
}

/* The clock of a thread of this process, by its number, as the system's interface defines it. */
static clockid_t clock_of(pid_t thread)
{
    static const clockid_t per_thread = 4, scheduled = 2;
    return (clockid_t)(~(unsigned)thread << 3) | per_thread | scheduled;
}

static int entries(const char *folder)
{
    DIR *d = opendir(folder);
    int count = -2; /* . and .. */
    if (!d) return -1;
    while (readdir(d)) count++;
    closedir(d);
    return count;
}

enum { MOST_OTHERS = 8 };
static pid_t other[MOST_OTHERS];
static int others;

void process_use_note_others(void)
{
    const pid_t self = (pid_t)syscall(SYS_gettid);
    DIR *d = opendir("/proc/self/task");
    others = 0;
    for (const struct dirent *e; d && (e = readdir(d)) && others < MOST_OTHERS;) {
        const pid_t thread = (pid_t)atoi(e->d_name); /* . and .. are 0 */
        if (thread > 0 && thread != self) other[others++] = thread;
    }
    if (d) closedir(d);
}

/* The process's clock is read outside of the threads' clocks, on either side: an error makes too little of the
 * others. */
static double known_time(const process_use *u)
{
    double sum = 0;
    for (int i = 0; i < u->watched; i++) sum += seconds(clock_of(u->thread[i]));
    for (int i = 0; i < others; i++) sum += seconds(clock_of(other[i]));
    return sum;
}

bool process_use_begin(process_use *u, const attn_exec *exec)
{
    *u = (process_use){.watched = (int)exec->threads};
    if (exec->threads > MOST_WATCHED) return false;
    if (exec->threads == 1)
        u->thread[0] = (pid_t)syscall(SYS_gettid);
    else
        pool_thread_ids(exec, u->thread);
    u->threads = entries("/proc/self/task");
    u->descriptors = entries("/proc/self/fd");
    u->wall = clock_seconds();
    u->known = known_time(u);
    u->process = seconds(CLOCK_PROCESS_CPUTIME_ID);
    return true;
}

void process_use_end(process_use *u)
{
    u->process = seconds(CLOCK_PROCESS_CPUTIME_ID) - u->process;
    u->known = known_time(u) - u->known;
    u->wall = clock_seconds() - u->wall;
    const int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    u->threads = u->threads < 0 || threads < 0 ? 0 : threads - u->threads;
    u->descriptors = u->descriptors < 0 || descriptors < 0 ? 0 : descriptors - u->descriptors;
}

void process_use_judge(const process_use *u, const attn_kernel *kernel, int threads, findings *found)
{
    static const double share = 0.05, clock_error = 10e-6; /* the latter is less than starting a thread takes */
    static const double tick = 10e-3; /* by which the process's clock may lag behind a thread that runs elsewhere */
    const bool owns = (kernel->traits & ATTN_TRAIT_OWN_THREADS) != 0;
    if (u->descriptors > 0)
        findings_add(found, "descriptors", "%d more file descriptors are open after the call", u->descriptors);
    if (owns && u->threads > threads - 1)
        findings_add(found, "own-threads", "%d threads more after the call, though it was told to use %d in all",
                     u->threads, threads);
    if (owns && u->process > (1 + share) * threads * u->wall + threads * tick)
        findings_add(found, "own-threads", "%.3g s of processor time in %.3g s on %d threads", u->process, u->wall,
                     threads);
    if (!owns && u->threads > 0)
        findings_add(found, "own-threads", "%d threads more after the call, which the kernel does not declare",
                     u->threads);
    /* Only a lone thread can be told exactly. */
    if (!owns && threads == 1 && u->process - u->known > share * u->known + clock_error)
        findings_add(found, "own-threads", "%.0f us of processor time on other threads beside its own %.0f us",
                     1e6 * (u->process - u->known), 1e6 * u->known);
}
