/* record_csv.c: the record as one table. A row is an entry of "benchmarks" or one of "cases", as its first column
 * says; columns that do not concern a row are empty. Quoting follows RFC 4180; numbers keep all their digits. */
#include <string.h>

#include "record/record_rows.h"
#include "record_forms.h"

typedef struct column {
    const char *name;
    const char *benchmark; /* key in an entry; NULL: none, or made from its name */
    const char *in;        /* object within a case that holds the key; NULL: the case itself */
    const char *one;       /* key in a case; NULL: none */
} column;

static const column columns[] = {
    {"spec", "label", NULL, "spec"},
    {"class", NULL, NULL, "class"},
    {"seed", NULL, NULL, "seed"},
    {"inner", NULL, NULL, "inner"},
    {"status", NULL, NULL, "status"},
    {"reason", NULL, NULL, "reason"},
    {"run_type", "run_type", NULL, NULL},
    {"aggregate", "aggregate_name", NULL, NULL},
    {"repetition", "repetition_index", NULL, NULL},
    {"iterations", "iterations", NULL, NULL},
    {"real_time", "real_time", NULL, NULL},
    {"cpu_time", "cpu_time", NULL, NULL},
    {"time_unit", "time_unit", NULL, NULL},
    {"gflops", "gflops", NULL, NULL},
    {"share", "share", NULL, NULL},
    {"gbytes", "gbytes", NULL, NULL},
    {"share_bw", "share_bw", NULL, NULL},
    {"pack_ms", "pack_ms", NULL, NULL},
    {"first_call_ms", "first_call_ms", NULL, NULL},
    {"verdict", NULL, NULL, "verdict"},
    {"output_error", NULL, "output", "error"},
    {"output_bound", NULL, "output", "bound"},
    {"output_ratio", NULL, "output", "ratio"},
    {"lse_error", NULL, "lse", "error"},
    {"lse_bound", NULL, "lse", "bound"},
    {"lse_ratio", NULL, "lse", "ratio"},
    {"weights_error", NULL, "weights", "error"},
    {"weights_bound", NULL, "weights", "bound"},
    {"weights_ratio", NULL, "weights", "ratio"},
    {"z_rms", NULL, "deviation", "rms"},
    {"z_max", NULL, "deviation", "max"},
    {"z_rows", NULL, "deviation", "rows"},
    {"projection_ratio", NULL, "projection", "ratio"},
    {"projected_z_rms", NULL, "projection", "rms"},
    {"projected_z_max", NULL, "projection", "max"},
    {"quantisation_output", NULL, "quantisation", "output"},
    {"quantisation_relative", NULL, "quantisation", "relative"},
    {"quantisation_lse", NULL, "quantisation", "lse"},
    {"accuracy", NULL, NULL, "accuracy"},
    {"unbounded_rows", NULL, NULL, "unbounded_rows"},
    {"rows_checked", NULL, NULL, "rows_checked"},
    {"rows", NULL, NULL, "rows"},
    {"seconds", NULL, NULL, "seconds"},
    {"reproducer", NULL, NULL, "reproducer"},
};
#define COLUMNS (sizeof columns / sizeof *columns)

static void put_text(FILE *out, text_view text)
{
    bool quote = false;
    for (int i = 0; i < text.size; i++) quote = quote || strchr(",\"\r\n", text.at[i]);
    if (!quote) {
        fprintf(out, "%.*s", VIEW(text));
        return;
    }
    fputc('"', out);
    for (int i = 0; i < text.size; i++) {
        if (text.at[i] == '"') fputc('"', out);
        fputc(text.at[i], out);
    }
    fputc('"', out);
}

static void put_string(FILE *out, const char *text) { put_text(out, (text_view){text, (int)strlen(text)}); }

static void put_value(FILE *out, const json_t *j)
{
    if (json_is_string(j)) put_string(out, json_string_value(j));
    if (json_is_integer(j)) fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    if (json_is_real(j)) fprintf(out, "%.17g", json_real_value(j));
    if (json_is_boolean(j)) fputs(json_is_true(j) ? "true" : "false", out);
}

static void put_benchmark(FILE *out, const json_t *entry)
{
    const entry_id id = entry_id_of(entry);
    const char *error = entry_error(entry);
    fputs("benchmark,", out);
    put_text(out, id.kernel);
    fputc(',', out);
    put_text(out, id.workload);
    fputc(',', out);
    put_text(out, id.variant);
    fprintf(out, ",%lld", (long long)id.threads);
    for (size_t i = 0; i < COLUMNS; i++) {
        fputc(',', out);
        if (strcmp(columns[i].name, "status") == 0) {
            fputs(error ? "error" : "ok", out);
        } else if (strcmp(columns[i].name, "reason") == 0) {
            if (error) put_string(out, error);
        } else if (columns[i].benchmark) {
            /* The times of an entry that failed are zeros that nobody measured. */
            const json_t *value = json_object_get(entry, columns[i].benchmark);
            if (!error || json_is_string(value)) put_value(out, value);
        }
    }
    fputc('\n', out);
}

static void put_case_row(FILE *out, const json_t *one)
{
    fputs("case,", out);
    put_value(out, json_object_get(one, "kernel"));
    fputc(',', out);
    put_value(out, json_object_get(one, "workload"));
    fputs(",,", out);
    put_value(out, json_object_get(one, "threads"));
    for (size_t i = 0; i < COLUMNS; i++) {
        fputc(',', out);
        const json_t *holder = columns[i].in ? json_object_get(one, columns[i].in) : one;
        if (columns[i].one) put_value(out, json_object_get(holder, columns[i].one));
    }
    fputc('\n', out);
}

/* A row of its own, the last: whoever filters rows by the first column loses nothing. */
static void put_interruption_row(FILE *out)
{
    fputs("run,,,,", out);
    for (size_t i = 0; i < COLUMNS; i++) {
        fputc(',', out);
        if (strcmp(columns[i].name, "status") == 0) fputs("interrupted", out);
        if (strcmp(columns[i].name, "reason") == 0) fputs("what was asked for after that did not run", out);
    }
    fputc('\n', out);
}

static int emit_csv(FILE *out, const json_t *record)
{
    fputs("record,kernel,workload,variant,threads", out);
    for (size_t i = 0; i < COLUMNS; i++) fprintf(out, ",%s", columns[i].name);
    fputc('\n', out);
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(record, "benchmarks"), i, item) put_benchmark(out, item);
    json_array_foreach(json_object_get(record, "cases"), i, item) put_case_row(out, item);
    if (record_interrupted(record)) put_interruption_row(out);
    return 1;
}

int record_write_csv(const json_t *record, const char *path, char *reason, size_t reason_size)
{
    return record_write_text(record, path, emit_csv, reason, reason_size);
}
