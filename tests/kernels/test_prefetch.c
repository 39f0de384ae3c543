/* The queue of prefetch_impl.h: whoever takes lines from it, however many at a time, asks for every line of the rows
 * and for none besides, rows by rows in the order in which they were added, and then for the idle line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vector/prefetch_impl.h"

enum { SPACE = 1 << 20, LINES = SPACE / LINE_BYTES };

static _Alignas(64) char space[SPACE];
static char idle;
static unsigned char asked[LINES];

/* Lines of rows `index` that are asked for in takes of n; stops behind the rows of that index. */
static void take_all(fetch_queue *queue, int index, int64_t n)
{
    memset(asked, 0, sizeof asked);
    while (queue->first == index) {
        const fetch_queue before = *queue;
        const fetch_lines lines = fetch_take(queue, n);
        if (queue->first != index) { /* nothing was left of these rows: for the next ones */
            *queue = before, queue->first = index + 1;
            queue->head = queue->row = queue->column = 0;
            return;
        }
        for (int64_t i = 0; i < n; i++) {
            const uintptr_t at = lines.at + (uintptr_t)(i * lines.step) - (uintptr_t)space;
            assert_true(at < SPACE);
            asked[at / LINE_BYTES] = 1;
        }
    }
}

static void expect_rows(const fetch_rows *rows, int64_t bytes, int there)
{
    static unsigned char wanted[LINES];
    memset(wanted, 0, sizeof wanted);
    for (int64_t h = 0; there && h < rows->heads; h++)
        for (int64_t r = 0; r < rows->rows; r++)
            for (int64_t at = 0; at < bytes; at += LINE_BYTES)
                wanted[(rows->at - (uintptr_t)space + (uintptr_t)(h * rows->head_step + r * rows->row_step + at)) /
                       LINE_BYTES] = 1;
    assert_memory_equal(asked, wanted, sizeof wanted);
}

static void every_line_and_no_other(void **state)
{
    (void)state;
    const fetch_rows side_by_side = {(uintptr_t)space, 3, 100 * 256, 100, 256, 0};
    const fetch_rows between_others = {(uintptr_t)space + 4096, 4, 256, 70, 4 * 256, 0};
    const fetch_rows narrow = {(uintptr_t)space + 64, 1, 0, 33, 192, 0};
    for (int64_t n = 1; n <= 33; n++) {
        fetch_queue queue;
        fetch_none(&queue, &idle);
        fetch_add(&queue, side_by_side, 256);
        fetch_add(&queue, between_others, 256);
        fetch_add(&queue, narrow, 128);
        take_all(&queue, 0, n);
        expect_rows(&side_by_side, 256, 1);
        take_all(&queue, 1, n);
        expect_rows(&between_others, 256, 1);
        take_all(&queue, 2, n);
        expect_rows(&narrow, 128, 1);
        const fetch_lines rest = fetch_take(&queue, n);
        assert_true(rest.at == (uintptr_t)&idle && rest.step == 0);
    }
}

static void rows_fewer_than_a_take_are_left_out(void **state)
{
    (void)state;
    const fetch_rows few = {(uintptr_t)space, 2, 4096, 15, 192, 0}, enough = {(uintptr_t)space, 2, 4096, 16, 192, 0};
    fetch_queue queue;
    fetch_none(&queue, &idle);
    fetch_add(&queue, few, 128);
    fetch_add(&queue, enough, 128);
    take_all(&queue, 0, 16);
    expect_rows(&few, 128, 0);
    take_all(&queue, 1, 16);
    expect_rows(&enough, 128, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_and_no_other),
        cmocka_unit_test(rows_fewer_than_a_take_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
