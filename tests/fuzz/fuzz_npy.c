/* fuzz_npy: .npy files. Any file is read or refused with a reason; header and whole file agree, and the elements are as
 * many as the shape says. */
#include <string.h>

#include "fuzz.h"
#include "util/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], reason[512] = "";
    npy_array a, header;
    const int fd = file_of(data, size, path);
    const int whole = npy_read(path, &a, reason, sizeof reason);
    if (!whole) HOLDS(reason[0] && !strchr(reason, '\n'));
    const int head = npy_read_header(path, &header, reason, sizeof reason);
    HOLDS(head || !whole);
    close(fd);
    if (whole) {
        int64_t count = 1;
        for (int i = 0; i < a.axes; i++) count *= a.shape[i];
        HOLDS(count == a.count && (size_t)count <= size);
        HOLDS(strcmp(a.type, header.type) == 0 && a.axes == header.axes && a.count == header.count);
        HOLDS(memcmp(a.shape, header.shape, (size_t)a.axes * sizeof *a.shape) == 0);
        volatile unsigned char last = count ? ((unsigned char *)a.data)[count - 1] : 0; /* it is there */
        (void)last;
        npy_free(&a);
    }
    if (head) npy_free(&header);
    return 0;
}
