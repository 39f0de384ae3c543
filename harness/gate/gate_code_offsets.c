/* gate_code_offsets.c: copies of both modules at several offsets, and launches with them. */
#include "gate_code_offsets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/elf_move.h"
#include "util/percent.h"
#include "plugin/plugin_isolation.h"
#include "util/temp_dir.h"
#include "util/console.h"

enum { MOST_OFFSETS = 8, MOST_PATH = 4096 };

typedef struct moved_side {
    int count;
    char path[MOST_OFFSETS][MOST_PATH];
} moved_side;

typedef struct moved_builds {
    temp_dir folder;
    moved_side side[2];
} moved_builds;

/* A library that it finds beside itself would not be beside the copy. */
static bool stands_alone(const plugin *p)
{
    char path[MOST_PATH];
    for (const char *at = p->libraries ? p->libraries : ""; *at;) {
        const size_t length = strcspn(at, "\n");
        snprintf(path, sizeof path, "%.*s", (int)length, at);
        at += length + (at[length] == '\n');
        if (strcmp(path, p->path) != 0 && !plugin_of_system(path)) return false;
    }
    return true;
}

/* Copies keep the file's name, which kernels are called by: each has a folder. */
static int move_side(const compare_side *s, int which, const char *folder, moved_side *out, char *reason, size_t size)
{
    int offset[MOST_OFFSETS];
    const char *name = strrchr(s->path, '/') ? strrchr(s->path, '/') + 1 : s->path;
    if (!stands_alone(s->module)) {
        snprintf(reason, size, "it needs libraries of its own");
        return 0;
    }
    const int count = elf_move_offsets(s->path, MOST_OFFSETS, offset, reason, size);
    for (int i = 0; i < count; i++) {
        char home[MOST_PATH / 2];
        const int length = snprintf(home, sizeof home, "%s/%d-%d", folder, which, offset[i]);
        if (length >= (int)sizeof home || strlen(name) > MOST_PATH / 4 || mkdir(home, 0777)) {
            snprintf(reason, size, "%.300s cannot be made", home);
            return 0;
        }
        snprintf(out->path[i], sizeof out->path[i], "%s/%s", home, name);
        if (!elf_move(s->path, out->path[i], offset[i], reason, size)) return 0;
        out->count++;
    }
    return count > 0;
}

/* Launches with the offsets in turn, those of the two sides in other orders, so that no two launches have the same
 * pair. */
static void launch(comparison *c, const compare_sides *sides, const compare_settings *settings, moved_builds *b)
{
    comparison moved = *c;
    moved.launches = 0;
    for (int i = 0; i < settings->launches && !interrupted && moved.launches == i; i++) {
        compare_sides there = *sides;
        compare_settings one = *settings;
        one.launches = i + 1; /* compare_run_launches goes on where it stopped */
        there.side[0].path = b->side[0].path[i % b->side[0].count];
        there.side[1].path = b->side[1].path[(i + 1 + i / b->side[1].count) % b->side[1].count];
        compare_run_launches(&moved, &there, &one);
    }
    memcpy(c->moved, moved.launch, sizeof c->moved);
    c->moved_launches = moved.launches;
}

static void leave_open(comparison *c)
{
    c->verdict = COMPARE_COULD_NOT_TELL;
    snprintf(c->why, sizeof c->why, "slower by %.*g %%, and not confirmed at other code offsets: %s",
             PERCENT(expm1(c->over_launches.mean)), interruption());
}

static void conclude_offsets(comparison *c, const compare_settings *s, double alpha)
{
    const launch_figures there = launch_figures_of(c->moved, (size_t)c->moved_launches, alpha);
    if (there.bounds.low > log1p(s->delta)) return;
    c->verdict = COMPARE_COULD_NOT_TELL;
    snprintf(c->why, sizeof c->why,
             "slower by %.*g %% where the linker put it, %+.*g %% [%+.*g, %+.*g] at other code offsets",
             PERCENT(expm1(c->over_launches.mean)), PERCENT(expm1(there.mean)), PERCENT(expm1(there.bounds.low)),
             PERCENT(expm1(there.bounds.high)));
}

/* Copies that would not run say nothing against what was measured. */
static void try_moved(comparison *c, const compare_sides *sides, const compare_settings *s, moved_builds *b,
                      double alpha)
{
    launch(c, sides, s, b);
    if (interrupted)
        leave_open(c);
    else if (c->moved_launches == s->launches)
        conclude_offsets(c, s, alpha);
}

static bool is_new(const comparison *c)
{
    return c->verdict == COMPARE_SLOWER && c->launches > 1 && c->moved_launches == 0;
}

int gate_moved(comparison *list, size_t count, const compare_sides *sides, const compare_settings *s, char *reason,
               size_t reason_size)
{
    int slower = 0, ok = 0;
    for (size_t i = 0; i < count; i++) slower += is_new(&list[i]);
    if (slower == 0) return 1;
    moved_builds *b = calloc(1, sizeof *b);
    if (!b) snprintf(reason, reason_size, "out of memory");
    if (b && temp_dir_make("moved", &b->folder, reason, reason_size)) {
        ok = move_side(&sides->side[0], 0, b->folder.path, &b->side[0], reason, reason_size) &&
             move_side(&sides->side[1], 1, b->folder.path, &b->side[1], reason, reason_size);
        for (size_t i = 0; ok && i < count; i++)
            if (is_new(&list[i])) try_moved(&list[i], sides, s, b, s->family_alpha / slower);
        temp_dir_remove(&b->folder);
    }
    free(b);
    return ok;
}
