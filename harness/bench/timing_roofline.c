/* timing_roofline.c: share = rate / peak, so a share against another peak is share * old peak / new peak. */
#include "timing_roofline.h"

#include <string.h>

json_t *shares_note(const gbench_case *entry, uint32_t ceiling, int runs)
{
    return json_pack("{s:f, s:f, s:f, s:i, s:i}", "peak", entry->peak, "bandwidth", entry->bandwidth, "bytes",
                     entry->bytes, "ceiling", (int)ceiling, "runs", runs);
}

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static void rescale(json_t *entry, const char *key, double old_peak, double new_peak)
{
    json_t *share = json_object_get(entry, key);
    if (share && old_peak > 0 && new_peak > 0) json_real_set(share, json_real_value(share) * old_peak / new_peak);
}

void shares_against(const ceilings *limits, const json_t *notes, json_t *entries)
{
    json_t *entry;
    size_t i;
    json_array_foreach(entries, i, entry)
    {
        const char *run = json_string_value(json_object_get(entry, "run_name"));
        const char *aggregate = json_string_value(json_object_get(entry, "aggregate_name"));
        const json_t *was = json_object_get(json_object_get(notes, run ? run : ""), "limits");
        if (!was || (aggregate && strcmp(aggregate, "cv") == 0)) continue; /* a ratio of itself */
        const double runs = number(was, "runs");
        const double bandwidth = ceilings_bandwidth(limits, number(was, "bytes")) * runs;
        const int ceiling = (int)number(was, "ceiling");
        const double peak = ceiling == ATTN_CEILING_BANDWIDTH              ? bandwidth
                            : ceiling >= 0 && ceiling < (int)ATTN_CEILINGS ? limits->rate[ceiling] * runs
                                                                           : 0;
        rescale(entry, "share", number(was, "peak"), peak);
        rescale(entry, "share_bw", number(was, "bandwidth"), bandwidth);
    }
}
