/* waivers.c: lines to waivers. */
#include "waivers.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_BYTES = 1 << 20 };

/* As strptime takes it and strftime gives it back: so there is such a day. */
static bool is_date(const char *text)
{
    struct tm day = {0};
    char again[DATE_SIZE + 1];
    const char *end = strptime(text, "%Y-%m-%d", &day);
    if (!end || *end || strlen(text) != DATE_SIZE - 1) return false;
    const time_t at = timegm(&day);
    struct tm back;
    return gmtime_r(&at, &back) && strftime(again, sizeof again, "%Y-%m-%d", &back) && strcmp(text, again) == 0;
}

static const char *parse_line(char *line, waiver *w)
{
    char *rest = NULL, *end;
    const char *pattern = strtok_r(line, " \t", &rest), *limit = strtok_r(NULL, " \t", &rest),
               *until = strtok_r(NULL, " \t", &rest);
    if (!pattern || !limit || !until) return "a waiver is CASE LIMIT% UNTIL REASON";
    w->limit = strtod(limit, &end) / 100;
    if (end == limit || strcmp(end, "%") != 0 || !(w->limit > 0) || !isfinite(w->limit))
        return "its second word must be a limit such as 3%";
    if (!is_date(until)) return "its third word must be its last day, such as 2031-06-30";
    rest += strspn(rest, " \t");
    for (end = rest + strlen(rest); end > rest && strchr(" \t", end[-1]);) *--end = 0;
    if (!*rest) return "it gives no reason";
    memcpy(w->until, until, DATE_SIZE);
    w->pattern = strdup(pattern);
    w->reason = strdup(rest);
    return w->pattern && w->reason ? NULL : "out of memory";
}

int waivers_parse(const char *text, const char *name, waiver_list *out, char *reason, size_t reason_size)
{
    memset(out, 0, sizeof *out);
    for (int number = 1; *text; number++) {
        const size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        text += length + (text[length] == '\n');
        waiver *grown = realloc(out->item, (size_t)(out->count + 1) * sizeof *grown);
        if (grown) out->item = grown;
        const char *wrong = line && grown ? NULL : "out of memory", *begin = line;
        for (char *c = line; !wrong && *c; c++)
            if (*c == '\r') *c = ' ';
        while (!wrong && (*begin == ' ' || *begin == '\t')) begin++;
        if (!wrong && *begin && *begin != '#') {
            waiver *w = &out->item[out->count++];
            *w = (waiver){.line = number};
            wrong = parse_line(line, w);
        }
        free(line);
        if (!wrong) continue;
        snprintf(reason, reason_size, "%.300s, line %d: %s", name, number, wrong);
        waivers_free(out);
        return 0;
    }
    return 1;
}

int waivers_read(const char *path, waiver_list *out, char *reason, size_t reason_size)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(MOST_BYTES + 1, 1);
    const size_t bytes = file && text ? fread(text, 1, MOST_BYTES + 1, file) : 0;
    const bool failed = !file || !text || ferror(file) || bytes > MOST_BYTES || memchr(text, 0, bytes);
    int ok = 0;
    if (!failed)
        ok = waivers_parse(text, path, out, reason, reason_size);
    else
        snprintf(reason, reason_size, "--waivers %.300s: %s", path,
                 file && text && !ferror(file) ? "is no text file of a size to be read" : strerror(errno));
    if (file) fclose(file);
    free(text);
    return ok;
}

void waivers_free(waiver_list *list)
{
    for (int i = 0; i < list->count; i++) {
        free(list->item[i].pattern);
        free(list->item[i].reason);
    }
    free(list->item);
    memset(list, 0, sizeof *list);
}

bool waiver_matches(const waiver *w, const char *name) { return fnmatch(w->pattern, name, 0) == 0; }

bool waiver_expired(const waiver *w, const char *today) { return strcmp(w->until, today) < 0; }

const waiver *waivers_find(const waiver_list *list, const char *name, const char *today)
{
    const waiver *best = NULL;
    for (int i = 0; i < list->count; i++) {
        const waiver *w = &list->item[i];
        if (!waiver_matches(w, name)) continue;
        const bool expired = waiver_expired(w, today), better = best && waiver_expired(best, today) && !expired;
        if (!best || better || (expired == waiver_expired(best, today) && w->limit > best->limit)) best = w;
    }
    return best;
}

void date_today(char out[DATE_SIZE])
{
    struct tm day;
    const time_t now = time(NULL);
    gmtime_r(&now, &day);
    strftime(out, DATE_SIZE, "%Y-%m-%d", &day);
}
