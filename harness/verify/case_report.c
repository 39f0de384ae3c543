/* case_report.c: what is said about a judged case. */
#include "case_report.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judge/accuracy_class.h"
#include "util/json_util.h"
#include "util/npy.h"
#include "problem.h"
#include "caveats.h"
#include "record/record.h"
#include "failure_signature.h"
#include "trial_run.h"

/* The workload's spec with the class that was used in it. */
static void full_spec(const trial_group *g, char *out, size_t size)
{
    const workload *w = g->in.w;
    if (w->has_class || g->in.input == INPUT_NORMAL)
        snprintf(out, size, "%s", w->spec);
    else
        snprintf(out, size, "%s,class=%s", w->spec, input_class_name((int)g->in.input));
}

void case_reproducer(const trial_group *g, const trial *t, char *out, size_t size)
{
    char spec[2048];
    const workload *w = g->in.w;
    full_spec(g, spec, sizeof spec);
    const char *const file[] = {w->q_file, w->k_file, w->v_file};
    const plugin *p = plugin_of(t->kernel);
    size_t used =
        (size_t)snprintf(out, size, "attnbench verify%s%s%s --kernel %s --workload '%s'%s --threads %d --seed %" PRIu64,
                         p ? " --plugin '" : "", p ? p->path : "", p ? "'" : "", t->kernel->name, spec,
                         strstr(spec, "class=") ? "" : " --class normal", t->threads, g->in.seed);
    if (g->time_limit > 0 && used < size)
        used += (size_t)snprintf(out + used, size - used, " --time-limit %g", g->time_limit);
    for (int i = 0; i < 3 && used < size; i++) {
        char digest[17];
        if (file[i] && file_digest(file[i], digest))
            used += (size_t)snprintf(out + used, size - used, "%s %s fnv1a64:%s", strchr(out, '#') ? "," : "  #",
                                     file[i], digest);
    }
}

static json_t *deviation_json(const deviation *d, int axes)
{
    json_t *where = json_array();
    for (int i = 0; i < axes; i++) json_array_append_new(where, json_integer(d->where[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "error", json_any_real(d->error), "bound",
                     json_any_real(d->bound), "ratio", json_any_real(d->ratio), "where", where, "got",
                     json_any_real(d->got), "wanted", json_any_real(d->wanted));
}

static void append_names(json_t *to, uint64_t field_bits, uint64_t slot_bits)
{
    char name[64];
    for (int bit = 0; bit < 128; bit++) {
        const uint64_t one[2] = {bit < 64 ? UINT64_C(1) << bit : 0, bit < 64 ? 0 : UINT64_C(1) << (bit - 64)};
        if (!(one[0] & field_bits) && !(one[1] & slot_bits)) continue;
        attn_needs_names(one, name, sizeof name);
        json_array_append_new(to, json_string(name));
    }
}

/* What the case asks of a kernel, and for refused ones what this kernel has not got. */
static void add_features(json_t *j, const trial_group *g, const trial *t)
{
    static const int operands[] = {ATTN_Q, ATTN_K, ATTN_V, ATTN_O};
    const attn_kernel *kernel = t->kernel;
    attn_tensor slot[ATTN_SLOTS];
    uint64_t needs[2];
    const bool has_lse = kernel->caps[1] & ATTN_SLOT_BIT(ATTN_LSE);
    const attn_args args = instance_args(&g->in, has_lse, g->in.w->want_weights, slot);
    attn_needs(&g->in.problem, &args, needs);
    json_t *features = json_array(), *types = json_object();
    append_names(features, needs[0], needs[1] & ~ATTN_SLOTS_QKVO);
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++)
        json_object_set_new(types, attn_slot_name(operands[i]), json_string(attn_type_name(slot[operands[i]].type)));
    json_object_set_new(j, "features", features);
    json_object_set_new(j, "types", types);
    if (t->status != TRIAL_UNSUPPORTED) return;
    json_t *missing = json_array();
    append_names(missing, needs[0] & ~kernel->caps[0], needs[1] & ~kernel->caps[1]);
    json_object_set_new(j, "missing", missing);
}

static json_t *findings_json(const findings *f)
{
    json_t *list = json_array();
    for (int i = 0; i < f->count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "check", f->item[i].check, "reason", json_text(f->item[i].reason)));
    return list;
}

json_t *case_json(const trial_group *g, const trial *t)
{
    char spec[2048], reproducer[3072], signature[512], types[ACCURACY_CLASS_SIZE];
    full_spec(g, spec, sizeof spec);
    case_reproducer(g, t, reproducer, sizeof reproducer);
    json_t *j =
        json_pack("{s:s, s:o, s:o, s:s, s:I, s:i, s:s, s:o, s:o}", "kernel", t->kernel->name, "workload",
                  json_text(g->in.w->name), "spec", json_text(spec), "class", input_class_name((int)g->in.input),
                  "seed", (json_int_t)g->in.seed, "threads", t->threads, "status", trial_status_name(t->status),
                  "reason", json_text(t->reason), "reproducer", json_text(reproducer));
    if (t->found.count) json_object_set_new(j, "findings", findings_json(&t->found));
    if (t->pattern[0]) json_object_set_new(j, "pattern", json_string(t->pattern));
    signature_of(t, signature, sizeof signature);
    if (signature[0]) json_object_set_new(j, "signature", json_string(signature));
    add_features(j, g, t);
    if (t->inner[0]) json_object_set_new(j, "inner", json_string(t->inner));
    if (t->capped[0]) json_object_set_new(j, "capped", json_text(t->capped));
    if (t->contract >= 0) {
        accuracy_class(&t->plan, types, sizeof types);
        json_object_set_new(j, "accuracy", json_string(types));
    }
    if (t->rows_checked) {
        json_object_set_new(j, "verdict", json_string(verdict_kind(t)));
        json_object_set_new(j, "rows_checked", json_integer(t->rows_checked));
        json_object_set_new(j, "rows", json_integer(g->rows.total));
        json_object_set_new(j, "seconds", json_real(t->seconds));
    }
    if (t->verdict.output.judged) json_object_set_new(j, "output", deviation_json(&t->verdict.output, 4));
    if (t->verdict.lse.judged) json_object_set_new(j, "lse", deviation_json(&t->verdict.lse, 3));
    if (t->verdict.weights.judged) json_object_set_new(j, "weights", deviation_json(&t->verdict.weights, 4));
    case_scores_json(j, t);
    if (t->verdict.output.judged) quantisation_json(j, &g->quantisation);
    return j;
}

static void print_ratio(FILE *to, const char *what, const deviation *d)
{
    if (d->judged) fprintf(to, "  %s %.2g", what, d->ratio);
}

void case_print(FILE *to, const trial_group *g, const trial *t)
{
    static const char *const word[] = {"pass", "FAIL", "unsupported", "CRASH", "HANG"};
    fprintf(to, "%-11s %-18s %s  %s  t%d", word[t->status], t->kernel->name, g->in.w->name,
            input_class_name((int)g->in.input), t->threads);
    if (t->verdict.output.judged) fprintf(to, "  error/bound: output %.2g", t->verdict.output.ratio);
    print_ratio(to, "LSE", &t->verdict.lse);
    print_ratio(to, "weights", &t->verdict.weights);
    case_scores_print(to, t);
    if (t->verdict.output.judged) quantisation_print(to, &g->quantisation);
    if (t->rows_checked && t->rows_checked < g->rows.total)
        fprintf(to, "  (%" PRId64 " of %" PRId64 " rows)", t->rows_checked, g->rows.total);
    if (t->rows_checked && !t->full) fprintf(to, "  output only");
    if (t->found.count == 0 && t->reason[0]) fprintf(to, "  %s", t->reason);
    if (t->capped[0] && t->status != TRIAL_UNSUPPORTED) fprintf(to, "  capped: %s", t->capped);
    fputc('\n', to);
    for (int i = 0; i < t->found.count; i++)
        fprintf(to, "            [%s] %s\n", t->found.item[i].check, t->found.item[i].reason);
    if (t->status == TRIAL_PASS || t->status == TRIAL_UNSUPPORTED) return;
    char line[3072], signature[512];
    case_reproducer(g, t, line, sizeof line);
    signature_of(t, signature, sizeof signature);
    if (t->pattern[0]) fprintf(to, "            pattern: %s\n", t->pattern);
    signature_print_alike(to, signature, known_bugs);
    fprintf(to, "            %s\n", line);
}

void case_folder(const trial_group *g, const trial *t, char *out, size_t size)
{
    snprintf(out, size, "%s--%s--%s--t%d", t->kernel->name, g->in.w->name, input_class_name((int)g->in.input),
             t->threads);
    for (char *c = out; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_=.+", *c)) *c = '_';
}
