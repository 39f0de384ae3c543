/* perturb.h: what a case's child does beside the one call: the same problem again in every way that must not matter.
 *
 * Between the calls change: what outputs and workspace hold beforehand, which outputs are asked for, where the tensors
 * lie, what was computed before and is computed meanwhile, who runs which slice and when. Where the kernel promises the
 * same bits, other bits are a finding at once; else the outputs are kept for the parent, which judges them within the
 * bounds (repeat_outputs.h). */
#ifndef ATTNBENCH_PERTURB_H
#define ATTNBENCH_PERTURB_H

#include "call.h"
#include "fault.h"
#include "process_use.h"
#include "repeat_outputs.h"

/* A case in its child, and what its further calls share. */
typedef struct perturbation {
    const attn_kernel *kernel; /* to be called: a plugin's own, not its stand-in */
    instance *in;              /* its inputs detached (instance_copy.h) and write-protected */
    bool lse, weights;         /* what the case asks for */
    const attn_machine *machine;
    const attn_exec *exec;
    findings *found;
    repeat_outputs *others;
    fault *fault;
    process_use use; /* from before any call */
    void *first;     /* snapshot of the first call */
    void *second;    /* room for another one */
    void *flipped;   /* of the other problem's first call; NULL: none yet */
} perturbation;

/* Before the first call, and again later: another problem at the same addresses, in the same shape and by the same
 * plan. */
void perturb_before(perturbation *t, call *c);

/* The first call itself, watched. Returns enum attn_status. */
int perturb_first(perturbation *t, call *c, double *seconds);

/* After it, everything else; ends early once a call fails. The outputs hold the first call's values again
 * afterwards. */
void perturb_after(perturbation *t, call *c);

/* ---- what its parts share ---- */

/* How one more call differs from the first. */
typedef struct variation {
    const char *check, *what;
    const instance *in;    /* NULL: the case's own */
    const attn_exec *exec; /* NULL: the case's own */
    bool lse, weights;
    bool same_bits; /* are promised; else they may differ within the bounds */
    uint32_t poison;
} variation;

/* The variation that differs in nothing. */
variation perturb_plain(const perturbation *t, const char *name, const char *what);

/* Plans and calls. False where the call failed, which has become a finding. */
bool perturb_vary(perturbation *t, const variation *v);

/* "A second call with the same arguments wrote other bits to": a finding where the kernel is declared repeatable. */
void perturb_say_changed(perturbation *t, int slot);

void perturb_orders(perturbation *t);     /* perturb_schedule.c */
void perturb_concurrent(perturbation *t); /* perturb_concurrent.c */

extern const check_group perturb_checks; /* calls that must not differ */

#endif
