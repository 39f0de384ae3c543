/* list_features.c: asks each kernel about one small problem for each feature and element type. */
#include "list_features.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "problem.h"
#include "tensors/instance.h"
#include "workload/workload.h"

/* Element types of Q, K, V and O; the last of K and V alone, with a scale for each row. */
static const struct {
    const char *name, *spec;
} types[] = {
    {"f32", "dtype=f32"}, {"f16", "dtype=f16"}, {"bf16", "dtype=bf16"}, {"int8 K, V", "dtype=f32,kv_dtype=i8"}};
enum { TYPES = sizeof types / sizeof types[0] };

/* What SPEC asks of a kernel beside softmax(scale Q K^T) V. The first is that alone. */
static const struct {
    const char *name, *spec;
} features[] = {
    {"types", "h=2,q=4,k=8,d=16"},
    {"causal", "h=2,q=8,d=16,mask=causal"},
    {"window", "h=2,q=8,d=16,mask=window,window=3"},
    {"prefix", "h=2,q=8,d=16,mask=window,window=3,prefix=2"},
    {"positions", "h=2,q=4,k=8,d=16,mask=causal,q_pos=end"},
    {"key lengths", "b=2,h=2,q=4,k=8,d=16,lens=8+5"},
    {"query lengths", "b=2,h=2,q=8,k=8,d=16,q_lens=8+5"},
    {"packed batch", "b=2,h=2,q=8,k=8,d=16,lens=8+5,q_lens=8+5,ragged=1"},
    {"pages", "b=2,h=2,q=4,k=8,d=16,page=4"},
    {"grouped heads", "h=4,hkv=2,q=4,k=8,d=16"},
    {"dv ≠ d", "h=2,q=4,k=8,d=16,dv=24"},
    {"softcap", "h=2,q=4,k=8,d=16,softcap=5"},
    {"ALiBi", "h=2,q=8,d=16,mask=causal,alibi=1"},
    {"bias", "h=2,q=4,k=8,d=16,bias=1"},
    {"sinks", "h=2,q=4,k=8,d=16,sinks=1"},
    {"weights out", "h=2,q=4,k=8,d=16,outputs=o+weights"},
    {"channel stride", "h=2,q=4,k=8,d=16,channel_stride=2"},
    {"block mask", "h=2,q=8,k=8,d=16,block=4x4"},
    {"cosine score", "h=2,q=4,k=8,d=16,score=cosine"},
    {"additive score", "h=2,q=4,k=8,d=16,score=additive"},
    {"linear form", "h=2,q=4,k=8,d=16,form=linear"},
    {"low-rank form", "h=2,q=4,k=8,d=16,form=low-rank,rank=2"},
    {"top-k form", "h=2,q=4,k=8,d=16,form=top-k,topk=2"},
    {"backward pass", "h=2,q=4,k=8,d=16,pass=backward"},
};
enum { FEATURES = sizeof features / sizeof features[0], MOST_KERNELS = 64 };

/* For each kernel and feature the types in which it is taken, as bits. */
typedef unsigned char answers[MOST_KERNELS][FEATURES];

/* Asks all kernels about one feature in one type. */
static int ask(const attn_kernel *const *kernel, int count, int feature, int type, answers taken, char *reason,
               size_t size)
{
    char spec[160], why[256];
    workload w;
    instance in;
    attn_tensor slot[ATTN_SLOTS];
    snprintf(spec, sizeof spec, "%s,%s", features[feature].spec, types[type].spec);
    if (!workload_parse(spec, NULL, &w, reason, size)) return 0;
    const int described = instance_describe(&in, &w, INPUT_NORMAL, 1, reason, size);
    if (described) {
        const attn_args args = instance_args(&in, true, strstr(spec, "weights") != NULL, slot);
        for (int k = 0; k < count; k++)
            if (attn_supports(kernel[k], &in.problem, &args, UINT64_MAX, why, sizeof why))
                taken[k][feature] |= (unsigned char)(1 << type);
        instance_free(&in);
    }
    workload_free(&w);
    return described;
}

static void print_types(unsigned taken)
{
    bool first = true;
    for (int t = 0; t < TYPES; t++)
        if (taken >> t & 1) {
            printf("%s%s", first ? "" : ", ", types[t].name);
            first = false;
        }
}

static bool any_has(answers taken, int count, int feature)
{
    for (int k = 0; k < count; k++)
        if (taken[k][feature]) return true;
    return false;
}

static void print_row(const attn_kernel *kernel, const unsigned char *taken, const bool *shown)
{
    char isa[128];
    attn_isa_names(kernel->isa, isa, sizeof isa);
    printf("| `%s` | %s | ", kernel->name, isa);
    print_types(taken[0]);
    for (int f = 1; f < FEATURES; f++) {
        if (!shown[f]) continue;
        fputs(" | ", stdout);
        if (taken[f] == taken[0])
            fputs("yes", stdout);
        else if (taken[f])
            print_types(taken[f]);
        else
            fputs("–", stdout);
    }
    puts(" |");
}

int print_features(const attn_kernel *const *kernel, int count, char *reason, size_t reason_size)
{
    static answers taken;
    bool shown[FEATURES];
    if (count > MOST_KERNELS) {
        snprintf(reason, reason_size, "a table of %d kernels; at most %d", count, MOST_KERNELS);
        return 0;
    }
    memset(taken, 0, sizeof taken);
    for (int f = 0; f < FEATURES; f++)
        for (int t = 0; t < TYPES; t++)
            if (!ask(kernel, count, f, t, taken, reason, reason_size)) return 0;

    fputs("| kernel | instruction sets", stdout);
    for (int f = 0; f < FEATURES; f++) {
        shown[f] = any_has(taken, count, f);
        if (shown[f]) printf(" | %s", features[f].name);
    }
    fputs(" |\n|---|---", stdout);
    for (int f = 0; f < FEATURES; f++)
        if (shown[f]) fputs("|---", stdout);
    puts("|");
    for (int k = 0; k < count; k++) print_row(kernel[k], taken[k], shown);

    bool first = true;
    for (int f = 1; f < FEATURES; f++) {
        if (shown[f]) continue;
        printf("%s%s", first ? "\nNo kernel has: " : ", ", features[f].name);
        first = false;
    }
    if (!first) puts(".");
    return 1;
}
