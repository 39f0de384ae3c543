/* fuzz.h: what the targets share. A target is one function of bytes, as libFuzzer calls it; replay.c calls the same
 * function for files, so that every build runs the corpus and only Clang's can look for more. A broken rule ends the
 * program. */
#ifndef ATTNBENCH_TESTS_FUZZ_H
#define ATTNBENCH_TESTS_FUZZ_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Must hold whatever the input is. */
#define HOLDS(rule)                                                                                                    \
    do {                                                                                                               \
        if (!(rule)) {                                                                                                 \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #rule);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A file in memory with this content; its path until the descriptor is closed. */
static inline int file_of(const uint8_t *data, size_t size, char path[64])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    HOLDS(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

#endif
