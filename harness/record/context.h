/* context.h: context.attnbench of a record: the machine, the build and the ceilings that its figures depend on.
 *
 * Every command that writes a record calls context_new and context_put; the keys are listed in record.h. */
#ifndef ATTNBENCH_CONTEXT_H
#define ATTNBENCH_CONTEXT_H

#include <jansson.h>

#include "machine/ceilings.h"
#include "plugin/plugin.h"

typedef struct context_facts {
    int argc; /* the command line that main got */
    char **argv;
    uint64_t isa;                      /* instruction sets in use */
    int threads;                       /* the most threads that ran */
    int pinned;                        /* how many of them were pinned to a processor; -1: no pool was made */
    const ceilings *ceilings;          /* NULL: not measured, and the keys are absent */
    const attn_kernel *const *kernels; /* [kernel_count]; NULL: the built-in ones */
    int kernel_count;
    const plugin_set *plugins; /* NULL: none */
} context_facts;

/* A new object; NULL where memory is out. */
json_t *context_new(const context_facts *facts);

/* Puts `ours` into a record's context as "attnbench". Adds "date" (now, with the offset from UTC) if Google Benchmark
 * has not, because history needs one. */
void context_put(json_t *record, json_t *ours);

/* Adds "interrupted" if the user has interrupted the program. context_new does this; call it again after measuring
 * more. */
int context_note_interruption(json_t *context);

/* Adds an entry to "skipped". Returns 0; -1 where memory is out. */
int context_skip(json_t *context, const char *name, const char *reason);

#endif
