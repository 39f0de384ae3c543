/* selftest_run.c: verifies every planted kernel in a process of its own, then repeats one of its failures by the line
 * that was printed for it. Only records are read: what verify tells everybody is what it is judged by. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "selftest_judge.h"
#include "util/console.h"
#include "util/json_text.h"

static const double time_limit = 900; /* seconds of one verify: some planted bugs hang in all cases, on busy machines */

/* What verify is given where a head names nothing: a part of its own default, so that what is found here is found
 * there. Odd kernels may not be accused in any input class. */
static const char *const usual = "--suite smoke --class normal", *const usual_odd = "--suite smoke";

typedef enum stage { IDLE, VERIFYING, REPEATING } stage;

typedef struct runner {
    stage stage;
    int index; /* of the planted kernel */
    pid_t pid;
    double begun;
    char record[4096]; /* file that verify writes */
    json_t *failure;   /* the case to repeat; borrowed from `first` */
    json_t *first;     /* record of the first verify */
} runner;

typedef struct run {
    const planted_list *list;
    const char *folder; /* for records */
    bool whole;         /* verify's own default for all */
    char self[4096];    /* this program */
    json_t *results;
    int next, done;
} run;

/* Runs a shell's command line, in which $0 is this program, in a process group of its own and without output. */
static pid_t start(const run *all, const char *line)
{
    const pid_t parent = getpid(), pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    setpgid(0, 0);
    forget_signals();
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", line, all->self, (char *)NULL);
    _exit(127);
}

static json_t *result_of(const run *all, const runner *r) { return json_array_get(all->results, (size_t)r->index); }

static void set_status(json_t *result, const char *status, const char *reason)
{
    json_object_set_new(result, "status", json_string(status));
    if (*reason) json_object_set_new(result, "reason", json_string(reason));
}

static void begin_verify(run *all, runner *r)
{
    char line[12288];
    const planted *p = &all->list->item[r->index = all->next++];
    const char *flags = all->whole ? "" : *p->verify ? p->verify : p->odd ? usual_odd : usual;
    snprintf(r->record, sizeof r->record, "%.3900s/%s.json", all->folder, p->name);
    snprintf(line, sizeof line, "exec \"$0\" verify --plugin '%.3000s' --kernel '%s:%s' %.2000s --json '%s'", p->module,
             p->name, p->kernel, flags, r->record);
    json_array_append_new(all->results, json_pack("{s:s, s:s, s:s, s:b, s:s}", "name", p->name, "kernel", p->kernel,
                                                  "what", p->what, "odd", (int)p->odd, "verify", flags));
    r->stage = VERIFYING;
    r->begun = clock_seconds();
    r->pid = start(all, line);
}

/* The line of a failure begins with the program's name. */
static void begin_repeat(const run *all, runner *r, const char *reproducer)
{
    char line[12288];
    const char *flags = strstr(reproducer, " verify ");
    snprintf(line, sizeof line, "exec \"$0\" verify --json '%s' %.8000s", r->record, flags ? flags + 8 : "");
    r->stage = REPEATING;
    r->begun = clock_seconds();
    r->pid = start(all, line);
}

/* Counts cases in which each check found something; returns the first failed case. */
static json_t *count_findings(const json_t *cases, json_t *result)
{
    json_t *checks = json_object(), *first = NULL;
    int failed = 0;
    size_t i, n;
    json_t *one, *finding;
    json_array_foreach(cases, i, one)
    {
        const json_t *findings = json_object_get(one, "findings");
        failed += json_array_size(findings) > 0;
        if (json_array_size(findings) && !first) first = one;
        json_array_foreach(findings, n, finding)
        {
            const char *name = text_of(finding, "check");
            const json_int_t before = json_integer_value(json_object_get(checks, name));
            json_object_set_new(checks, name, json_integer(before + 1));
        }
    }
    json_object_set_new(result, "cases", json_integer((json_int_t)json_array_size(cases)));
    json_object_set_new(result, "failed", json_integer(failed));
    json_object_set_new(result, "checks", checks);
    return first;
}

/* This machine cannot run it: every case says so, and none for a feature that the kernel has not got. */
static bool unusable_here(const json_t *cases, const char **reason)
{
    size_t i;
    json_t *one;
    json_array_foreach(cases, i, one)
    {
        *reason = text_of(one, "reason");
        if (strcmp(text_of(one, "status"), "unsupported") != 0 || strstr(*reason, "does not have") != NULL)
            return false;
    }
    return json_array_size(cases) > 0;
}

/* What verify's record and exit code say. Returns the failure to repeat, if any. */
static json_t *conclude(const planted *p, json_t *record, int status, json_t *result)
{
    char ended[128];
    const char *reason = "";
    const json_t *cases = json_object_get(record, "cases");
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    json_t *failure = count_findings(cases, result);
    if (code == EXIT_FINDING && failure)
        set_status(result, p->odd ? "accused" : "found",
                   p->odd ? text_of(json_array_get(json_object_get(failure, "findings"), 0), "reason") : "");
    else if (code == EXIT_WELL && !failure && json_array_size(cases) > 0)
        set_status(result, p->odd ? "accepted" : "missed", "");
    else if (code == EXIT_UNDECIDED && unusable_here(cases, &reason))
        set_status(result, "skipped", reason);
    else {
        snprintf(ended, sizeof ended, "verify ended with %s %d, which is no verdict",
                 WIFSIGNALED(status) ? "signal" : "exit code", WIFSIGNALED(status) ? WTERMSIG(status) : code);
        set_status(result, "unclear", ended);
        return NULL;
    }
    return failure;
}

/* The same findings, and the same digits of every error. */
static bool same_failure(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"kernel", "spec",     "class",  "seed", "threads", "status",
                                       "reason", "findings", "output", "lse",  "weights"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);
        if ((x || y) && !(x && y && json_equal(x, y))) return false;
    }
    return true;
}

static void finish(run *all, runner *r)
{
    unlink(r->record);
    json_decref(r->first);
    r->first = r->failure = NULL;
    r->stage = IDLE;
    all->done++;
    const json_t *result = result_of(all, r);
    progress("%d of %d: %s %s", all->done, all->list->count, text_of(result, "name"), text_of(result, "status"));
}

static void after_verify(run *all, runner *r, int status)
{
    const planted *p = &all->list->item[r->index];
    json_t *result = result_of(all, r);
    json_object_set_new(result, "seconds", json_real(clock_seconds() - r->begun));
    r->first = json_load_file(r->record, 0, NULL);
    r->failure = conclude(p, r->first, status, result);
    if (!r->failure) {
        finish(all, r);
        return;
    }
    json_object_set(result, "line", json_object_get(r->failure, "reproducer"));
    begin_repeat(all, r, text_of(r->failure, "reproducer"));
}

static void after_repeat(run *all, runner *r)
{
    json_t *again = json_load_file(r->record, 0, NULL), *cases = json_object_get(again, "cases");
    const bool same = json_array_size(cases) == 1 && same_failure(r->failure, json_array_get(cases, 0));
    if (same || !*all->list->item[r->index].varies)
        json_object_set_new(result_of(all, r), "replays", json_boolean(same));
    json_decref(again);
    finish(all, r);
}

static void stop(const runner *r)
{
    if (r->pid <= 0) return; /* fork failed */
    kill(-r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
}

/* Takes up what has ended, and gives an idle runner its next kernel. */
static void step(run *all, runner *r)
{
    int status = 0;
    if (r->stage == IDLE) {
        if (all->next < all->list->count) begin_verify(all, r);
        return;
    }
    if (r->pid > 0 && waitpid(r->pid, &status, WNOHANG) != r->pid) {
        if (clock_seconds() - r->begun < time_limit) return;
        stop(r);
        status = SIGKILL;
    }
    if (r->stage == VERIFYING)
        after_verify(all, r, status);
    else
        after_repeat(all, r);
}

json_t *selftest_run(const planted_list *list, int jobs, bool whole, const char *folder)
{
    run all = {.list = list, .folder = folder, .whole = whole, .results = json_array()};
    runner *runners = calloc((size_t)jobs, sizeof *runners);
    const ssize_t length = readlink("/proc/self/exe", all.self, sizeof all.self - 1);
    const struct timespec pause = {0, 5 * 1000 * 1000};
    while (runners && all.results && length > 0 && all.done < list->count && !interrupted) {
        for (int i = 0; i < jobs; i++) step(&all, &runners[i]);
        nanosleep(&pause, NULL);
    }
    progress_clear();
    for (int i = 0; runners && i < jobs; i++) {
        if (runners[i].stage == IDLE) continue;
        stop(&runners[i]);
        if (runners[i].stage == VERIFYING) set_status(result_of(&all, &runners[i]), "unclear", "interrupted");
        finish(&all, &runners[i]);
    }
    free(runners);
    if (all.done == list->count || interrupted) return all.results;
    json_decref(all.results);
    return NULL;
}
