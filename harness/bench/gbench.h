/* gbench.h: Google Benchmark behind a C interface. gbench.cc is the only C++ file outside tests. */
#ifndef ATTNBENCH_GBENCH_H
#define ATTNBENCH_GBENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One benchmark. `call` runs pack + run once and returns the nanoseconds that packing took (0: none), or a negative
 * number where it failed. All pointers must stay valid until gbench_close. */
typedef struct gbench_case {
    const char *name;  /* kernel/workload/threads:N, reported exactly so */
    const char *label; /* the workload's spec */
    int threads;       /* reported as JSON "threads" */
    double (*call)(void *ctx);
    void (*between)(void *ctx); /* runs before every series of calls, untimed; NULL: none */
    void (*before)(void *ctx);  /* runs before every call, untimed; NULL: none */
    double seconds_with_before; /* of one call and what comes before it: decides the number of iterations, which the
                                   library would choose by the timed part alone */
    /* Seconds, where tests bring a clock, for calls with something before them, which we time ourselves; NULL: the
     * library's clock. */
    double (*now)(void *ctx);
    const char *(*check)(void *ctx); /* called once after the timed calls and before anything is reported; a message
                                        makes the entry an error without figures; NULL: none */
    void *ctx;
    double operations; /* of one call; counter gflops */
    double bytes;      /* compulsory, of one call; counter gbytes */
    double peak; /* operations (or bytes, where by_bandwidth) a second that `share` is measured against, threads counted
                    in; 0: unknown, the counter is then absent */
    bool by_bandwidth;
    double bandwidth; /* bytes a second that `share_bw` is measured against; 0: absent */
    bool packs;       /* the counter pack_ms is reported */
} gbench_case;

typedef struct gbench gbench;

/* Checks Google Benchmark's own flags strictly (unknown flags, values it would silently replace, filters that do not
 * compile) and starts a session. `defaults` are flags that come before the user's. Returns NULL and one line in
 * `reason`. --benchmark_out / --benchmark_out_format are not passed on: gbench_flag_out gives them to the caller.
 * --benchmark_list_tests, _filter, _format, _color, _counters_tabular, _time_unit, _repetitions, _min_time,
 * _min_warmup_time, _enable_random_interleaving, _report_aggregates_only, _display_aggregates_only, _context,
 * _perf_counters (refused: our counters come with a later command), --v work as in Google Benchmark. `quiet`: nothing
 * on the console. */
gbench *gbench_open(int flags, char **flag, int defaults, char **default_flag, bool quiet, char *reason,
                    size_t reason_size);

/* Does the user's filter (our own matching, on our names; "-" in front negates) select this name? */
bool gbench_selects(const gbench *g, const char *name);
bool gbench_lists_only(const gbench *g);             /* --benchmark_list_tests */
bool gbench_prints_table(const gbench *g);           /* on standard output, for people */
const char *gbench_flag_out(const gbench *g);        /* NULL if not given */
const char *gbench_flag_out_format(const gbench *g); /* "json" unless given */

/* Runs a group (one workload's cases), interleaved if asked. May be called again and again; the console header appears
 * once. `stop` is looked at between calls: non-zero ends the group early with the unfinished cases unreported. A
 * session without a group prints nothing; an empty group is enough for a JSON or CSV document. */
void gbench_run(gbench *g, const gbench_case *cases, size_t count, const volatile int *stop);

/* Reports a case that cannot be timed (failed its check, crashed, ...) as an entry with error_occurred and
 * error_message. */
void gbench_report_error(gbench *g, const gbench_case *c, const char *message);

/* Timing in a child made by fork: there gbench_send makes the session write its reports to a file instead of showing
 * and keeping them; here gbench_take, once the child is gone, shows and keeps what the file holds. */
void gbench_send(gbench *g, FILE *to);
void gbench_take(gbench *g, FILE *from);

/* The JSON document of everything reported so far, in Google Benchmark's schema ({"context": .., "benchmarks": [..]}).
 * Owned by the session, valid until the next call on it. */
const char *gbench_json(gbench *g);
void gbench_close(gbench *g);

#ifdef __cplusplus
}
#endif
#endif
