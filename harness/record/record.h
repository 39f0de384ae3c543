/* record.h: the record: one JSON file, from which every report is made. record_new begins one, record_read checks and
 * reads one, record_write_json writes one; output/ turns one into CSV, JUnit and Markdown.
 *
 * A key is absent where nothing is said of it. JSON has no NaN and no infinity: in "cases", "comparisons" and "clock"
 * they are the strings "NaN", "Infinity", "-Infinity"; elsewhere the key is absent.
 *
 * "context": Google Benchmark's context, and in it "attnbench" (context.c), an object:
 *
 *   "schema"            1
 *   "version"
 *   "commit"
 *   "command"           the command line
 *   "cpu"               model name
 *   "cpu_id"            vendor family/model/stepping
 *   "kernel"            of the system: uname -sr
 *   "hypervisor"        "none", "kvm", ... or "unknown"
 *   "governor"          of the clock frequency
 *   "isa"               instruction sets in use
 *   "isa_detected"      instruction sets of the processor
 *   "caches"            {"l1d", "l2", "l3", "line"}: bytes
 *   "memory"            bytes
 *   "threads"           the most that ran
 *   "processors"        online
 *   "pinning"           how many threads were pinned, in words
 *   "compiler"
 *   "flags"
 *   "build_type"
 *   "library"           "benchmark 1.7.1, GSL 2.7, ..."
 *   "libc"
 *   "ceilings"          {"fp32_portable": GFLOP/s, ...}: the measured ones
 *   "bandwidth"         [{"footprint": bytes, "gbytes": GB/s}]
 *   "artifact"          digest of the built-in kernels as a module, which compare loads for them
 *   "kernels"           [{"name", "idea", "improves_on", "role", "isa", "threaded": bool}]
 *   "plugins"           a list, if there are any:
 *     "name"
 *     "file"
 *     "digest"          FNV-1a of the file
 *     "build_id"        what the plugin says of itself
 *     "linker_id"
 *     "loaded"          bool
 *     "flush_to_zero"   bool: loading it switched flush-to-zero on
 *     "interposed"      a symbol of it for which the program's own definition is called, in words; "" none
 *     "libraries"       [files that were loaded with it]
 *   "doctor"            of run and doctor:
 *     "measurable"
 *     "warnings"
 *     "lines"           [{"what", "found", "warning", "mend"}]
 *     "noise"
 *     "clock_step_ns"
 *     "clock_cost_ns"
 *     "dispatch_us"
 *     "resolution"      a list:
 *       "case"
 *       "spec"
 *       "pairs"
 *       "seconds"
 *       "preemptions"
 *       "spread"        of a pair's ln ratio
 *       "false_claims"  launches that found a difference between identical builds
 *       "slowdown"      of the slowed build
 *       "seen"          launches that called the slowed build slower
 *       "estimates"     of that slowdown
 *       "sees"          [{"slowdown", "seconds", "seconds_longer_slices"}]: seconds a case; absent where too many
 *       "reason"        instead of the figures
 *   "counters"          of bench --counters, a list:
 *     "name"
 *     "event"           this processor's name for it, if that is another
 *     "reason"          why it was not counted
 *   "instructions"      of bench --instructions:
 *     "tool"
 *     "isa"
 *     "absent"          [{"name", "reason"}]
 *     "reason"          why none could be counted
 *   "crossovers"        [{"family", "faster", "slower", "from", "always", "sizes"}] (crossover.h)
 *   "skipped"           [{"name", "reason"}]: what was not run (time budget, ...)
 *   "checks"            of verify --check: [names]; only these were applied
 *   "interrupted"       true: the user ended it before everything was done, by Ctrl-C or SIGTERM
 *
 * "benchmarks": Google Benchmark's entries, named kernel/workload/threads:N, with /rotated or /cold before the threads
 * for such inputs. Keys that are ours, or that reports read:
 *
 *   "label"             the SPEC
 *   "real_time"         in "time_unit"
 *   "cpu_time"          in "time_unit"; with cold inputs and several threads a lower bound, because Linux accounts
 *                       the other threads' time when they sleep, which is between the calls
 *   "run_type"          iteration or aggregate
 *   "gflops"            1e9 operations a second
 *   "share"             of the ceiling
 *   "gbytes"            1e9 compulsory bytes a second
 *   "share_bw"          of the bandwidth
 *   "pack_ms"           time of pack, where it is known
 *   "inputs"            "hot", "rotated over N sets, M MB" or "cold" (cache_state.h)
 *
 * and in the first entry of each case:
 *
 *   "ceiling"           name of the ceiling that "share" refers to, where it is known
 *   "first_call_ms"     wall time of the kernel's first call in its process, with hot inputs
 *   "slow_first_call"   that time over the median, if it is conspicuous (record_rows.h)
 *   "counters"          of bench --counters: {event: count of one call}
 *   "counters_running"  {event: share of the time that it was counted}: below 1 the count is scaled up
 *   "derived"           {ratios of counters} (counters_groups.h)
 *   "instructions"      of bench --instructions: of one call
 *   "instructions_per_operation"
 *
 * "cases": what the judge found, one entry a case:
 *
 *   "kernel"
 *   "workload"
 *   "suite"             that named it, if one did
 *   "spec"
 *   "class"
 *   "seed"
 *   "threads"
 *   "inner"
 *   "status"            pass, fail, unsupported, crash or hang
 *   "reason"
 *   "verdict"           full, output-only or no-bound
 *   "output"            {"error", "bound", "ratio", "where": [b,h,q,c], "got", "wanted"}
 *   "lse"               the same, with where [b,h,q]
 *   "weights"           the same, with where [b,h,q,k]; only where they were checked
 *   "findings"          [{"check", "reason"}]
 *   "pattern"           where the wrong elements lie, and what explains them
 *   "signature"         of a wrong case: what to compare failures by
 *   "accuracy"          class of the kernel's contract, "f32" or "bf16, weights bf16" (accuracy_class.h)
 *   "smallest"          of verify --shrink: the line of the smallest case that still fails
 *   "deviation"         {"judged", "rms", "max", "rows", "reason"}: errors in standard deviations
 *   "projection"        the same, with "ratio" (error over bound) and "covered" (rows)
 *   "unbounded_rows"    rows for which the accuracy contract promises nothing, if there are any
 *   "features"          [names of attn_needs, without Q, K, V, O]
 *   "types"             {"Q", "K", "V", "O"}: names of types
 *   "missing"           of an unsupported case: the features that the kernel lacks
 *   "rows_checked"
 *   "rows"
 *   "seconds"
 *   "reproducer"        a command line
 *
 * "deviations": deviations pooled over cases (z_score_pool.h), a list:
 *
 *   "kernel"
 *   "class"
 *   "accuracy"
 *   "rms"
 *   "max"
 *   "rows"
 *   "projected_rms"
 *   "projected_max"
 *
 * "reference": what the certificates of the reference say:
 *
 *   "certified_rows"
 *   "failures"          [{"workload", "class", "reason"}]
 *   "reason"            why nothing could be certified
 *
 * "layout": of bench --layout (alignment_sweep.h), a list:
 *
 *   "kernel"
 *   "workload"
 *   "spec"
 *   "threads"
 *   "cells"             a list:
 *     "what"            the buffer that is moved, or "code"
 *     "bytes"           that it is moved by
 *     "ratio"           time over that of the aligned call
 *     "interval"        of the ratio
 *     "shows"           bool: is the difference real?
 *     "pairs"
 *     "reason"          why it is void
 *   "worst"             the cell with the largest difference, if any shows
 *   "reason"            why not all were timed
 *   "unmoved"           why the code was not moved
 *
 * Lists and objects of single commands:
 *
 *   "comparisons"       of compare (compare_record.c)
 *   "clock"             of selftest clock (selftest_clock.c)
 *   "history"           {"series", "changes"} of history show and check (history_series.c, history_check.c)
 *   "bugs"              of selftest judge (selftest_matrix.c), as the next two
 *   "odd"
 *   "checks" */
#ifndef ATTNBENCH_RECORD_H
#define ATTNBENCH_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A JSON number if x is finite, else its string as above. */
json_t *json_any_real(double x);
/* The inverse: a number or one of the three strings; `fallback` for anything else. */
double json_real_of(const json_t *j, double fallback);

/* An empty record with "context", "benchmarks" and "cases". */
json_t *record_new(void);

/* Reads and checks a record. Returns NULL and one line in `reason` (file, what is wrong, where) if it is missing,
 * damaged or of another program. */
json_t *record_read(const char *path, char *reason, size_t reason_size);

/* Writes atomically (atomic_file.h); "-" is standard output. On failure it returns 0 and a reason, which names the
 * temporary file if something is in it. Other forms of a record: output/record_forms.h. */
int record_write_json(const json_t *record, const char *path, char *reason, size_t reason_size);

#endif
