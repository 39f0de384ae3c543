/* input_class.c: the input classes: what each is called, what it promises, and where it applies. */
#include "input_class.h"

#include <stdio.h>
#include <string.h>

#include "workload.h"

/* ---- where classes apply --------------------------------------------------------------------------------------- */

static bool has_sinks(const workload *w) { return w->sinks; }

/* No row of a tensor is another row too, which somebody else may look at. */
static bool has_own_rows(const workload *w) { return !w->broadcast && !w->k_in_q; }

static bool has_hidden_keys(const workload *w)
{
    if (!has_own_rows(w)) return false;
    return w->key_lengths || w->query_lengths || (w->problem.mask & (ATTN_MASK_LEFT | ATTN_MASK_RIGHT));
}

static bool has_left_limit(const workload *w)
{
    return (w->problem.mask & ATTN_MASK_LEFT) && !(w->problem.mask & (ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE));
}

static bool has_two_channels(const workload *w) { return w->problem.d > 1; }

static bool has_int8(const workload *w) { return w->kv_dtype == ATTN_I8; }

static bool has_no_int8(const workload *w) { return w->kv_dtype != ATTN_I8; }

static bool has_no_f16(const workload *w) { return w->dtype != ATTN_F16 && w->kv_dtype != ATTN_F16; }

/* ---- the classes ----------------------------------------------------------------------------------------------- */

static const struct class_row {
    const char *name, *statement;
    bool (*fits)(const workload *w); /* NULL: everywhere */
    const char *needs;               /* what workloads that it does not fit lack */
} classes[INPUT_CLASSES] = {
    [INPUT_NORMAL] = {"normal", "Q, K and V from N(0,1); the contents of files where a workload names them", NULL,
                      NULL},
    [INPUT_OUTLIERS] = {"outliers", "N(0,1), and N(0,100) added with probability 0.001", NULL, NULL},
    [INPUT_INCREASING] = {"increasing",
                          "logits grow along the keys, by 1e-3 to 10 a key: each key raises the running maximum", NULL,
                          NULL},
    [INPUT_LARGE] = {"large", "logits of about +-20000 from one channel, the same in any order of summation", NULL,
                     NULL},
    [INPUT_MASKED] = {"masked", "rows that see no key, and NaN in every K and V row that no query may see",
                      has_own_rows, "tensors of their own: no broadcast= or k_in_q="},
    [INPUT_DECREASING] = {"decreasing", "logits fall along the keys, by 1e-3 to 10 a key: the first key is the maximum",
                          NULL, NULL},
    [INPUT_NEAR_200] = {"near-200",
                        "all logits from -200 to -208: exp of them underflows unless the maximum is subtracted", NULL,
                        NULL},
    [INPUT_NEAR_20000] = {"near-20000",
                          "all logits from -20000 to -20008, below any finite stand-in for -infinity of that size",
                          NULL, NULL},
    [INPUT_NEAR_1E6] = {"near-1e6", "all logits about -1e6", NULL, NULL},
    [INPUT_NEAR_1E30] = {"near-1e30", "all logits about -1e30", has_no_f16, "numbers beyond the range of f16"},
    [INPUT_PLUS_MINUS] = {"plus-minus-1e4", "logits of about +-10000 from one channel", NULL, NULL},
    [INPUT_SPREAD] = {"spread", "logits dense over -200 to 0: weights of every size down to underflow", NULL, NULL},
    [INPUT_LATE_KEYS] = {"late-keys",
                         "rows that see only later keys: whole blocks are masked before the first visible one",
                         has_left_limit, "a left limit without a prefix"},
    [INPUT_SINK_ABOVE] = {"sink-above", "sink logits far above all others", has_sinks, "sinks=1"},
    [INPUT_ONE_HOT] = {"one-hot", "each row attends to one key alone, by a margin of 120 nats", has_two_channels,
                       "d of at least 2"},
    [INPUT_EQUAL] = {"equal", "all keys of a head are the same, V is of small integers: the output is their mean", NULL,
                     NULL},
    [INPUT_ONES] = {"ones", "all keys of a head are the same and V is 1: so is the output, however many keys", NULL,
                    NULL},
    [INPUT_CANCELLING] = {"cancelling", "V of about +-1000 in turns: sums cancel", NULL, NULL},
    [INPUT_CONSTANT] = {"constant", "all values of a head are the same: so is the output", NULL, NULL},
    [INPUT_SUBNORMAL] = {"subnormal", "V, and the products of Q and K, below the smallest normal number", has_no_int8,
                         "K and V of a float type"},
    [INPUT_NONFINITE_Q] = {"nonfinite-q", "NaN of several payloads and infinities in every third row of Q", NULL, NULL},
    [INPUT_NONFINITE_K] = {"nonfinite-k", "NaN of several payloads and infinities in some rows of K", has_no_int8,
                           "K and V of a float type"},
    [INPUT_NONFINITE_V] = {"nonfinite-v", "NaN of several payloads and infinities in some rows of V", has_no_int8,
                           "K and V of a float type"},
    [INPUT_PADDING] = {"padding", "NaN in every K and V row that no query may see, at the workload's own lengths",
                       has_hidden_keys, "lens=, q_lens= or a mask, and no broadcast= or k_in_q="},
    [INPUT_INT8_EXTREMES] = {"int8-extremes",
                             "int8 entries of -128, 0 and 127, and rows whose scale is 0, negative or large", has_int8,
                             "kv_dtype=i8"},
    [INPUT_DROP] =
        {"drop",
         "logits near 0 for the first half of the keys, from -200 to -208 for the second: what a block of rows learns "
         "from the first is not true of a row that sees the second alone",
         has_left_limit, "a left limit without a prefix"},
};

const char *input_class_name(int input) { return input >= 0 && input < INPUT_CLASSES ? classes[input].name : "?"; }

const char *input_class_statement(int input)
{
    return input >= 0 && input < INPUT_CLASSES ? classes[input].statement : "";
}

int input_class_find(const char *name)
{
    for (int input = 0; input < INPUT_CLASSES; input++)
        if (strcmp(name, classes[input].name) == 0) return input;
    return -1;
}

int input_class_fits(const workload *w, input_class input, char *reason, size_t reason_size)
{
    const struct class_row *const r = &classes[input];
    if (input != INPUT_NORMAL && (w->q_file || w->k_file || w->v_file)) {
        snprintf(reason, reason_size,
                 "class=%s: the files of this workload are its input, only class=normal leaves them as they are",
                 r->name);
        return 0;
    }
    if (!r->fits || r->fits(w)) return 1;
    snprintf(reason, reason_size, "class=%s needs %s, which this workload has not", r->name, r->needs);
    return 0;
}

bool input_class_everywhere(input_class input) { return input <= INPUT_MASKED; }
