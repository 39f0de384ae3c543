/* guarded_buffer.c: private anonymous mappings, so that large workspaces get huge pages. */
#include "guarded_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

enum { line_pair = 128 };

int guarded_open(guarded *g, int64_t bytes)
{
    const int64_t page = (int64_t)sysconf(_SC_PAGESIZE), content = (bytes + line_pair - 1) / line_pair * line_pair;
    const int64_t usable = (content + page - 1) / page * page;
    *g = (guarded){.mapped = usable + 2 * page, .bytes = bytes};
    void *base = mmap(NULL, (size_t)g->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return 0;
    g->base = base;
    g->data = g->base + page + usable - content;
    if (usable == 0 || mprotect(g->base + page, (size_t)usable, PROT_READ | PROT_WRITE) == 0) return 1;
    guarded_close(g);
    return 0;
}

void guarded_close(guarded *g)
{
    if (g->base) munmap(g->base, (size_t)g->mapped);
    *g = (guarded){0};
}

void guarded_fill(const guarded *g, uint32_t pattern)
{
    uint32_t *word = g->data;
    for (int64_t i = 0; i < (g->bytes + 3) / 4; i++) word[i] = pattern;
}
