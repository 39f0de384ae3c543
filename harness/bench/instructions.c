/* instructions.c: this program again, under callgrind, for each case. */
#include "instructions.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/child_process.h"
#include "cpu.h"
#include "tensors/instance.h"
#include "problem.h"
#include "profile.h"
#include "util/console.h"
#include "timing.h"

static const double most_seconds = 120; /* of a case: fifty times as slow as it is */
static const char missing[] = "valgrind is not installed: apt-get install valgrind";

/* ---- one case ---------------------------------------------------------------------------------------------------- */

typedef struct counted_case {
    const attn_kernel *kernel;
    const workload *w;
    uint64_t seed;
    char path[64]; /* of callgrind's figures */
} counted_case;

static void exec_callgrind(void *arg)
{
    const counted_case *c = arg;
    char out[96], seed[24], program[4096]; /* not /proc/self/exe, which valgrind is by then */
    const plugin *from = plugin_of(c->kernel);
    const int nowhere = open("/dev/null", O_WRONLY);
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    snprintf(out, sizeof out, "--callgrind-out-file=%s", c->path);
    snprintf(seed, sizeof seed, "%" PRIu64, c->seed);
    if (attn_cpu_isa() & ~ATTN_ISA_AVX2 & attn_cpu_detected() && attn_cpu_isa() & ATTN_ISA_AVX2)
        setenv("ATTNBENCH_ISA", "avx2", 1);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execlp("valgrind", "valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=" PROFILED_CALL, out,
           program, "bench", "--profile", "1", "--kernel", c->kernel->name, "--workload", c->w->spec, "--threads", "1",
           "--seed", seed, from ? "--plugin" : (char *)NULL, from ? from->path : (char *)NULL, (char *)NULL);
}

/* The number in a file that callgrind wrote; 0: there is none. */
static double read_total(const char *path)
{
    char line[4096];
    double total = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "totals: ", 8) == 0) total = strtod(line + 8, NULL);
    if (file) fclose(file);
    return total;
}

/* 0 and a reason. */
static double count(counted_case *c, char *reason, size_t size)
{
    const child_limit limit = {.seconds = most_seconds};
    snprintf(c->path, sizeof c->path, "/tmp/attnbench-callgrind-XXXXXX");
    const int file = mkstemp(c->path);
    if (file < 0) {
        snprintf(reason, size, "no temporary file");
        return 0;
    }
    close(file);
    const child_end end = child_run(exec_callgrind, c, &limit, reason, size);
    const double total = read_total(c->path);
    unlink(c->path);
    if (end == CHILD_HUNG) snprintf(reason, size, "not done after %g s under callgrind", most_seconds);
    if (total <= 0 && end != CHILD_HUNG) snprintf(reason, size, "it did not run under callgrind");
    return total;
}

/* ---- all of a record --------------------------------------------------------------------------------------------- */

static bool has_valgrind(void)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at;) {
        char file[4096];
        const size_t length = strcspn(at, ":");
        snprintf(file, sizeof file, "%.*s/valgrind", (int)length, at);
        if (access(file, X_OK) == 0) return true;
        at += length + (at[length] == ':');
    }
    return false;
}

static double operations_of(const workload *w, uint64_t seed)
{
    char reason[512];
    instance in;
    attn_tensor slot[ATTN_SLOTS];
    double operations = 0;
    if (instance_describe(&in, w, w->has_class ? w->input : INPUT_NORMAL, seed, reason, sizeof reason)) {
        const attn_args args = instance_args(&in, false, false, slot);
        operations = attn_work(&in.problem, &args).operations;
    }
    instance_free(&in);
    return operations;
}

static json_t *timed_entry(const json_t *record, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(record, "benchmarks"), i, entry)
    {
        const char *run = json_string_value(json_object_get(entry, "run_name"));
        if (run && strcmp(run, name) == 0 && !json_is_true(json_object_get(entry, "error_occurred"))) return entry;
    }
    return NULL;
}

static void count_entry(json_t *entry, const char *name, const attn_kernel *kernel, const workload *w,
                        const selection *s, json_t *absent)
{
    char reason[256] = "", needs[128];
    counted_case c = {.kernel = kernel, .w = w, .seed = s->seed};
    const uint64_t beyond = attn_cpu_detected() & ATTN_ISA_AVX2 ? kernel->isa & ~ATTN_ISA_AVX2 : 0;
    attn_isa_names(beyond, needs, sizeof needs);
    progress("counting the instructions of %s", name);
    if (beyond) snprintf(reason, sizeof reason, "callgrind knows AVX2 and nothing newer; it needs %s", needs);
    const double total = beyond ? 0 : count(&c, reason, sizeof reason);
    progress_clear();
    if (total > 0) {
        const double operations = operations_of(w, s->seed);
        json_object_set_new(entry, "instructions", json_integer((json_int_t)total));
        if (operations > 0) json_object_set_new(entry, "instructions_per_operation", json_real(total / operations));
    } else if (!interrupted) {
        json_array_append_new(absent, json_pack("{s:s, s:s}", "name", name, "reason", reason));
    }
}

void instructions_add(json_t *record, const selection *s)
{
    json_t *absent = json_array();
    const bool possible = has_valgrind();
    if (!possible) complain("no instructions are counted: %s", missing);
    for (int w = 0; possible && w < s->workloads && !interrupted; w++)
        for (int k = 0; k < s->kernels && !interrupted; k++) {
            char name[2048];
            const trial_job job = {s->kernel[k], 1};
            timing_name(s, &job, &s->workload[w], name, sizeof name);
            json_t *entry = timed_entry(record, name);
            if (entry) count_entry(entry, name, s->kernel[k], &s->workload[w], s, absent);
        }
    json_t *how = json_pack("{s:s, s:s, s:o}", "tool", "callgrind", "isa",
                            attn_cpu_isa() & ATTN_ISA_AVX2 ? "avx2" : "portable", "absent", absent);
    if (!possible) json_object_set_new(how, "reason", json_string(missing));
    json_object_set_new(json_object_get(json_object_get(record, "context"), "attnbench"), "instructions", how);
}
