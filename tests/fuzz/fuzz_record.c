/* fuzz_record: records. Any file is read or refused with a reason; from what is read every table and file is made. */
#include <string.h>

#include "verify/verify_summary.h"
#include "fuzz.h"
#include "record/record.h"
#include "record/record_rows.h"
#include "output/record_forms.h"

static FILE *nowhere;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], reason[512] = "";
    record_table table;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    const int fd = file_of(data, size, path);
    json_t *record = record_read(path, reason, sizeof reason);
    close(fd);
    if (!record) {
        HOLDS(reason[0]);
        return 0;
    }
    if (record_table_make(record, &table)) record_table_free(&table);
    HOLDS(record_write_markdown(record, "/dev/null", reason, sizeof reason));
    HOLDS(record_write_junit(record, "/dev/null", reason, sizeof reason));
    HOLDS(record_write_csv(record, "/dev/null", reason, sizeof reason));
    HOLDS(record_write_json(record, "/dev/null", reason, sizeof reason));
    cases_print_counts(nowhere, json_object_get(record, "cases"));
    cases_print_unsupported(nowhere, json_object_get(record, "cases"));
    cases_print_shared(nowhere, json_object_get(record, "cases"));
    json_decref(record);
    return 0;
}
