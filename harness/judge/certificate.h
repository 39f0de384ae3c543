/* certificate.h: the reference's own verdict: rows of it enclosed by ball arithmetic (reference/certify.h). */
#ifndef ATTNBENCH_CERTIFICATE_H
#define ATTNBENCH_CERTIFICATE_H

#include <jansson.h>
#include <stdio.h>

#include "tensors/instance.h"
#include "rows.h"

typedef struct certificate {
    int64_t rows; /* that hold */
    bool failed;
    char reason[320]; /* of the first that does not: which row, which figure, how far off */
} certificate;

#define CERTIFY_CHEAP (-1)

/* Certifies `most` rows of the list, the first and the last among them and the others evenly spread; with CERTIFY_CHEAP
 * 2, and none where a row takes more than some milliseconds. */
void certify_rows(const instance *in, const row_list *rows, int64_t most, certificate *out);

/* Those of all cases of a run. */
typedef struct certificates {
    int64_t rows;
    json_t *failures; /* NULL: none */
} certificates;

void certificates_add(certificates *all, const workload *w, input_class input, const certificate *one);
void certificates_print(FILE *to, const certificates *all);
json_t *certificates_json(const certificates *all);
void certificates_free(certificates *all);

#endif
