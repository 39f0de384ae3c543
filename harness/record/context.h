/* context.h: context.attnbench of a record: what a figure needs beside it to mean something (schema: record.h). */
#ifndef ATTNBENCH_CONTEXT_H
#define ATTNBENCH_CONTEXT_H

#include <jansson.h>

#include "machine/ceilings.h"
#include "plugin/plugin.h"

typedef struct context_facts {
    int argc; /* the command line, as main got it */
    char **argv;
    uint64_t isa;                      /* instruction sets in use */
    int threads;                       /* the most threads that ran */
    int pinned;                        /* of them, those pinned to a processor; -1: no pool was made */
    const ceilings *ceilings;          /* NULL: not measured, the keys are then absent */
    const attn_kernel *const *kernels; /* [kernel_count]: those of the record; NULL: the built-in ones */
    int kernel_count;
    const plugin_set *plugins; /* NULL: none */
} context_facts;

/* A new object; NULL where memory is out. */
json_t *context_new(const context_facts *facts);

/* Puts it into a record's context as "attnbench", and beside it "date" where Google Benchmark has not written one: now,
 * with the offset from UTC. A record without a date has no place in time. */
void context_put(json_t *record, json_t *ours);

/* "interrupted", where the user has ended the program by now: context_new does it, and who goes on measuring after
 * that. */
int context_note_interruption(json_t *context);

/* Adds an entry to its "skipped": what was not run and why. Returns 0; or -1 where memory is out. */
int context_skip(json_t *context, const char *name, const char *reason);

#endif
