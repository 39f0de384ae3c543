/* selftest_planted.c: what was planted: a folder of plugins and the heads of their diffs. */
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftest_judge.h"

enum { HEAD_LINES = 8 };

/* Text behind "key: " up to the line's end, as a string of its own; "" where the head has no such line. */
static char *value_of(const char *head, const char *key)
{
    const size_t length = strlen(key);
    for (const char *line = head; line && *line && *line != '\n'; line = strchr(line, '\n') + 1)
        if (strncmp(line, key, length) == 0 && strncmp(line + length, ": ", 2) == 0)
            return strndup(line + length + 2, strcspn(line + length + 2, "\n"));
    return strdup("");
}

/* Lines of the head up to the first empty one. */
static int read_head(const char *path, char *head, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t used = 0;
    if (!file) return 0;
    head[0] = 0;
    for (int i = 0; i < HEAD_LINES && used + 1 < size && fgets(head + used, (int)(size - used), file); i++) {
        if (head[used] == '\n') break;
        used += strlen(head + used);
    }
    fclose(file);
    return used > 0 && head[used - 1] == '\n';
}

static int read_one(const char *diff, bool odd, planted *p, char *reason, size_t size)
{
    char head[2048];
    const char *base = strrchr(diff, '/') + 1;
    const size_t stem = strlen(diff) - strlen(".diff");
    snprintf(p->name, sizeof p->name, "%.*s", (int)(strlen(base) - strlen(".diff")), base);
    p->odd = odd;
    if (!read_head(diff, head, sizeof head)) {
        snprintf(reason, size, "%s: no head of lines such as 'kernel: NAME', then an empty line", diff);
        return 0;
    }
    char *kernel = value_of(head, "kernel");
    p->what = value_of(head, "what"), p->verify = value_of(head, "verify"), p->varies = value_of(head, "varies");
    p->module = malloc(stem + sizeof ".so");
    const bool whole = kernel && *kernel && p->what && *p->what && p->verify && p->varies && p->module;
    if (whole) {
        snprintf(p->kernel, sizeof p->kernel, "%s", kernel);
        snprintf(p->module, stem + sizeof ".so", "%.*s.so", (int)stem, diff);
    } else {
        snprintf(reason, size, "%s: its head must say 'kernel:' and 'what:'", diff);
    }
    free(kernel);
    return whole;
}

static void free_one(planted *p)
{
    free(p->module);
    free(p->what);
    free(p->verify);
    free(p->varies);
}

static int read_folder(const char *folder, const char *part, const char *pattern, planted_list *list, char *reason,
                       size_t size)
{
    char diffs[4096];
    glob_t found;
    snprintf(diffs, sizeof diffs, "%.3900s/%s/*.diff", folder, part);
    if (glob(diffs, 0, NULL, &found)) return 1; /* nothing of this kind */
    int ok = 1;
    planted *grown = realloc(list->item, ((size_t)list->count + found.gl_pathc) * sizeof *grown);
    if (grown) list->item = grown;
    for (size_t i = 0; (ok = ok && grown != NULL) && i < found.gl_pathc; i++) {
        planted p = {.module = NULL};
        ok = read_one(found.gl_pathv[i], strcmp(part, "antimutants") == 0, &p, reason, size);
        if (ok && pattern && fnmatch(pattern, p.name, 0) != 0)
            free_one(&p);
        else
            list->item[list->count++] = p;
    }
    globfree(&found);
    return ok;
}

int planted_read(const char *folder, const char *pattern, planted_list *out, char *reason, size_t size)
{
    *out = (planted_list){NULL, 0};
    snprintf(reason, size, "out of memory");
    if (!read_folder(folder, "mutants", pattern, out, reason, size) ||
        !read_folder(folder, "antimutants", pattern, out, reason, size)) {
        planted_free(out);
        return 0;
    }
    if (out->count) return 1;
    snprintf(reason, size, "%s: no planted bugs%s%s there; the build makes them (--mutants DIR names another folder)",
             folder, pattern ? " named " : "", pattern ? pattern : "");
    return 0;
}

void planted_free(planted_list *list)
{
    for (int i = 0; i < list->count; i++) free_one(&list->item[i]);
    free(list->item);
    *list = (planted_list){NULL, 0};
}
