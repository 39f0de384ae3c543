/* ceilings_impl.h: the loops whose rates are the ceilings, one file for each instruction set. ceilings.c times them. */
#ifndef ATTNBENCH_CEILINGS_IMPL_H
#define ATTNBENCH_CEILINGS_IMPL_H

#include <stddef.h>
#include <stdint.h>

/* Inputs that the compiler cannot know, no two alike, so that it can neither compute the result itself nor merge two
 * accumulators. a = a * factor + term converges and never overflows or underflows. */
#define CEILING_SEEDS 512
typedef struct ceiling_input {
    float factor, term;
    float seed[CEILING_SEEDS];
} ceiling_input;

/* Loops in bytes multiply factor and term by this, and divide the sums by it twice. */
#define CEILING_BYTE_SCALE 4

/* Runs `rounds` rounds of independent multiply-adds and returns the number of operations (a multiply-add is two). The
 * sum of the accumulators goes to *sink, which the caller must read. */
typedef double (*ceiling_compute)(const ceiling_input *in, int64_t rounds, float *sink);

/* Reads `bytes` bytes (a multiple of CEILING_CHUNK, aligned to it) `passes` times, and returns a value that depends on
 * every one. It is one loop that wraps around: an inner loop would mispredict its end once a pass, which costs a tenth
 * of the rate of the first-level cache. */
#define CEILING_CHUNK 1024
typedef uint64_t (*ceiling_read)(const void *buffer, size_t bytes, int64_t passes);

double ceiling_portable_compute(const ceiling_input *in, int64_t rounds, float *sink);
double ceiling_portable_compute_wide(const ceiling_input *in, int64_t rounds, float *sink);
uint64_t ceiling_portable_read(const void *buffer, size_t bytes, int64_t passes);

double ceiling_avx2_compute(const ceiling_input *in, int64_t rounds, float *sink);
uint64_t ceiling_avx2_read(const void *buffer, size_t bytes, int64_t passes);

double ceiling_avx512_compute(const ceiling_input *in, int64_t rounds, float *sink);
uint64_t ceiling_avx512_read(const void *buffer, size_t bytes, int64_t passes);

double ceiling_avx512bf16_compute(const ceiling_input *in, int64_t rounds, float *sink);
double ceiling_avx512vnni_compute(const ceiling_input *in, int64_t rounds, float *sink);
double ceiling_amxbf16_compute(const ceiling_input *in, int64_t rounds, float *sink);
double ceiling_amxint8_compute(const ceiling_input *in, int64_t rounds, float *sink);

#endif
