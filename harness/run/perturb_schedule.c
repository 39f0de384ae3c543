/* perturb_schedule.c: the slices of a threaded kernel by other workers, in another order, by more of them or fewer. */
#include <stdio.h>

#include "scripted_exec.h"
#include "perturb.h"

static bool scripted(perturbation *t, exec_order order, int workers, const char *name, bool same_bits)
{
    exec_script script;
    char what[96];
    snprintf(what, sizeof what, "on %d workers, slices %s", workers, exec_order_name(order));
    exec_script_open(&script, order, workers);
    variation v = perturb_plain(t, name, what);
    v.exec = &script.exec;
    v.same_bits = same_bits;
    const bool ok = perturb_vary(t, &v);
    exec_script_close(&script);
    return ok;
}

/* In the case's own number of workers the call is the same: who runs what is no argument of it. In another number it is
 * another call, whose bits are the same only where that is declared. */
void perturb_orders(perturbation *t)
{
    static const int counts[] = {1, 2, 3, 5, 7, 64};
    const bool repeatable = (t->kernel->traits & ATTN_TRAIT_REPEATABLE) != 0;
    const bool any = (t->kernel->traits & ATTN_TRAIT_SAME_AT_ANY_THREADS) != 0;
    for (int order = 0; order < EXEC_ORDERS; order++)
        if (!scripted(t, (exec_order)order, (int)t->exec->threads, "exec-order", repeatable)) return;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!scripted(t, ORDER_SHUFFLED, counts[i], "workers", any)) return;
}
