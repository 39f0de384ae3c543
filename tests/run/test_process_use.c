/* Processor time of threads that were there before the kernel's code is not the kernel's; that of threads begun later
 * is. Threads work until their own clock has moved far, so no load of the machine changes what is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "machine/pool.h"
#include "run/process_use.h"

static const double work = 0.05; /* seconds of a thread's own time, against 10 us that are let through */
static atomic_int go;

static double own_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *works_when_told(void *unused)
{
    (void)unused;
    while (!atomic_load(&go)) nanosleep(&(struct timespec){0, 1000000}, NULL);
    const double begin = own_time();
    while (own_time() - begin < work) {
    }
    atomic_store(&go, 0);
    while (!atomic_load(&go)) nanosleep(&(struct timespec){0, 1000000}, NULL);
    return NULL;
}

/* What is found of a call during which another thread works, which was noted before or not. */
static int accused(bool noted)
{
    static const attn_kernel plain = {.name = "plain"};
    pthread_t thread;
    process_use use;
    findings found = {.count = 0};
    atomic_store(&go, 0);
    if (!noted) process_use_note_others();
    assert_int_equal(pthread_create(&thread, NULL, works_when_told, NULL), 0);
    if (noted) process_use_note_others();
    assert_true(process_use_begin(&use, exec_serial()));
    atomic_store(&go, 1);
    while (atomic_load(&go)) nanosleep(&(struct timespec){0, 1000000}, NULL);
    process_use_end(&use);
    atomic_store(&go, 1);
    pthread_join(thread, NULL);
    process_use_judge(&use, &plain, 1, &found);
    for (int i = 0; i < found.count; i++) assert_string_equal(found.item[i].check, "own-threads");
    return found.count;
}

static void others_before_the_kernel_are_not_its_own(void **state)
{
    (void)state;
    assert_int_equal(accused(true), 0);
}

static void others_after_it_are(void **state)
{
    (void)state;
    assert_int_equal(accused(false), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_before_the_kernel_are_not_its_own),
        cmocka_unit_test(others_after_it_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
