/* cheat: a right kernel that is dishonest in one way; CHEAT_HOW, set by the build, says which. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "again.h"
#include "plain.h"
#include "rows_impl.h"

enum how {
    KEEPS_BY_POINTER,     /* gives its first result for the same tensors again */
    KEEPS_BY_SHAPE,       /* remembers K of the first problem of a shape */
    SKIPS_KNOWN_OUTPUT,   /* computes one head of eight where the output still holds what it wrote last */
    SKIPS_AFTER_MANY,     /* computes one head of eight once it is timed, and leaves the others as they are */
    STARTS_THREADS,       /* undeclared */
    STARTS_THREADS_LATER, /* once it is timed */
    LEAVES_THREADS,       /* undeclared, asleep after the call */
    LEAVES_A_FILE,        /* open */
    ENDS_BY_ATEXIT,       /* with success, whatever happened */
    IS_LESS_PRECISE,      /* sums weights and values in 16 bits, declares 32 */
    HIDES_FAULTS,         /* reads behind K and jumps out of its own handler */
    RESTORES_INPUT,       /* writes to it and puts it back */
    KEEPS_MAXIMUM,        /* trusts what the output held: max(o, ...) starts at it */
    SHARES_A_BUFFER,      /* static scratch memory */
    LEAVES_UPPER_HALVES,  /* no vzeroupper */
    CLOBBERS_A_REGISTER,  /* that belongs to its caller */
    READS_BEFORE,         /* the first row of Q */
    LOSES_A_SLICE,        /* with more workers than slices */
    DEPENDS_ON_ORDER      /* of its slices */
};
static const enum how how = CHEAT_HOW;

enum { LARGEST = 1 << 16 };
static int calls, timed; /* the latter for good, also when the judge looks again */

static void end(void) { _exit(0); }

__attribute__((constructor)) static void load(void)
{
    if (how == ENDS_BY_ATEXIT) atexit(end);
}

static float *first_of(const attn_args *args, int slot) { return attn_slot_of(args, slot)->data; }

static size_t bytes_of(const attn_args *args, int slot)
{
    const attn_tensor *t = attn_slot_of(args, slot);
    int64_t last = 0;
    for (int axis = 0; axis < 4; axis++) last += (t->extent[axis] - 1) * t->stride[axis];
    return (size_t)(last + 1) * sizeof(float);
}

static void head(const attn_problem *p, const attn_args *args, int64_t h)
{
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t i = 0; i < p->q; i++) plain_row(p, args, plain_strided, b, h, i);
}

/* ---- memory of earlier calls ------------------------------------------------------------------------------------ */

static float kept[LARGEST];

static int keeps_by_pointer(const attn_problem *p, const attn_args *args)
{
    static const void *q;
    static const void *o;
    const size_t bytes = bytes_of(args, ATTN_O);
    if (q == first_of(args, ATTN_Q) && o == first_of(args, ATTN_O) && bytes <= sizeof kept) {
        memcpy(first_of(args, ATTN_O), kept, bytes);
        return ATTN_OK;
    }
    const int status = plain_run(p, args, plain_strided);
    if (bytes <= sizeof kept) memcpy(kept, first_of(args, ATTN_O), bytes);
    q = first_of(args, ATTN_Q), o = first_of(args, ATTN_O);
    return status;
}

static int keeps_by_shape(const attn_problem *p, const attn_args *args)
{
    static int64_t b, h, q, k, d;
    const size_t bytes = bytes_of(args, ATTN_K);
    attn_tensor slot[ATTN_SLOTS];
    if (bytes > sizeof kept) return plain_run(p, args, plain_strided);
    if (b != p->b || h != p->h || q != p->q || k != p->k || d != p->d) memcpy(kept, first_of(args, ATTN_K), bytes);
    b = p->b, h = p->h, q = p->q, k = p->k, d = p->d;
    memcpy(slot, args->slot, args->count * sizeof *slot);
    slot[ATTN_K].data = kept;
    return plain_run(p, &(attn_args){sizeof(attn_args), args->count, slot}, plain_strided);
}

static int skips_known_output(const attn_problem *p, const attn_args *args)
{
    const size_t bytes = bytes_of(args, ATTN_O);
    const int known = calls > 1 && bytes <= sizeof kept && memcmp(kept, first_of(args, ATTN_O), bytes) == 0;
    for (int64_t h = 0; h < p->h; h++)
        if (!known || h % 8 == 0) head(p, args, h);
    if (bytes <= sizeof kept) memcpy(kept, first_of(args, ATTN_O), bytes);
    return ATTN_OK;
}

static int skips_after_many(const attn_problem *p, const attn_args *args)
{
    for (int64_t h = 0; h < p->h; h++)
        if (!timed || h % 8 == 0) head(p, args, h);
    return ATTN_OK;
}

static int shares_a_buffer(const attn_problem *p, const attn_args *args)
{
    const size_t bytes = bytes_of(args, ATTN_Q);
    attn_tensor slot[ATTN_SLOTS];
    memcpy(slot, args->slot, args->count * sizeof *slot);
    if (bytes <= sizeof kept) {
        memcpy(kept, first_of(args, ATTN_Q), bytes);
        slot[ATTN_Q].data = kept;
    }
    return plain_run(p, &(attn_args){sizeof(attn_args), args->count, slot}, plain_strided);
}

/* ---- threads, files, processor ----------------------------------------------------------------------------------- */

typedef struct share {
    const attn_problem *problem;
    const attn_args *args;
} share;

static void *odd_heads(void *arg)
{
    const share *s = arg;
    for (int64_t h = 1; h < s->problem->h; h += 2) head(s->problem, s->args, h);
    return NULL;
}

static int with_a_thread(const attn_problem *p, const attn_args *args)
{
    share s = {p, args};
    pthread_t thread;
    if (pthread_create(&thread, NULL, odd_heads, &s)) return ATTN_FAILED;
    for (int64_t h = 0; h < p->h; h += 2) head(p, args, h);
    return pthread_join(thread, NULL) ? ATTN_FAILED : ATTN_OK;
}

static void *asleep(void *arg)
{
    for (;;) pause();
    return arg;
}

static void leave_upper_halves(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) __asm__ volatile("vpcmpeqd %%ymm5, %%ymm5, %%ymm5" ::: "xmm5");
#endif
}

/* ---- values and bounds ------------------------------------------------------------------------------------------- */

static float rounded_to_16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x8000) & 0xffff0000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void round_output(const attn_problem *p, const attn_args *args)
{
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = 0; i < p->q; i++)
                for (int64_t c = 0; c < p->dv; c++) {
                    float *o = plain_strided(p, args, ATTN_O, b, h, i);
                    o[c] = rounded_to_16(o[c]);
                }
}

static sigjmp_buf out_of_fault;
static void jump_out(int number)
{
    (void)number;
    siglongjmp(out_of_fault, 1);
}

static void read_behind_and_hide(const attn_args *args)
{
    static const volatile float *behind; /* static: longjmp keeps it */
    const attn_tensor *k = attn_slot_of(args, ATTN_K);
    struct sigaction mine = {.sa_handler = jump_out}, before;
    behind = (const float *)k->data + k->extent[0] * k->stride[0] + 16;
    sigaction(SIGSEGV, &mine, &before);
    if (sigsetjmp(out_of_fault, 1) == 0) (void)*behind;
    sigaction(SIGSEGV, &before, NULL);
}

static void start_at_output(const attn_problem *p, const attn_args *args, const float *before)
{
    float *o = first_of(args, ATTN_O);
    for (int64_t c = 0; c < p->dv; c++)
        if (before[c] > 1e20f) o[c] = before[c];
}

typedef struct slices {
    const attn_problem *problem;
    const attn_args *args;
    int64_t last;
    int threads;
} slices;

static void slice(void *arg, int64_t begin, int64_t end, int thread)
{
    slices *s = arg;
    (void)thread;
    for (int64_t h = begin; h < end; h++) {
        if (how == LOSES_A_SLICE && s->threads > 7 && h == s->problem->h - 1) continue;
        head(s->problem, s->args, h);
        if (how == DEPENDS_ON_ORDER && h < s->last) *plain_strided(s->problem, s->args, ATTN_O, 0, h, 0) += 1e-6f;
        s->last = h;
    }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

static int cheat(const attn_problem *problem, const attn_args *args, const attn_exec *exec)
{
    if (how == KEEPS_BY_POINTER) return keeps_by_pointer(problem, args);
    if (how == KEEPS_BY_SHAPE) return keeps_by_shape(problem, args);
    if (how == SKIPS_KNOWN_OUTPUT) return skips_known_output(problem, args);
    if (how == SKIPS_AFTER_MANY) return skips_after_many(problem, args);
    if (how == SHARES_A_BUFFER) return shares_a_buffer(problem, args);
    if (how == STARTS_THREADS || (how == STARTS_THREADS_LATER && timed)) return with_a_thread(problem, args);
    if (how == LOSES_A_SLICE || how == DEPENDS_ON_ORDER) {
        slices s = {problem, args, 0, (int)exec->threads};
        exec->each(exec, problem->h, 1, slice, &s);
        return ATTN_OK;
    }
    if (how == LEAVES_THREADS && calls == 1) {
        pthread_t thread;
        pthread_create(&thread, NULL, asleep, NULL);
    }
    if (how == ENDS_BY_ATEXIT) exit(1);
    if (how == LEAVES_A_FILE) (void)!open("/dev/null", O_RDONLY);
    if (how == HIDES_FAULTS) read_behind_and_hide(args);
    if (how == RESTORES_INPUT) {
        volatile float *q = first_of(args, ATTN_Q);
        const float old = *q;
        *q = 0;
        *q = old;
    }
    if (how == READS_BEFORE) (void)*((const volatile float *)first_of(args, ATTN_Q) - 1);
    float before[ATTN_MAX_D];
    memcpy(before, first_of(args, ATTN_O), (size_t)problem->dv * sizeof *before);
    const int status = plain_run(problem, args, plain_strided);
    if (how == KEEPS_MAXIMUM) start_at_output(problem, args, before);
    if (how == IS_LESS_PRECISE) round_output(problem, args);
    if (how == LEAVES_UPPER_HALVES) leave_upper_halves();
    return status;
}

__attribute__((used)) static int run(const attn_problem *problem, const attn_plan *plan, const attn_args *args,
                                     const attn_exec *exec, const void *shared, void *workspace)
{
    const float *const o = first_of(args, ATTN_O);
    (void)plan, (void)shared, (void)workspace;
    calls++;
    timed |= again_timed(again_begin(o));
    const int status = cheat(problem, args, exec);
    again_end(o);
    return status;
}

/* A compiler would put the register back. */
#if defined(__x86_64__)
extern int clobbering_run(const attn_problem *problem, const attn_plan *plan, const attn_args *args,
                          const attn_exec *exec, const void *shared, void *workspace)
    __attribute__((visibility("hidden")));
__asm__(".text\n"
        "clobbering_run:\n"
        "    subq $8, %rsp\n"
        "    call run\n"
        "    notq %r14\n"
        "    addq $8, %rsp\n"
        "    ret\n");
#else
#define clobbering_run run
#endif

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ATTN_ABI,
    .name = "cheat",
    .idea = "right, but dishonest in one way",
    .role = ATTN_ROLE_TEACHING,
    .caps = {0, ATTN_SLOTS_QKVO | (CHEAT_HOW == KEEPS_BY_POINTER ? 0 : ATTN_SLOT_BIT(ATTN_LSE))},
    .traits = ATTN_TRAIT_REPEATABLE | ATTN_TRAIT_THREADED | ATTN_TRAIT_SAME_AT_ANY_THREADS,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .plan = plain_plan,
    .run = CHEAT_HOW == CLOBBERS_A_REGISTER ? clobbering_run : run,
};
static const attn_kernel *const kernels[] = {&kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {sizeof(attn_plugin), ATTN_ABI, "cheat 1", 1, 0, kernels};
