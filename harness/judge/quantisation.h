/* quantisation.h: what int8 keys and values cost by themselves: the reference on what was stored against the reference
 * on what was drawn. No kernel has part in it, and it counts as no kernel's error: kernels are judged on the
 * dequantised numbers. */
#ifndef ATTNBENCH_QUANTISATION_H
#define ATTNBENCH_QUANTISATION_H

#include <jansson.h>
#include <stdio.h>

#include "tensors/instance.h"
#include "rows.h"

typedef struct quantisation {
    int64_t rows;       /* that were compared; 0: none */
    double output, lse; /* largest differences */
    double relative;    /* root mean square of the outputs' differences over that of the outputs */
} quantisation;

/* Compares some rows of the list, evenly spread. Nothing where K and V are not int8, or have no unquantised form (the
 * extremes of int8). Returns 0 and a reason where memory is short or the reference cannot do it. */
int quantisation_of(const instance *in, const row_list *rows, quantisation *out, char *reason, size_t reason_size);

/* From the "cases" of a record: the largest figures of each input class, in `worst`, by the class's number (rows 0:
 * none). Returns how many classes have any. */
int quantisation_of_classes(const json_t *cases, quantisation worst[INPUT_CLASSES]);
/* A line about class normal; the record has all. */
void quantisation_print_usual(FILE *to, const json_t *cases);

/* "quantisation" of a case's entry, and the same in a few words. */
void quantisation_json(json_t *to, const quantisation *q);
void quantisation_print(FILE *to, const quantisation *q);

#endif
