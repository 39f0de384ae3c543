/* test_inputs.c: each input class has the property that it is named for; seeds, types and layouts change what they
 * should and nothing else. Visibility is decided here key by key from the definitions, not by the functions that
 * filled the tensors. */
#include "instance_fixture.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>

#include "tensors/inputs.h"
#include "util/npy.h"

/* Are all elements of a slot the same bits in both? */
static bool same_slot(const subject *x, const subject *y, int slot)
{
    const attn_tensor *a = &x->in.slot[slot], *b = &y->in.slot[slot];
    for (int64_t i = 0; i < a->extent[0]; i++)
        for (int64_t h = 0; h < a->extent[1]; h++)
            for (int64_t r = 0; r < a->extent[2]; r++)
                for (int64_t c = 0; c < a->extent[3]; c++)
                    if (ref_element(a, i, h, r, c) != ref_element(b, i, h, r, c)) return false;
    return true;
}

/* ---- contents -------------------------------------------------------------------------------------------------- */

static void test_seeds(void **state)
{
    (void)state;
    const char *const line = "b=2,h=4,hkv=2,q=5,k=9,d=8,mask=causal,q_pos=end,bias=1,alibi=1,sinks=1";
    for (int input = 0; input <= INPUT_DECREASING; input++) {
        if (input == INPUT_MASKED) continue; /* NaN compares unequal */
        subject *a = make(line, (input_class)input, 7), *b = make(line, (input_class)input, 7),
                *c = make(line, (input_class)input, 8);
        subject *plain = make("b=2,h=4,hkv=2,q=5,k=9,d=8,mask=causal,q_pos=end", (input_class)input, 7);
        for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
            assert_true(same_slot(a, b, slot));
            assert_false(same_slot(a, c, slot));
            assert_true(same_slot(a, plain, slot)); /* a slot more does not change the others */
        }
        assert_false(same_slot(a, c, ATTN_SINK_LOGITS));
        assert_false(same_slot(a, c, ATTN_BIAS) && input != INPUT_INCREASING && input != INPUT_DECREASING);
        drop(a), drop(b), drop(c), drop(plain);
    }
    subject *s = make("h=2,q=9,d=8", INPUT_NORMAL, 7);
    assert_true(element(s, ATTN_Q, 0, 0, 0, 0) != element(s, ATTN_K, 0, 0, 0, 0)); /* streams of their own */
    assert_true(element(s, ATTN_K, 0, 0, 0, 0) != element(s, ATTN_V, 0, 0, 0, 0));
    drop(s);
}

/* The same numbers whatever the layout; whatever the type, up to its rounding. */
static void test_layout_moves_no_value(void **state)
{
    (void)state;
    subject *plain = make("b=2,h=4,hkv=2,q=5,k=9,d=8", INPUT_NORMAL, 7);
    static const char *const others[] = {"layout=bshd",
                                         "row_pad=3",
                                         "kv_cap=20",
                                         "align=12",
                                         "dtype=bf16",
                                         "dtype=f16",
                                         "kv_dtype=i8",
                                         "channel_stride=3",
                                         "dtype=f16,channel_stride=2",
                                         "kv_dtype=i8,channel_stride=2"};
    static const double off[] = {0, 0, 0, 0, 0x1p-8, 0x1p-11, 0, 0, 0x1p-11, 0};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char line[128];
        snprintf(line, sizeof line, "b=2,h=4,hkv=2,q=5,k=9,d=8,%s", others[i]);
        subject *s = make(line, INPUT_NORMAL, 7);
        for (int64_t b = 0; b < 2; b++)
            for (int64_t h = 0; h < 2; h++)
                for (int64_t j = 0; j < 9; j++)
                    for (int64_t c = 0; c < 8; c++) {
                        const double wanted = element(plain, ATTN_K, b, h, j, c);
                        double got = element(s, ATTN_K, b, h, j, c), most = off[i] * fabs(wanted);
                        if (s->in.slot[ATTN_K_SCALES].type != ATTN_ABSENT) {
                            const double scale = element(s, ATTN_K_SCALES, b, h, j, c);
                            got *= scale;
                            most = scale * 0.5001;
                        }
                        assert_true(fabs(got - wanted) <= most);
                    }
        drop(s);
    }
    drop(plain);
}

static size_t collect(const subject *s, int slot, double *out)
{
    const attn_tensor *t = &s->in.slot[slot];
    size_t n = 0;
    for (int64_t b = 0; b < t->extent[0]; b++)
        for (int64_t h = 0; h < t->extent[1]; h++)
            for (int64_t r = 0; r < t->extent[2]; r++)
                for (int64_t c = 0; c < t->extent[3]; c++) out[n++] = ref_element(t, b, h, r, c);
    return n;
}

static void test_normal_and_outliers(void **state)
{
    (void)state;
    enum { count = 4 * 256 * 64 };
    double *const x = malloc(count * sizeof *x);
    assert_non_null(x);
    for (int input = INPUT_NORMAL; input <= INPUT_OUTLIERS; input++)
        for (int slot = ATTN_Q; slot <= ATTN_V; slot++) {
            subject *s = make("h=4,q=256,d=64", (input_class)input, 11);
            assert_int_equal(collect(s, slot, x), count);
            size_t far = 0;
            for (size_t i = 0; i < count; i++) far += fabs(x[i]) > 6;
            if (input == INPUT_NORMAL) { /* five standard errors of 65536 draws */
                assert_true(fabs(gsl_stats_mean(x, 1, count)) < 0.02);
                assert_true(fabs(gsl_stats_sd(x, 1, count) - 1) < 0.014);
                assert_true(fabs(gsl_stats_kurtosis(x, 1, count)) < 0.1);
                assert_int_equal(far, 0);
            } else { /* 0.001 x P(|N(0,101)| > 6) = 0.00055: 36 of 65536, give or take six standard errors */
                assert_in_range(far, 5, 80);
            }
            drop(s);
        }
    free(x);
}

/* The definition of attention.h, one key at a time. */
static bool sees(const subject *s, int64_t b, int64_t i, int64_t j)
{
    const attn_args args = all(s);
    const attn_problem *const p = &s->in.problem;
    if (j >= attn_key_count(p, &args, b)) return false;
    const int64_t position = p->q_pos + attn_metadata(&args, ATTN_QUERY_POSITIONS, b, 0) + i;
    const bool left = !(p->mask & ATTN_MASK_LEFT) || j >= position - p->left;
    const bool right = !(p->mask & ATTN_MASK_RIGHT) || j <= position + p->right;
    bool seen = left && right;
    if (p->mask & ATTN_MASK_PREFIX) seen = right && (left || j < p->prefix);
    if (p->mask & ATTN_MASK_PREFIX_FREE) seen = seen || j < p->prefix;
    if (seen && (p->mask & ATTN_MASK_BLOCKS)) {
        const int64_t *const starts = s->in.slot[ATTN_MASK_STARTS].data, *const list =
                                                                             s->in.slot[ATTN_MASK_INDICES].data;
        seen = false;
        for (int64_t e = starts[i / p->mask_block_q]; e < starts[i / p->mask_block_q + 1]; e++)
            seen = seen || list[e] == j / p->mask_block_k;
    }
    return seen;
}

/* Element c of key j of sequence b, through starts and pages. */
static double key_element(const subject *s, int slot, int64_t b, int64_t g, int64_t j, int64_t c)
{
    const int64_t *const starts = s->in.slot[ATTN_KEY_STARTS].data, *const table = s->in.slot[ATTN_PAGES].data;
    const int64_t page_size = s->in.problem.page_size;
    if (!table) return element(s, slot, b, g, (starts ? starts[b] : 0) + j, c);
    return element(s, slot, table[b * s->in.slot[ATTN_PAGES].stride[0] + j / page_size], g, j % page_size, c);
}

/* The logit before the mask, in double. */
static double logit(const subject *s, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const attn_problem *const p = &s->in.problem;
    const int64_t g = h / (p->h / p->hkv);
    double dot = 0, qq = 0, kk = 0, additive = 0;
    for (int64_t c = 0; c < p->d; c++) {
        const double q = element(s, ATTN_Q, b, h, i, c), k = key_element(s, ATTN_K, b, g, j, c);
        dot += q * k;
        qq += q * q;
        kk += k * k;
        if (p->score == ATTN_SCORE_ADDITIVE) additive += element(s, ATTN_SCORE_VECTOR, 0, h, 0, c) * tanh(q + k);
    }
    double x = p->score == ATTN_SCORE_DOT ? dot : p->score == ATTN_SCORE_COSINE ? dot / sqrt(qq * kk) : additive;
    x *= (double)p->scale;
    if (s->in.slot[ATTN_HEAD_SCALE].data) x *= element(s, ATTN_HEAD_SCALE, 0, h, 0, 0);
    if (p->softcap > 0) x = (double)p->softcap * tanh(x / (double)p->softcap);
    if (s->in.slot[ATTN_BIAS].data) x += element(s, ATTN_BIAS, b, h, i, j);
    return x;
}

static void test_increasing(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        double least, most; /* steps; 0: only that they are positive */
    } cases[] = {
        {"b=2,h=4,hkv=2,q=20,k=300,d=64", 0.99e-3, 10.1}, {"h=2,q=20,d=32,mask=causal,class=increasing", 0.99e-3, 10.1},
        {"h=2,q=8,k=2000,d=128", 0.99e-3, 10.1},          {"h=2,q=8,k=50,d=1", 0.99e-3, 10.1},
        {"h=2,q=8,k=50,d=40,scale=-3", 0.99e-3, 10.1},    {"h=2,q=8,k=50,d=40,bias=1", 0.99e-3, 10.2},
        {"h=2,q=8,k=50,d=40,bias=2", 0.99e-3, 10.2},      {"h=4,hkv=2,q=8,k=50,d=40,head_scale=1", 0, 0},
        {"h=2,q=8,k=200,d=64,softcap=5", 0, 0},           {"h=2,q=8,k=200,d=64,score=cosine", 0, 0},
        {"h=2,q=8,k=60,d=32,score=additive", 0, 0},       {"h=2,q=8,k=60,d=32,layout=bshd,row_pad=2", 0.99e-3, 10.1},
    };
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        subject *s = make(cases[n].line, INPUT_INCREASING, 5);
        const attn_problem *const p = &s->in.problem;
        double gentlest = INFINITY;
        for (int64_t b = 0; b < p->b; b++)
            for (int64_t h = 0; h < p->h; h++)
                for (int64_t i = 0; i < p->q; i++)
                    for (int64_t j = 1; j < p->k; j++) {
                        const double step = logit(s, b, h, i, j) - logit(s, b, h, i, j - 1);
                        if (!(step > cases[n].least) || (cases[n].most > 0 && step > cases[n].most))
                            fail_msg("%s: row %ld, key %ld: step %g", cases[n].line, (long)i, (long)j, step);
                        gentlest = fmin(gentlest, step);
                    }
        if (cases[n].most > 0)
            assert_true(gentlest < 0.1); /* some rows climb slowly: no key is then lost in rounding */
        drop(s);
    }
}

static void test_large(void **state)
{
    (void)state;
    static const char *const lines[] = {"b=2,h=4,hkv=2,q=20,k=30,d=64", "h=2,q=9,d=16,scale=-2",
                                        "h=2,q=9,d=40,dtype=f16", "h=2,q=9,d=1", "h=2,q=9,d=128,dtype=bf16"};
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        subject *s = make(lines[n], INPUT_LARGE, 5);
        const attn_problem *const p = &s->in.problem;
        bool up = false, down = false, varied = false;
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = 0; i < p->q; i++)
                for (int64_t j = 0; j < p->k; j++) {
                    const double x = logit(s, 0, h, i, j);
                    int products = 0;
                    for (int64_t c = 0; c < p->d; c++)
                        products +=
                            element(s, ATTN_Q, 0, h, i, c) * element(s, ATTN_K, 0, h / (p->h / p->hkv), j, c) != 0;
                    assert_int_equal(products, 1); /* nothing to sum: the same in any order */
                    assert_true(fabs(x) > 19800 && fabs(x) < 20200);
                    up = up || x > 0;
                    down = down || x < 0;
                    varied = varied || (j > 0 && fabs(fabs(x) - fabs(logit(s, 0, h, i, j - 1))) > 0.01);
                }
        assert_true(up && down &&
                    (varied || s->w.dtype != ATTN_F32)); /* 16 bits are coarser than what the keys differ by */
        assert_true(fabs(element(s, ATTN_V, 0, 0, 0, 0)) < 6);
        drop(s);
    }
}

static void test_masked(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool dead_rows; /* some row sees no key */
    } cases[] = {
        {"h=2,q=30,d=8,mask=causal", true},
        {"h=4,hkv=2,q=30,k=50,d=8,mask=window,window=4,q_pos=3", true},
        {"h=2,q=30,d=8,left=3,right=2", true},
        {"h=2,q=30,k=60,d=8,left=3,q_pos=0", true},
        {"h=2,q=1,k=20,d=8,mask=causal,q_pos=end", true},
        {"h=2,q=30,d=8,mask=window,window=6,prefix=3", true},
        {"h=2,q=30,d=8,mask=causal,prefix=3,prefix_free=1", false},
        {"h=2,q=3,k=40,d=8,mask=causal,q_pos=0,prefix=10,prefix_free=1", false},
        {"h=2,q=30,k=60,d=8,left=3,q_pos=0,prefix=2", false},
        {"b=3,h=2,q=4,k=20,d=8", true},
        {"h=2,q=4,k=20,d=8", false},
        {"b=2,h=2,q=4,k=20,d=8,lens=9+20", true},
        {"b=3,h=2,q=6,k=20,d=8,mask=causal,q_pos=end,lens=20+3+11,q_lens=6+1+4", true},
        {"b=3,h=2,q=6,k=20,d=8,mask=causal,q_pos=end,lens=20+3+11,q_lens=6+1+4,ragged=1", true},
        {"b=2,h=2,q=6,k=21,d=8,page=4", true},
        {"b=2,h=2,q=6,k=21,d=8,dtype=bf16,layout=bshd", true},
        {"b=2,h=2,q=6,k=21,d=8,dtype=f16", true},
        {"b=2,h=2,q=6,k=21,d=8,kv_dtype=i8", true},
        {"b=2,h=2,q=6,k=21,d=8,kv_dtype=i8,page=4", true},
        {"b=2,h=4,hkv=1,q=6,k=21,d=8,dv=4,v_in_k=1", true},
        {"h=2,q=40,d=8,block=4x4", false},
        {"h=2,q=40,d=8,mask=causal,block=4x4:band", true},
    };
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        subject *s = make(cases[n].line, INPUT_MASKED, 5);
        const attn_problem *const p = &s->in.problem;
        const attn_args args = all(s);
        bool dead_rows = false, hidden = false;
        for (int64_t b = 0; b < p->b; b++) {
            int64_t dead = 0;
            const int64_t rows = attn_query_count(p, &args, b);
            const int64_t keys = s->in.slot[ATTN_KEY_STARTS].data ? attn_key_count(p, &args, b) : p->k;
            for (int64_t i = 0; i < rows; i++) {
                int64_t kept = 0;
                for (int64_t j = 0; j < p->k; j++) kept += sees(s, b, i, j);
                dead += kept == 0;
            }
            dead_rows = dead_rows || dead > 0;
            if (cases[n].dead_rows && p->mask && !(p->mask & ATTN_MASK_BLOCKS) && dead * 3 < rows)
                fail_msg("%s: %ld of %ld rows of sequence %ld see no key", cases[n].line, (long)dead, (long)rows,
                         (long)b);
            for (int64_t j = 0; j < keys; j++) {
                bool looked_at = false;
                for (int64_t i = 0; i < rows && !looked_at; i++) looked_at = sees(s, b, i, j);
                hidden = hidden || !looked_at;
                for (int64_t g = 0; g < p->hkv; g++)
                    for (int slot = ATTN_K; slot <= ATTN_V; slot++) {
                        const bool scaled = s->in.slot[ATTN_K_SCALES].data != NULL;
                        const int where = !scaled ? slot : slot == ATTN_K ? ATTN_K_SCALES : ATTN_V_SCALES;
                        for (int64_t c = 0; c < s->in.slot[slot].extent[3]; c++)
                            if (isnan(key_element(s, where, b, g, j, c)) == looked_at)
                                fail_msg("%s: %s of sequence %ld key %ld", cases[n].line, attn_slot_name(slot), (long)b,
                                         (long)j);
                    }
            }
        }
        if (dead_rows != cases[n].dead_rows || !hidden)
            fail_msg("%s: dead rows %d, hidden keys %d", cases[n].line, dead_rows, hidden);
        drop(s);
    }
}

/* Two payloads at least, signalling or not: a NaN that is tested for by its bits would slip through one. */
static void test_masked_payloads(void **state)
{
    (void)state;
    subject *s = make("h=1,q=4,k=40,d=8", INPUT_MASKED, 5);
    const uint32_t *const row = (const uint32_t *)s->in.slot[ATTN_K].data + 39 * 8;
    bool differ = false;
    for (int c = 1; c < 8; c++) differ = differ || row[c] != row[0];
    assert_true(differ);
    drop(s);
}

/* ---- rounding -------------------------------------------------------------------------------------------------- */

static double widened(uint32_t type, uint16_t bits)
{
    const attn_tensor t = {.data = &bits, .type = type, .extent = {1, 1, 1, 1}, .stride = {1, 1, 1, 1}};
    return ref_element(&t, 0, 0, 0, 0);
}

static void test_rounding(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        uint16_t (*round)(float);
        uint16_t infinity;
    } types[] = {{ATTN_BF16, round_to_bf16, 0x7f80}, {ATTN_F16, round_to_f16, 0x7c00}};
    for (size_t t = 0; t < 2; t++) {
        for (uint32_t bits = 0; bits < types[t].infinity; bits++) {
            const double x = widened(types[t].type, (uint16_t)bits);
            assert_int_equal(types[t].round((float)x), bits);
            assert_int_equal(types[t].round((float)-x), bits | 0x8000);
            if (bits + 1 == types[t].infinity) break;
            const float middle = (float)((x + widened(types[t].type, (uint16_t)(bits + 1))) / 2);
            assert_int_equal(types[t].round(middle), bits % 2 ? bits + 1 : bits); /* ties to even */
            assert_int_equal(types[t].round(nextafterf(middle, INFINITY)), bits + 1);
            assert_int_equal(types[t].round(nextafterf(middle, 0)), bits);
        }
        assert_int_equal(types[t].round(INFINITY), types[t].infinity);
        assert_int_equal(types[t].round(-INFINITY), types[t].infinity | 0x8000);
        assert_true(isnan(widened(types[t].type, types[t].round(NAN))));
    }
    assert_int_equal(round_to_f16(65519.99f), 0x7bff);
    assert_int_equal(round_to_f16(65520.0f), 0x7c00);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* The ranges that harness/workload/data/README.md states: the right files, the right scale, nothing transposed. */
static void test_real_activations(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double low, high;
    } passages[] = {{"minilm-passage-l0", -54, 70}, {"minilm-passage-l2", -22, 15}, {"minilm-passage-l5", -8, 7}};
    for (size_t n = 0; n < sizeof passages / sizeof passages[0]; n++) {
        subject *s = make(passages[n].name, INPUT_NORMAL, 1);
        double low = 0, high = 0;
        for (int64_t h = 0; h < 12; h++)
            for (int64_t i = 0; i < 256; i++)
                for (int64_t j = 0; j < 256; j++) {
                    const float *const q = (const float *)s->in.slot[ATTN_Q].data + (h * 256 + i) * 32;
                    const float *const k = (const float *)s->in.slot[ATTN_K].data + (h * 256 + j) * 32;
                    double x = 0;
                    for (int c = 0; c < 32; c++) x += (double)q[c] * (double)k[c];
                    x *= (double)s->in.problem.scale;
                    low = fmin(low, x);
                    high = fmax(high, x);
                }
        if (fabs(low - passages[n].low) > 1 || fabs(high - passages[n].high) > 1)
            fail_msg("%s: logits from %g to %g", passages[n].name, low, high);
        drop(s);
    }
    subject *s = make("minilm-sentences", INPUT_NORMAL, 1);
    npy_array lengths;
    char reason[512];
    assert_int_equal(npy_read(TEST_TENSORS "/activations/sentences-key_lengths.npy", &lengths, reason, sizeof reason),
                     1);
    for (int64_t b = 0; b < 8; b++)
        assert_int_equal(((const int64_t *)s->in.slot[ATTN_KEY_LENGTHS].data)[b], ((const int32_t *)lengths.data)[b]);
    npy_free(&lengths);
    drop(s);
}

/* The same file in another layout gives the same elements. */
static void test_files_in_any_layout(void **state)
{
    (void)state;
    subject *plain = make("minilm-sentences", INPUT_NORMAL, 1),
            *s = make("minilm-sentences,layout=bshd,row_pad=3,kv_cap=40", INPUT_NORMAL, 1);
    for (int slot = ATTN_Q; slot <= ATTN_V; slot++) assert_true(same_slot(plain, s, slot));
    drop(s);
    s = make("minilm-sentences,page=4", INPUT_NORMAL, 1);
    for (int64_t j = 0; j < 19; j++)
        assert_true(key_element(s, ATTN_V, 7, 11, j, 31) == element(plain, ATTN_V, 7, 11, j, 31));
    drop(s);
    s = make("minilm-sentences,ragged=1,q_lens=16+16+10+4+19+19+7+14", INPUT_NORMAL, 1);
    for (int64_t j = 0; j < 14; j++)
        assert_true(key_element(s, ATTN_K, 7, 11, j, 31) == element(plain, ATTN_K, 7, 11, j, 31));
    drop(s);
    drop(plain);
}

static void test_unfit_files(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        input_class input;
        const char *words;
    } cases[] = {
        {"minilm-passage-l0,d=16", INPUT_NORMAL,
         "has shape (1, 12, 256, 32), the workload says (b, h, q, d) = (1, 12, 256, 16)"},
        {"minilm-passage-l0,k=255", INPUT_NORMAL, "(b, hkv, k, d) = (1, 12, 255, 32)"},
        {"minilm-passage-l0,dtype=bf16", INPUT_NORMAL, "has type f4, expected u2 for bf16"},
        {"minilm-passage-l0,dtype=f16", INPUT_NORMAL, "expected f2"},
        {"minilm-passage-l0,kv_dtype=i8", INPUT_NORMAL, "kv_dtype=i8"},
        {"minilm-passage-l0,v_file=no/such.npy", INPUT_NORMAL,
         "no/such.npy: no such file, neither in the current folder"},
        {"minilm-passage-l0,v_file=/no/such.npy", INPUT_NORMAL, "/no/such.npy: no such file"},
        /* as workloads of older records say */
        {"minilm-passage-l0,v_file=tests/data/activations/passage-layer0-v.npy", INPUT_NORMAL,
         "have moved, write activations/passage-layer0-v.npy"},
        {"minilm-passage-l0,v_file=tests/data/activations/such.npy", INPUT_NORMAL, "neither in the current folder"},
        {"minilm-passage-l0", INPUT_LARGE, "class=large"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char reason[512] = "";
        workload w;
        instance in;
        assert_int_equal(workload_parse(cases[i].line, builtin, &w, reason, sizeof reason), 1);
        assert_int_equal(instance_describe(&in, &w, cases[i].input, 1, reason, sizeof reason), 0);
        if (!strstr(reason, cases[i].words) || strchr(reason, '\n'))
            fail_msg("%s: '%s' lacks '%s'", cases[i].line, reason, cases[i].words);
        workload_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_layout_moves_no_value),
        cmocka_unit_test(test_normal_and_outliers),
        cmocka_unit_test(test_increasing),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_masked_payloads),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_real_activations),
        cmocka_unit_test(test_files_in_any_layout),
        cmocka_unit_test(test_unfit_files),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
