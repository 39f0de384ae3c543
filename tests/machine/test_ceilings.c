/* Ceilings: measured for the instruction sets allowed and for no other, best of what was seen, found by footprint. What
 * is made of times is tested on loops that move a clock of their own; of this machine nothing is asserted but that it
 * was measured. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "machine/ceilings_source.h"
#include "cpu.h"

static ceilings full, portable; /* of this machine, measured once: it takes a second each */

static int measure(void **state)
{
    (void)state;
    ceilings_measure(attn_cpu_detected(), &full);
    ceilings_measure(ATTN_ISA_PORTABLE, &portable);
    return 0;
}

static void usable_sets_have_a_rate(void **state)
{
    (void)state;
    assert_true(full.rate[ATTN_CEILING_FP32_PORTABLE] > 0);
#ifdef ATTNBENCH_CEILING_AVX2
    assert_int_equal(full.rate[ATTN_CEILING_FP32_AVX2] > 0, (attn_cpu_detected() & ATTN_ISA_AVX2) != 0);
#endif
#ifdef ATTNBENCH_CEILING_AVX512
    assert_int_equal(full.rate[ATTN_CEILING_FP32_AVX512] > 0, (attn_cpu_detected() & ATTN_ISA_AVX512) != 0);
#endif
    const struct {
        bool built;
        uint32_t ceiling;
        uint64_t isa;
    } narrow[] = {
#ifdef ATTNBENCH_CEILING_AVX512BF16
        {true, ATTN_CEILING_BF16_DOT, ATTN_ISA_AVX512BF16},
#endif
#ifdef ATTNBENCH_CEILING_AVX512VNNI
        {true, ATTN_CEILING_INT8_DOT, ATTN_ISA_AVX512VNNI},
#endif
#ifdef ATTNBENCH_CEILING_AMX
        {true, ATTN_CEILING_BF16_TILES, ATTN_ISA_AMXBF16},
        {true, ATTN_CEILING_INT8_TILES, ATTN_ISA_AMXINT8},
#endif
        {false, 0, 0},
    };
    for (int i = 0; narrow[i].built; i++)
        assert_int_equal(full.rate[narrow[i].ceiling] > 0, (attn_cpu_detected() & narrow[i].isa) != 0);
    assert_true(full.seconds > 0);
}

static void lowered_mask_measures_less(void **state)
{
    (void)state;
    assert_true(portable.rate[ATTN_CEILING_FP32_PORTABLE] > 0);
    for (int i = 0; i < ATTN_CEILINGS; i++)
        if (i != ATTN_CEILING_FP32_PORTABLE) assert_true(portable.rate[i] == 0);
    assert_true(portable.bandwidth[0].bytes_per_second > 0 && full.bandwidth[0].bytes_per_second > 0);
}

static void footprints_go_from_cache_to_memory(void **state)
{
    (void)state;
    static const double wanted[] = {32 << 10, 1 << 20, 32 << 20, 1 << 30};
    int found = 0;
    for (int i = 0; i < CEILING_FOOTPRINTS; i++) {
        for (int w = 0; w < 4; w++) found += full.bandwidth[i].footprint == wanted[w];
        if (full.bandwidth[i].footprint > 0 && i > 0)
            assert_true(full.bandwidth[i].footprint > 1.2 * full.bandwidth[i - 1].footprint);
    }
    assert_int_equal(found, 4);
}

/* ---- a machine that is made up ----------------------------------------------------------------------------------- */

/* What its loops take goes by its own clock. Of four slices it disturbs three: they take three times as long. */
static struct made_up {
    double clock, pace; /* seconds so far; factor on all times, disturbed or not */
    int slices, calls[3];
} made_up;

static double made_up_now(void) { return made_up.clock; }
static int64_t little_memory(void) { return INT64_C(200) << 20; }

static void pass(double seconds) { made_up.clock += seconds * made_up.pace * (made_up.slices++ % 4 == 2 ? 1 : 3); }

/* A thousand operations a round, at rates of 1, 2 and 16 G a second. */
static double multiply(int which, double rate, int64_t rounds, float *sink)
{
    made_up.calls[which]++;
    *sink = 1;
    pass(1000 * (double)rounds / rate);
    return 1000 * (double)rounds;
}

static double slow_loop(const ceiling_input *in, int64_t rounds, float *sink)
{
    (void)in;
    return multiply(0, 1e9, rounds, sink);
}

static double quick_loop(const ceiling_input *in, int64_t rounds, float *sink)
{
    (void)in;
    return multiply(1, 2e9, rounds, sink);
}

static double wide_loop(const ceiling_input *in, int64_t rounds, float *sink)
{
    (void)in;
    return multiply(2, 16e9, rounds, sink);
}

/* 400 GB a second up to 64 KB, 200 up to 1 MB, 30 beyond. */
static double speed(size_t bytes) { return bytes <= 64 << 10 ? 400e9 : bytes <= 1 << 20 ? 200e9 : 30e9; }

static uint64_t read_slowly(const void *buffer, size_t bytes, int64_t passes)
{
    (void)buffer;
    pass(2 * (double)bytes * (double)passes / speed(bytes));
    return 1;
}

static uint64_t read_quickly(const void *buffer, size_t bytes, int64_t passes)
{
    (void)buffer;
    pass((double)bytes * (double)passes / speed(bytes));
    return 1;
}

static const compute_row made_up_loops[] = {{ATTN_CEILING_FP32_PORTABLE, ATTN_ISA_PORTABLE, quick_loop},
                                            {ATTN_CEILING_FP32_PORTABLE, ATTN_ISA_PORTABLE, slow_loop},
                                            {ATTN_CEILING_FP32_AVX2, ATTN_ISA_AVX2, wide_loop}};
static const read_row made_up_readers[] = {{ATTN_ISA_AVX2, read_quickly}, {ATTN_ISA_PORTABLE, read_slowly}};
static const ceiling_source source = {made_up_loops, 3, made_up_readers, 2, made_up_now, little_memory};

static void begin_at(double pace) { made_up = (struct made_up){.pace = pace}; }

static void assert_close(double got, double wanted)
{
    if (!(fabs(got / wanted - 1) < 1e-9)) fail_msg("got %.9g, wanted %.9g", got, wanted);
}

/* The best slice of the best loop, whatever disturbs most of them. */
static void a_ceiling_is_the_best_that_was_seen(void **state)
{
    (void)state;
    ceilings c;
    begin_at(1);
    ceilings_measure_from(&source, ATTN_ISA_PORTABLE | ATTN_ISA_AVX2, &c);
    assert_close(c.rate[ATTN_CEILING_FP32_PORTABLE], 2e9);
    assert_close(c.rate[ATTN_CEILING_FP32_AVX2], 16e9);
    assert_close(ceilings_bandwidth(&c, 32 << 10), 400e9);
    assert_close(ceilings_bandwidth(&c, 1 << 20), 200e9);
    assert_close(ceilings_bandwidth(&c, 32 << 20), 30e9);
    assert_close(c.seconds, made_up.clock);
    for (int i = 0; i < CEILING_FOOTPRINTS; i++) /* a third of the memory at most */
        assert_int_equal(c.bandwidth[i].bytes_per_second > 0,
                         c.bandwidth[i].footprint > 0 && 3 * c.bandwidth[i].footprint <= 200 << 20);
}

static void other_instruction_sets_do_not_run(void **state)
{
    (void)state;
    ceilings c;
    begin_at(1);
    ceilings_measure_from(&source, ATTN_ISA_PORTABLE, &c);
    assert_int_equal(made_up.calls[2], 0);
    assert_true(made_up.calls[0] > 0 && made_up.calls[1] > 0 && c.rate[ATTN_CEILING_FP32_AVX2] == 0);
    assert_close(ceilings_bandwidth(&c, 32 << 10), 200e9); /* by the slower reader */
}

/* A neighbour beside the whole first measurement does not keep the second from being heard, nor does one beside the
 * third. */
static void refined_ceilings_never_fall(void **state)
{
    (void)state;
    const uint64_t isa = ATTN_ISA_PORTABLE | ATTN_ISA_AVX2;
    ceilings c;
    begin_at(10);
    ceilings_measure_from(&source, isa, &c);
    assert_close(c.rate[ATTN_CEILING_FP32_AVX2], 1.6e9);
    for (int again = 0; again < 2; again++) {
        made_up.pace = again ? 7 : 1;
        ceilings_refine_from(&source, isa, &c);
        assert_close(c.rate[ATTN_CEILING_FP32_PORTABLE], 2e9);
        assert_close(c.rate[ATTN_CEILING_FP32_AVX2], 16e9);
        assert_close(ceilings_bandwidth(&c, 1), 400e9);
        assert_close(ceilings_bandwidth(&c, 32 << 20), 30e9);
        assert_close(c.seconds, made_up.clock);
    }
}

/* A footprint between two is measured by itself, at its place; asked for again, no second row appears, and nothing gets
 * smaller. */
static void a_footprint_is_measured_when_asked_for(void **state)
{
    (void)state;
    ceilings c = {.bandwidth = {{32 << 10, 400}, {1 << 30, 15}}};
    begin_at(2);
    for (int again = 0; again < 3; again++) {
        made_up.pace = again == 1 ? 1 : 2;
        ceilings_footprint_from(&source, ATTN_ISA_AVX2, 100000, &c);
        assert_true(c.bandwidth[0].footprint == 32 << 10 && c.bandwidth[2].footprint == 1 << 30);
        assert_true(c.bandwidth[1].footprint >= 100000 && c.bandwidth[1].footprint < 100000 + 4096);
        assert_close(c.bandwidth[1].bytes_per_second, again ? 200e9 : 100e9);
        assert_true(ceilings_bandwidth(&c, 100000) == c.bandwidth[1].bytes_per_second);
        assert_true(c.bandwidth[3].footprint == 0);
    }
    assert_close(c.seconds, made_up.clock);
    for (int i = 0; i < 2 * CEILING_FOOTPRINTS; i++)
        ceilings_footprint_from(&source, ATTN_ISA_AVX2, 4096.0 * i + 1, &c);
    assert_true(c.bandwidth[CEILING_FOOTPRINTS - 1].footprint == 1 << 30);
    for (int i = 1; i < CEILING_FOOTPRINTS; i++) assert_true(c.bandwidth[i].footprint > c.bandwidth[i - 1].footprint);
}

/* ---- the loops --------------------------------------------------------------------------------------------------- */

static const struct loops {
    uint64_t isa;
    ceiling_compute compute;
    ceiling_read read;
} loops[] = {
    {ATTN_ISA_PORTABLE, ceiling_portable_compute, ceiling_portable_read},
    {ATTN_ISA_PORTABLE, ceiling_portable_compute_wide, ceiling_portable_read},
#ifdef ATTNBENCH_CEILING_AVX2
    {ATTN_ISA_AVX2, ceiling_avx2_compute, ceiling_avx2_read},
#endif
#ifdef ATTNBENCH_CEILING_AVX512
    {ATTN_ISA_AVX512, ceiling_avx512_compute, ceiling_avx512_read},
#endif
#ifdef ATTNBENCH_CEILING_AVX512BF16
    {ATTN_ISA_AVX512BF16, ceiling_avx512bf16_compute, NULL},
#endif
#ifdef ATTNBENCH_CEILING_AVX512VNNI
    {ATTN_ISA_AVX512VNNI, ceiling_avx512vnni_compute, NULL},
#endif
#ifdef ATTNBENCH_CEILING_AMX
    {ATTN_ISA_AMXBF16, ceiling_amxbf16_compute, NULL},
    {ATTN_ISA_AMXINT8, ceiling_amxint8_compute, NULL},
#endif
};
#define LOOPS (sizeof loops / sizeof loops[0])

/* Every byte counts in the result, so no load can be missing: an odd number of passes over a buffer with one bit set is
 * not 0, an even number is. */
static void readers_read_every_byte(void **state)
{
    (void)state;
    static _Alignas(CEILING_CHUNK) unsigned char buffer[4 * CEILING_CHUNK];
    for (size_t l = 0; l < LOOPS; l++) {
        if (loops[l].isa & ~attn_cpu_detected() || !loops[l].read) continue;
        for (size_t i = 0; i < sizeof buffer; i++) {
            buffer[i] = 4;
            assert_true(loops[l].read(buffer, sizeof buffer, 1) != 0);
            assert_true(loops[l].read(buffer, sizeof buffer, 2) == 0);
            assert_true(loops[l].read(buffer, sizeof buffer, 3) != 0);
            buffer[i] = 0;
        }
    }
}

/* The loops do the operations that they count: with factor 1 every accumulator grows by `term` a round. */
static void compute_loops_count_what_they_do(void **state)
{
    (void)state;
    const ceiling_input in = {.factor = 1, .term = 0.25F};
    const int64_t rounds = 64;
    for (size_t l = 0; l < LOOPS; l++) {
        if (loops[l].isa & ~attn_cpu_detected()) continue;
        float sink = -1;
        const double operations = loops[l].compute(&in, rounds, &sink);
        const double accumulators = operations / 2 / (double)rounds;
        assert_true(accumulators >= 8 && accumulators == floor(accumulators));
        assert_true((double)sink == accumulators * (double)rounds * 0.25);
    }
}

static void bandwidth_is_of_the_footprint_nearest_above(void **state)
{
    (void)state;
    ceilings c = {.bandwidth = {{32 << 10, 400}, {1 << 20, 200}, {32 << 20, 30}, {1 << 30, 15}}};
    assert_true(ceilings_bandwidth(&c, 1) == 400);
    assert_true(ceilings_bandwidth(&c, 32 << 10) == 400);
    assert_true(ceilings_bandwidth(&c, (32 << 10) + 1) == 200);
    assert_true(ceilings_bandwidth(&c, 2 << 20) == 30);
    assert_true(ceilings_bandwidth(&c, 1e12) == 15);
    c.bandwidth[3].bytes_per_second = 0; /* did not fit in memory */
    assert_true(ceilings_bandwidth(&c, 1e12) == 30);
    assert_true(ceilings_bandwidth(&(ceilings){0}, 1) == 0);
    assert_true(ceilings_bandwidth(NULL, 1) == 0);
}

static void kernels_see_what_was_measured(void **state)
{
    (void)state;
    attn_machine machine = ceilings_machine(&full, ATTN_ISA_AVX2, 3);
    assert_int_equal(machine.size, sizeof machine);
    assert_int_equal(machine.threads, 3);
    assert_int_equal(machine.isa, ATTN_ISA_AVX2);
    assert_int_equal(machine.l1d, machine_facts_get()->l1d);
    assert_int_equal(machine.rates, ATTN_CEILINGS);
    assert_ptr_equal(machine.rate, full.rate);
    assert_in_range(machine.bandwidths, 1, CEILING_FOOTPRINTS);
    for (uint32_t i = 0; i < machine.bandwidths; i++) assert_true(machine.bandwidth[i].bytes_per_second > 0);

    machine = ceilings_machine(NULL, 0, 1);
    assert_null(machine.rate);
    assert_int_equal(machine.rates, 0);
    assert_null(machine.bandwidth);
    assert_int_equal(machine.bandwidths, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usable_sets_have_a_rate),
        cmocka_unit_test(lowered_mask_measures_less),
        cmocka_unit_test(footprints_go_from_cache_to_memory),
        cmocka_unit_test(a_ceiling_is_the_best_that_was_seen),
        cmocka_unit_test(other_instruction_sets_do_not_run),
        cmocka_unit_test(refined_ceilings_never_fall),
        cmocka_unit_test(a_footprint_is_measured_when_asked_for),
        cmocka_unit_test(readers_read_every_byte),
        cmocka_unit_test(compute_loops_count_what_they_do),
        cmocka_unit_test(bandwidth_is_of_the_footprint_nearest_above),
        cmocka_unit_test(kernels_see_what_was_measured),
    };
    return cmocka_run_group_tests(tests, measure, NULL);
}
