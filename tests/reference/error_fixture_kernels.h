/* error_kernels: float kernels of every style in error_fixture_rows.h, correct or with a planted bug, simulated on its
 * rows. Shared by the tests of the bound and of the deviation. */
#ifndef ERROR_FIXTURE_KERNELS_H
#define ERROR_FIXTURE_KERNELS_H

#include "error_fixture_rows.h"

typedef enum bug {
    NO_BUG,
    L_NOT_RESCALED,
    O_NOT_RESCALED,
    LAST_KEY_DROPPED,
    SCALE_OFF,
    SCALE_TWICE,
    LSE_BASE_2,
    LSE_WITHOUT_MAX,
    NO_MAX,
    SIXTEEN_BIT_SUMS,
    CAP_AFTER_ADD,
    NO_SINK,
    BUGS
} bug;

static inline float to_type(float value, uint32_t type, bool truncate)
{
    if (type == ATTN_F32 || type == ATTN_I8 || !isfinite(value) || value == 0) return value;
    int exponent;
    (void)frexpf(value, &exponent); /* value = f * 2^exponent, 1/2 <= |f| < 1 */
    const int bits = type == ATTN_BF16 ? 8 : 11;
    const int least = type == ATTN_BF16 ? -125 : -13;
    const float step = ldexpf(1, (exponent < least ? least : exponent) - bits);
    return truncate ? truncf(value / step) * step : rintf(value / step) * step;
}

typedef struct partial {
    float m, l, o[DV];
} partial;

static struct result {
    float o[DV], lse, w[KEYS];
} got;

static inline float sum_pairwise(const float *terms, int64_t count)
{
    if (count <= 2) return count == 2 ? terms[0] + terms[1] : count == 1 ? terms[0] : 0;
    return sum_pairwise(terms, count / 2) + sum_pairwise(terms + count / 2, count - count / 2);
}

/* To a multiple of a step that is a part of `most`. */
static inline float quantised(const style *y, float value, float most)
{
    if (y->steps == 0 || most == 0) return value;
    const double step = (double)most / y->steps;
    return (float)(rint((double)value / step) * step);
}

static inline float logit(const style *y, bug planted, int64_t j)
{
    float terms[D];
    float q_most = 0;
    for (int64_t c = 0; c < x.d; ++c) q_most = fmaxf(q_most, fabsf(x.q[c]));
    for (int64_t c = 0; c < x.d; ++c) terms[c] = quantised(y, x.q[c], q_most) * x.k[j][c];
    float dot = 0;
    if (y->order == PAIRWISE)
        dot = sum_pairwise(terms, x.d);
    else
        for (int64_t c = 0; c < x.d; ++c) dot += terms[y->order == FORWARD ? c : x.d - 1 - c];
    float s = dot * x.scale;
    if (planted == SCALE_OFF) s *= 1.001f;
    if (planted == SCALE_TWICE) s *= x.scale;
    const float added = x.has_add ? x.add[j] : 0;
    if (planted == CAP_AFTER_ADD) s += added;
    if (x.softcap > 0) s = x.softcap * tanhf(s / x.softcap);
    if (x.has_add && planted != CAP_AFTER_ADD) s += added;
    return to_type(s, y->score_type, y->truncate);
}

static inline float power(const style *y, float difference)
{
    return y->base2 ? exp2f(difference * (float)M_LOG2E) : expf(difference);
}

/* Keys begin .. end - 1, in one part. */
static inline partial run_part(const style *y, bug planted, int64_t begin, int64_t end, bool with_sink, const float *s)
{
    const int64_t block = y->block > 0 ? y->block : end - begin;
    const bool sink = with_sink && x.sink > -INFINITY && planted != NO_SINK;
    partial r = {.m = sink ? x.sink : -INFINITY, .l = sink ? 1 : 0};
    for (int64_t at = begin; at < end; at += block) {
        const int64_t stop = at + block < end ? at + block : end;
        float top = r.m;
        for (int64_t j = at; j < stop; ++j) top = fmaxf(top, s[j]);
        if (planted == NO_MAX) top = 0;
        if (top > r.m + y->lazy || r.m == -INFINITY) {
            const float shrink = r.m == -INFINITY ? 0 : power(y, r.m - top);
            if (planted != L_NOT_RESCALED) r.l *= shrink;
            for (int c = 0; c < DV && planted != O_NOT_RESCALED; ++c) r.o[c] *= shrink;
            r.m = top;
        }
        float p[KEYS], rounded[KEYS], terms[KEYS];
        for (int64_t j = at; j < stop; ++j) {
            p[j - at] = power(y, s[j] - r.m);
            rounded[j - at] = y->normalised ? p[j - at] : to_type(p[j - at], y->weight_type, y->truncate);
        }
        float most = 0;
        for (int64_t j = at; j < stop; ++j) most = fmaxf(most, p[j - at] * x.v_scale[j]);
        for (int64_t j = at; j < stop && y->steps > 0; ++j)
            rounded[j - at] = quantised(y, p[j - at] * x.v_scale[j], most) / x.v_scale[j];
        const int64_t count = stop - at;
        const float *summed = y->l_rounded ? rounded : p; /* quantised weights are never summed */
        float divisor = 1;
        for (int c = -1; c < DV; ++c) { /* -1: the row sum, which normalised weights need first */
            for (int64_t j = 0; j < count; ++j) {
                const float weight =
                    y->normalised && c >= 0 ? to_type(p[j] / divisor, y->weight_type, y->truncate) : rounded[j];
                terms[j] = c < 0 ? summed[j] : weight * x.v[at + j][c];
            }
            float *into = c < 0 ? &r.l : &r.o[c];
            if (y->order == PAIRWISE) *into += sum_pairwise(terms, count);
            for (int64_t j = 0; j < count && y->order != PAIRWISE; ++j) {
                *into += terms[y->order == FORWARD ? j : count - 1 - j];
                if (planted == SIXTEEN_BIT_SUMS) *into = to_type(*into, ATTN_BF16, false);
            }
            if (c < 0 && y->normalised) divisor = r.l;
        }
    }
    return r;
}

static inline void finish(const style *y, bug planted, float m, float l, const float *o)
{
    const float inverse = 1 / l;
    for (int c = 0; c < DV; ++c) {
        const float value = y->normalised ? o[c] : y->reciprocal ? o[c] * inverse : o[c] / l;
        got.o[c] = to_type(value, y->output_type, y->truncate);
    }
    const float log_l = logf(l);
    got.lse = planted == LSE_WITHOUT_MAX ? log_l : m + log_l;
    if (planted == LSE_BASE_2) got.lse *= (float)M_LOG2E;
}

static inline void simulate(const style *y, bug planted)
{
    static float s[KEYS];
    const int64_t n = planted == LAST_KEY_DROPPED ? x.n - 1 : x.n;
    for (int64_t j = 0; j < n; ++j) s[j] = logit(y, planted, j);
    const int64_t parts = y->parts > 0 && y->parts <= n ? y->parts : 1;
    if (parts == 1) {
        const partial r = run_part(y, planted, 0, n, true, s);
        finish(y, planted, r.m, r.l, r.o);
        for (int64_t j = 0; j < x.n; ++j) got.w[j] = j < n ? power(y, s[j] - r.m) / r.l : 0;
        return;
    }
    float lse[8], o[8][DV], m = -INFINITY;
    for (int64_t part = 0; part < parts; ++part) {
        const partial r = run_part(y, planted, n * part / parts, n * (part + 1) / parts, part == 0, s);
        lse[part] = r.m + logf(r.l);
        for (int c = 0; c < DV; ++c) o[part][c] = r.o[c] / r.l;
        m = fmaxf(m, lse[part]);
    }
    partial all = {.m = m};
    for (int64_t part = 0; part < parts; ++part) {
        const float share = power(y, lse[part] - m);
        all.l += share;
        for (int c = 0; c < DV; ++c) all.o[c] += share * o[part][c];
    }
    finish(y, planted, all.m, all.l, all.o);
    for (int64_t j = 0; j < x.n; ++j) got.w[j] = j < n ? power(y, s[j] - got.lse) : 0;
}

#endif
