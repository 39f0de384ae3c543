/* input_class.h: the input classes by name, and the workloads on which each means something. */
#ifndef ATTNBENCH_INPUT_CLASS_H
#define ATTNBENCH_INPUT_CLASS_H

#include <stdbool.h>
#include <stddef.h>

/* How inputs are drawn (input_class.c says what each means, tensors/inputs_classes.c how its rows are drawn). Each is
 * seeded and replayable. */
typedef enum input_class {
    INPUT_NORMAL = 0,
    INPUT_OUTLIERS,
    INPUT_INCREASING,
    INPUT_LARGE,
    INPUT_MASKED,
    INPUT_DECREASING,
    INPUT_NEAR_200,
    INPUT_NEAR_20000,
    INPUT_NEAR_1E6,
    INPUT_NEAR_1E30,
    INPUT_PLUS_MINUS,
    INPUT_SPREAD,
    INPUT_LATE_KEYS,
    INPUT_SINK_ABOVE,
    INPUT_ONE_HOT,
    INPUT_EQUAL,
    INPUT_ONES,
    INPUT_CANCELLING,
    INPUT_CONSTANT,
    INPUT_SUBNORMAL,
    INPUT_NONFINITE_Q,
    INPUT_NONFINITE_K,
    INPUT_NONFINITE_V,
    INPUT_PADDING,
    INPUT_INT8_EXTREMES,
    INPUT_DROP,
    INPUT_CLASSES
} input_class;

const char *input_class_name(int input);      /* "normal" */
const char *input_class_statement(int input); /* one sentence for `attnbench list` */
int input_class_find(const char *name);       /* -1: unknown */

typedef struct workload workload;

/* Can this class be drawn for this workload, and does it mean something there? Files are inputs already: with them only
 * INPUT_NORMAL, which means their contents. 0 and a reason. */
int input_class_fits(const workload *w, input_class input, char *reason, size_t reason_size);

/* Is this class one that every small workload is verified with, or are a few workloads enough unless it is asked
 * for? */
bool input_class_everywhere(input_class input);

#endif
