/* ceilings.c: times the loops of ceilings_impl.h and keeps the best rates.
 *
 * A ceiling is a maximum, so each figure is the best of many short slices: a disturbance can only make a slice slower.
 * Two tables say what is measured: compute_rows has a row for each multiply-add loop, with its ceiling; read_rows has a
 * row for each way of reading. If several rows belong to one ceiling, the fastest counts. A row whose instruction sets
 * are missing is not run. */
#include "ceilings.h"

#include "ceilings_source.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static const compute_row compute_rows[] = {
    {ATTN_CEILING_FP32_PORTABLE, ATTN_ISA_PORTABLE, ceiling_portable_compute},
    {ATTN_CEILING_FP32_PORTABLE, ATTN_ISA_PORTABLE, ceiling_portable_compute_wide},
#ifdef ATTNBENCH_CEILING_AVX2
    {ATTN_CEILING_FP32_AVX2, ATTN_ISA_AVX2, ceiling_avx2_compute},
#endif
#ifdef ATTNBENCH_CEILING_AVX512
    {ATTN_CEILING_FP32_AVX512, ATTN_ISA_AVX512, ceiling_avx512_compute},
#endif
#ifdef ATTNBENCH_CEILING_AVX512BF16
    {ATTN_CEILING_BF16_DOT, ATTN_ISA_AVX512BF16, ceiling_avx512bf16_compute},
#endif
#ifdef ATTNBENCH_CEILING_AVX512VNNI
    {ATTN_CEILING_INT8_DOT, ATTN_ISA_AVX512VNNI, ceiling_avx512vnni_compute},
#endif
#ifdef ATTNBENCH_CEILING_AMX
    {ATTN_CEILING_BF16_TILES, ATTN_ISA_AMXBF16, ceiling_amxbf16_compute},
    {ATTN_CEILING_INT8_TILES, ATTN_ISA_AMXINT8, ceiling_amxint8_compute},
#endif
};

static const read_row read_rows[] = {
    {ATTN_ISA_PORTABLE, ceiling_portable_read},
#ifdef ATTNBENCH_CEILING_AVX2
    {ATTN_ISA_AVX2, ceiling_avx2_read},
#endif
#ifdef ATTNBENCH_CEILING_AVX512
    {ATTN_ISA_AVX512, ceiling_avx512_read},
#endif
};

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static const double fixed_footprints[] = {32 << 10, 1 << 20, 32 << 20, 1 << 30};

#define SLICE 2e-3        /* seconds: long against the clock's 30 ns, short against the interruptions between slices */
#define COMPUTE_SLICES 20 /* during the first ones the CPU also reaches the frequency that these instructions allow */
#define READ_SECONDS 0.03 /* for each way of reading and footprint, but at least two passes */
#define READ_SHARE 3      /* a footprint is measured if this many times its bytes are available */

static double ceiling_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const ceiling_source this_machine = {compute_rows,     COUNT(compute_rows), read_rows,
                                            COUNT(read_rows), ceiling_clock,       machine_memory_available};

/* Returns operations a second. */
static double measure_compute(const ceiling_source *s, ceiling_compute loop)
{
    ceiling_input in = {.factor = 0.5F, .term = 1.0F};
    for (int i = 0; i < CEILING_SEEDS; i++) in.seed[i] = 1.0F + (float)i / CEILING_SEEDS;

    volatile float kept;
    float sink = 0;
    double best = 0;
    int64_t rounds = 1000;
    for (int slice = 0; slice < COMPUTE_SLICES;) {
        const double begin = s->now();
        const double operations = loop(&in, rounds, &sink);
        const double seconds = s->now() - begin;
        kept = sink;
        if (seconds < SLICE / 2) {
            rounds *= 2;
            continue;
        }
        best = fmax(best, operations / seconds);
        slice++;
    }
    (void)kept;
    return best;
}

/* Returns bytes a second. A slice is made of whole passes, because part of a large buffer may lie in a cache. */
static double measure_read(const ceiling_source *s, ceiling_read loop, const void *buffer, size_t bytes)
{
    volatile uint64_t kept;
    double best = 0, spent = 0;
    int64_t passes = 1;
    for (int slice = 0; slice < 2 || spent < READ_SECONDS;) {
        const double begin = s->now();
        kept = loop(buffer, bytes, passes);
        const double seconds = s->now() - begin;
        if (seconds < SLICE / 2) {
            passes *= 2;
            continue;
        }
        best = fmax(best, (double)bytes * (double)passes / seconds);
        spent += seconds;
        slice++;
    }
    (void)kept;
    return best;
}

static double measure_footprint(const ceiling_source *s, uint64_t isa, size_t bytes)
{
    if (s->memory_available() < (int64_t)bytes * READ_SHARE) return 0;
    /* Populated, because pages that were never written all map to the one zero page. */
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    void *const buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (buffer == MAP_FAILED) return 0;
    double best = 0;
    for (size_t i = 0; i < s->reads; i++)
        if ((s->read[i].isa & ~isa) == 0) best = fmax(best, measure_read(s, s->read[i].loop, buffer, bytes));
    munmap(buffer, bytes);
    return best;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Adds three quarters of L2 and of L3, unless another footprint is within a quarter of it. A workload between two
 * footprints takes the bandwidth of the larger one, which is too low if a cache ends between the two. */
static int choose_footprints(double out[CEILING_FOOTPRINTS])
{
    const machine_facts *const facts = machine_facts_get();
    const double caches[] = {0.75 * (double)facts->l2, 0.75 * (double)facts->l3};
    int count = (int)COUNT(fixed_footprints);
    memcpy(out, fixed_footprints, sizeof fixed_footprints);
    for (size_t c = 0; c < COUNT(caches); c++) {
        bool apart = caches[c] > fixed_footprints[0] && caches[c] < fixed_footprints[COUNT(fixed_footprints) - 1];
        for (int i = 0; i < count; i++) apart = apart && fabs(log(caches[c] / out[i])) > log(1.25);
        if (apart) out[count++] = floor(caches[c] / 4096) * 4096;
    }
    qsort(out, (size_t)count, sizeof *out, ascending);
    return count;
}

void ceilings_measure_from(const ceiling_source *s, uint64_t isa, ceilings *out)
{
    double footprint[CEILING_FOOTPRINTS];
    const double begin = s->now();
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < s->computes; i++) {
        const compute_row *const row = &s->compute[i];
        if (row->isa & ~isa) continue;
        out->rate[row->ceiling] = fmax(out->rate[row->ceiling], measure_compute(s, row->loop));
    }
    const int count = choose_footprints(footprint);
    for (int i = 0; i < count; i++) {
        out->bandwidth[i].footprint = footprint[i];
        out->bandwidth[i].bytes_per_second = measure_footprint(s, isa, (size_t)footprint[i]);
    }
    out->seconds = s->now() - begin;
}

void ceilings_measure(uint64_t isa, ceilings *out) { ceilings_measure_from(&this_machine, isa, out); }

/* The number of measured footprints. Those that do not fit in memory come last. */
static uint32_t measured(const ceilings *c)
{
    uint32_t count = 0;
    while (count < CEILING_FOOTPRINTS && c->bandwidth[count].bytes_per_second > 0) count++;
    return count;
}

/* Inserts a footprint into the ascending table. */
static void keep_larger(ceilings *c, const attn_bandwidth *found)
{
    const uint32_t count = measured(c);
    uint32_t at = 0;
    while (at < count && c->bandwidth[at].footprint < found->footprint) at++;
    if (at < count && c->bandwidth[at].footprint == found->footprint) {
        c->bandwidth[at].bytes_per_second = fmax(c->bandwidth[at].bytes_per_second, found->bytes_per_second);
        return;
    }
    if (count == CEILING_FOOTPRINTS) return;
    memmove(&c->bandwidth[at + 1], &c->bandwidth[at], (CEILING_FOOTPRINTS - 1 - at) * sizeof c->bandwidth[0]);
    c->bandwidth[at] = *found;
}

void ceilings_refine_from(const ceiling_source *s, uint64_t isa, ceilings *c)
{
    ceilings again;
    ceilings_measure_from(s, isa, &again);
    for (int i = 0; i < ATTN_CEILINGS; i++) c->rate[i] = fmax(c->rate[i], again.rate[i]);
    for (uint32_t i = 0; i < measured(&again); i++) keep_larger(c, &again.bandwidth[i]);
    c->seconds += again.seconds;
}

void ceilings_refine(uint64_t isa, ceilings *c) { ceilings_refine_from(&this_machine, isa, c); }

void ceilings_footprint_from(const ceiling_source *s, uint64_t isa, double bytes, ceilings *c)
{
    const double page = 4096, begin = s->now();
    attn_bandwidth found = {.footprint = ceil(bytes / page) * page};
    if (!(found.footprint > 0)) return;
    found.bytes_per_second = measure_footprint(s, isa, (size_t)found.footprint);
    if (found.bytes_per_second > 0) keep_larger(c, &found);
    c->seconds += s->now() - begin;
}

void ceilings_footprint(uint64_t isa, double bytes, ceilings *c)
{
    ceilings_footprint_from(&this_machine, isa, bytes, c);
}

attn_machine ceilings_machine(const ceilings *c, uint64_t isa, int threads)
{
    const machine_facts *const facts = machine_facts_get();
    attn_machine machine = {
        .size = sizeof machine,
        .threads = (uint32_t)threads,
        .isa = isa,
        .l1d = facts->l1d,
        .l2 = facts->l2,
        .l3 = facts->l3,
        .line = facts->line,
    };
    if (c) {
        machine.rates = ATTN_CEILINGS;
        machine.rate = c->rate;
        machine.bandwidths = measured(c);
        machine.bandwidth = c->bandwidth;
    }
    return machine;
}

double ceilings_bandwidth(const ceilings *c, double bytes)
{
    const uint32_t count = c ? measured(c) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (c->bandwidth[i].footprint >= bytes) return c->bandwidth[i].bytes_per_second;
    return count ? c->bandwidth[count - 1].bytes_per_second : 0;
}
