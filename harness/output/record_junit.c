/* record_junit.c: the judge's cases as JUnit XML, which CI systems draw. One suite a kernel, one test a case: fail is
 * a failure, crash and hang are errors, unsupported is skipped. Entries of the clock that could not be timed are errors
 * too; timed ones are no tests and do not appear. */
#include <stdlib.h>
#include <string.h>

#include "record/record_rows.h"
#include "util/xml.h"
#include "util/json_text.h"
#include "record_forms.h"

static void put_part(FILE *out, const json_t *one, const char *part)
{
    const json_t *figures = json_object_get(one, part);
    if (!json_is_object(figures)) return;
    char *where = json_dumps(json_object_get(figures, "where"), JSON_ENCODE_ANY | JSON_COMPACT);
    fprintf(out, "%s: error %g, bound %g, ratio %g", part, json_real_of(json_object_get(figures, "error"), 0),
            json_real_of(json_object_get(figures, "bound"), 0), json_real_of(json_object_get(figures, "ratio"), 0));
    if (where) fprintf(out, " at %s", where);
    fprintf(out, ", got %.9g, wanted %.9g\n", json_real_of(json_object_get(figures, "got"), 0),
            json_real_of(json_object_get(figures, "wanted"), 0));
    free(where);
}

/* The type of a failure is the checks that failed, so that a CI system groups by them. */
static void put_checks(FILE *out, const json_t *one)
{
    size_t i;
    const json_t *finding, *findings = json_object_get(one, "findings");
    if (json_array_size(findings) == 0) xml_put(out, text_of(one, "status"));
    json_array_foreach(findings, i, finding)
    {
        if (i) fputc(' ', out);
        xml_put(out, text_of(finding, "check"));
    }
}

static void put_failure(FILE *out, const json_t *one, const char *element)
{
    size_t i;
    const json_t *finding;
    fprintf(out, "      <%s type=\"", element);
    put_checks(out, one);
    fputs("\" message=\"", out);
    xml_put(out, text_of(one, "reason"));
    fputs("\">", out);
    json_array_foreach(json_object_get(one, "findings"), i, finding)
    {
        fputc('[', out);
        xml_put(out, text_of(finding, "check"));
        fputs("] ", out);
        xml_put(out, text_of(finding, "reason"));
        fputc('\n', out);
    }
    if (*text_of(one, "pattern")) {
        fputs("pattern: ", out);
        xml_put(out, text_of(one, "pattern"));
        fputc('\n', out);
    }
    put_part(out, one, "output");
    put_part(out, one, "lse");
    put_part(out, one, "weights");
    xml_put(out, text_of(one, "reproducer"));
    fprintf(out, "</%s>\n", element);
}

static void put_test_case(FILE *out, const json_t *one)
{
    const char *status = text_of(one, "status");
    fputs("    <testcase classname=\"", out);
    xml_put(out, text_of(one, "kernel"));
    fputs("\" name=\"", out);
    xml_put(out, text_of(one, "workload"));
    if (*text_of(one, "class")) {
        fputs(" class=", out);
        xml_put(out, text_of(one, "class"));
    }
    const json_t *seed = json_object_get(one, "seed"), *threads = json_object_get(one, "threads");
    if (json_is_integer(seed)) fprintf(out, " seed=%" JSON_INTEGER_FORMAT, json_integer_value(seed));
    if (json_is_integer(threads)) fprintf(out, " threads=%" JSON_INTEGER_FORMAT, json_integer_value(threads));
    fprintf(out, "\" time=\"%.6f\"", json_real_of(json_object_get(one, "seconds"), 0));
    if (strcmp(status, "pass") == 0) {
        fputs("/>\n", out);
        return;
    }
    fputs(">\n", out);
    if (strcmp(status, "unsupported") == 0) {
        fputs("      <skipped message=\"", out);
        xml_put(out, text_of(one, "reason"));
        fputs("\"/>\n", out);
    } else {
        put_failure(out, one, strcmp(status, "fail") == 0 ? "failure" : "error");
    }
    fputs("    </testcase>\n", out);
}

static void put_suite(FILE *out, const json_t *record, const char *kernel)
{
    const case_counts n = case_counts_of(record, kernel);
    fputs("  <testsuite name=\"", out);
    xml_put(out, kernel);
    fprintf(out, "\" tests=\"%lld\" failures=\"%lld\" errors=\"%lld\" skipped=\"%lld\">\n", (long long)n.all,
            (long long)n.fail, (long long)(n.crash + n.hang), (long long)n.unsupported);
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(record, "cases"), i, one) if (strcmp(text_of(one, "kernel"), kernel) == 0)
        put_test_case(out, one);
    fputs("  </testsuite>\n", out);
}

/* A skipped test of its own: CI systems draw those, and properties hardly. */
static void put_interruption(FILE *out)
{
    fputs("  <testsuite name=\"attnbench\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">\n"
          "    <testcase classname=\"attnbench\" name=\"all that was asked for\">\n"
          "      <skipped message=\"interrupted: the cases after that did not run\"/>\n"
          "    </testcase>\n  </testsuite>\n",
          out);
}

static int64_t count_untimed(const json_t *record)
{
    int64_t n = 0;
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(record, "benchmarks"), i, entry) n += entry_error(entry) != NULL;
    return n;
}

static void put_untimed(FILE *out, const json_t *record, int64_t count)
{
    fprintf(out, "  <testsuite name=\"bench\" tests=\"%lld\" failures=\"0\" errors=\"%lld\" skipped=\"0\">\n",
            (long long)count, (long long)count);
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(record, "benchmarks"), i, entry)
    {
        if (!entry_error(entry)) continue;
        fputs("    <testcase classname=\"bench\" name=\"", out);
        xml_put(out, text_of(entry, "name"));
        fputs("\">\n      <error type=\"not timed\" message=\"", out);
        xml_put(out, entry_error(entry));
        fputs("\"/>\n    </testcase>\n", out);
    }
    fputs("  </testsuite>\n", out);
}

static bool first_of_kernel(const json_t *cases, size_t index)
{
    const char *kernel = text_of(json_array_get(cases, index), "kernel");
    for (size_t i = 0; i < index; i++)
        if (strcmp(text_of(json_array_get(cases, i), "kernel"), kernel) == 0) return false;
    return true;
}

static int emit_junit(FILE *out, const json_t *record)
{
    const json_t *cases = json_object_get(record, "cases");
    const case_counts n = case_counts_of(record, NULL);
    const int64_t untimed = count_untimed(record);
    const bool interrupted = record_interrupted(record);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites name=\"attnbench\" tests=\"%lld\" failures=\"%lld\" errors=\"%lld\" skipped=\"%lld\">\n",
            (long long)(n.all + untimed + interrupted), (long long)n.fail, (long long)(n.crash + n.hang + untimed),
            (long long)(n.unsupported + interrupted));
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (first_of_kernel(cases, i)) put_suite(out, record, text_of(json_array_get(cases, i), "kernel"));
    if (untimed > 0) put_untimed(out, record, untimed);
    if (interrupted) put_interruption(out);
    fputs("</testsuites>\n", out);
    return 1;
}

int record_write_junit(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    return record_write_text(record, path, emit_junit, reason, reason_size);
}
