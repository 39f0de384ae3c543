/* workload.h: the grammar of problems (SPEC), named workloads and suites.
 *
 * SPEC := key=value[,key=value...]        NAME[,key=value...] overrides keys of a named workload.
 * A workload is a plain value: parsed once, never changed. */
#ifndef ATTNBENCH_WORKLOAD_H
#define ATTNBENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdio.h>

#include "attention.h"
#include "input_class.h"

/* Axes on which inputs repeat themselves in the same memory (stride 0). */
enum broadcast {
    BROADCAST_SEQUENCES = 1, /* of K and V */
    BROADCAST_HEADS = 2,     /* of K and V */
    BROADCAST_KEYS = 4,      /* of K and V */
    BROADCAST_QUERIES = 8    /* of Q */
};

struct workload {
    char *name;           /* NAME, NAME,key=value, or the SPEC itself; files by their base names */
    char *spec;           /* the full SPEC, every key that is not its default, class included where it was given */
    attn_problem problem; /* defaults resolved */
    uint32_t dtype, kv_dtype, out_dtype; /* enum attn_type of Q; K and V; O */
    int64_t *key_lengths;                /* [b], or NULL: no KEY_LENGTHS slot */
    int64_t *query_lengths;              /* [b], or NULL */
    bool q_pos_end; /* q_pos=end: with key lengths each sequence has its own position (QUERY_POSITIONS slot) */
    bool alibi, sinks, head_scale, ragged, v_in_k, k_in_q, bshd;
    bool skew;                   /* row_pad + the slot's number for each tensor */
    uint32_t broadcast;          /* enum broadcast bits */
    int bias;                    /* 0 none, 1 (b,h,q,k), 2 one for all sequences (1,h,q,k) */
    bool want_lse, want_weights; /* outputs=o+lse+weights */
    int64_t row_pad;             /* unused channels after each row of every tensor */
    int64_t channel_stride;      /* elements from one channel of Q, K and V to the next; 1: side by side */
    int64_t align;               /* bytes by which data is moved off a 64-byte border */
    int64_t graph;               /* graph=N: random neighbours of each query besides itself; -1: none */
    bool block_band;             /* block=BQxBK:band: a row's own block and its neighbours; else a random quarter */
    int64_t kv_cap;              /* rows allocated for K and V of each head (KV cache), >= k; 0: k */
    bool has_class;              /* class= was given; else the caller chooses */
    input_class input;
    char *q_file, *k_file, *v_file; /* .npy, relative to the current folder, or NULL; shapes (b,h,q,d) etc. */
    double cost;                    /* kept pairs * (d + dv) * 2: operations, for ordering by cost */
};

/* Parses one line into *out. `base`: looked up for NAMEs (NULL: none). Returns 1; or 0 and one line in `reason` that
 * says what is wrong, where, and what would be legal. The caller frees with workload_free. */
struct workload_set;
int workload_parse(const char *line, const struct workload_set *base, workload *out, char *reason, size_t reason_size);
void workload_free(workload *w);
int workload_copy(const workload *from, workload *to);

/* The same workload with another input class, or with fewer heads (`hkv` KV heads, the group size kept). The name
 * becomes NAME,h=..,hkv=.. (class does not enter the name; it is in the spec). */
int workload_with_class(const workload *from, input_class input, workload *to, char *reason, size_t reason_size);
int workload_with_kv_heads(const workload *from, int64_t hkv, workload *to, char *reason, size_t reason_size);

/* Named workloads and suites: the built-in text (harness/workloads.txt) and the user's files. Later definitions of a
 * name replace earlier ones. */
typedef struct workload_set workload_set;
workload_set *workload_set_new(char *reason, size_t reason_size); /* with the built-in text; NULL on error */
int workload_set_read(workload_set *set, const char *path, char *reason, size_t reason_size);
void workload_set_free(workload_set *set);

int workload_set_count(const workload_set *set);
const char *workload_set_name(const workload_set *set, int index);
const char *workload_set_line(const workload_set *set, int index);        /* its SPEC as written */
const char *workload_set_find(const workload_set *set, const char *name); /* its SPEC, or NULL */

int suite_count(const workload_set *set);
const char *suite_name(const workload_set *set, int index);
const char *suite_about(const workload_set *set, int index); /* one line, may be "" */
/* Members of a suite as lines for workload_parse; NULL-terminated; NULL if there is no such suite. */
const char *const *suite_members(const workload_set *set, const char *name);

#endif
