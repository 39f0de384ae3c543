/* property_call.h: a kernel called on many variants in one child process. */
#ifndef ATTNBENCH_PROPERTY_CALL_H
#define ATTNBENCH_PROPERTY_CALL_H

#include "util/child_process.h"
#include "tensors/variant.h"

typedef enum call_state { CALL_NONE, CALL_REFUSED, CALL_FAILED, CALL_DONE } call_state;

typedef struct property_call {
    variant *variant; /* NULL: not wanted */
    call_state state;
    attn_plan plan;   /* pointers in it mean nothing here */
    char reason[160]; /* where CALL_FAILED */
} property_call;

enum { MOST_CALLS = 64 };

/* Calls the kernel once on each variant of `base`. CHILD_DONE, or how the child ended: at call *at, `reason` says
 * how. */
child_end property_calls(const attn_kernel *kernel, const instance *base, int threads, const attn_machine *machine,
                         double limit_seconds, property_call *calls, int count, int *at, char *reason,
                         size_t reason_size);

#endif
