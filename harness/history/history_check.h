/* history_check.h: what a series gives reason to suspect, and what a paired comparison says of it.
 *
 * Two kinds of hypothesis: the level changed (changepoint.h), and the newest point is away from the last release by
 * more than both points' own uncertainty and a border, which sees many steps that are each too small. Neither is an
 * alarm: series of noise have change points too. What alarms is a comparison of the two builds in pairs, while both
 * can still be made. */
#ifndef ATTNBENCH_HISTORY_CHECK_H
#define ATTNBENCH_HISTORY_CHECK_H

#include "history_series.h"
#include <jansson.h>

typedef enum hypothesis_state {
    HYPOTHESIS, /* not tested */
    HYPOTHESIS_CONFIRMED,
    HYPOTHESIS_REFUTED, /* of these two builds */
    HYPOTHESIS_OPEN,    /* the comparison could not tell, or could not be made */
    HYPOTHESIS_STATES
} hypothesis_state;

typedef struct hypothesis {
    const series *s;
    bool since_release;  /* else a change of level */
    size_t before, from; /* points: the last of the old level or the release; the first of the new one or the newest */
    double change;       /* relative; above 0: slower */
    double p;            /* of a change of level */
    double low, high;    /* of a distance from the release: bounds of `change` */
    hypothesis_state state;
    char words[1024]; /* of the comparison */
} hypothesis;

enum { MOST_HYPOTHESES = 17 }; /* of a series */
size_t hypotheses_of(const series *s, uint64_t seed, hypothesis *out);

void hypothesis_print(const hypothesis *h, const char *db);
json_t *hypothesis_json(const hypothesis *h);

/* How the two builds are compared: the relative difference that counts (0: the default), launches (-1: the default). */
typedef struct confirm_settings {
    double threshold;
    int launches;
    uint64_t seed;
} confirm_settings;

/* history_confirm.c: compares the builds BASE and NEW on the cases of all hypotheses, as `compare` does, false alarms
 * held over all of them, and sets their states. Appends the comparisons to `comparisons`. An exit code: 1 where one
 * that is slower was confirmed, 3 where one is open. */
int hypotheses_confirm(hypothesis *list, size_t count, const char *base, const char *fresh,
                       const confirm_settings *settings, json_t *comparisons);

#endif
