/* attention.h: the contract between an attention kernel and its caller.
 *
 * This file is everything a kernel author needs: copy it, include it, and fill one `attn_kernel`.
 * It includes only <stdint.h> and <stddef.h>, declares no function, and compiles as C11 and as C++.
 *
 * What a kernel computes, for sequence b, query head h, query row i and key j (KV head g = h / (heads / kv_heads)):
 *
 *     raw    = q . k                        score ATTN_SCORE_DOT
 *            = q . k / (|q| |k|)            score ATTN_SCORE_COSINE
 *            = a . tanh(q + k)              score ATTN_SCORE_ADDITIVE, a = slot ATTN_SCORE_VECTOR
 *     x      = raw * scale (* HEAD_SCALE[h])
 *     x      = softcap * tanh(x / softcap)  if softcap > 0
 *     x      = x - SLOPES[h] * |position(i) - j| + BIAS[b, h, i, j]
 *     logit  = x where the mask keeps key j, else the key does not take part
 *     LSE    = ln( sum over kept keys of exp(logit) + exp(SINK_LOGITS[h]) )
 *     weight = exp(logit - LSE)             exactly 0 for a masked key
 *     O      = sum over kept keys of weight * V[b, g, j]
 *
 * in exactly this order. The sink is one more logit without a value. A row that keeps no key gives O = 0 and
 * LSE = -infinity (LSE = the sink where there is one). k = 0 is legal.
 *
 * Versions. `attn_tensor`, `attn_exec` callbacks and `attn_bandwidth` never change. Every other struct begins with
 * `size`, which its author sets to his own sizeof; new fields are appended, and read only if `size` covers them
 * (ATTN_HAS). Zero means absent. Enumerators are never renumbered. A host takes kernels of its own major version and
 * of a minor version up to its own. A new feature has a bit that an old kernel's `caps` lack, so the old kernel
 * refuses it without knowing it.
 */
#ifndef ATTENTION_H
#define ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ATTN_ABI_MAJOR 1u
#define ATTN_ABI_MINOR 0u
#define ATTN_ABI ((ATTN_ABI_MAJOR << 16) | ATTN_ABI_MINOR)

/* True where the struct behind `pointer` is large enough to have `field`. */
#define ATTN_HAS(pointer, field)                                                                                       \
    ((size_t)(pointer)->size >=                                                                                        \
     (size_t)((const char *)&(pointer)->field - (const char *)(pointer)) + sizeof((pointer)->field))

#define ATTN_MAX_D 576 /* largest d and dv: DeepSeek's compressed KV rows (512 + 64) */

/* ---- types ------------------------------------------------------------------------------------------------- */

enum attn_type {
    ATTN_ABSENT = 0, /* the slot is not in use */
    ATTN_F32 = 1,
    ATTN_F16 = 2,  /* IEEE binary16 */
    ATTN_BF16 = 3, /* upper half of binary32 */
    ATTN_I8 = 4,
    ATTN_I64 = 5,        /* integer metadata: lengths, positions, pages, CSR */
    ATTN_F8_E4M3 = 6,    /* reserved */
    ATTN_F8_E5M2 = 7,    /* reserved */
    ATTN_Q8_BLOCK32 = 8, /* reserved: 32 x i8 and one f16 scale */
    ATTN_Q4_BLOCK32 = 9, /* reserved: 32 x i4 and one f16 scale */
    ATTN_TYPES = 10
};
#define ATTN_TYPE_BIT(type) (UINT64_C(1) << (type))

/* ---- tensors ----------------------------------------------------------------------------------------------- */

/* A strided view. Axes: batch, head, row, channel. Strides are in elements, may be 0 for inputs (broadcast) and may be
 * larger than the extents need. Per-sequence vectors lie along axis 0 and per-head vectors along axis 1, the other
 * extents being 1. Inputs may overlap (V may be a view of K), so kernels use no `restrict` between inputs.
 * Element (b, h, r, c) is at data + (b*stride[0] + h*stride[1] + r*stride[2] + c*stride[3]) elements. */
typedef struct attn_tensor {
    void *data;
    uint32_t type;  /* enum attn_type; ATTN_ABSENT: not in use */
    uint32_t flags; /* 0 */
    int64_t extent[4];
    int64_t stride[4];
} attn_tensor;

enum attn_slot {
    ATTN_Q = 0,               /* (b, h, q, d) */
    ATTN_K = 1,               /* (b, hkv, k, d); with PAGES (page, hkv, row in page, d) */
    ATTN_V = 2,               /* (b, hkv, k, dv); with PAGES (page, hkv, row in page, dv) */
    ATTN_O = 3,               /* (b, h, q, dv) output; an input of the backward pass */
    ATTN_LSE = 4,             /* (b, h, q, 1) f32 optional output, natural logarithm; an input of the backward pass */
    ATTN_WEIGHTS = 5,         /* (b, h, q, k) f32 optional output */
    ATTN_BIAS = 6,            /* (b, h, q, columns): added to the logits of keys bias_k0 .. bias_k0 + columns - 1 */
    ATTN_KEY_LENGTHS = 7,     /* (b, 1, 1, 1) i64: keys at or beyond it do not exist */
    ATTN_QUERY_LENGTHS = 8,   /* (b, 1, 1, 1) i64: rows at or beyond it are neither read nor written */
    ATTN_QUERY_POSITIONS = 9, /* (b, 1, 1, 1) i64: added to q_pos */
    ATTN_QUERY_STARTS = 10,   /* (b + 1, 1, 1, 1) i64: packed ragged batch, first row of each sequence */
    ATTN_KEY_STARTS = 11,     /* (b + 1, 1, 1, 1) i64 */
    ATTN_PAGES = 12,          /* (b, 1, pages, 1) i64: block table of a paged KV cache */
    ATTN_SLOPES = 13,         /* (1, h, 1, 1) f32: ALiBi */
    ATTN_SINK_LOGITS = 14,    /* (1, h, 1, 1) f32: learned sink */
    ATTN_HEAD_SCALE = 15,     /* (1, h, 1, 1) f32: multiplies scale (Swin v2) */
    ATTN_K_SCALES = 16,       /* broadcastable to K, f32: dequantised K = K * scale */
    ATTN_V_SCALES = 17,       /* broadcastable to V, f32 */
    ATTN_SCORE_VECTOR = 18,   /* (1, h, 1, d) f32: additive attention */
    ATTN_MASK_STARTS = 19,    /* (1, h or 1, query blocks + 1, 1) i64: CSR rows of ATTN_MASK_BLOCKS */
    ATTN_MASK_INDICES = 20,   /* (1, h or 1, entries, 1) i64: ascending key-block numbers */
    ATTN_DO = 21,             /* (b, h, q, dv) gradient of the loss by O */
    ATTN_DQ = 22,             /* (b, h, q, d) output */
    ATTN_DK = 23,             /* (b, hkv, k, d) output, summed over the query heads of a group */
    ATTN_DV = 24,             /* (b, hkv, k, dv) output, summed likewise */
    ATTN_SLOTS = 25
};
#define ATTN_SLOT_BIT(slot) (UINT64_C(1) << (slot))

/* The arguments of one call. A slot at or beyond `count` is absent. */
typedef struct attn_args {
    uint32_t size;
    uint32_t count;
    const attn_tensor *slot; /* [count] */
} attn_args;

/* ---- the problem ------------------------------------------------------------------------------------------- */

enum attn_score { ATTN_SCORE_DOT = 0, ATTN_SCORE_COSINE = 1, ATTN_SCORE_ADDITIVE = 2 };
enum attn_pass { ATTN_FORWARD = 0, ATTN_BACKWARD = 1 };
enum attn_form { ATTN_EXACT = 0, ATTN_LINEAR = 1, ATTN_LOW_RANK = 2, ATTN_TOP_K = 3 };

/* Which keys j a query at position p sees, of the keys 0 <= j < key length:
 *   no bit        all
 *   LEFT          j >= p - left
 *   RIGHT         j <= p + right            (causal: right = 0)
 *   PREFIX        LEFT does not apply to keys j < prefix (StreamingLLM's first tokens)
 *   PREFIX_FREE   neither LEFT nor RIGHT applies to keys j < prefix (prefix LM)
 *   BLOCKS        in addition, only keys of the blocks that the CSR slots list for the row's block */
enum attn_mask {
    ATTN_MASK_LEFT = 1,
    ATTN_MASK_RIGHT = 2,
    ATTN_MASK_PREFIX = 4,
    ATTN_MASK_PREFIX_FREE = 8,
    ATTN_MASK_BLOCKS = 16
};

/* A plain value without pointers. The caller resolves all defaults; kernels never do. */
typedef struct attn_problem {
    uint32_t size;
    uint32_t score; /* enum attn_score */
    uint32_t mask;  /* enum attn_mask bits */
    uint32_t pass;  /* enum attn_pass */
    uint32_t form;  /* enum attn_form */
    float scale;    /* the factor itself, finite; usually 1/sqrt(d) for dot */
    float softcap;  /* 0: none */
    uint32_t reserved;
    int64_t b, h, hkv; /* sequences, query heads, KV heads; hkv divides h */
    int64_t q, k;      /* query rows and keys of the longest sequence; k >= 0 */
    int64_t d, dv;     /* channels of Q and K, and of V and O */
    int64_t q_pos;     /* position of row i of sequence b: q_pos + QUERY_POSITIONS[b] + i; may be negative */
    int64_t left, right, prefix;
    int64_t mask_block_q, mask_block_k; /* block shape of ATTN_MASK_BLOCKS; 1 x 1 is a graph */
    int64_t page_size;                  /* keys a page, with PAGES */
    int64_t bias_k0;                    /* key of BIAS's first column */
    int64_t rank, topk;                 /* of ATTN_LOW_RANK and ATTN_TOP_K */
} attn_problem;

/* ---- capabilities: which features a problem needs, and which a kernel has -------------------------------------- */

/* Word 0: one bit for each field in use. Word 1: ATTN_SLOT_BIT for each slot in use. A kernel is callable only if
 * attn_needs(problem, args) has no bit outside its caps. */
enum attn_cap {
    ATTN_CAP_GQA_BIT = 0,             /* hkv != h */
    ATTN_CAP_DV_BIT = 1,              /* dv != d */
    ATTN_CAP_LEFT_BIT = 2,            /* mask LEFT */
    ATTN_CAP_RIGHT_BIT = 3,           /* mask RIGHT */
    ATTN_CAP_PREFIX_BIT = 4,          /* mask PREFIX */
    ATTN_CAP_PREFIX_FREE_BIT = 5,     /* mask PREFIX_FREE */
    ATTN_CAP_BLOCKS_BIT = 6,          /* mask BLOCKS */
    ATTN_CAP_POSITION_BIT = 7,        /* q_pos != 0 */
    ATTN_CAP_SOFTCAP_BIT = 8,         /* softcap != 0 */
    ATTN_CAP_COSINE_BIT = 9,          /* score cosine */
    ATTN_CAP_ADDITIVE_BIT = 10,       /* score additive */
    ATTN_CAP_BACKWARD_BIT = 11,       /* pass backward */
    ATTN_CAP_LINEAR_BIT = 12,         /* form linear */
    ATTN_CAP_LOW_RANK_BIT = 13,       /* form low-rank */
    ATTN_CAP_TOP_K_BIT = 14,          /* form top-k */
    ATTN_CAP_BIAS_OFFSET_BIT = 15,    /* bias_k0 != 0 */
    ATTN_CAP_CHANNEL_STRIDE_BIT = 16, /* a channel stride other than 1 */
    ATTN_CAP_FIELD_BITS = 17
};
#define ATTN_CAP_GQA (UINT64_C(1) << ATTN_CAP_GQA_BIT)
#define ATTN_CAP_DV (UINT64_C(1) << ATTN_CAP_DV_BIT)
#define ATTN_CAP_LEFT (UINT64_C(1) << ATTN_CAP_LEFT_BIT)
#define ATTN_CAP_RIGHT (UINT64_C(1) << ATTN_CAP_RIGHT_BIT)
#define ATTN_CAP_PREFIX (UINT64_C(1) << ATTN_CAP_PREFIX_BIT)
#define ATTN_CAP_PREFIX_FREE (UINT64_C(1) << ATTN_CAP_PREFIX_FREE_BIT)
#define ATTN_CAP_BLOCKS (UINT64_C(1) << ATTN_CAP_BLOCKS_BIT)
#define ATTN_CAP_POSITION (UINT64_C(1) << ATTN_CAP_POSITION_BIT)
#define ATTN_CAP_SOFTCAP (UINT64_C(1) << ATTN_CAP_SOFTCAP_BIT)
#define ATTN_CAP_COSINE (UINT64_C(1) << ATTN_CAP_COSINE_BIT)
#define ATTN_CAP_ADDITIVE (UINT64_C(1) << ATTN_CAP_ADDITIVE_BIT)
#define ATTN_CAP_BACKWARD (UINT64_C(1) << ATTN_CAP_BACKWARD_BIT)
#define ATTN_CAP_LINEAR (UINT64_C(1) << ATTN_CAP_LINEAR_BIT)
#define ATTN_CAP_LOW_RANK (UINT64_C(1) << ATTN_CAP_LOW_RANK_BIT)
#define ATTN_CAP_TOP_K (UINT64_C(1) << ATTN_CAP_TOP_K_BIT)
#define ATTN_CAP_BIAS_OFFSET (UINT64_C(1) << ATTN_CAP_BIAS_OFFSET_BIT)
#define ATTN_CAP_CHANNEL_STRIDE (UINT64_C(1) << ATTN_CAP_CHANNEL_STRIDE_BIT)
/* The slots that every forward kernel supports. */
#define ATTN_SLOTS_QKVO (ATTN_SLOT_BIT(ATTN_Q) | ATTN_SLOT_BIT(ATTN_K) | ATTN_SLOT_BIT(ATTN_V) | ATTN_SLOT_BIT(ATTN_O))

/* What a kernel declares about itself. */
enum attn_trait {
    ATTN_TRAIT_THREADED = 1,             /* uses exec's threads; without it a kernel is run at one thread only */
    ATTN_TRAIT_ALLOCATES = 2,            /* allocates in run */
    ATTN_TRAIT_OWN_THREADS = 4,          /* starts threads of its own instead of using exec */
    ATTN_TRAIT_REPEATABLE = 8,           /* the same call always gives the same bits */
    ATTN_TRAIT_SAME_AT_ANY_THREADS = 16, /* the same bits for any number of threads */
    ATTN_TRAIT_SAME_IN_SLICES = 32,      /* a slice of rows gives the bits of the same rows of the whole */
    ATTN_TRAIT_MASKED_V_FINITE = 64      /* V of masked keys must be finite (0 * NaN would show) */
};

/* What a kernel is for. */
enum attn_role { ATTN_ROLE_BASELINE = 1, ATTN_ROLE_TEACHING = 2, ATTN_ROLE_PRODUCT = 3 };

/* Instruction sets, as bits of attn_kernel.isa and attn_machine.isa; 0 is the compiler's baseline. */
enum attn_isa {
    ATTN_ISA_AVX2_BIT = 0,   /* AVX2 with FMA and F16C */
    ATTN_ISA_AVX512_BIT = 1, /* AVX-512 F, BW, CD, DQ and VL */
    ATTN_ISA_AVX512BF16_BIT = 2,
    ATTN_ISA_AVX512VNNI_BIT = 3,
    ATTN_ISA_AVX512FP16_BIT = 4,
    ATTN_ISA_AMXBF16_BIT = 5, /* AMX tiles and their bf16 dot, with the system's permission */
    ATTN_ISA_AMXINT8_BIT = 6,
    ATTN_ISA_AVX512VBMI_BIT = 7, /* VBMI and VBMI2 */
    ATTN_ISA_NEON_BIT = 32,
    ATTN_ISA_DOTPROD_BIT = 33,
    ATTN_ISA_BF16MM_BIT = 34,
    ATTN_ISA_I8MM_BIT = 35,
    ATTN_ISA_SVE_BIT = 36
};
#define ATTN_ISA_PORTABLE UINT64_C(0)
#define ATTN_ISA_AVX2 (UINT64_C(1) << ATTN_ISA_AVX2_BIT)
#define ATTN_ISA_AVX512 (UINT64_C(1) << ATTN_ISA_AVX512_BIT)
#define ATTN_ISA_AVX512BF16 (UINT64_C(1) << ATTN_ISA_AVX512BF16_BIT)
#define ATTN_ISA_AVX512VNNI (UINT64_C(1) << ATTN_ISA_AVX512VNNI_BIT)
#define ATTN_ISA_AVX512FP16 (UINT64_C(1) << ATTN_ISA_AVX512FP16_BIT)
#define ATTN_ISA_AMXBF16 (UINT64_C(1) << ATTN_ISA_AMXBF16_BIT)
#define ATTN_ISA_AMXINT8 (UINT64_C(1) << ATTN_ISA_AMXINT8_BIT)
#define ATTN_ISA_AVX512VBMI (UINT64_C(1) << ATTN_ISA_AVX512VBMI_BIT)
#define ATTN_ISA_NEON (UINT64_C(1) << ATTN_ISA_NEON_BIT)
#define ATTN_ISA_DOTPROD (UINT64_C(1) << ATTN_ISA_DOTPROD_BIT)
#define ATTN_ISA_BF16MM (UINT64_C(1) << ATTN_ISA_BF16MM_BIT)
#define ATTN_ISA_I8MM (UINT64_C(1) << ATTN_ISA_I8MM_BIT)
#define ATTN_ISA_SVE (UINT64_C(1) << ATTN_ISA_SVE_BIT)

/* The ISA bits that a kernel's file is compiled for. The build defines it from the table row that also gives the
 * compile flags, and the descriptor says `.isa = ATTN_FOLDER_ISA`, so that flags and bits cannot disagree. */
#ifndef ATTN_FOLDER_ISA
#define ATTN_FOLDER_ISA ATTN_ISA_PORTABLE
#endif

/* ---- the machine: measured by the harness, only read by kernels ------------------------------------------------- */

/* What limits a plan. Rates are operations a second of one thread (an FMA is two). */
enum attn_ceiling {
    ATTN_CEILING_NONE = 0,
    ATTN_CEILING_BANDWIDTH = 1, /* reading K and V: bytes a second for the footprint */
    ATTN_CEILING_FP32_PORTABLE = 2,
    ATTN_CEILING_FP32_AVX2 = 3,
    ATTN_CEILING_FP32_AVX512 = 4,
    ATTN_CEILING_BF16_DOT = 5,
    ATTN_CEILING_BF16_TILES = 6,
    ATTN_CEILING_INT8_DOT = 7,
    ATTN_CEILING_INT8_TILES = 8,
    ATTN_CEILING_TANH = 9, /* evaluations a second */
    ATTN_CEILING_FP32_NEON = 10,
    ATTN_CEILINGS = 11
};

/* Frozen. Read bandwidth of one thread over a buffer of `footprint` bytes, in bytes a second. */
typedef struct attn_bandwidth {
    double footprint;
    double bytes_per_second;
} attn_bandwidth;

typedef struct attn_machine {
    uint32_t size;
    uint32_t threads;                /* usable processors */
    uint64_t isa;                    /* usable instruction sets */
    int64_t l1d, l2, l3, line;       /* bytes; 0 unknown */
    uint32_t rates, bandwidths;      /* lengths of the next two */
    const double *rate;              /* [attn_ceiling]: operations a second, 0 unknown; NULL: all unknown */
    const attn_bandwidth *bandwidth; /* ascending footprints; NULL: unknown */
} attn_machine;

/* ---- running on threads ---------------------------------------------------------------------------------------- */

typedef struct attn_exec attn_exec;
struct attn_exec {
    uint32_t size;
    uint32_t threads;
    void *ctx;
    /* Calls task(arg, begin, end, thread) for consecutive ranges of at most `grain` items that cover 0 .. n-1 once
     * each, handed out in ascending order, shorter ones towards the end, to whichever thread is free; returns when all
     * are done. 0 <= thread < threads. */
    void (*each)(const attn_exec *exec, int64_t n, int64_t grain,
                 void (*task)(void *arg, int64_t begin, int64_t end, int thread), void *arg);
    /* Calls task(arg, thread) once on every thread, all at the same time. */
    void (*team)(const attn_exec *exec, void (*task)(void *arg, int thread), void *arg);
    /* Inside team: waits until every thread has come here. */
    void (*barrier)(const attn_exec *exec);
};
/* A call of each or team inside a task runs serially on the calling thread (as thread 0 of 1). */

/* ---- the plan: what a kernel will do for a problem --------------------------------------------------------------- */

enum attn_accuracy_flag {
    ATTN_L_FROM_ROUNDED = 1,     /* the row sum adds the rounded weights */
    ATTN_WEIGHTS_NORMALISED = 2, /* weights are divided by the row sum before they are stored and multiplied by V */
    ATTN_MERGE_LSE = 4,          /* partial results are merged by their LSE */
    ATTN_FLUSHES_SUBNORMALS = 8,
    ATTN_SCORE_TRUNCATES = 16, /* stored scores are truncated, not rounded to nearest; likewise below */
    ATTN_WEIGHT_TRUNCATES = 32,
    ATTN_ACCUMULATOR_TRUNCATES = 64,
    ATTN_OUTPUT_TRUNCATES = 128
};

typedef struct attn_kernel attn_kernel;

/* Filled by attn_kernel.plan; read by the harness, the judge and run. The accuracy figures enter the error bound
 * of reference/error_model.h, which says what each means; u is the accumulator's unit roundoff (fp32: 2^-24).
 * delta_q is a part of the row's largest |q|. delta_p is the step of weights times scales of V, as a part of the
 * largest such product among the key_block keys of a block, of those whose V is not all 0. */
typedef struct attn_plan {
    uint32_t size;
    uint32_t ceiling;             /* enum attn_ceiling that this plan is measured against */
    double expected_share;        /* of that ceiling, 0 to 1; ranks inner kernels */
    const attn_kernel *inner;     /* the kernel that runs slices; NULL: this one */
    int64_t row_block, key_block; /* block sizes; the judge checks rows and keys around their borders */
    int64_t shared_bytes;         /* packed K and V, 64-byte aligned; 0: none */
    int64_t shared_stride;   /* bytes from one (sequence, KV head) pair to the next in `shared`: a slice that begins
                                    at sequence s and KV head g is given shared + (s * hkv + g) * shared_stride */
    int64_t workspace_bytes; /* of one thread, 64-byte aligned; thread t's begins at t * ATTN_WORKSPACE_STRIDE */
    uint64_t state[8];       /* the kernel's own */
    uint64_t inner_state[8]; /* its inner kernel's */
    void *handle;            /* wrapped libraries only; freed by release */
    /* accuracy */
    uint32_t storage_type, score_type, weight_type, accumulator_type, output_type; /* enum attn_type */
    uint32_t accuracy_flags;                                                       /* enum attn_accuracy_flag */
    double kappa;            /* relative error of exp <= kappa u (an exp good to n ulp has kappa 2n) */
    double kappa_1;          /* extra u |x| of exps whose argument reduction loses it */
    double kappa_t, tau;     /* relative and absolute error of tanh in u */
    double kappa_log;        /* relative error of log in u */
    double rho;              /* final normalisation: division 1, reciprocal and multiply 2 to 4 */
    double u_q;              /* relative rounding error of a pre-scaled Q; 0 none */
    double lambda;           /* threshold of a lazy rescale, nats; 0 none */
    double delta_q, delta_p; /* quantisation steps of Q and of the weights (int8 dots), see above; 0 none */
    double logit_limit;      /* largest |logit| that the plan is good for; 0: any */
    int64_t rescales;        /* most rescales of an accumulator in one row */
} attn_plan;

#define ATTN_WORKSPACE_STRIDE(plan) ((((plan)->workspace_bytes) + 127) / 128 * 128)

/* ---- the kernel ---------------------------------------------------------------------------------------------- */

enum attn_status {
    ATTN_OK = 0,
    ATTN_UNSUPPORTED = 1, /* plan or run cannot do this problem after all */
    ATTN_NO_MEMORY = 2,
    ATTN_FAILED = 3 /* a wrapped library reported an error */
};

struct attn_kernel {
    uint32_t size;
    uint32_t abi;            /* ATTN_ABI */
    const char *name;        /* the file's stem */
    const char *idea;        /* one sentence */
    const char *improves_on; /* name of the kernel it improves on; NULL none */
    uint32_t role;           /* enum attn_role */
    uint32_t alignment;      /* bytes that tensor data must be aligned to; 0: to its element */
    uint64_t isa;            /* instruction sets it needs */
    uint64_t caps[2];        /* features it supports: words as of attn_needs */
    uint64_t traits;         /* enum attn_trait bits */
    uint32_t type_count;     /* length of types */
    uint32_t reserved;
    const uint64_t *types; /* [slot]: ATTN_TYPE_BIT mask accepted; slots beyond type_count accept none */

    /* Optional: conditions that bits cannot express. Non-zero accepts; 0 with a reason refuses. Data may be NULL. */
    int (*accepts)(const attn_problem *problem, const attn_args *args, char *reason, size_t reason_size);
    /* Fills `plan`, whose size is set and whose other bytes are 0. Metadata slots (lengths, positions, pages, CSR) are
     * readable, Q, K and V data may be NULL. Returns enum attn_status. The plan stays valid for smaller b, h, q, k and
     * for any q_pos. */
    int (*plan)(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *plan);
    /* Frees plan->handle. NULL where there is none. */
    void (*release)(attn_plan *plan);
    /* Optional: packs K and V into `shared` (plan->shared_bytes), once before the slices run. */
    int (*pack)(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
                void *shared);
    /* Computes the outputs. The problem may be a slice of the planned one. Does not allocate, lock, print or keep state
     * (traits declare exceptions). `workspace` holds exec->threads parts of ATTN_WORKSPACE_STRIDE bytes. */
    int (*run)(const attn_problem *problem, const attn_plan *plan, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace);
};

/* ---- plugins ------------------------------------------------------------------------------------------------- */

/* A plugin is a shared library that exports this one symbol, as data: `const attn_plugin attn_plugin_entry`. */
typedef struct attn_plugin {
    uint32_t size;
    uint32_t abi;         /* ATTN_ABI */
    const char *build_id; /* any words that identify the build; may be NULL */
    uint32_t count;
    uint32_t reserved;
    const attn_kernel *const *kernels; /* [count] */
} attn_plugin;
#define ATTN_PLUGIN_ENTRY "attn_plugin_entry"

#ifdef __cplusplus
}
#endif
#endif
