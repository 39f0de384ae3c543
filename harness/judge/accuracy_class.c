/* accuracy_class.c: the types of an accuracy contract in words. */
#include "accuracy_class.h"

#include <stdio.h>
#include <string.h>

#include "problem.h"

static void add_type(char *out, size_t size, const char *what, uint32_t type, uint32_t usual)
{
    const size_t used = strlen(out);
    if (type != usual) snprintf(out + used, size - used, ", %s %s", what, attn_type_name(type));
}

void accuracy_class(const attn_plan *plan, char *out, size_t size)
{
    snprintf(out, size, "%s", attn_type_name(plan->storage_type));
    add_type(out, size, "scores", plan->score_type, ATTN_F32);
    add_type(out, size, "weights", plan->weight_type, ATTN_F32);
    add_type(out, size, "accumulator", plan->accumulator_type, ATTN_F32);
    add_type(out, size, "output", plan->output_type, plan->storage_type);
    if (plan->delta_q > 0) snprintf(out + strlen(out), size - strlen(out), ", quantised Q");
}
