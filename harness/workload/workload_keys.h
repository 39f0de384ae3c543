/* workload_keys.h: the keys of a SPEC as text, before they mean anything; inner parts of workload.c. */
#ifndef ATTNBENCH_WORKLOAD_KEYS_H
#define ATTNBENCH_WORKLOAD_KEYS_H

#include "workload.h"

/* In canonical order. */
typedef enum spec_key {
    KEY_B,
    KEY_H,
    KEY_HKV,
    KEY_Q,
    KEY_K,
    KEY_D,
    KEY_DV,
    KEY_SCORE,
    KEY_MASK,
    KEY_WINDOW,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_PREFIX,
    KEY_PREFIX_FREE,
    KEY_Q_POS,
    KEY_SCALE,
    KEY_SOFTCAP,
    KEY_ALIBI,
    KEY_SINKS,
    KEY_HEAD_SCALE,
    KEY_BIAS,
    KEY_DTYPE,
    KEY_KV_DTYPE,
    KEY_OUT_DTYPE,
    KEY_LENS,
    KEY_Q_LENS,
    KEY_RAGGED,
    KEY_PAGE,
    KEY_LAYOUT,
    KEY_ROW_PAD,
    KEY_CHANNEL_STRIDE,
    KEY_ALIGN,
    KEY_KV_CAP,
    KEY_V_IN_K,
    KEY_K_IN_Q,
    KEY_BROADCAST,
    KEY_SKEW,
    KEY_OUTPUTS,
    KEY_PASS,
    KEY_BLOCK,
    KEY_GRAPH,
    KEY_FORM,
    KEY_RANK,
    KEY_TOPK,
    KEY_CLASS,
    KEY_Q_FILE,
    KEY_K_FILE,
    KEY_V_FILE,
    KEY_COUNT
} spec_key;

const char *spec_key_name(spec_key key);
const char *spec_key_about(spec_key key); /* its meaning, and the default in brackets */

/* Largest size of one axis, and of a batch: vectors per sequence are kept for each workload. */
#define SPEC_SIZE_MOST (INT64_C(1) << 40)
#define SPEC_BATCH_MOST (INT64_C(1) << 20)
#define SPEC_POSITION_MOST (INT64_C(1) << 59)

/* The value of each key as it was written; NULL: not given. Owned. */
typedef struct spec_values {
    char *value[KEY_COUNT];
} spec_values;

/* Reads `text` (key=value,...) into *values, which is empty before. 0 and a reason for unknown and repeated keys and
 * for pairs that are not key=value. Freed by spec_values_free, after a failure too. */
int spec_values_read(spec_values *values, const char *text, char *reason, size_t reason_size);
void spec_values_free(spec_values *values);

/* Puts the values of `over` (emptied) over those of `base`. Keys that say the same thing in other words give way:
 * mask= replaces window, left, right and prefix of the base; left= or right= its mask and window; block= its graph,
 * graph= its block; form= its rank and topk. */
void spec_values_override(spec_values *base, spec_values *over);

/* A whole number from low to high; else 0 and a reason that begins with key=text. */
int spec_integer(spec_key key, const char *text, int64_t low, int64_t high, int64_t *out, char *reason,
                 size_t reason_size);
/* A finite float from `low` on. */
int spec_float(spec_key key, const char *text, float low, float *out, char *reason, size_t reason_size);
/* One of a NULL-terminated list of words: its index. */
int spec_word(spec_key key, const char *text, const char *const *words, int *out, char *reason, size_t reason_size);
/* 0 or 1. */
int spec_flag(spec_key key, const char *text, bool *out, char *reason, size_t reason_size);
/* Lengths from 0 to `most`, one for each of b sequences: N for all, FIRST:LAST spread evenly (b = 1: LAST), or
 * N1+N2+... *out is allocated. */
int spec_lengths(spec_key key, const char *text, int64_t b, int64_t most, int64_t **out, char *reason,
                 size_t reason_size);

/* Length of sequence i of b where FIRST:LAST are spread evenly. */
int64_t spec_spread(int64_t first, int64_t last, int64_t b, int64_t i);

/* The one of `words` that `text` is nearest to, or NULL where none is near. */
const char *nearest_word(const char *text, const char *const *words, size_t count);

/* The words of values that are names, NULL-terminated, in enumerator order. */
extern const char *const spec_scores[], *const spec_passes[], *const spec_forms[], *const spec_layouts[],
                                                                                       *const spec_broadcasts[];

/* Fills *out, which is empty, except its name: defaults, rules between keys, spec and cost. */
int workload_resolve(const spec_values *given, workload *out, char *reason, size_t reason_size);

/* The canonical SPEC of a workload: keys in order, defaults left out, sizes in full where files are read. `label`:
 * as a name is written, without class and with base names of files. NULL where memory is short. */
char *spec_write(const workload *w, bool label);

#endif
