/* own_threads.c: sets the variables of OpenMP and the BLAS libraries. */
#include "own_threads.h"

#include <stdio.h>
#include <stdlib.h>

#include "pool.h"

const attn_exec *own_threads(int threads, attn_exec *out)
{
    static const char *const variable[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                           "BLIS_NUM_THREADS"};
    char text[16];
    snprintf(text, sizeof text, "%d", threads);
    for (size_t i = 0; i < sizeof variable / sizeof variable[0]; i++) setenv(variable[i], text, 1);
    *out = *exec_serial();
    out->threads = (uint32_t)threads;
    return out;
}
