/* process_use.c: a thread that came and went has still used processor time, and the process's clock keeps it. */
#include "process_use.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pool.h"
#include "status.h"

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

/* The process's clock is read outside of the threads' clocks, on either side: an error makes too little of the others. */
static double known_time(const process_use *u)
{
    double sum = 0;
    for (int i = 0; i < u->watched; i++) sum += seconds(clock_of(u->thread[i]));
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
