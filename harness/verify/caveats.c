/* caveats.c: counting them, and saying so. */
#include "caveats.h"

static bool nothing_bounded(const trial *t)
{
    return t->verdict.unbounded > 0 && t->verdict.unbounded == t->rows_checked;
}

const char *verdict_kind(const trial *t) { return nothing_bounded(t) ? "no-bound" : t->full ? "full" : "output-only"; }

void reservations_add(reservations *r, const trial *t)
{
    if (!t->rows_checked) return;
    r->output_only += !t->full;
    r->unbounded += t->verdict.unbounded > 0;
    r->unbounded_whole += nothing_bounded(t);
    r->capped += t->capped[0] != 0;
}

void reservations_print(FILE *to, const reservations *r)
{
    if (r->output_only)
        fprintf(to, "%d cases judged by output only: without LSE or weights a wrong scale can hide\n", r->output_only);
    if (r->unbounded)
        fprintf(to,
                "%d cases with rows beyond the declared logit limit, which have no finite bound (%d cases in all their "
                "rows)\n",
                r->unbounded, r->unbounded_whole);
    if (r->capped)
        fprintf(to, "%d cases with declared figures above what may be declared, lowered to that\n", r->capped);
}
