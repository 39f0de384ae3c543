/* commands.h: one function a command; arguments after the command's name; the result is the exit code. */
#ifndef ATTNBENCH_COMMANDS_H
#define ATTNBENCH_COMMANDS_H

#include <jansson.h>

#include "command.h"
#include "doctor/doctor.h"
#include "options.h"

typedef int command_function(int argc, char **argv);
command_function cmd_list, cmd_doctor, cmd_verify, cmd_bench, cmd_compare, cmd_gate, cmd_run, cmd_report, cmd_history,
    cmd_selftest, cmd_completion, cmd_manual;

/* Parses options for a command. Returns -1 to go on, else the exit code (help was printed, or a complaint). Where an
 * output is "-", standard output is kept for it and all other text goes to standard error. */
int command_begin(int argc, char **argv, const command *c, options *o);

/* Writes the record to the files that OUTPUT names. EXIT_WELL or EXIT_NOT_WRITTEN. */
int command_outputs(const options *o, const json_t *record);

/* The same for what is no record. A format without a writer must not be among the command's flags. */
typedef int output_writer(const json_t *what, const char *path, char *reason, size_t reason_size);
typedef struct output_writers {
    output_writer *json, *csv, *junit, *markdown;
} output_writers;
int command_outputs_as(const options *o, const json_t *what, const output_writers *writers);

/* Text to the file of such a flag. EXIT_WELL or EXIT_NOT_WRITTEN. */
int command_output_text(const char *path, const char *text, size_t bytes);

/* Standard output is gone (its reader left, the disk is full) and no file was asked for: more work would be in vain. */
bool command_unread(const options *o);

/* Says that the job was cut short, if it was, and that what was measured is kept. */
void command_interrupted(const options *o);

/* Verifies all that is selected and appends to the record's cases; prints a line a case (`quiet`: findings only) and a
 * summary. Returns the exit code. */
int verify_selection(const options *o, const selection *s, bool quiet, json_t *record);

/* Prints the diagnosis: all lines, or those with a warning. */
void print_doctor(const doctor_report *report, bool all);

/* Makes a folder where there is none; `asked`: by which flag. Returns 0 after a complaint where it cannot be had. */
int command_folder(const char *asked, const char *folder);

/* Makes charts and page from record files by the Python programs in reports/, which print the page's path unless
 * `quiet`; an exit code. */
int make_report(const char *const *records, int count, const char *folder, bool quiet);

/* attnbench bench --layout: judges, sweeps, prints, writes; an exit code. */
int bench_layout(const options *o, const selection *s, int argc, char **argv);

#endif
