/* fuzz_workload: the grammar of workloads. Any line is parsed or refused with one line of reason; the spec of a parsed
 * one is read back as the same workload; and what is small can be described as a valid problem, or is refused with a
 * reason. */
#include <string.h>

#include "fuzz.h"
#include "tensors/instance.h"
#include "problem.h"

static workload_set *builtin;

static void describe(const workload *w)
{
    char reason[512] = "";
    instance in;
    const attn_problem *p = &w->problem;
    if (w->q_file || w->k_file || w->v_file || p->b > 8 || p->h > 64 || p->q > 512 || p->k > 512) return;
    if (!instance_describe(&in, w, INPUT_NORMAL, 1, reason, sizeof reason)) {
        HOLDS(reason[0] && !strchr(reason, '\n'));
        return;
    }
    attn_tensor slot[ATTN_SLOTS];
    const attn_args args = instance_args(&in, true, true, slot);
    uint64_t needs[2];
    if (!attn_check(&in.problem, &args, reason, sizeof reason)) fprintf(stderr, "%s: %s\n", w->spec, reason);
    HOLDS(attn_check(&in.problem, &args, reason, sizeof reason));
    attn_needs(&in.problem, &args, needs);
    HOLDS(attn_work(&in.problem, &args).pairs >= 0);
    instance_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[1024], reason[512] = "";
    workload w, again;
    if (!builtin) builtin = workload_set_new(reason, sizeof reason);
    HOLDS(builtin);
    if (size >= sizeof line || memchr(data, 0, size)) return 0;
    memcpy(line, data, size);
    line[size] = 0;
    if (!workload_parse(line, builtin, &w, reason, sizeof reason)) {
        HOLDS(reason[0] && !strchr(reason, '\n'));
        return 0;
    }
    HOLDS(w.name[0] && w.spec[0]);
    const int read_again = workload_parse(w.spec, NULL, &again, reason, sizeof reason);
    if (!read_again) fprintf(stderr, "%s: %s\n", w.spec, reason);
    HOLDS(read_again && strcmp(w.spec, again.spec) == 0);
    HOLDS(memcmp(&w.problem, &again.problem, sizeof w.problem) == 0);
    workload_free(&again);
    describe(&w);
    workload_free(&w);
    return 0;
}
