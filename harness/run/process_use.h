/* process_use.h: what a call takes of its process beside memory: processor time on threads that nobody gave it, threads
 * and file descriptors that it leaves behind. */
#ifndef ATTNBENCH_PROCESS_USE_H
#define ATTNBENCH_PROCESS_USE_H

#include <stdbool.h>
#include <sys/types.h>

#include "attention.h"
#include "check.h"

enum { MOST_WATCHED = 64 };
typedef struct process_use {
    double process, wall;     /* seconds: processor time of all threads that there ever were, and of the clock */
    double known;             /* processor time of the watched threads and of those noted before */
    int threads, descriptors; /* -1 unknown */
    pid_t thread[MOST_WATCHED];
    int watched;
} process_use;

/* At the beginning of a child, before any code of a kernel or a plugin runs: threads that are there beside the caller's
 * are not the kernel's, so their time is not either. A forked child has none, but for those of an emulator of user
 * programs. */
void process_use_note_others(void);

/* Watches the threads of `exec` and takes the first look. False where they are too many. */
bool process_use_begin(process_use *u, const attn_exec *exec);

/* The differences since then go into `u`. */
void process_use_end(process_use *u);

/* What a call may not take, by the checks own-threads and descriptors. */
void process_use_judge(const process_use *u, const attn_kernel *kernel, int threads, findings *found);

#endif
