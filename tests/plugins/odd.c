/* odd: one plugin in many states of health; ODD_HOW, set by the build, says which. A right kernel with that one
 * oddity. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "again.h"
#include "plain.h"
#include "rows_impl.h"

enum how {
    WELL,
    CRASHES_LOADING,
    EXITS_LOADING,
    HANGS_LOADING,
    FLUSHES_LOADING,
    CRASHES_PLANNING,
    HANGS_PLANNING,
    CRASHES_RUNNING,
    EXITS_RUNNING,
    HANGS_RUNNING,
    FLUSHES_RUNNING,
    CRASHES_LATER,
    HANGS_LATER,
    FAILS_AGAIN, /* where its last result still lies: the judge overwrites outputs before each call, the clock not */
    BEGINS_SLOWLY,
    IS_WRONG,
    DECLINES,
    CRASHES_LAUNCHED,
    HANGS_CLOSED, /* with all files closed, by which its parent knows that it lives */
    ROUNDS
};
static const enum how how = ODD_HOW;

#if defined(__x86_64__)
#include <xmmintrin.h>
static void flush_to_zero(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
#else
static void flush_to_zero(void) {}
#endif

/* A test that waits for it names a file. */
static _Noreturn void hang(void)
{
    const char *told = getenv("ODD_HANGS");
    if (told) close(open(told, O_CREAT | O_WRONLY, 0600));
    for (;;) usleep(1000);
}

__attribute__((constructor)) static void load(void)
{
    if (how == CRASHES_LOADING) abort();
    if (how == EXITS_LOADING) exit(0);
    if (how == HANGS_LOADING) hang();
    if (how == FLUSHES_LOADING) flush_to_zero();
}

static int accepts(const attn_problem *problem, const attn_args *args, char *reason, size_t size)
{
    static const char why[] = "does not like it";
    (void)problem, (void)args;
    for (size_t i = 0; i < size && i < sizeof why; i++) reason[i] = why[i];
    return how != DECLINES;
}

static int plan(const attn_problem *problem, const attn_args *args, const attn_machine *machine, const attn_exec *exec,
                attn_plan *out)
{
    if (how == CRASHES_PLANNING) abort();
    if (how == HANGS_PLANNING) hang();
    return plain_plan(problem, args, machine, exec, out);
}

/* To the nearest of two bits fewer: right, and up to two units in the last place off. */
static void round_off(const attn_problem *p, const attn_args *args)
{
    for (int64_t b = 0; b < p->b; b++)
        for (int64_t h = 0; h < p->h; h++)
            for (int64_t i = 0; i < p->q; i++) {
                float *o = plain_strided(p, args, ATTN_O, b, h, i);
                for (int64_t c = 0; c < p->dv; c++) {
                    uint32_t bits;
                    memcpy(&bits, &o[c], sizeof bits);
                    bits = (bits + 2) & ~UINT32_C(3);
                    memcpy(&o[c], &bits, sizeof bits);
                }
            }
}

static int run(const attn_problem *problem, const attn_plan *plan_, const attn_args *args, const attn_exec *exec,
               const void *shared, void *workspace)
{
    static int calls;
    const float *const o = plain_strided(problem, args, ATTN_O, 0, 0, 0);
    const int again = again_begin(o), later = again_timed(again);
    (void)plan_, (void)exec, (void)shared, (void)workspace;
    calls++;
    if (how == BEGINS_SLOWLY && calls == 1) usleep(20000);
    if (how == CRASHES_RUNNING || (how == CRASHES_LATER && later)) abort();
    if (how == EXITS_RUNNING) exit(0);
    if (how == CRASHES_LAUNCHED && getenv("ATTNBENCH_LAUNCH_PADDING")) abort();
    for (int fd = 3; how == HANGS_CLOSED && fd < 100; fd++) close(fd);
    if (how == HANGS_CLOSED || how == HANGS_RUNNING || (how == HANGS_LATER && later)) hang();
    if (how == FAILS_AGAIN && again >= 2) return ATTN_FAILED;
    if (how == FLUSHES_RUNNING) flush_to_zero();
    const int status = plain_run(problem, args, plain_strided);
    again_end(o);
    if (how == ROUNDS) round_off(problem, args);
    if (how == IS_WRONG) *plain_strided(problem, args, ATTN_O, 0, 0, 0) += 1;
    return status;
}

static const uint64_t types[] = ATTN_TYPES_F32;

static const attn_kernel kernel = {
    .size = sizeof(attn_kernel),
    .abi = ODD_KERNEL_ABI,
    .name = ODD_NAME,
    .idea = ODD_IDEA,
    .role = ATTN_ROLE_TEACHING,
    .isa = ODD_ISA,
    .caps = {0, ATTN_SLOTS_QKVO | ATTN_SLOT_BIT(ATTN_LSE)},
    .traits = ATTN_TRAIT_REPEATABLE,
    .type_count = sizeof types / sizeof types[0],
    .types = types,
    .accepts = accepts,
    .plan = plan,
    .run = run,
};
static const attn_kernel *const kernels[] = {&kernel, &kernel};
extern const attn_plugin attn_plugin_entry;
PLAIN_EXPORT const attn_plugin attn_plugin_entry = {ODD_SIZE, ODD_ABI, "odd 1", ODD_COUNT, 0, kernels};
