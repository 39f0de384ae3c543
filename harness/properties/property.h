/* property.h: what must hold between several results of one kernel: scaling V scales O, the order of keys does not
 * matter, ...
 *
 * The reference says what a result should be; a property needs no reference for that, so it also sees what the
 * reference's bound is too wide for, and a mistake in the reference cannot hide one in the kernel. A property names the
 * variants of the problem that it compares (variant.h); each variant is made and called once, however many properties
 * name it, all of them in one child process; the comparison is made here, in the parent.
 *
 * A property holds bit by bit only where mathematics and rounding say so for every correct kernel, or where the kernel
 * declares it; else within the sum of the bounds of the results that it compares. */
#ifndef ATTNBENCH_PROPERTY_H
#define ATTNBENCH_PROPERTY_H

#include "judge/trial.h"
#include "tensors/variant.h"

/* Changes `out`, a fresh variant, into what the maker is named for. 0 where memory is short or there is no such
 * problem. */
typedef struct variant_maker variant_maker;
struct variant_maker {
    const char *name; /* completes "output of ..." */
    int (*make)(variant *out, const variant_maker *how);
    int which;     /* heads, rows, keys or threads: as make reads it */
    double factor; /* likewise */
};

/* What a property may ask before it applies. */
typedef struct property_subject {
    const instance *in;
    const attn_kernel *kernel;
    const attn_plan *plan;
    bool calm; /* the weights of each row lie within e^-40 of its largest one: no product with V is near the smallest
                  floats */
} property_subject;

enum { PROPERTY_VARIANTS = 6 };

typedef struct property_view property_view;
typedef struct property {
    const check *said;
    const variant_maker *const *variant; /* NULL-terminated, at most PROPERTY_VARIANTS */
    uint64_t exact_if;                   /* traits that together make it hold bit by bit; 0: within bounds */
    bool (*applies)(const property_subject *s);
    void (*hold)(const property_view *v);
} property;

/* The families; checks and properties run side by side. */
typedef struct property_family {
    const check_group *checks;
    const property *property;
} property_family;
extern const property_family symmetry_properties, row_properties, key_properties, masked_properties, weight_properties,
    probe_properties;

/* Results of one kernel: the base's and those of each variant, in the property's order. */
struct property_view {
    const property *p;
    const instance *base;
    const row_list *rows;                               /* all rows of the base */
    outputs_view got;                                   /* of the base; LSE may be absent */
    const expectation *limits;                          /* of the base */
    const variant *variant[PROPERTY_VARIANTS + 1];      /* NULL-terminated */
    const expectation *expected[PROPERTY_VARIANTS + 1]; /* of the variant; NULL where `exact`, or where its rows are a
                                                           slice of the base's */
    bool exact;
    findings *found;
};

/* Does row r of the list count? */
typedef bool row_test(const property_view *v, int which, const row_id *row);

/* Output (times `factor`) and LSE of variant i against the base's, on the rows that count (NULL: all that the variant
 * has). */
void hold_same(const property_view *v, int i, double factor, row_test *counts);

/* One element: within `tolerance`, written so that NaN fails; where the mathematics is not finite, neither need be the
 * element. False where it does not hold, which is then a finding about the variant. */
bool hold_element(const property_view *v, const char *of, const char *what, const row_id *row, int64_t c, double got,
                  double wanted, double tolerance);

/* Output element of the base (-1) or of variant i at a row of the base. */
double output_of(const property_view *v, int which, const row_id *row, int64_t c);
double lse_of(const property_view *v, int which, const row_id *row);

/* Runs all properties that apply on every judged trial of the group; what is wrong becomes findings of the trial. */
void properties_run(trial_group *g, const trial_settings *s, double limit_seconds);

/* Results of one kernel against each other: properties_*.c. */
extern const check_group symmetry_checks, row_checks, key_checks, masked_checks, weight_checks, probe_checks;

#endif
