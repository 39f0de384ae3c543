/* Stored elements become the floats that they mean, and floats the nearest element, ties to even: every bf16 and fp16,
 * and around each what is just below, at and above the middle to the next. Nothing beyond the elements asked for is
 * read or written. The vectors of instruction sets that are usable here, and the integers of threaded/narrow_impl.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu.h"
#include "isa_elements.h"
#include "problem.h"
#include "threaded/narrow_impl.h"

enum { SETS = 3, MOST = 16 };
static const isa_elements *usable[SETS];
static int usable_count;
static const uint32_t stored_types[] = {ATTN_BF16, ATTN_F16};

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* By the formats' definitions: sign, exponent, fraction. */
static double meaning(uint32_t type, uint16_t bits)
{
    const int fraction_bits = type == ATTN_BF16 ? 7 : 10, bias = type == ATTN_BF16 ? 127 : 15;
    const int exponent = (bits & 0x7fff) >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = bits >> 15 ? -1 : 1;
    if (exponent == 2 * bias + 1) return fraction ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

static void load_by_meaning(const void *row, int64_t c, uint32_t type, int n, float *to)
{
    const uint16_t *const half = row;
    for (int i = 0; i < n; i++)
        to[i] = type == ATTN_F32 ? ((const float *)row)[c + i] : (float)meaning(type, half[c + i]);
}

static void store_integers(void *row, int64_t c, uint32_t type, int n, const float *from)
{
    attn_narrow_row(from, n, type, (char *)row + c * (int64_t)attn_type_size(type));
}

static const isa_elements portable = {"portable", 0, 1, load_by_meaning, store_integers};

static float loaded(const isa_elements *e, uint32_t type, uint16_t bits)
{
    uint16_t row[MOST];
    float x[MOST];
    for (int i = 0; i < MOST; i++) row[i] = bits;
    e->load(row, 0, type, e->width, x);
    for (int i = 1; i < e->width; i++) assert_memory_equal(&x[i], &x[0], sizeof *x);
    return x[0];
}

static uint16_t stored(const isa_elements *e, uint32_t type, float x)
{
    uint16_t row[MOST];
    float in[MOST];
    for (int i = 0; i < MOST; i++) in[i] = x;
    e->store(row, 0, type, e->width, in);
    for (int i = 1; i < e->width; i++) assert_int_equal(row[i], row[0]);
    return row[0];
}

static void widening_is_exact(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++)
        for (int t = 0; t < 2; t++)
            for (uint32_t bits = 0; bits < 0x10000; bits++) {
                const float got = loaded(usable[s], stored_types[t], (uint16_t)bits);
                const double wanted = meaning(stored_types[t], (uint16_t)bits);
                assert_true(isnan(wanted) ? isnan(got) : (double)got == wanted && !signbit(got) == !signbit(wanted));
            }
}

/* The middle between an element and the next larger one, and the floats beside the middle. A middle above the largest
 * finite one is where infinity begins. */
static void narrowing_is_to_nearest_even(void **state)
{
    (void)state;
    for (int s = 0; s < usable_count; s++)
        for (int t = 0; t < 2; t++) {
            const uint32_t type = stored_types[t], infinity = type == ATTN_BF16 ? 0x7f80 : 0x7c00;
            for (uint32_t bits = 0; bits < infinity; bits++) {
                const double low = meaning(type, (uint16_t)bits);
                const double step = bits + 1 < infinity ? meaning(type, (uint16_t)(bits + 1)) - low
                                                        : low - meaning(type, (uint16_t)(bits - 1));
                const float middle = (float)(low + step / 2);
                assert_true((double)middle == low + step / 2);
                const uint32_t even = bits & 1 ? bits + 1 : bits;
                assert_int_equal(stored(usable[s], type, (float)low), bits);
                assert_int_equal(stored(usable[s], type, middle), even);
                assert_int_equal(stored(usable[s], type, nextafterf(middle, 0)), bits);
                assert_int_equal(stored(usable[s], type, nextafterf(middle, INFINITY)), bits + 1);
                assert_int_equal(stored(usable[s], type, -middle), even | 0x8000);
            }
            assert_int_equal(stored(usable[s], type, INFINITY), infinity);
            assert_int_equal(stored(usable[s], type, -INFINITY), infinity | 0x8000);
        }
}

static void nan_stays_nan(void **state)
{
    (void)state;
    static const uint32_t payloads[] = {0x7f800001, 0x7fc00000, 0x7fffffff, 0xff800001, 0xffffffff, 0x7f80ffff};
    for (int s = 0; s < usable_count; s++)
        for (int t = 0; t < 2; t++)
            for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
                assert_true(isnan(meaning(stored_types[t], stored(usable[s], stored_types[t], float_of(payloads[i])))));
}

/* Rows that end at a page that may not be touched. */
static void tails_end_where_they_should(void **state)
{
    (void)state;
    static const uint32_t types[] = {ATTN_F32, ATTN_BF16, ATTN_F16};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *base = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED && mprotect(base + page, page, PROT_NONE) == 0);
    for (int s = 0; s < usable_count; s++)
        for (int t = 0; t < 3; t++)
            for (int n = 1; n <= usable[s]->width; n++) {
                const isa_elements *e = usable[s];
                const size_t size = attn_type_size(types[t]);
                char *row = base + page - (size_t)n * size;
                float x[MOST], y[MOST];
                for (int i = 0; i < MOST; i++) x[i] = (float)(i + 1);
                memset(base, 0x55, page);
                e->store(row, 0, types[t], n, x);
                assert_int_equal((unsigned char)row[-1], 0x55);
                e->load(row, 0, types[t], n, y);
                for (int i = 0; i < e->width; i++) assert_true(y[i] == (i < n ? x[i] : 0));
                memset(base, 0x55, page);
                e->store(base, 0, types[t], n, x);
                assert_int_equal((unsigned char)base[(size_t)n * size], 0x55);
            }
    munmap(base, 2 * page);
}

static void find_usable(void)
{
    static const isa_elements *const built[] = {
        &portable,
#ifdef TEST_ISA_AVX2
        &isa_elements_avx2,
#endif
#ifdef TEST_ISA_AVX512
        &isa_elements_avx512,
#endif
        NULL,
    };
    for (int i = 0; built[i]; i++)
        if ((attn_cpu_isa() & built[i]->isa) == built[i]->isa) usable[usable_count++] = built[i];
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widening_is_exact),
        cmocka_unit_test(narrowing_is_to_nearest_even),
        cmocka_unit_test(nan_stays_nan),
        cmocka_unit_test(tails_end_where_they_should),
    };
    find_usable();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
