/* error_levels.h: how often a verdict on times may be wrong. */
#ifndef ATTNBENCH_ERROR_LEVELS_H
#define ATTNBENCH_ERROR_LEVELS_H

/* False alarms: the chance that a run on unchanged code calls any of its cases slower or faster, divided among them.
 * A gate that is wrong once in a hundred runs is still believed. Also the level of one change point of a history. */
#define FAMILY_ALPHA 0.01

/* Misses: the chance that a case as much slower as the threshold passes for no slower. */
#define CASE_BETA 0.001

#endif
