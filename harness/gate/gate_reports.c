/* gate_reports.c: the result for a pipeline's page (Markdown) and for its list of tests (JUnit). */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gate_record.h"
#include "util/json_util.h"
#include "util/markdown.h"
#include "util/percent.h"
#include "record/record_rows.h"
#include "util/xml.h"
#include "util/json_text.h"

static gate_outcome outcome_of_json(const json_t *one)
{
    const char *name = text_of(one, "outcome");
    int o = 0;
    while (o < GATE_OUTCOMES - 1 && strcmp(gate_outcome_name((gate_outcome)o), name) != 0) o++;
    return (gate_outcome)o;
}

static const json_t *gate_of(const json_t *record) { return json_object_get(record, "gate"); }

static bool nothing_compared(const json_t *gate) { return json_is_true(json_object_get(gate, "nothing_compared")); }

/* ---- Markdown ---------------------------------------------------------------------------------------------------- */

static void put_row(FILE *out, const json_t *one)
{
    const json_t *at = json_object_get(one, "interval"), *ratio = json_object_get(one, "ratio");
    const double low = json_real_of(json_array_get(at, 0), -INFINITY),
                 high = json_real_of(json_array_get(at, 1), INFINITY);
    fprintf(out, "| %s | ", text_of(one, "outcome"));
    markdown_put(out, text_of(one, "case"));
    if (json_is_number(ratio))
        fprintf(out, " | %+.*g %% | ", PERCENT(json_number_value(ratio) - 1));
    else
        fputs(" | - | ", out);
    if (json_is_number(ratio) && isfinite(low) && isfinite(high))
        fprintf(out, "[%+.*g, %+.*g] | ", PERCENT(low - 1), PERCENT(high - 1));
    else
        fputs("- | ", out);
    markdown_put(out, gate_words_beside_outcome(one));
    fputs(" |\n", out);
}

static bool in_short(gate_outcome o) { return o < GATE_FASTER && o != GATE_ADDED; }

static void put_rows(FILE *out, const json_t *gate, bool notable)
{
    size_t i, rows = 0;
    const json_t *one;
    json_array_foreach(json_object_get(gate, "cases"), i, one)
    {
        if (in_short(outcome_of_json(one)) != notable) continue;
        if (rows++ == 0) {
            if (!notable) fputs("\n<details><summary>all other cases</summary>\n", out);
            fputs("\n| outcome | case | time | interval | what |\n|---|---|--:|---|---|\n", out);
        }
        put_row(out, one);
    }
    if (rows > 0 && !notable) fputs("\n</details>\n", out);
}

/* One stands open; more would hide what comes after them. */
static void put_reproducers(FILE *out, const json_t *gate)
{
    const json_t *cases = json_object_get(gate, "cases"), *one;
    size_t i, count = 0;
    json_array_foreach(cases, i, one) count += *text_of(one, "reproducer") != 0;
    if (count > 1) fprintf(out, "\n<details><summary>%zu lines that repeat what is wrong</summary>\n", count);
    json_array_foreach(cases, i, one) if (*text_of(one, "reproducer"))
        markdown_put_code(out, text_of(one, "reproducer"));
    if (count > 1) fputs("\n</details>\n", out);
}

static void put_accuracy(FILE *out, const json_t *gate)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(gate, "accuracy"), i, one)
    {
        const json_t *ratio = json_object_get(one, "ratio"), *rms = json_object_get(one, "rms");
        if (!json_is_true(json_object_get(one, "worse"))) continue;
        fputs("\n- less accurate: ", out);
        markdown_put(out, text_of(one, "kernel"));
        fprintf(out, ": error / bound %.2g, was %.2g; pooled z %.2g, was %.2g (what grows by %g counts)\n",
                json_real_of(json_array_get(ratio, 1), 0), json_real_of(json_array_get(ratio, 0), 0),
                json_real_of(json_array_get(rms, 1), 0), json_real_of(json_array_get(rms, 0), 0),
                json_number_value(json_object_get(gate, "factor")));
    }
}

/* Its first digits, and whether it was changed since. */
static void put_commit(FILE *out, const char *name)
{
    const char *changed = strchr(name, '-');
    fprintf(out, "(%.12s%s)", *name ? name : "unknown", changed ? changed : "");
}

static int emit_reason(FILE *out, const json_t *gate)
{
    fputs("# attnbench gate: nothing compared\n\n", out);
    markdown_put(out, text_of(gate, "headline"));
    fputc('\n', out);
    return 1;
}

static int emit_markdown(FILE *out, const json_t *record)
{
    size_t i;
    const json_t *gate = gate_of(record), *note;
    if (nothing_compared(gate)) return emit_reason(out, gate);
    fprintf(out, "# attnbench gate: %s\n\n%s\n", gate_heading(gate), text_of(gate, "headline"));
    put_accuracy(out, gate);
    put_rows(out, gate, true);
    put_reproducers(out, gate);
    json_array_foreach(json_object_get(gate, "notes"), i, note)
    {
        fputs("\n- ", out);
        markdown_put(out, json_string_value(note));
        fputc('\n', out);
    }
    put_rows(out, gate, false);
    fputs("\nTime of NEW ", out);
    put_commit(out, text_of(gate, "new"));
    fputs(" over BASE ", out);
    put_commit(out, text_of(gate, "base"));
    fprintf(out,
            ". Slower counts above %.*g %%, confirmed in %lld fresh launches; false alarms: %.*g %% over all cases.\n",
            PERCENT(json_number_value(json_object_get(gate, "threshold"))),
            (long long)json_integer_value(json_object_get(gate, "launches")),
            PERCENT(json_number_value(json_object_get(gate, "false_alarms"))));
    return 1;
}

int gate_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    return record_write_text(record, path, emit_markdown, reason, reason_size);
}

int gate_append_summary(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    FILE *out = fopen(path, "a");
    const bool written = out && emit_markdown(out, record) && fflush(out) == 0 && !ferror(out);
    const int why = errno;
    const bool closed = out && fclose(out) == 0;
    if (!written || !closed) snprintf(reason, reason_size, "%s: cannot be written: %s", path, strerror(why));
    return written && closed;
}

/* ---- JUnit ------------------------------------------------------------------------------------------------------- */

typedef enum test_end { TEST_PASSED, TEST_FAILED, TEST_SKIPPED } test_end;

static test_end end_of(const json_t *gate, const json_t *one)
{
    switch (outcome_of_json(one)) {
    case GATE_WRONG:
    case GATE_SLOWER: return TEST_FAILED;
    case GATE_REMOVED: return json_is_true(json_object_get(gate, "require_all")) ? TEST_FAILED : TEST_SKIPPED;
    case GATE_UNDECIDED: return json_is_true(json_object_get(gate, "undecided_fails")) ? TEST_FAILED : TEST_SKIPPED;
    case GATE_ADDED:
    case GATE_UNABLE: return TEST_SKIPPED;
    default: return TEST_PASSED;
    }
}

static void put_test(FILE *out, const json_t *gate, const json_t *one)
{
    const test_end end = end_of(gate, one);
    fputs("    <testcase classname=\"", out);
    xml_put(out, text_of(one, "kernel"));
    fputs("\" name=\"", out);
    xml_put(out, text_of(one, "case"));
    fputs(end == TEST_PASSED ? "\"/>\n" : "\">\n", out);
    if (end == TEST_PASSED) return;
    fputs(end == TEST_FAILED ? "      <failure type=\"" : "      <skipped message=\"", out);
    if (end == TEST_FAILED) {
        xml_put(out, text_of(one, "outcome"));
        fputs("\" message=\"", out);
    }
    xml_put(out, text_of(one, "words"));
    fputs("\">", out);
    xml_put(out, text_of(one, "reproducer"));
    fputs(end == TEST_FAILED ? "</failure>\n" : "</skipped>\n", out);
    fputs("    </testcase>\n", out);
}

static void put_accuracy_test(FILE *out, const json_t *one)
{
    const bool worse = json_is_true(json_object_get(one, "worse"));
    fputs("    <testcase classname=\"accuracy\" name=\"", out);
    xml_put(out, text_of(one, "kernel"));
    fputs(worse ? "\">\n      <failure type=\"less accurate\" message=\"error / bound " : "\"/>\n", out);
    if (!worse) return;
    const json_t *ratio = json_object_get(one, "ratio"), *rms = json_object_get(one, "rms");
    fprintf(out, "%.2g, was %.2g; pooled z %.2g, was %.2g\"/>\n    </testcase>\n",
            json_real_of(json_array_get(ratio, 1), 0), json_real_of(json_array_get(ratio, 0), 0),
            json_real_of(json_array_get(rms, 1), 0), json_real_of(json_array_get(rms, 0), 0));
}

/* An error: tests that were skipped, or a list of none, would read as a pass. */
static int emit_junit_error(FILE *out, const json_t *gate)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"attnbench gate\" tests=\"1\" "
          "failures=\"0\" errors=\"1\" skipped=\"0\">\n    <testcase classname=\"attnbench gate\" "
          "name=\"something was compared\">\n      <error type=\"",
          out);
    xml_put(out, gate_heading(gate));
    fputs("\" message=\"", out);
    xml_put(out, text_of(gate, "headline"));
    fputs("\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n", out);
    return 1;
}

static int emit_junit(FILE *out, const json_t *record)
{
    const json_t *gate = gate_of(record), *cases = json_object_get(gate, "cases"),
                 *errors = json_object_get(gate, "accuracy"), *one;
    size_t i, ends[TEST_SKIPPED + 1] = {0};
    if (nothing_compared(gate)) return emit_junit_error(out, gate);
    json_array_foreach(cases, i, one) ends[end_of(gate, one)]++;
    json_array_foreach(errors, i, one) ends[json_is_true(json_object_get(one, "worse")) ? TEST_FAILED : TEST_PASSED]++;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"attnbench gate\" "
            "tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n",
            ends[0] + ends[1] + ends[2], ends[TEST_FAILED], ends[TEST_SKIPPED]);
    json_array_foreach(cases, i, one) put_test(out, gate, one);
    json_array_foreach(errors, i, one) put_accuracy_test(out, one);
    fputs("  </testsuite>\n</testsuites>\n", out);
    return 1;
}

int gate_write_junit(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    return record_write_text(record, path, emit_junit, reason, reason_size);
}
