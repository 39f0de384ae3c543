/* record_markdown_failures.c: what, where and the figure are in the first finding's own words. */
#include "record_markdown_failures.h"

#include <string.h>

#include "util/markdown.h"
#include "record/record_rows.h"
#include "util/json_text.h"

static void put_case(FILE *out, const json_t *one)
{
    fprintf(out, "**%s** ", text_of(one, "status"));
    markdown_put(out, text_of(one, "kernel"));
    fputs(" on ", out);
    markdown_put(out, text_of(one, "workload"));
    if (*text_of(one, "class")) fputs(", class ", out);
    markdown_put(out, text_of(one, "class"));
}

static void put_finding(FILE *out, const json_t *finding)
{
    markdown_put(out, text_of(finding, "check"));
    fputs(": ", out);
    markdown_put(out, text_of(finding, "reason"));
}

static void put_line(FILE *out, const json_t *one)
{
    const json_t *findings = json_object_get(one, "findings");
    const size_t count = json_array_size(findings);
    fputs("- ", out);
    put_case(out, one);
    fputs(": ", out);
    if (count)
        put_finding(out, json_array_get(findings, 0));
    else
        markdown_put(out, text_of(one, "reason"));
    if (count > 1) fprintf(out, " (and %zu more)", count - 1);
    fputc('\n', out);
}

static void put_whole(FILE *out, const json_t *one)
{
    size_t i;
    const json_t *finding;
    fputc('\n', out);
    put_case(out, one);
    fputs("\n\n", out);
    json_array_foreach(json_object_get(one, "findings"), i, finding)
    {
        fputs("- ", out);
        put_finding(out, finding);
        fputc('\n', out);
    }
    if (i == 0) {
        fputs("- ", out);
        markdown_put(out, text_of(one, "reason"));
        fputc('\n', out);
    }
    if (*text_of(one, "pattern")) {
        fputs("- pattern: ", out);
        markdown_put(out, text_of(one, "pattern"));
        fputc('\n', out);
    }
    if (*text_of(one, "reproducer")) markdown_put_code(out, text_of(one, "reproducer"));
}

/* How many cases of its kernel failed before this one (all: in the whole list). */
static int failed_of(const json_t *cases, const char *kernel, size_t end)
{
    int count = 0;
    for (size_t i = 0; i < end; i++) {
        const json_t *one = json_array_get(cases, i);
        count += case_is_finding(one) && strcmp(text_of(one, "kernel"), kernel) == 0;
    }
    return count;
}

void failures_put(FILE *out, const json_t *record)
{
    const json_t *cases = json_object_get(record, "cases"), *one;
    bool any = false;
    size_t i;
    json_array_foreach(cases, i, one)
    {
        if (!case_is_finding(one)) continue;
        const char *kernel = text_of(one, "kernel");
        const int before = failed_of(cases, kernel, i);
        if (!any) fputs("\n## Failures\n\n", out);
        any = true;
        if (before < FAILURE_LINES) put_line(out, one);
        if (before != FAILURE_LINES) continue;
        fprintf(out, "- %d more of ", failed_of(cases, kernel, json_array_size(cases)) - before);
        markdown_put(out, kernel);
        fputs(", below\n", out);
    }
    if (!any) return;
    fputs("\n<details><summary>all findings, and the lines that repeat them</summary>\n", out);
    json_array_foreach(cases, i, one) if (case_is_finding(one)) put_whole(out, one);
    fputs("\n</details>\n", out);
}
