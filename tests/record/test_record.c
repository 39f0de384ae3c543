/* test_record.c: records survive the way out and in, damaged ones stop at the door, files are whole or absent, and the
 * four formats say what the record says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/record_rows.h"
#include "util/atomic_file.h"
#include "output/record_forms.h"

static char folder[] = "/tmp/attnbench-results-XXXXXX";
static char reason[512];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir) closedir(dir);
    char child[64];
    snprintf(child, sizeof child, "%s/folder", folder);
    rmdir(child);
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static int turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* The caller frees. */
static char *slurp(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    const size_t n = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    text[n] = '\0';
    return text;
}

static int count_files(const char *part)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) n += strstr(e->d_name, part) != NULL;
    if (dir) closedir(dir);
    return n;
}

static void assert_one_line(const char *text)
{
    assert_true(*text != '\0');
    assert_null(strchr(text, '\n'));
}

/* A record with everything that is awkward: two kernels, repetitions, a median, an error, a skip, odd names, NaN. */
static json_t *sample(void)
{
    static const char text[] =
        "{'context': {'date': 'd', 'attnbench': {'schema': 1, 'cpu': 'a cpu', 'threads': 2, 'kernels': ["
        "  {'name': 'base', 'role': 'baseline'}, {'name': 'other', 'role': 'product', 'improves_on': 'base'}],"
        "  'skipped': [{'name': 'other/huge', 'reason': 'no time'}]}},"
        " 'benchmarks': ["
        "  {'name': 'base/w,a=1/threads:1', 'run_type': 'iteration', 'label': 'q=1', 'real_time': 20e6, 'cpu_time': 1,"
        "   'time_unit': 'ns', 'gflops': 1.0, 'share': 0.4},"
        "  {'name': 'base/w,a=1/threads:1', 'run_type': 'iteration', 'label': 'q=1', 'real_time': 7e6, 'time_unit': "
        "'ns',"
        "   'gflops': 5.0, 'share': 0.75},"
        "  {'name': 'base/w,a=1/threads:1', 'run_type': 'iteration', 'label': 'q=1', 'real_time': 8e6, 'time_unit': "
        "'ns',"
        "   'gflops': 4.0, 'share': 0.5},"
        "  {'name': 'other/w,a=1/threads:2', 'run_type': 'iteration', 'label': 'q=1', 'real_time': 700, 'time_unit': "
        "'us'},"
        "  {'name': 'other/w,a=1/threads:2_mean', 'run_name': 'other/w,a=1/threads:2', 'run_type': 'aggregate',"
        "   'aggregate_name': 'mean', 'label': 'q=1', 'real_time': 900, 'time_unit': 'us', 'repetitions': 5},"
        "  {'name': 'other/w,a=1/threads:2_median', 'run_name': 'other/w,a=1/threads:2', 'run_type': 'aggregate',"
        "   'aggregate_name': 'median', 'label': 'q=1', 'real_time': 800, 'time_unit': 'us', 'repetitions': 5},"
        "  {'name': 'other/w,a=1/cold/threads:2', 'label': 'q=1', 'real_time': 4.0, 'time_unit': 'ms'},"
        "  {'name': 'other/bad/threads:1', 'label': 'q=2', 'error_occurred': true, 'error_message': 'it \\\"fell, "
        "over',"
        "   'real_time': 0.0, 'cpu_time': 0.0, 'time_unit': 'ns'},"
        "  {'name': 'other/later/threads:1', 'label': 'q=3', 'skipped': true, 'skip_message': 'not here',"
        "   'real_time': 0.0, 'time_unit': 'ns'}],"
        " 'cases': ["
        "  {'kernel': 'base', 'workload': 'w,a=1', 'spec': 'q=1', 'class': 'normal', 'seed': 7, 'threads': 1,"
        "   'status': 'pass', 'output': {'error': 1e-7, 'bound': 1e-6, 'ratio': 0.1}, 'lse': {'ratio': 0.3}, "
        "'seconds': 0.5, 'accuracy': 'f32, weights bf16', 'unbounded_rows': 2,"
        "   'quantisation': {'rows': 16, 'output': 0.03125, 'relative': 0.0078125, 'lse': 0.5},"
        "   'deviation': {'judged': true, 'rms': 0.25, 'max': 2.5, 'rows': 96},"
        "   'projection': {'judged': true, 'rms': 0.125, 'max': 1.5, 'rows': 48, 'ratio': 0.0625}},"
        "  {'kernel': 'base', 'workload': 'w,a=1', 'class': 'large', 'status': 'pass', 'output': {'ratio': 0.2}},"
        "  {'kernel': 'other', 'workload': 'w,a=1', 'class': 'normal', 'status': 'fail', 'reason': '<O> & | is wrong',"
        "   'output': {'error': 'NaN', 'bound': 1e-6, 'ratio': 'NaN', 'where': [0, 1, 2, 3], 'got': 'NaN', 'wanted': "
        "1},"
        "   'reproducer': 'attnbench verify --workload q=1 --seed 7', 'pattern': 'rows >= 4',"
        "   'findings': [{'check': 'output-bound', 'reason': '<O> & | is wrong'}, {'check': 'lse-bound', 'reason': "
        "'LSE'}]},"
        "  {'kernel': 'other', 'workload': 'w,a=1', 'class': 'large', 'status': 'pass', 'output': {'ratio': 0.2}},"
        "  {'kernel': 'other', 'workload': 'x', 'status': 'crash', 'reason': 'signal\\u0001 11\\u0007'},"
        "  {'kernel': 'other', 'workload': 'y', 'status': 'hang', 'reason': 'over 10 s'},"
        "  {'kernel': 'other', 'workload': 'z', 'status': 'unsupported', 'reason': 'lacks: sinks'}],"
        " 'deviations': [{'kernel': 'base', 'class': 'normal', 'accuracy': 'f32, weights bf16', 'rms': 0.25, 'max': "
        "2.5,"
        "   'rows': 96, 'projected_rms': 0.125, 'projected_max': 'NaN'}],"
        " 'reference': {'certified_rows': 2372, 'failures': [{'workload': 'w', 'class': 'large', 'reason': 'far'}]}}";
    char quoted[sizeof text];
    for (size_t i = 0; i < sizeof text; i++) quoted[i] = text[i] == '\'' ? '"' : text[i];
    json_error_t error;
    json_t *record = json_loads(quoted, 0, &error);
    if (!record) fail_msg("%s at %d", error.text, error.position);
    return record;
}

/* Trips over: %g instead of all digits; losing a list; NaN written as a bare word. */
static void round_trip_keeps_every_digit(void **state)
{
    (void)state;
    json_t *record = record_new();
    assert_non_null(record);
    static const double values[] = {0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, 123456789.123456789};
    json_t *cases = json_object_get(record, "cases");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        json_array_append_new(cases, json_pack("{s:s, s:s, s:s, s:f}", "kernel", "k", "workload", "w", "status", "pass",
                                               "seconds", values[i]));
    json_array_append_new(cases, json_pack("{s:s, s:s, s:s, s:{s:o, s:o, s:o}}", "kernel", "k", "workload", "w",
                                           "status", "fail", "output", "error", json_any_real((double)INFINITY), "got",
                                           json_any_real((double)NAN), "wanted", json_any_real(-(double)INFINITY)));
    assert_int_equal(record_write_json(record, in_folder("r.json"), reason, sizeof reason), 1);
    json_t *again = record_read(in_folder("r.json"), reason, sizeof reason);
    assert_non_null(again);
    assert_true(json_equal(record, again));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_true(json_real_of(json_object_get(json_array_get(json_object_get(again, "cases"), i), "seconds"), 0) ==
                    values[i]);
    const json_t *output = json_object_get(json_array_get(json_object_get(again, "cases"), 5), "output");
    assert_true(json_real_of(json_object_get(output, "error"), 0) == (double)INFINITY);
    assert_true(isnan(json_real_of(json_object_get(output, "got"), 0)));
    assert_true(json_real_of(json_object_get(output, "wanted"), 0) == -(double)INFINITY);
    assert_true(json_real_of(json_object_get(output, "absent"), 42) == 42);
    json_decref(again);
    json_decref(record);
}

/* Trips over: a check left out of record_read; a message of several lines or without file and place. */
static void damaged_and_foreign_records_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"", ": is empty"},
        {"{\"benchmarks\": [\n{\"name\": \"a\",", "damaged at line 2"},
        {"{\"cases\": [NaN]}", "damaged at line 1, column"},
        {"[]", "neither"},
        {"{\"version\": 3}", "neither"},
        {"{\"benchmarks\": {}}", "\"benchmarks\" is not a list"},
        {"{\"cases\": 3}", "\"cases\" is not a list"},
        {"{\"benchmarks\": [3]}", "entry 0"},
        {"{\"benchmarks\": [{\"name\": 3}]}", "\"name\" is not a text"},
        {"{\"benchmarks\": [{\"name\": \"a\"}, {\"name\": \"a\", \"real_time\": \"1\"}]}",
         "entry 1 (from 0): \"real_time\""},
        {"{\"benchmarks\": [{\"name\": \"a\", \"time_unit\": \"min\"}]}", "time_unit"},
        {"{\"cases\": [{\"kernel\": \"k\", \"workload\": \"w\"}]}", "\"status\" is not a text"},
        {"{\"cases\": [{\"kernel\": \"k\", \"workload\": \"w\", \"status\": \"good\"}]}", "\"status\" is \"good\""},
        {"{\"cases\": [{\"kernel\": \"k\", \"workload\": \"w\", \"status\": \"pass\", \"lse\": 3}]}",
         "\"lse\" is not an object"},
        {"{\"cases\": [], \"context\": 3}", "context"},
        {"{\"cases\": [], \"context\": {\"attnbench\": {\"schema\": 2}}}", "bad.json: another version"},
    };
    const char *path = in_folder("bad.json");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(path, bad[i].text);
        memset(reason, 0, sizeof reason);
        assert_null(record_read(path, reason, sizeof reason));
        if (!strstr(reason, bad[i].words) || !strstr(reason, path)) fail_msg("'%s' lacks '%s'", reason, bad[i].words);
        assert_one_line(reason);
    }
    assert_null(record_read(in_folder("missing.json"), reason, sizeof reason));
    assert_non_null(strstr(reason, "missing.json: cannot be read: No such file"));
    assert_null(record_read(folder, reason, sizeof reason));
    assert_non_null(strstr(reason, "it is a folder"));
}

static void sample_files_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"synthetic.json", "plain-benchmark.json"};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, TEST_DATA "/records/%s", names[i]);
        json_t *record = record_read(path, reason, sizeof reason);
        if (!record) fail_msg("%s", reason);
        json_decref(record);
    }
}

/* Trips over: writing in place; leaving the temporary file; replacing a link instead of what it leads to. */
static void files_replace_each_other_whole(void **state)
{
    (void)state;
    const char *path = in_folder("whole"), *link = in_folder("link");
    put(path, "old and longer");
    assert_int_equal(symlink("whole", link), 0);
    const int reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_write_atomically(link, "new", 3, reason, sizeof reason), 1);
    char seen[32] = {0};
    assert_int_equal(read(reader, seen, sizeof seen - 1), 14);
    assert_string_equal(seen, "old and longer"); /* who had it open still has all of the old one */
    close(reader);
    char *text = slurp(path);
    assert_string_equal(text, "new");
    free(text);
    struct stat st;
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(count_files(".tmp."), 0);
}

static void unwritable_places_are_refused_with_a_reason(void **state)
{
    (void)state;
    const char *child = in_folder("folder");
    mkdir(child, 0777);
    put(in_folder("file"), "kept");
    const char *const places[] = {child, in_folder("none/r.json"), in_folder("file/r.json"), "/dev/full"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        memset(reason, 0, sizeof reason);
        assert_int_equal(file_write_atomically(places[i], "text", 4, reason, sizeof reason), 0);
        assert_non_null(strstr(reason, places[i]));
        assert_one_line(reason);
        if (i < 3) {
            memset(reason, 0, sizeof reason);
            assert_int_equal(file_writable(places[i], reason, sizeof reason), 0);
            assert_one_line(reason);
        }
    }
    assert_int_equal(count_files(".tmp."), 0);
}

/* Trips over: writability tested by making the file, or by truncating it. */
static void asking_leaves_nothing_behind(void **state)
{
    (void)state;
    put(in_folder("asked"), "kept");
    assert_int_equal(file_writable(in_folder("asked"), reason, sizeof reason), 1);
    assert_int_equal(file_writable(in_folder("unasked"), reason, sizeof reason), 1);
    assert_int_equal(file_writable("-", reason, sizeof reason), 1);
    char *text = slurp(in_folder("asked"));
    assert_string_equal(text, "kept");
    free(text);
    assert_int_equal(access(in_folder("unasked"), F_OK), -1);
    assert_int_equal(count_files(".tmp."), 0);
}

/* Trips over: throwing away what was measured when the disk is full; calling the half file by its final name. */
static void full_disk_keeps_what_was_written(void **state)
{
    (void)state;
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    const struct rlimit little = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    static char text[5000];
    memset(text, 'x', sizeof text);
    setrlimit(RLIMIT_FSIZE, &little);
    const int ok = file_write_atomically(in_folder("full"), text, sizeof text, reason, sizeof reason);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(ok, 0);
    assert_int_equal(access(in_folder("full"), F_OK), -1);
    char temp[160];
    snprintf(temp, sizeof temp, "%s.tmp.%ld", in_folder("full"), (long)getpid());
    assert_non_null(strstr(reason, temp));
    struct stat st;
    assert_int_equal(stat(temp, &st), 0);
    assert_int_equal(st.st_size, 1000);
    unlink(temp);
}

/* Trips over: cutting names at the wrong slash; aggregates under a name of their own. */
static void names_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name, *kernel, *workload, *variant;
        int64_t threads;
    } cases[] = {{"k/w,a=1/threads:16", "k", "w,a=1", "", 16},
                 {"f.so:k/w/cold/threads:2", "f.so:k", "w", "cold", 2},
                 {"k/w/threads:", "k", "w", "threads:", 1},
                 {"BM_x/64/8", "BM_x", "64", "8", 1},
                 {"/threads:3", "", "", "", 3},
                 {"plain", "plain", "", "", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *entry = json_pack("{s:s}", "name", cases[i].name);
        const entry_id id = entry_id_of(entry);
        const char *const wanted[] = {cases[i].kernel, cases[i].workload, cases[i].variant};
        const text_view got[] = {id.kernel, id.workload, id.variant};
        for (int k = 0; k < 3; k++) {
            assert_int_equal(got[k].size, strlen(wanted[k]));
            assert_memory_equal(got[k].at, wanted[k], strlen(wanted[k]));
        }
        assert_int_equal(id.threads, cases[i].threads);
        json_decref(entry);
    }
}

/* Trips over: mean for median, a wrong unit, a baseline of another spec or variant, a NaN that loses to a small
 * ratio. */
static void table_folds_repetitions_and_cases(void **state)
{
    (void)state;
    json_t *record = sample();
    record_table table;
    assert_int_equal(record_table_make(record, &table), 1);
    assert_int_equal(table.rows, 5);
    const record_row *base = &table.row[0], *other = &table.row[1], *cold = &table.row[2];
    assert_true(base->milliseconds == 8 && base->gflops == 4 && base->share == 0.5);
    assert_int_equal(base->repetitions, 3);
    assert_true(base->speedup == 1);
    assert_true(base->ratio == 0.3 && !base->failed);
    assert_true(fabs(other->milliseconds - 0.8) < 1e-12); /* the median aggregate, not the run, not the mean */
    assert_int_equal(other->repetitions, 5);
    assert_true(fabs(other->speedup - 10) < 1e-9); /* the baseline ran at one thread only */
    assert_true(isnan(other->ratio) && other->failed);
    assert_true(isnan(cold->speedup)); /* nothing cold to compare with */
    assert_string_equal(table.row[3].error, "it \"fell, over");
    assert_string_equal(table.row[4].error, "not here");
    assert_true(isnan(table.row[3].milliseconds) && isnan(table.row[4].milliseconds));
    const case_counts n = case_counts_of(record, NULL), mine = case_counts_of(record, "base");
    assert_true(n.all == 7 && n.pass == 3 && n.fail == 1 && n.crash == 1 && n.hang == 1 && n.unsupported == 1);
    assert_true(mine.all == 2 && mine.pass == 2);
    record_table_free(&table);
    json_decref(record);
}

static char *written(int (*write)(const json_t *, const char *, char *, size_t), const char *name)
{
    json_t *record = sample();
    if (!write(record, in_folder(name), reason, sizeof reason)) fail_msg("%s", reason);
    json_decref(record);
    char *text = slurp(in_folder(name));
    assert_non_null(text);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

/* Fields of a line by RFC 4180, counted by a reader of its own. */
static int fields_of(const char *line)
{
    int n = 1;
    bool quoted = false;
    for (; *line && *line != '\n'; line++) {
        if (*line == '"') quoted = !quoted;
        n += *line == ',' && !quoted;
    }
    return n;
}

/* Trips over: commas and quotes unquoted; a row of another length; zeros as the times of an entry that failed. */
static void csv_is_rectangular_and_quoted(void **state)
{
    (void)state;
    char *text = written(record_write_csv, "r.csv");
    const int columns = fields_of(text);
    int lines = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++)
        assert_int_equal(fields_of(line), columns);
    assert_int_equal(lines, 1 + 9 + 7);
    assert_non_null(strstr(text, "benchmark,base,\"w,a=1\",,1,q=1,"));
    assert_non_null(strstr(text, "benchmark,other,\"w,a=1\",cold,2,"));
    assert_non_null(strstr(text, ",error,\"it \"\"fell, over\",,,,,,,ns,"));
    assert_non_null(strstr(text, "case,base,\"w,a=1\",,1,q=1,normal,7,"));
    assert_non_null(strstr(text, "9.9999999999999995e-08,"));
    assert_non_null(strstr(text, "NaN,9.9999999999999995e-07,NaN,"));
    assert_non_null(strstr(text, ",0.25,2.5,96,0.0625,0.125,1.5,0.03125,0.0078125,0.5,\"f32, weights bf16\",2,"));
    free(text);
}

/* Trips over: unescaped text, control characters, counts that do not match, findings as the wrong element. */
static void junit_is_well_formed(void **state)
{
    (void)state;
    char *text = written(record_write_junit, "r.xml");
    assert_non_null(
        strstr(text, "<testsuites name=\"attnbench\" tests=\"9\" failures=\"1\" errors=\"4\" skipped=\"1\">"));
    assert_non_null(strstr(text, "<testsuite name=\"other\" tests=\"5\" failures=\"1\" errors=\"2\" skipped=\"1\">"));
    assert_non_null(strstr(text, "name=\"w,a=1 class=normal seed=7 threads=1\" time=\"0.500000\"/>"));
    assert_non_null(strstr(text, "<failure type=\"output-bound lse-bound\" message=\"&lt;O&gt; &amp; | is wrong\">"));
    assert_non_null(strstr(text, "[lse-bound] LSE\npattern: rows &gt;= 4\noutput: error "));
    assert_non_null(
        strstr(text, "at [0,1,2,3], got nan, wanted 1\nattnbench verify --workload q=1 --seed 7</failure>"));
    assert_non_null(strstr(text, "<error type=\"crash\" message=\"signal 11\">"));
    assert_non_null(strstr(text, "<error type=\"hang\" message=\"over 10 s\">"));
    assert_non_null(strstr(text, "<skipped message=\"lacks: sinks\"/>"));
    assert_non_null(strstr(text, "<error type=\"not timed\" message=\"it &quot;fell, over\"/>"));
    assert_int_equal(count(text, "<testcase "), 9);
    assert_int_equal(count(text, "</testcase>") + count(text, "time=\"0.500000\"/>") + count(text, "\"0.000000\"/>"),
                     9);
    for (const char *c = text; *c; c++) assert_true((unsigned char)*c >= 0x20 || *c == '\n');
    free(text);
}

/* Trips over: failures below the table, cells that end early, a failed row with a time. */
static void markdown_puts_failures_first(void **state)
{
    (void)state;
    char *text = written(record_write_markdown, "r.md");
    const char *verdict =
        strstr(text, "**WRONG:** 3 of 6 cases passed, 1 failed, 1 crashed, 1 hung; 1 unsupported here.");
    const char *failure =
        strstr(text, "\n- **fail** other on w,a=1, class normal: output-bound: \\<O\\> & \\| is wrong (and 1 more)\n");
    const char *table = strstr(text, "| workload | kernel |");
    assert_true(verdict && failure && table && verdict < failure && failure < table);
    assert_non_null(strstr(text, "| w,a=1 | base | 1 | 8.00 | 162 | 4.00 | 50.0 | 1.00 | 0.300 |"));
    assert_non_null(strstr(text, "| w,a=1 | other | 2 | 0.800 | - | - | - | 10.0 | **failed** |"));
    assert_non_null(strstr(text, "| bad | other | 1 | **not timed:** it \"fell, over | - | - | - | - | not judged |"));
    assert_non_null(strstr(text, "over 1 to 5 repetitions"));
    assert_non_null(strstr(text, "| other | 1 | 5 |"));
    assert_non_null(strstr(text, "- other/huge: no time"));
    assert_non_null(strstr(text, "| base | f32, weights bf16 | normal | 0.250 | 2.50 | 0.125 | - | 96 |"));
    assert_non_null(strstr(text, "2372 rows certified, 1 failed the certificate"));
    assert_non_null(strstr(text, "| normal | 0.031 | 0.78 % | 0.5 |"));
    assert_non_null(strstr(text, "1 case has rows of which the accuracy contract promises nothing"));
    free(text);
}

static void empty_record_judges_nothing(void **state)
{
    (void)state;
    json_t *record = record_new();
    assert_int_equal(record_write_markdown(record, in_folder("empty.md"), reason, sizeof reason), 1);
    char *text = slurp(in_folder("empty.md"));
    assert_non_null(strstr(text, "Nothing was judged"));
    assert_null(strstr(text, "Right"));
    free(text);
    assert_int_equal(record_write_junit(record, in_folder("empty.xml"), reason, sizeof reason), 1);
    assert_int_equal(record_write_csv(record, in_folder("empty.csv"), reason, sizeof reason), 1);
    json_decref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_keeps_every_digit),
        cmocka_unit_test(damaged_and_foreign_records_are_refused),
        cmocka_unit_test(sample_files_are_read),
        cmocka_unit_test(files_replace_each_other_whole),
        cmocka_unit_test(unwritable_places_are_refused_with_a_reason),
        cmocka_unit_test(asking_leaves_nothing_behind),
        cmocka_unit_test(full_disk_keeps_what_was_written),
        cmocka_unit_test(names_are_taken_apart),
        cmocka_unit_test(table_folds_repetitions_and_cases),
        cmocka_unit_test(csv_is_rectangular_and_quoted),
        cmocka_unit_test(junit_is_well_formed),
        cmocka_unit_test(markdown_puts_failures_first),
        cmocka_unit_test(empty_record_judges_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
