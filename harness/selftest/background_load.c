/* background_load.c: children that keep processors and memory busy in an uneven rhythm. */
#include "background_load.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/console.h"

enum { STREAM = 16 << 20 }; /* bytes: more than a second-level cache */

static _Noreturn void disturb(unsigned seed, pid_t parent)
{
    volatile unsigned char *memory = malloc(STREAM);
    volatile uint64_t sink = seed;
    forget_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t draw = seed; getppid() == parent;) {
        draw = draw * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const double until = clock_seconds() + 1e-3 * (double)(1 + (draw >> 60));
        const unsigned what = (unsigned)(draw >> 40) % 5;
        if (what == 0) {
            nanosleep(&(struct timespec){0, 1000000 * (long)(1 + (draw >> 60))}, NULL);
            continue;
        }
        while (clock_seconds() < until)
            for (size_t i = 0; i < 20000; i++)
                sink = sink * 3 + (what < 3 && memory ? memory[(i * 64 + (draw & 0xffffff)) % STREAM] : i);
    }
    _exit(0);
}

int neighbours_begin(neighbours *n, int wanted)
{
    n->count = 0;
    fflush(NULL);
    while (n->count < wanted && n->count < MOST_NEIGHBOURS) {
        const pid_t parent = getpid(), id = fork();
        if (id == 0) disturb((unsigned)n->count + 1, parent);
        if (id < 0) break;
        n->id[n->count++] = id;
    }
    return n->count;
}

void neighbours_end(neighbours *n)
{
    for (int i = 0; i < n->count; i++) {
        kill(n->id[i], SIGKILL);
        waitpid(n->id[i], NULL, 0);
    }
    n->count = 0;
}
