/* Shares said again against the run's last ceilings: scaled by the ratio of the peaks, threads counted in; what is
 * relative already stays; entries without a note stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/timing_roofline.h"

static json_t *entry(const char *run, const char *aggregate)
{
    json_t *e = json_pack("{s:s, s:f, s:f}", "run_name", run, "share", 0.9, "share_bw", 3.0);
    if (aggregate) json_object_set_new(e, "aggregate_name", json_string(aggregate));
    return e;
}

static double of(const json_t *entries, size_t i, const char *key)
{
    return json_real_value(json_object_get(json_array_get(entries, i), key));
}

/* Notes of two runs on two threads: one limited by multiply-adds (peak 2 x 100), one by its 1 MB (2 x 10 a second). */
static json_t *notes(void)
{
    const gbench_case compute = {.peak = 200, .bandwidth = 20, .bytes = 1 << 20};
    const gbench_case memory = {.peak = 20, .bandwidth = 20, .bytes = 1 << 20};
    json_t *all = json_object();
    json_object_set_new(all, "c", json_pack("{s:o}", "limits", shares_note(&compute, ATTN_CEILING_FP32_AVX2, 2)));
    json_object_set_new(all, "m", json_pack("{s:o}", "limits", shares_note(&memory, ATTN_CEILING_BANDWIDTH, 2)));
    return all;
}

static void shares_follow_the_ceilings(void **state)
{
    (void)state;
    ceilings limits = {.rate[ATTN_CEILING_FP32_AVX2] = 125, .bandwidth = {{1 << 20, 40}}};
    json_t *noted = notes(), *entries = json_array();
    json_array_append_new(entries, entry("c", NULL));
    json_array_append_new(entries, entry("m", NULL));
    json_array_append_new(entries, entry("c", "stddev"));
    json_array_append_new(entries, entry("c", "cv"));
    json_array_append_new(entries, entry("of another run", NULL));
    shares_against(&limits, noted, entries);
    assert_float_equal(of(entries, 0, "share"), 0.9 * 200 / 250, 1e-12);
    assert_float_equal(of(entries, 0, "share_bw"), 3.0 * 20 / 80, 1e-12);
    assert_float_equal(of(entries, 1, "share"), 0.9 * 20 / 80, 1e-12);
    assert_float_equal(of(entries, 2, "share"), 0.9 * 200 / 250, 1e-12);
    assert_true(of(entries, 3, "share") == 0.9 && of(entries, 4, "share") == 0.9);
    json_decref(entries);
    json_decref(noted);
}

static void an_unknown_ceiling_changes_nothing(void **state)
{
    (void)state;
    const ceilings none = {0};
    json_t *noted = notes(), *entries = json_array();
    json_array_append_new(entries, entry("c", NULL));
    shares_against(&none, noted, entries);
    assert_true(of(entries, 0, "share") == 0.9 && of(entries, 0, "share_bw") == 3.0);
    json_decref(entries);
    json_decref(noted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shares_follow_the_ceilings),
                                       cmocka_unit_test(an_unknown_ceiling_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
