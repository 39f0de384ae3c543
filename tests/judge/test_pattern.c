/* The pattern of an error, on outputs made here: right ones that are spoilt in a known place, and ones computed by a
 * plain kernel that makes a known mistake. */
#include <math.h>

#include "judge/pattern.h"
#include "instance_fixture.h"

/* ---- along one axis ---------------------------------------------------------------------------------------------- */

/* '.' right, '#' wrong, ' ' not judged */
static void says(const char *marks, int64_t border, const char *wanted)
{
    char words[128];
    unsigned char judged[400], wrong[400];
    const int64_t extent = (int64_t)strlen(marks);
    for (int64_t i = 0; i < extent; i++) judged[i] = marks[i] != ' ', wrong[i] = marks[i] == '#';
    const pattern_axis a = {"row", "rows", extent, judged, wrong, border};
    assert_int_equal(pattern_axis_words(&a, words, sizeof words), *wanted != 0);
    assert_string_equal(words, wanted);
}

static void test_axis(void **state)
{
    (void)state;
    says("########", 0, "");
    says("........", 0, "");
    says("# # # # ", 0, "");
    says("...#....", 0, "row 3 only");
    says(".......#", 0, "the last row 7 only");
    says(".....###", 0, "rows >= 5");
    says("....####", 4, "rows >= 4, behind a block border");
    says("....# ##", 4, "rows >= 4, behind a block border");
    says("####....", 0, "rows <= 3");
    says("..###...", 0, "rows 2 to 4");
    says("...#...#...#...#", 0, "rows 4i + 3");
    says("..##..##..##..##", 0, "rows 4i + 2..3");
    says(" # . # . # . # .", 0, "rows 4i + 1");
    says(".#..#.........#.", 0, "rows 1, 4, 14");
    says("....##.####.####", 0, "rows >= 4 (10 of 12)");
    says("#.##.#..##.##..#", 0, "9 of 16 rows");
}

/* ---- spoilt outputs ---------------------------------------------------------------------------------------------- */

static const accuracy fp32 = {.u = 0x1p-24,
                              .kappa = 4,
                              .kappa_1 = 1,
                              .kappa_log = 4,
                              .rho = 1,
                              .kappa_t = 4,
                              .tau = 8,
                              .rescales = 1e6,
                              .eta = 0x1p-150};

typedef struct scene {
    subject *s;
    row_list rows;
    expectation expected;
    attn_plan plan;
} scene;

static void scene_begin(scene *x, const char *spec)
{
    char reason[256];
    *x = (scene){.s = make(spec, INPUT_NORMAL, 1), .plan = {.row_block = 16, .key_block = 8}};
    const attn_args args = all(x->s);
    assert_true(rows_choose(&x->s->in.problem, &args, NULL, 0, 1e9, 1, &x->rows));
    if (!expect_rows(&x->s->in, &x->rows, &fp32, 1, false, &x->expected, reason, sizeof reason)) fail_msg("%s", reason);
}

static void scene_end(scene *x)
{
    expectation_free(&x->expected);
    rows_free(&x->rows);
    drop(x->s);
}

static float *at(const scene *x, int slot, const row_id *id, int64_t c)
{
    const attn_tensor *t = &x->s->in.slot[slot];
    return (float *)t->data + id->b * t->stride[0] + id->h * t->stride[1] + id->row * t->stride[2] + c;
}

static const char *described(const scene *x)
{
    static char words[320];
    const instance *in = &x->s->in;
    const pattern_case c = {in,    &x->rows, &x->expected,
                            &fp32, &x->plan, {&in->slot[ATTN_O], &in->slot[ATTN_LSE], NULL}};
    pattern_describe(&c, words, sizeof words);
    return words;
}

typedef bool spoils(const row_id *id, int64_t channel);

static void spoilt(const char *spec, spoils *where, const char *wanted)
{
    scene x;
    scene_begin(&x, spec);
    for (int64_t r = 0; r < x.rows.count; r++) {
        const row_id *id = &x.rows.row[r];
        for (int64_t c = 0; c < x.expected.dv; c++)
            *at(&x, ATTN_O, id, c) = (float)x.expected.output[r * x.expected.dv + c] +
                                     (where(id, c) ? 0.5f + 0.01f * (float)(c + id->i) : 0);
        *at(&x, ATTN_LSE, id, 0) = (float)x.expected.lse[r];
    }
    const char *words = described(&x);
    if (strncmp(words, wanted, strlen(wanted)) != 0) fail_msg("%s: '%s', not '%s'", spec, words, wanted);
    scene_end(&x);
}

static bool nowhere(const row_id *id, int64_t c) { return (void)id, (void)c, false; }
static bool late_columns(const row_id *id, int64_t c) { return (void)id, c >= 56; }
static bool last_of_16(const row_id *id, int64_t c) { return (void)c, id->i % 16 == 15; }
static bool head_3(const row_id *id, int64_t c) { return (void)c, id->h == 3; }
static bool kv_head_1(const row_id *id, int64_t c) { return (void)c, id->h == 2 || id->h == 3; }
static bool later_sequences(const row_id *id, int64_t c) { return (void)c, id->b > 0; }
static bool second_block(const row_id *id, int64_t c) { return (void)c, id->i >= 64; }
static bool corner(const row_id *id, int64_t c) { return id->h == 1 && id->i >= 48 && c == 7; }
static bool everywhere(const row_id *id, int64_t c) { return (void)id, (void)c, true; }

static void test_places(void **state)
{
    (void)state;
    static const char spec[] = "b=3,h=6,hkv=3,q=80,d=64";
    spoilt(spec, nowhere, "");
    spoilt(spec, late_columns, "columns >= 56; LSE is right");
    spoilt(spec, last_of_16, "rows 16i + 15; LSE is right");
    spoilt(spec, head_3, "head 3 only; LSE is right");
    spoilt(spec, kv_head_1, "KV head 1 only; LSE is right");
    spoilt(spec, later_sequences, "sequences >= 1; LSE is right");
    spoilt(spec, second_block, "rows >= 64, behind a block border; LSE is right");
    spoilt(spec, corner, "head 1 only; rows >= 48, behind a block border; column 7 only; LSE is right");
    spoilt(spec, everywhere, "everywhere; LSE is right");
}

/* ---- a plain kernel with a mistake ------------------------------------------------------------------------------- */

enum slip {
    NO_SLIP,
    LAST_KEY,
    ONE_KEY_MORE,
    UNSCALED,
    SCALED_TWICE,
    NEXT_V,
    BASE_2,
    NO_MAX,
    NO_LAST_BLOCK,
    SUM_NO_LAST_BLOCK,
    NOT_RESCALED,
    NO_CAP,
    CAP_LAST,
    SCALE_OFF,
    NO_SINK
};

typedef struct plain_row {
    double s[256], m, l, o[64];
    int64_t n;
} plain_row;

static void logits(const scene *x, const row_id *id, enum slip slip, plain_row *p)
{
    const attn_problem *a = &x->s->in.problem;
    const int64_t g = id->h / (a->h / a->hkv);
    double scale = (double)a->scale;
    if (slip == UNSCALED) scale = 1;
    if (slip == SCALED_TWICE) scale *= scale;
    if (slip == SCALE_OFF) scale *= 1.003;
    p->n = a->mask & ATTN_MASK_RIGHT ? id->i + a->right + 1 + (slip == ONE_KEY_MORE) : a->k;
    p->n = p->n < a->k ? p->n : a->k;
    if (slip == LAST_KEY) p->n--;
    if (slip == NO_LAST_BLOCK) p->n = (p->n - 1) / 8 * 8;
    p->m = -INFINITY;
    for (int64_t j = 0; j < p->n; j++) {
        double raw = 0;
        for (int64_t c = 0; c < a->d; c++)
            raw += element(x->s, ATTN_Q, id->b, id->h, id->row, c) * element(x->s, ATTN_K, id->b, g, j, c);
        const double term = x->s->in.slot[ATTN_BIAS].type ? element(x->s, ATTN_BIAS, id->b, id->h, id->i, j) : 0;
        const double cap = slip == NO_CAP ? 0 : (double)a->softcap;
        p->s[j] = raw * scale + (slip == CAP_LAST ? term : 0);
        if (cap > 0) p->s[j] = cap * tanh(p->s[j] / cap);
        if (slip != CAP_LAST) p->s[j] += term;
        p->m = fmax(p->m, p->s[j]);
    }
    if (x->s->in.slot[ATTN_SINK_LOGITS].type) p->m = fmax(p->m, element(x->s, ATTN_SINK_LOGITS, 0, id->h, 0, 0));
}

static void slip_row(const scene *x, const row_id *id, enum slip slip)
{
    static plain_row p;
    const attn_problem *a = &x->s->in.problem;
    const int64_t g = id->h / (a->h / a->hkv), v_head = slip == NEXT_V ? (g + 1) % a->hkv : g;
    logits(x, id, slip, &p);
    memset(p.o, 0, sizeof p.o);
    p.l = x->s->in.slot[ATTN_SINK_LOGITS].type && slip != NO_SINK
              ? exp(element(x->s, ATTN_SINK_LOGITS, 0, id->h, 0, 0) - p.m)
              : 0;
    double then = -INFINITY;
    for (int64_t j = 0; j < p.n; j++) {
        for (int64_t i = j; j % 8 == 0 && i < j + 8 && i < p.n; i++) then = fmax(then, p.s[i]);
        const double w = exp(p.s[j] - (slip == NOT_RESCALED ? then : p.m));
        p.l += slip == SUM_NO_LAST_BLOCK && j >= (p.n - 1) / 8 * 8 ? 0 : exp(p.s[j] - p.m);
        for (int64_t c = 0; c < a->dv; c++) p.o[c] += w * element(x->s, ATTN_V, id->b, v_head, j, c);
    }
    for (int64_t c = 0; c < a->dv; c++) *at(x, ATTN_O, id, c) = (float)(p.l > 0 ? p.o[c] / p.l : 0);
    double lse = p.m + log(p.l);
    if (slip == BASE_2) lse = lse / log(2);
    if (slip == NO_MAX) lse = log(p.l);
    *at(x, ATTN_LSE, id, 0) = (float)lse;
}

static void slipped(const char *spec, enum slip slip, const char *wanted)
{
    scene x;
    scene_begin(&x, spec);
    for (int64_t r = 0; r < x.rows.count; r++) slip_row(&x, &x.rows.row[r], slip);
    const char *words = described(&x);
    if (*wanted ? !strstr(words, wanted) : *words) fail_msg("%s: '%s', not '%s'", spec, words, wanted);
    scene_end(&x);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const char plain[] = "h=4,hkv=2,q=20,k=61,d=16", causal[] = "h=2,q=40,d=16,mask=causal";
    slipped(plain, NO_SLIP, "");
    slipped(causal, NO_SLIP, "");
    slipped(plain, LAST_KEY, "output and LSE as if the last key were missing");
    slipped(causal, ONE_KEY_MORE, "output and LSE as if each row saw one key more on the right");
    slipped(plain, UNSCALED, "output and LSE as if logits were not scaled");
    slipped(plain, SCALED_TWICE, "output and LSE as if logits were scaled twice");
    slipped(plain, NEXT_V, "V were the next KV head's");
    slipped(plain, BASE_2, "LSE as if it were in base 2");
    slipped(plain, NO_MAX, "LSE as if the maximum were not added");
    slipped(plain, NO_LAST_BLOCK, "output and LSE as if the last key block were missing");
    slipped(plain, SUM_NO_LAST_BLOCK, "output and LSE as if the sum did not contain the last key block");
    slipped(plain, NOT_RESCALED, "output as if the output were not rescaled when the maximum rises");
    slipped("h=2,q=20,d=16,softcap=1", NO_CAP, "as if there were no softcap");
    slipped("h=2,q=20,d=16,softcap=1,bias=1", CAP_LAST, "as if the softcap came after bias and ALiBi");
    slipped(plain, SCALE_OFF, "output and LSE as if the scale were slightly off");
    slipped("h=2,q=20,d=16,sinks=1", NO_SINK, "output and LSE as if there were no sinks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_axis),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
