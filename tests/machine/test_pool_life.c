/* test_pool_life.c: pools come and go and leave nothing behind; one that has nothing to do sleeps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "machine/pool.h"
#include "util/console.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATIENCE 120 /* seconds for what comes at once unless it never comes */

static pool *make(int threads)
{
    char reason[200] = "";
    pool *p = pool_new(threads, reason, sizeof reason);
    if (!p) fail_msg("%s", reason);
    return p;
}

static void rest(long ns) { nanosleep(&(struct timespec){.tv_sec = 0, .tv_nsec = ns}, NULL); }

static void add_one(void *arg, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    int *values = arg;
    for (int64_t i = begin; i < end; i++) values[i]++;
}

static int threads_of_this_process(void)
{
    DIR *tasks = opendir("/proc/self/task");
    if (!tasks) return -1;
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(tasks));) count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static void pools_come_and_go(void **state)
{
    (void)state;
    pool_free(make(2)); /* a sanitizer starts its own thread with the first */
    const int before = threads_of_this_process();
    for (int i = 0; i < 150; i++) {
        pool *p = make(1 + i % 5);
        int values[16] = {0};
        if (i % 2) pool_exec(p)->each(pool_exec(p), 16, 1, add_one, values);
        pool_free(p);
        for (int k = 0; k < 16; k++) assert_int_equal(values[k], i % 2);
    }
    /* A joined thread may stay listed for a moment. */
    const double until = clock_seconds() + PATIENCE;
    while (threads_of_this_process() != before && clock_seconds() < until) rest(1000000);
    assert_int_equal(threads_of_this_process(), before);
    pool_free(NULL);
}

static void a_pool_of_no_threads_is_refused(void **state)
{
    (void)state;
    for (int threads = -1; threads <= 0; threads++) {
        char reason[200] = "";
        assert_null(pool_new(threads, reason, sizeof reason));
        assert_non_null(strstr(reason, "give 1 or more"));
        assert_null(strchr(reason, '\n'));
    }
}

/* As the system sees the thread: 'R' runs or could, 'S' sleeps. */
static char state_of(pid_t thread)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    FILE *file = fopen(path, "r");
    if (!file) return '?';
    const char *end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && end[1] == ' ' ? end[2] : '?';
}

/* A worker that spun on, or that yielded and looked again, would never be seen asleep. */
static void an_idle_pool_sleeps(void **state)
{
    (void)state;
    pool *p = make(2);
    int values[16] = {0};
    pid_t id[2];
    pool_thread_ids(pool_exec(p), id);
    pool_exec(p)->each(pool_exec(p), 16, 1, add_one, values);
    const double until = clock_seconds() + PATIENCE;
    while (state_of(id[1]) != 'S' && clock_seconds() < until) rest(1000000);
    for (int i = 0; i < 20; i++, rest(1000000)) assert_int_equal(state_of(id[1]), 'S');
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(a_pool_of_no_threads_is_refused),
        cmocka_unit_test(an_idle_pool_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
