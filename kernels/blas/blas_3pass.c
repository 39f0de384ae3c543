/* blas_3pass: the usual hand-written attention: scores and outputs by a library's matrix product, and a softmax loop
 * between them.
 *
 *   for each (sequence, head), for each block of 128 query rows:
 *     scores = Q K'            cblas_sgemm, over the keys that some row of the block sees
 *     weights = exp(scores - maximum of the row), 0 for masked keys
 *     O = weights V / sums     cblas_sgemm
 *
 * The score block (128 x keys) goes through L2 or beyond three times; the softmax runs four lanes at a time. CBLAS is
 * loaded when the kernel is first asked for (OpenBLAS first, then the system's libcblas or libblas) and runs on one
 * thread. It is never linked: no other code may get its symbols, above all not the reference, which must use another
 * BLAS.
 * Improves on naive_3pass: the library's register tiles, packing and widest vectors (it detects those itself,
 * regardless of ATTNBENCH_ISA).
 * Measured on an Intel CPU with AVX-512 (217 GFLOP/s), n = 1024, d = 64 and n = 2048, d = 128: OpenBLAS 0.3.21 60 and
 * 90 GFLOP/s, but only 27 and 32 where it does not know the CPU's model and falls back to SSE
 * (OPENBLAS_CORETYPE=SkylakeX avoids that); the reference BLAS 5.
 * Weaknesses: that fallback; memory grows with the keys; keys are packed again for every block of rows; a block at the
 * edge of a mask is computed whole, so a masked value is multiplied by 0 and must be finite.
 * Paper: Vaswani et al. 2017, equation 1.
 */
#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lanes_impl.h"
#include "logits_impl.h"
#include "roofline_impl.h"

enum { ROWS = 128 };
enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 }; /* of the CBLAS interface */

typedef void (*sgemm_function)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                               const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

/* ISO C has no cast from an object to a function pointer. */
static void symbol_of(void *library, const char *name, void *function)
{
    void *const address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
}

/* NULL where no CBLAS is installed. A library stays loaded: its threads could not be unloaded safely. */
static sgemm_function find_sgemm(void)
{
    static const char *const names[] = {"libopenblas.so.0", "libcblas.so.3", "libblas.so.3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sgemm_function sgemm = NULL;
        void (*set_threads)(int) = NULL;
        void *const library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!library) continue;
        symbol_of(library, "cblas_sgemm", &sgemm);
        symbol_of(library, "openblas_set_num_threads", &set_threads);
        if (set_threads) set_threads(1);
        if (sgemm) return sgemm;
    }
    return NULL;
}

/* Can CBLAS read the rows where they lie? It takes no stride below the row's length, and none beyond an int. */
static int reads_in_place(const attn_tensor *t) { return t->stride[2] >= t->extent[3] && t->stride[2] <= INT_MAX; }

typedef struct matrix {
    const float *data;
    int stride;
} matrix;

/* Rows first .. first + count - 1 of a head, copied to `copy` where CBLAS cannot read them in place. */
static matrix rows_of(const attn_tensor *t, int64_t b, int64_t h, int64_t first, int64_t count, float *copy)
{
    const int64_t n = t->extent[3];
    if (reads_in_place(t)) return (matrix){attn_f32_row(t, b, h, first), (int)t->stride[2]};
    for (int64_t r = 0; r < count; r++)
        memcpy(copy + r * n, attn_f32_row(t, b, h, first + r), (size_t)n * sizeof(float));
    return (matrix){copy, (int)n};
}

typedef struct block_job {
    const attn_problem *problem;
    const attn_args *args;
    sgemm_function sgemm;
    int64_t b, h, i0, rows;
    attn_keys keys[ROWS];
    attn_range seen[2]; /* by some row of the block: of the prefix, and of the others */
    float *score;       /* (ROWS, stride): the keys of seen[0], then of seen[1], then up to 3 nobody's */
    int64_t stride;
    float *q_copy, *k_copy, *v_copy; /* for rows that CBLAS cannot read in place */
    float log_sum[ROWS], sum[ROWS];
} block_job;

static int64_t keys_in(attn_range r) { return r.end - r.begin; }

static void find_keys(block_job *job)
{
    for (int part = 0; part < 2; part++) {
        attn_range *const seen = &job->seen[part];
        *seen = (attn_range){0, 0};
        for (int64_t r = 0; r < job->rows; r++) {
            if (part == 0) job->keys[r] = attn_keys_of_row(job->problem, job->args, job->b, job->i0 + r);
            const attn_range own = job->keys[r].range[part];
            if (own.begin == own.end) continue;
            if (seen->begin == seen->end) *seen = own;
            if (own.begin < seen->begin) seen->begin = own.begin;
            if (own.end > seen->end) seen->end = own.end;
        }
    }
    job->stride = (keys_in(job->seen[0]) + keys_in(job->seen[1]) + 3) / 4 * 4;
}

/* score = Q K' */
static void multiply_keys(const block_job *job)
{
    const attn_tensor *q = attn_slot_of(job->args, ATTN_Q), *k = attn_slot_of(job->args, ATTN_K);
    const int64_t kv_head = job->h / (job->problem->h / job->problem->hkv);
    const matrix a = rows_of(q, job->b, job->h, job->i0, job->rows, job->q_copy);
    float *score = job->score;
    for (int part = 0; part < 2; part++) {
        const int64_t n = keys_in(job->seen[part]);
        if (n == 0) continue;
        const matrix b = rows_of(k, job->b, kv_head, job->seen[part].begin, n, job->k_copy);
        job->sgemm(ROW_MAJOR, AS_IS, TRANSPOSED, (int)job->rows, (int)n, (int)job->problem->d, 1, a.data, a.stride,
                   b.data, b.stride, 0, score, (int)job->stride);
        score += n;
    }
}

/* Row r of the block: raw scores become weights, not yet divided by their sum; masked ones 0. NaN does not raise the
 * maximum and shows in the weights. */
static void softmax_row(block_job *job, int64_t r)
{
    const attn_row_terms terms = attn_terms_of_row(job->problem, job->args, job->b, job->h, job->i0 + r);
    const float scale = job->problem->scale, cap = job->problem->softcap, sink = attn_sink_of(job->args, job->h);
    float *const row = job->score + r * job->stride, *s = row;
    float max = sink;
    for (int part = 0; part < 2; part++) {
        const attn_range own = job->keys[r].range[part];
        for (int64_t j = job->seen[part].begin; j < job->seen[part].end; j++, s++) {
            const int is_own = j >= own.begin && j < own.end;
            float x = is_own ? *s * scale : -INFINITY;
            if (is_own && cap > 0) x = cap * tanhf(x / cap);
            if (is_own && terms.used) x += attn_term(&terms, j);
            if (x > max) max = x;
            *s = x;
        }
    }
    while (s < row + job->stride) *s++ = -INFINITY;

    const float shift = max == -INFINITY ? 0 : max; /* nothing takes part: exp(-inf - 0) is the right 0 */
    lanes sum = {expf(sink - shift), 0, 0, 0};
    for (s = row; s < row + job->stride; s += 4) {
        const lanes weight = lanes_exp(lanes_load(s) - shift);
        lanes_store(s, weight);
        sum += weight;
    }
    job->sum[r] = lanes_sum(sum);
    job->log_sum[r] = job->sum[r] == 0 ? -INFINITY : max + logf(job->sum[r]);
}

/* O = weights V / sums */
static void multiply_values(const block_job *job)
{
    const attn_tensor *v = attn_slot_of(job->args, ATTN_V), *o = attn_slot_of(job->args, ATTN_O);
    const int64_t kv_head = job->h / (job->problem->h / job->problem->hkv), dv = job->problem->dv;
    float *const out = attn_f32_row(o, job->b, job->h, job->i0);
    const float *weight = job->score;
    int any = 0;
    for (int part = 0; part < 2; part++) {
        const int64_t n = keys_in(job->seen[part]);
        if (n == 0) continue;
        const matrix b = rows_of(v, job->b, kv_head, job->seen[part].begin, n, job->v_copy);
        job->sgemm(ROW_MAJOR, AS_IS, AS_IS, (int)job->rows, (int)dv, (int)n, 1, weight, (int)job->stride, b.data,
                   b.stride, any ? 1 : 0, out, (int)(o->stride[2] > dv ? o->stride[2] : dv));
        weight += n;
        any = 1;
    }
    for (int64_t r = 0; r < job->rows; r++)
        for (int64_t c = 0; c < dv; c++) {
            float *const x = out + r * o->stride[2] + c;
            *x = any && job->sum[r] != 0 ? *x / job->sum[r] : 0;
        }
}

static int64_t round16(int64_t floats) { return (floats + 15) / 16 * 16; }

/* Floats of the workspace, and where its parts lie. */
static int64_t carve(block_job *job, const attn_problem *problem, const attn_args *args, float *at)
{
    const attn_tensor *q = attn_slot_of(args, ATTN_Q), *k = attn_slot_of(args, ATTN_K), *v = attn_slot_of(args, ATTN_V);
    const int parts = problem->mask & (ATTN_MASK_PREFIX | ATTN_MASK_PREFIX_FREE) ? 2 : 1;
    const int64_t score = round16(ROWS * (parts * problem->k + 3));
    const int64_t q_copy = reads_in_place(q) ? 0 : round16(ROWS * problem->d);
    const int64_t k_copy = reads_in_place(k) ? 0 : round16(problem->k * problem->d);
    const int64_t v_copy = reads_in_place(v) ? 0 : round16(problem->k * problem->dv);
    if (at) {
        job->score = at;
        job->q_copy = at + score;
        job->k_copy = job->q_copy + q_copy;
        job->v_copy = job->k_copy + k_copy;
    }
    return score + q_copy + k_copy + v_copy;
}

static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    (void)exec, (void)shared;
    const attn_tensor *lse = attn_slot_of(args, ATTN_LSE);
    block_job job = {.problem = problem, .args = args};
    memcpy(&job.sgemm, &plan->state[0], sizeof job.sgemm);
    carve(&job, problem, args, workspace);
    for (job.b = 0; job.b < problem->b; job.b++) {
        const int64_t rows = attn_query_count(problem, args, job.b);
        for (job.h = 0; job.h < problem->h; job.h++) {
            for (job.i0 = 0; job.i0 < rows; job.i0 += ROWS) {
                job.rows = rows - job.i0 < ROWS ? rows - job.i0 : ROWS;
                find_keys(&job);
                multiply_keys(&job);
                for (int64_t r = 0; r < job.rows; r++) softmax_row(&job, r);
                multiply_values(&job);
                for (int64_t r = 0; lse && r < job.rows; r++)
                    *attn_f32_row(lse, job.b, job.h, job.i0 + r) = job.log_sum[r];
            }
        }
    }
    return ATTN_OK;
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size)
{
    if (problem->k > INT_MAX / 2 || attn_slot_of(args, ATTN_O)->stride[2] > INT_MAX) {
        snprintf(reason, reason_size, "CBLAS counts in int: keys and the row stride of O must fit");
        return 0;
    }
    if (find_sgemm()) return 1;
    snprintf(reason, reason_size, "no CBLAS is installed (libopenblas.so.0, libcblas.so.3 or libblas.so.3)");
    return 0;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    (void)exec;
    const sgemm_function sgemm = find_sgemm();
    const uint64_t isa = machine ? machine->isa : ATTN_ISA_PORTABLE;
    if (!sgemm) return ATTN_UNSUPPORTED;
    memcpy(&out->state[0], &sgemm, sizeof sgemm);
    out->ceiling = attn_limiting_ceiling(machine,
                                         isa & ATTN_ISA_AVX512 ? ATTN_CEILING_FP32_AVX512
                                         : isa & ATTN_ISA_AVX2 ? ATTN_CEILING_FP32_AVX2
                                                               : ATTN_CEILING_FP32_PORTABLE,
                                         problem, 4.0 * (double)(problem->d + problem->dv));
    out->expected_share = 0.25; /* measured: 60 of 217 GFLOP/s, n = 1024, d = 64 */
    out->row_block = ROWS;
    out->key_block = problem->k;
    out->workspace_bytes = carve(NULL, problem, args, NULL) * (int64_t)sizeof(float);
    out->storage_type = out->score_type = out->weight_type = out->accumulator_type = out->output_type = ATTN_F32;
    out->kappa = LANES_EXP_KAPPA;
    out->kappa_t = 4;   /* tanhf: 2 ulp */
    out->kappa_log = 2; /* logf: 1 ulp */
    out->rho = 1;       /* a division */
    return ATTN_OK;
}

static const uint64_t types[] = ATTN_TYPES_F32;

const attn_kernel attn_kernel_blas_3pass = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "blas_3pass",
    .idea = "a library's matrix products with a softmax between them",
    .improves_on = "naive_3pass",
    .role = ATTN_ROLE_BASELINE,
    .isa = ATTN_FOLDER_ISA,
    .caps = {ATTN_CAP_GQA | ATTN_CAP_DV | ATTN_CAP_LEFT | ATTN_CAP_RIGHT | ATTN_CAP_PREFIX | ATTN_CAP_PREFIX_FREE |
                 ATTN_CAP_POSITION | ATTN_CAP_SOFTCAP | ATTN_CAP_BIAS_OFFSET,
             ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE) | ATTN_SLOT_BIT(ATTN_KEY_LENGTHS) |
                 ATTN_SLOT_BIT(ATTN_QUERY_LENGTHS) | ATTN_SLOT_BIT(ATTN_QUERY_POSITIONS) | ATTN_SLOT_BIT(ATTN_BIAS) |
                 ATTN_SLOT_BIT(ATTN_SLOPES) | ATTN_SLOT_BIT(ATTN_SINK_LOGITS)},
    .traits = ATTN_TRAIT_ALLOCATES | ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_MASKED_V_FINITE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .run = run,
};
