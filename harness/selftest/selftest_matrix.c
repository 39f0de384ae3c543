/* selftest_matrix.c: which check found which bug, and which checks no bug needs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/check.h"
#include "record/record.h"
#include "selftest_judge.h"
#include "util/atomic_file.h"
#include "verify/check_list.h"
#include "util/json_text.h"

/* Checks that may stay although no planted bug is found by them alone, and why. */
static const struct {
    const char *check, *why;
} kept[] = {
    {"status", "a kernel that gives up says so itself: its outputs would be found too, but not its reason"},
    {"repeatable", "names a result that changes from call to call, which others meet as a difference by chance"},
    {"writes-inside", "the values may be right: it names the tensor beside whose elements was written"},
    {"poison", "names memory that is read before it is written; elsewhere that shows by the luck of what lay there"},
    {"placement", "no other check puts tensors at a page's first byte, where reads before them fault"},
    {"state", "names what is kept between calls; by values alone it looks like any wrong result"},
    {"exec-order", "names a dependence on the order of slices, which threads on an idle machine seldom show"},
    {"weights-bound", "judges the third output; for a kernel without LSE it is what makes a verdict full"},
    {"projection", "covers every row of cases that are too large to be judged element by element"},
    {"max-deviation", "one bad row among thousands leaves the root mean square as it is"},
    {"projection-deviation", "the deviation of the rows that projections alone cover"},
    {"scale-v-by-power-of-two", "exact: sees what the bound of 16-bit outputs hides, and needs no reference"},
    {"negate-v", "exact: sees what depends on the sign of V, and needs no reference"},
    {"scale-q-against-k", "exact: sees constants beside the scores, and needs no reference"},
    {"negate-q-and-k", "exact: sees what depends on signs before the scores, and needs no reference"},
    {"other-kv-heads", "exact: names a leak between KV heads, which by values alone is any wrong result"},
    {"other-query-heads", "exact: names a leak between query heads, which by values alone is any wrong result"},
    {"slice-of-rows", "the promise that threaded kernels build on; a bound cannot see whether bits are equal"},
    {"thread-count", "the promise of equal bits at any number of threads; a bound cannot see it"},
    {"repeated-kv-heads", "a second way to the same result, without the reference's own reading of groups"},
    {"one-key", "no softmax is left in it: guards the reference and its bound from agreeing with a kernel's mistake"},
    {"permute-keys", "needs no reference: stays where that and the kernel make the same mistake"},
    {"duplicate-keys", "needs no reference: stays where that and the kernel make the same mistake"},
    {"shift-k", "needs no reference: stays where that and the kernel make the same mistake"},
    {"split-and-merge", "the promise that split-KV builds on, and needs no reference"},
    {"masked-keys-finite-v", "masked-keys for the kernels that declare finite V"},
    {"constant-v", "needs no reference: the weights add up to 1 whatever they are"},
    {"hull-of-v", "needs no reference, and holds where the bound is infinite"},
    {"shift-v", "needs no reference: the weights add up to 1 whatever they are"},
    {"linear-in-v", "needs no reference: the same weights for any V"},
    {"weights-sum-to-1", "needs no reference: the third output against itself"},
    {"identity-probe",
     "with 4096 keys or more a dropped key moves O by less than its bound, but a single weight by hundreds of bounds"},
    {"needle", "names the key that was missed, at any number of keys"},
};

static json_t *part_of(json_t *results, bool odd)
{
    json_t *part = json_array(), *result;
    size_t i;
    json_array_foreach(results, i, result)
    {
        if (json_is_true(json_object_get(result, "odd")) == odd) json_array_append(part, result);
    }
    return part;
}

static json_t *check_entry(const char *name, const json_t *bugs)
{
    json_t *alone = json_array(), *stays = json_null(), *bug;
    int found = 0;
    size_t i;
    json_array_foreach(bugs, i, bug)
    {
        const json_t *checks = json_object_get(bug, "checks");
        if (!json_object_get(checks, name)) continue;
        found++;
        if (json_object_size(checks) == 1) json_array_append(alone, json_object_get(bug, "name"));
    }
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
        if (strcmp(kept[k].check, name) == 0) stays = json_string(kept[k].why);
    return json_pack("{s:s, s:i, s:o, s:o}", "name", name, "found", found, "alone", alone, "stays", stays);
}

json_t *kill_matrix(json_t *results)
{
    json_t *bugs = part_of(results, false), *checks = json_array();
    int groups;
    const check_group *const *group = check_groups(&groups);
    for (int g = 0; g < groups; g++)
        for (int i = 0; i < group[g]->count; i++)
            json_array_append_new(checks, check_entry(group[g]->check[i].name, bugs));
    json_t *matrix = json_pack("{s:o, s:o, s:o}", "bugs", bugs, "odd", part_of(results, true), "checks", checks);
    json_decref(results);
    return matrix;
}

static int count_status(const json_t *list, const char *status)
{
    int count = 0;
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) { count += strcmp(text_of(one, "status"), status) == 0; }
    return count;
}

static int count_not_repeated(const json_t *list)
{
    int count = 0;
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) { count += json_is_false(json_object_get(one, "replays")); }
    return count;
}

bool kill_matrix_fails(const json_t *matrix)
{
    const json_t *bugs = json_object_get(matrix, "bugs"), *odd = json_object_get(matrix, "odd");
    return count_status(bugs, "missed") || count_status(odd, "accused") || count_status(bugs, "unclear") ||
           count_status(odd, "unclear") || count_not_repeated(bugs);
}

/* Columns are the checks that found something, lettered. */
static char letter(int column) { return (char)(column < 26 ? 'A' + column : 'a' + column - 26); }

static void print_row(const json_t *result, const json_t *checks)
{
    size_t i;
    json_t *one;
    printf("%-32s ", text_of(result, "name"));
    json_array_foreach(checks, i, one)
    {
        if (json_integer_value(json_object_get(one, "found")) == 0) continue;
        putchar(json_object_get(json_object_get(result, "checks"), text_of(one, "name")) ? '#' : '.');
    }
    const char *status = text_of(result, "status"), *reason = text_of(result, "reason");
    const int usual = strcmp(status, "found") == 0 || strcmp(status, "accepted") == 0;
    printf("  %s%s%s: %s%s%s\n", usual ? "" : status, usual ? "" : " ", text_of(result, "kernel"),
           text_of(result, "what"), *reason ? ": " : "", reason);
}

static void print_names(const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name) { printf("%s%s", i ? ", " : " ", json_string_value(name)); }
}

static void print_checks(const json_t *checks, bool needed)
{
    size_t i;
    json_t *one;
    json_array_foreach(checks, i, one)
    {
        const json_t *alone = json_object_get(one, "alone");
        if ((json_array_size(alone) > 0) != needed) continue;
        printf("  %-16s", text_of(one, "name"));
        if (needed)
            print_names(alone);
        else
            printf(" finds %d; %s", (int)json_integer_value(json_object_get(one, "found")),
                   *text_of(one, "stays") ? text_of(one, "stays") : "nothing says why it stays");
        putchar('\n');
    }
}

static void print_lines(const json_t *list, const char *status, const char *title)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        const bool unrepeated = strcmp(status, "unrepeated") == 0 && json_is_false(json_object_get(one, "replays"));
        if (!unrepeated && strcmp(text_of(one, "status"), status) != 0) continue;
        printf("%s: %s (%s: %s) %s\n", title, text_of(one, "name"), text_of(one, "kernel"), text_of(one, "what"),
               text_of(one, "reason"));
        if (*text_of(one, "line")) printf("    %s\n", text_of(one, "line"));
    }
}

void kill_matrix_print(const json_t *matrix, bool whole)
{
    const json_t *bugs = json_object_get(matrix, "bugs"), *odd = json_object_get(matrix, "odd"),
                 *checks = json_object_get(matrix, "checks");
    size_t i;
    int column = 0;
    json_t *one;
    json_array_foreach(checks, i, one)
    {
        if (json_integer_value(json_object_get(one, "found")) == 0) continue;
        printf("%c  %-20s found %d\n", letter(column++), text_of(one, "name"),
               (int)json_integer_value(json_object_get(one, "found")));
    }
    printf("\n%-32s ", "");
    for (int c = 0; c < column; c++) putchar(letter(c));
    putchar('\n');
    json_array_foreach(bugs, i, one) print_row(one, checks);
    json_array_foreach(odd, i, one) print_row(one, checks);

    if (whole) {
        printf("\nfound by one check alone:\n");
        print_checks(checks, true);
        printf("checks that no planted bug needs:\n");
        print_checks(checks, false);
    }
    putchar('\n');
    print_lines(bugs, "missed", "MISSED");
    print_lines(odd, "accused", "ACCUSED");
    print_lines(bugs, "unclear", "UNCLEAR");
    print_lines(odd, "unclear", "UNCLEAR");
    print_lines(bugs, "unrepeated", "NOT REPEATED");
    printf("%d bugs: %d found, %d missed, %d unclear, %d skipped; %d odd kernels: %d accepted, %d accused, %d unclear, "
           "%d skipped; %d failures did not repeat\n",
           (int)json_array_size(bugs), count_status(bugs, "found"), count_status(bugs, "missed"),
           count_status(bugs, "unclear"), count_status(bugs, "skipped"), (int)json_array_size(odd),
           count_status(odd, "accepted"), count_status(odd, "accused"), count_status(odd, "unclear"),
           count_status(odd, "skipped"), count_not_repeated(bugs));
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static void write_row(FILE *to, const json_t *result, const json_t *checks, const char *separator)
{
    size_t i;
    json_t *one;
    fprintf(to, "%s%s%s%s%s", text_of(result, "name"), separator, text_of(result, "kernel"), separator,
            text_of(result, "status"));
    json_array_foreach(checks, i, one)
    {
        const json_t *cases = json_object_get(json_object_get(result, "checks"), text_of(one, "name"));
        if (json_integer_value(json_object_get(one, "found")) == 0) continue;
        if (cases)
            fprintf(to, "%s%d", separator, (int)json_integer_value(cases));
        else
            fputs(separator, to);
    }
}

/* `around`: what begins and ends a line. */
static void write_table(FILE *to, const json_t *matrix, const char *separator, const char *begin, const char *end)
{
    const json_t *bugs = json_object_get(matrix, "bugs"), *odd = json_object_get(matrix, "odd"),
                 *checks = json_object_get(matrix, "checks");
    size_t i;
    int columns = 3;
    json_t *one;
    fprintf(to, "%sbug%skernel%sstatus", begin, separator, separator);
    json_array_foreach(checks, i, one)
    {
        if (json_integer_value(json_object_get(one, "found")) == 0) continue;
        fprintf(to, "%s%s", separator, text_of(one, "name"));
        columns++;
    }
    fputs(end, to);
    for (int c = 0; *begin && c < columns; c++) fputs("|---", to);
    if (*begin) fputs("|\n", to);
    for (int part = 0; part < 2; part++) {
        json_array_foreach(part ? odd : bugs, i, one)
        {
            fputs(begin, to);
            write_row(to, one, checks, separator);
            fputs(end, to);
        }
    }
}

static int write_text(const json_t *matrix, const char *path, bool markdown, char *reason, size_t size)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (!to) {
        snprintf(reason, size, "out of memory");
        return 0;
    }
    if (markdown)
        write_table(to, matrix, " | ", "| ", " |\n");
    else
        write_table(to, matrix, ",", "", "\n");
    fclose(to);
    const int ok = file_write_atomically(path, text, bytes, reason, size);
    free(text);
    return ok;
}

int kill_matrix_write_csv(const json_t *matrix, const char *path, char *reason, size_t size)
{
    return write_text(matrix, path, false, reason, size);
}

int kill_matrix_write_markdown(const json_t *matrix, const char *path, char *reason, size_t size)
{
    return write_text(matrix, path, true, reason, size);
}
