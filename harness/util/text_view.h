/* text_view.h: a part of a string that something else owns. */
#ifndef ATTNBENCH_TEXT_VIEW_H
#define ATTNBENCH_TEXT_VIEW_H

#include <stdbool.h>
#include <string.h>

/* Print with %.*s and VIEW(v). */
typedef struct text_view {
    const char *at; /* never NULL */
    int size;
} text_view;
#define VIEW(v) (v).size, (v).at

static inline bool view_equal(text_view a, text_view b)
{
    return a.size == b.size && memcmp(a.at, b.at, (size_t)a.size) == 0;
}

#endif
