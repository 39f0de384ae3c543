/* roofline_impl.h: which ceiling limits a plan, and how fast it expects to be. Plans of all kernels use it; `best` and
 * the threaded kernels rank their inner kernels by attn_expected_rate. */
#ifndef ATTN_ROOFLINE_IMPL_H
#define ATTN_ROOFLINE_IMPL_H

#include "attention.h"

static inline double attn_rate_of(const attn_machine *machine, uint32_t ceiling)
{
    return machine && machine->rate && ceiling < machine->rates ? machine->rate[ceiling] : 0;
}

/* The bandwidth of the smallest measured footprint that holds `bytes`, else of the largest; 0 unknown. */
static inline double attn_bandwidth_of(const attn_machine *machine, double bytes)
{
    double found = 0;
    for (uint32_t i = 0; machine && machine->bandwidth && i < machine->bandwidths; i++) {
        if (machine->bandwidth[i].bytes_per_second > 0) found = machine->bandwidth[i].bytes_per_second;
        if (found > 0 && machine->bandwidth[i].footprint >= bytes) break;
    }
    return found;
}

/* The compute ceiling, or bandwidth if reading K and V takes longer than computing at that ceiling. The compute ceiling
 * where rates are unknown. */
static inline uint32_t attn_limiting_ceiling(const attn_machine *machine, uint32_t compute, const attn_problem *p,
                                             double bytes_per_key)
{
    const double rate = attn_rate_of(machine, compute);
    const double bytes = (double)(p->b * p->hkv) * (double)p->k * bytes_per_key;
    const double bandwidth = attn_bandwidth_of(machine, bytes);
    if (rate <= 0 || bandwidth <= 0) return compute;
    const double operations = 2.0 * (double)(p->b * p->h) * (double)p->q * (double)p->k * (double)(p->d + p->dv);
    return operations / rate < bytes / bandwidth ? ATTN_CEILING_BANDWIDTH : compute;
}

/* Operations a second that a plan expects on one thread. Where rates are unknown, a ceiling's number stands for its
 * rate, so that wider vectors win. */
static inline double attn_expected_rate(const attn_machine *machine, const attn_plan *plan, const attn_problem *p)
{
    if (plan->ceiling != ATTN_CEILING_BANDWIDTH) {
        const double rate = attn_rate_of(machine, plan->ceiling);
        return plan->expected_share * (rate > 0 ? rate : (double)plan->ceiling);
    }
    const double element = plan->storage_type == ATTN_F32 ? 4 : plan->storage_type == ATTN_I8 ? 1 : 2;
    const double bytes = element * (double)(p->b * p->hkv) * (double)p->k * (double)(p->d + p->dv);
    const double operations_a_byte = 2 * (double)p->q * (double)(p->h / p->hkv) / element;
    return plan->expected_share * attn_bandwidth_of(machine, bytes) * operations_a_byte;
}

#endif
