/* isolate.c: fork, call, report through shared memory. The child writes outputs into the instance's shared mappings and its plan
 * into a page of its own; that it says 'done' there, and not its exit code, is what counts as having run: a kernel may
 * call exit(0). */
#include "isolate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "pool.h"
#include "status.h"

typedef struct report_page {
    int stage; /* 0 nothing yet, 1 refused, 2 done, 3 no threads for it */
    isolated result;
} report_page;

static void child(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, report_page *page)
{
    isolated *r = &page->result;
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(in, lse, weights, slot);
    call c;
    pool *workers = NULL;
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    forget_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    instance_protect(in, true);
    const attn_exec *exec = exec_serial();
    if (threads > 1) {
        workers = pool_new(threads, r->reason, sizeof r->reason);
        if (!workers) {
            page->stage = 3;
            _exit(0);
        }
        exec = pool_exec(workers);
    }
    if (!call_prepare(&c, kernel, &in->problem, &args, machine, exec, r->reason, sizeof r->reason)) goto refused;
    r->plan = c.plan;
    if (c.plan.inner) snprintf(r->inner, sizeof r->inner, "%s", c.plan.inner->name);
    const double start = clock_seconds();
    const int status = call_once(&c, NULL);
    r->seconds = clock_seconds() - start;
    if (status != ATTN_OK) {
        snprintf(r->reason, sizeof r->reason, "run: %s", attn_status_text(status));
        goto refused;
    }
    page->stage = 2;
    call_release(&c);
    if (workers) pool_free(workers);
    _exit(0);
refused:
    page->stage = 1;
    _exit(0);
}

/* Waits until the child is gone: its end of the pipe closes with it. Returns 0 where the time is up or we are interrupted. It wakes
 * now and then because a signal may come before poll and not during it. */
static int wait_for(pid_t pid, int pipe_end, double limit, int *status)
{
    const double end = clock_seconds() + limit;
    struct pollfd p = {pipe_end, POLLIN, 0};
    int ready = 0;
    for (double left = limit; ready <= 0 && left > 0 && !interrupted; left = end - clock_seconds())
        ready = poll(&p, 1, left > 0.2 ? 200 : (int)(left * 1000) + 1);
    if (ready <= 0) {
        if (waitpid(pid, status, WNOHANG) == pid) return 1;
        kill(pid, SIGKILL);
    }
    waitpid(pid, status, 0);
    return ready > 0;
}

static void judge_end(int in_time, int status, double limit, const report_page *page, isolated *out)
{
    const bool stopped = interrupted && page->stage != 2; /* Ctrl-C reaches the child as well: no crash of its own */
    if (!in_time || stopped) {
        out->outcome = OUTCOME_HUNG;
        if (stopped)
            snprintf(out->reason, sizeof out->reason, "interrupted");
        else
            snprintf(out->reason, sizeof out->reason, "not finished after %.0f s", limit);
    } else if (WIFSIGNALED(status)) {
        out->outcome = OUTCOME_CRASHED;
        snprintf(out->reason, sizeof out->reason, "signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                 page->stage == 2 ? " after the call" : "");
    } else if (page->stage == 0 || WEXITSTATUS(status)) {
        out->outcome = OUTCOME_EXITED;
        snprintf(out->reason, sizeof out->reason, "the process ended with exit(%d) during the call",
                 WEXITSTATUS(status));
    } else {
        out->outcome = page->stage == 2 ? OUTCOME_RAN : page->stage == 3 ? OUTCOME_UNABLE : OUTCOME_REFUSED;
    }
}

void isolate_call(const attn_kernel *kernel, instance *in, bool lse, bool weights, int threads,
                  const attn_machine *machine, double limit, isolated *out)
{
    memset(out, 0, sizeof *out);
    out->outcome = OUTCOME_UNABLE;
    int pipes[2] = {-1, -1};
    report_page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || pipe(pipes)) {
        snprintf(out->reason, sizeof out->reason, "no memory or pipe for a child process: %s", strerror(errno));
        if (page != MAP_FAILED) munmap(page, sizeof *page);
        return;
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        close(pipes[0]);
        child(kernel, in, lse, weights, threads, machine, page);
    }
    close(pipes[1]);
    if (pid < 0) {
        snprintf(out->reason, sizeof out->reason, "fork: %s", strerror(errno));
    } else {
        int status = 0;
        const int in_time = wait_for(pid, pipes[0], limit, &status);
        *out = page->result;
        judge_end(in_time, status, limit, page, out);
    }
    close(pipes[0]);
    munmap(page, sizeof *page);
}
