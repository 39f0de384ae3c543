/* timing_roofline.h: shares of the measured ceilings, said again when the run's last word on the ceilings is known.
 *
 * A ceiling is a maximum and is measured several times during a run (ceilings_refine). What an entry was shown against
 * while the run went on may have been too low: then its share was too high, above 1 at worst. */
#ifndef ATTNBENCH_TIMING_ROOFLINE_H
#define ATTNBENCH_TIMING_ROOFLINE_H

#include <jansson.h>

#include "machine/ceilings.h"
#include "gbench.h"

/* What an entry was timed against, as a note of timing (timing.h). */
json_t *shares_note(const gbench_case *entry, uint32_t ceiling, int runs);

/* Every entry's share and share_bw against `limits`, from the note of its run; `notes` by run_name, under "limits". */
void shares_against(const ceilings *limits, const json_t *notes, json_t *entries);

#endif
