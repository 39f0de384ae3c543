/* gate_record.h: a gate's result in the record, and the pages that are made from it.
 *
 * "gate": {"heading","headline","compared","passed": bool,"exit","base","new" (commits or ""
 * unknown),"threshold","false_alarms","notes": [text],
 *   "outcomes": {name: cases},
 *   "cases": [{"case","kernel","workload","threads","outcome","words","log_e","ratio","interval": [low, high],
 *              "reproducer" of one that was judged wrong,"waiver": {"case","limit","until","reason"}}], findings first,
 *                then by evidence;
 *   "accuracy": [{"kernel","ratio": [base, new],"rms": [base, new],"rows","worse": bool}], "factor",
 *   "nothing_compared": true where it ended before that: the headline is why} */
#ifndef ATTNBENCH_GATE_RECORD_H
#define ATTNBENCH_GATE_RECORD_H

#include <jansson.h>

#include "gate.h"

/* What is said of the whole run, beside the result. */
typedef struct gate_about {
    const char *base, *fresh; /* commits; "" unknown */
    int code;                 /* exit */
    json_t *notes;            /* borrowed */
} gate_about;

json_t *gate_json(const gate_result *r, const gate_rule *rule, const compare_settings *s, const gate_about *about);

/* The same where the gate ended before anything was compared. */
json_t *gate_nothing_json(int code, const char *why);

/* "passed", "failed", "could not tell" or "interrupted". */
const char *gate_heading(const json_t *gate);

/* A case's words where its outcome stands before them: without saying it again. */
const char *gate_words_beside_outcome(const json_t *one);

int gate_write_markdown(const json_t *record, const char *path, char *reason, size_t reason_size);
int gate_write_junit(const json_t *record, const char *path, char *reason, size_t reason_size);

/* The Markdown page, appended: a pipeline's page may hold what other steps wrote. */
int gate_append_summary(const json_t *record, const char *path, char *reason, size_t reason_size);

#endif
