/* record.h: the record: one JSON file that every report is made from.
 *
 * {
 *   "context":    Google Benchmark's context, plus "attnbench": {            (context.c)
 *        "schema": 1, "version", "commit", "command",
 *        "cpu", "cpu_id", "kernel", "hypervisor", "governor", "isa", "isa_detected",
 *        "caches": {"l1d","l2","l3","line"} (bytes), "memory" (bytes), "threads", "processors", "pinning",
 *        "compiler", "flags", "build_type", "library": "benchmark 1.7.1, GSL 2.7, ...", "libc",
 *        "ceilings": {"fp32_portable": GFLOP/s, ...} (measured ones only),
 *        "bandwidth": [{"footprint": bytes, "gbytes": GB/s}],
 *        "artifact": digest of the built-in kernels as a module (what compare takes for them), where it is there,
 *        "kernels": [{"name","idea","improves_on","role","isa","threaded": bool}],
 *        "plugins": [{"name","file","digest" (FNV-1a),"build_id","linker_id","loaded": bool,
 *                     "flush_to_zero": bool (loading it switched that on),
 *                     "interposed" (a symbol of it that the program answers, or ""),"libraries": [files loaded with
 *                       it]}], if any,
 *        "doctor": {"measurable", "warnings", "lines": [{"what","found","warning","mend"}], "noise", "clock_step_ns",
 *                   "clock_cost_ns", "dispatch_us", "resolution":
 *                     [{"case","spec","pairs","seconds","preemptions","spread" (of a
 *                   pair's ln ratio),"false_claims" and "seen" (launches),"slowdown" that was made,"estimates" of
 *                     it,"sees":
 *                   [{"slowdown","seconds","seconds_longer_slices" a case, absent where too many}]; or "reason"}]}
 *                     of run and doctor
 *        "counters": [{"name", "event" of this processor where it has another name, "reason" where not counted}]   with
 *          bench --counters
 *        "instructions": {"tool","isa","absent": [{"name","reason"}],"reason" where none could be counted}   with bench
 *          --instructions
 *        "crossovers": [{"family","faster","slower","from": keys or null,"always","sizes"}]      (crossover.h)
 *        "skipped": [{"name","reason"}],      what was not run and why (time budget, ...)
 *        "checks": [names]                    with verify --check: those alone were applied
 *        "interrupted": true                  the user ended it, by Ctrl-C or SIGTERM, before all that was asked for
 *                                             was done
 *   },
 *   "benchmarks": Google Benchmark's schema; names kernel/workload/threads:N; label = spec; real_time and cpu_time in
 *     time_unit;
 *                 run_type iteration or aggregate; counters gflops, share, gbytes, share_bw, pack_ms where known;
 *                 in the first entry of each case "ceiling": the name of what its share is measured against, where
 *                   known;
 *                 "first_call_ms": wall time of the kernel's first call in its process, of hot inputs, in the first
 *                   entry too;
 *                 "inputs": "hot" | "rotated over N sets, M MB" | "cold" (cache_state.h; the name has /rotated or /cold
 *                   before
 *                 the threads; for cold ones the cpu_time of several threads is a lower bound: Linux books the time of
 *                 the others when they sleep, which is between the calls);
 *                 with bench --counters, in the first entry of each case: "counters" {event: count of one call},
 *                 "counters_running" {event: share of the time that it was counted; below 1 the count is scaled up},
 *                 with bench --instructions, likewise: "instructions" of one call, "instructions_per_operation",
 *                 "derived" {ratios of them: counters_groups.h},
 *   "cases":      [{"kernel","workload","suite" (that named it, if one did),"spec","class","seed","threads","inner",
 *                   "status": pass|fail|unsupported|crash|hang, "reason", "verdict": full|output-only|no-bound,
 *                   "output": {"error","bound","ratio","where":[b,h,q,c],"got","wanted"}, "lse": the same with where
 *                     [b,h,q],
 *                   "weights": the same with where [b,h,q,k], only where checked,
 *                   "findings": [{"check", "reason"}] and "pattern": where the wrong elements lie and what explains
 *                     them, "signature": what to
 *                   compare failures by, where wrong,
 *                   "accuracy": class of its contract, "f32" or "bf16, weights bf16" (accuracy_class.h), where it ran,
 *                   "smallest": the line of the smallest case that still fails, where --shrink looked for it,
 *                   "deviation": {"judged","rms","max","rows", "reason" where not judged}   errors in standard
 *                     deviations
 *                   "projection": the same, with "ratio" (error to bound) and "covered" (rows),
 *                   "unbounded_rows": rows of which the accuracy contract promises nothing, where there are any,
 *                   "features": [names of attn_needs, without Q, K, V, O], "types": {"Q","K","V","O": type's name},
 *                   "missing": [those features that the kernel has not got], where unsupported,
 *                   "rows_checked","rows","seconds","reproducer"}],
 *   "deviations": [{"kernel","class","accuracy","rms","max","rows","projected_rms","projected_max"}]   pooled over
 *     cases (z_score_pool.h),
 *   "reference": {"certified_rows", "failures": [{"workload","class","reason"}], "reason" where nothing can be
 *     certified},
 *   "layout": [{"kernel","workload","spec","threads","cells": [{"what": a buffer or "code","bytes","ratio": time over
 *     that of the
 *              aligned call,"interval","shows": bool (alignment_sweep.h),"pairs"; "reason" where void}],"worst": one of
 *                them, if any shows,
 *              "reason" where not all were timed,"unmoved": why its code was not moved, if it was not}]      of bench
 *                --layout
 *   "comparisons": of compare (compare_record.c); "clock": of selftest clock (selftest_clock.c);
 *   "history": {"series", "changes"} of history show and check (history_series.c, history_check.c);
 *   "bugs", "odd" and "checks": of selftest judge (selftest_matrix.c)
 * }
 * JSON has no NaN and no infinity: in "cases", "comparisons" and "clock" they are the strings "NaN", "Infinity",
 * "-Infinity"; elsewhere the key is absent. */
#ifndef ATTNBENCH_RECORD_H
#define ATTNBENCH_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A number for these: a JSON number where finite, else its string. */
json_t *json_any_real(double x);
/* Its inverse: a number or one of the three strings; `fallback` otherwise. */
double json_real_of(const json_t *j, double fallback);

/* An empty record with "context", "benchmarks" and "cases". */
json_t *record_new(void);

/* Reads and checks a record: NULL and one line in `reason` (file, what is wrong, where) if it is missing, damaged or
 * foreign. */
json_t *record_read(const char *path, char *reason, size_t reason_size);

/* Files are written to a temporary file beside `path`, flushed, and renamed. On failure 0 and a reason that names the
 * temporary file if something is in it. "-" is standard output. */
int record_write_json(const json_t *record, const char *path, char *reason, size_t reason_size);
int record_write_csv(const json_t *record, const char *path, char *reason,
                     size_t reason_size); /* one row an entry, one a case */
int record_write_junit(const json_t *record, const char *path, char *reason, size_t reason_size); /* from cases */
int record_write_markdown(const json_t *record, const char *path, char *reason,
                          size_t reason_size); /* tables, failures first */

#endif
