/* workload_set.c: named workloads and suites as a text file, the built-in one and the user's:
 *
 *     # a comment, also behind a line after a blank
 *     workload NAME SPEC
 *     suite NAME one line about it
 *     NAME | NAME,key=value... | SPEC        members of the suite above, one a line
 *
 * Every line is parsed when its file is read, so that a mistake is reported with file and line before anything runs. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "workload.h"

extern const char workloads_builtin[];

typedef struct text_list {
    char **text; /* NULL-terminated */
    int count;
} text_list;

typedef struct suite {
    char *name, *about;
    text_list members;
} suite;

struct workload_set {
    text_list names, lines; /* in parallel */
    suite *suites;
    int suite_total;
};

/* ---- lists ----------------------------------------------------------------------------------------------------- */

static bool list_add(text_list *list, const char *text)
{
    char **const grown = realloc(list->text, ((size_t)list->count + 2) * sizeof *grown);
    char *const copy = strdup(text);
    if (grown) list->text = grown;
    if (!grown || !copy) {
        free(copy);
        return false;
    }
    grown[list->count++] = copy;
    grown[list->count] = NULL;
    return true;
}

static void list_free(text_list *list)
{
    for (int i = 0; i < list->count; i++) free(list->text[i]);
    free(list->text);
    *list = (text_list){0};
}

static int list_find(const text_list *list, const char *text)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->text[i], text) == 0) return i;
    return -1;
}

static suite *find_suite(const workload_set *set, const char *name)
{
    for (int i = 0; i < set->suite_total; i++)
        if (strcmp(set->suites[i].name, name) == 0) return &set->suites[i];
    return NULL;
}

/* The suite of that name, emptied; NULL where memory is short. */
static suite *open_suite(workload_set *set, const char *name, const char *about)
{
    suite *s = find_suite(set, name);
    if (!s) {
        suite *const grown = realloc(set->suites, ((size_t)set->suite_total + 1) * sizeof *grown);
        if (!grown) return NULL;
        set->suites = grown;
        s = &grown[set->suite_total];
        *s = (suite){.name = strdup(name)};
        if (!s->name) return NULL;
        set->suite_total++;
    }
    char *const copy = strdup(about);
    if (!copy) return NULL;
    free(s->about);
    s->about = copy;
    list_free(&s->members);
    return s;
}

static bool put_workload(workload_set *set, const char *name, const char *line)
{
    const int known = list_find(&set->names, name);
    if (known < 0) return list_add(&set->lines, line) && list_add(&set->names, name);
    char *const copy = strdup(line);
    if (!copy) return false;
    free(set->lines.text[known]);
    set->lines.text[known] = copy;
    return true;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* What is being read, for messages, and the members to look at when all names are known. */
typedef struct reading {
    workload_set *set;
    const char *file;
    int line, definitions;
    suite *current;
    text_list members;
    int *member_lines;
    char *reason;
    size_t reason_size;
} reading;

static int refuse_at(const reading *r, int line, const char *words)
{
    snprintf(r->reason, r->reason_size, "%s:%d: %s", r->file, line, words);
    return 0;
}

/* The text without comment and without blanks at either end. */
static char *trim(char *text)
{
    for (char *at = text; *at; at++)
        if (*at == '#' && (at == text || isblank((unsigned char)at[-1]))) *at = 0;
    while (isspace((unsigned char)*text)) text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1])) text[--length] = 0;
    return text;
}

/* Cuts the first word off; *rest is what follows it. */
static char *cut_word(char *text, char **rest)
{
    *rest = text + strcspn(text, " \t");
    if (**rest) *(*rest)++ = 0;
    *rest += strspn(*rest, " \t");
    return text;
}

static bool is_name(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._-", *at)) return false;
    return *text && strlen(text) < 64;
}

static int parses(const reading *r, int line, const char *text, const workload_set *base)
{
    workload w;
    char why[400];
    if (workload_parse(text, base, &w, why, sizeof why)) {
        workload_free(&w);
        return 1;
    }
    return refuse_at(r, line, why);
}

static int read_member(reading *r, const char *text)
{
    if (!r->current)
        return refuse_at(r, r->line, "expected 'workload NAME SPEC' or 'suite NAME about' before the first member");
    if (strpbrk(text, " \t") && !strchr(text, '/'))
        return refuse_at(r, r->line, "a member is one NAME[,key=value...] or SPEC, without blanks");
    int *const grown = realloc(r->member_lines, ((size_t)r->members.count + 1) * sizeof *grown);
    if (grown) r->member_lines = grown;
    if (!grown || !list_add(&r->members, text) || !list_add(&r->current->members, text))
        return refuse_at(r, r->line, "memory is short");
    grown[r->members.count - 1] = r->line;
    return 1;
}

static int read_line(reading *r, char *text)
{
    char *rest, *const line = trim(text);
    if (!*line) return 1;
    const bool is_workload = strncmp(line, "workload", 8) == 0 && (!line[8] || isblank((unsigned char)line[8]));
    const bool is_suite = strncmp(line, "suite", 5) == 0 && (!line[5] || isblank((unsigned char)line[5]));
    if (!is_workload && !is_suite) return read_member(r, line);
    r->definitions++;
    cut_word(line, &rest);
    char *after, *const name = cut_word(rest, &after);
    if (!is_name(name))
        return refuse_at(r, r->line, "expected a name of letters, digits, '.', '_' and '-', at most 63");
    if (is_suite) {
        r->current = open_suite(r->set, name, after);
        return r->current ? 1 : refuse_at(r, r->line, "memory is short");
    }
    r->current = NULL;
    if (!*after) return refuse_at(r, r->line, "expected a SPEC (key=value,...) after the name");
    return parses(r, r->line, after, NULL) &&
           (put_workload(r->set, name, after) || refuse_at(r, r->line, "memory is short"));
}

static int read_stream(workload_set *set, FILE *in, const char *file, char *reason, size_t reason_size)
{
    reading r = {.set = set, .file = file, .reason = reason, .reason_size = reason_size};
    char *text = NULL;
    size_t size = 0;
    int ok = 1;
    for (ssize_t length; ok && (length = getline(&text, &size, in)) >= 0;) {
        r.line++;
        ok = strlen(text) == (size_t)length ? read_line(&r, text)
                                            : refuse_at(&r, r.line, "a zero byte: this is not a text file");
    }
    if (ok && ferror(in)) {
        snprintf(reason, reason_size, "%s: %s", file, strerror(errno));
        ok = 0;
    }
    if (ok && r.definitions == 0) {
        snprintf(reason, reason_size, "%s: is empty: expected 'workload NAME SPEC' or 'suite NAME about' lines", file);
        ok = 0;
    }
    for (int i = 0; ok && i < r.members.count; i++) ok = parses(&r, r.member_lines[i], r.members.text[i], set);
    list_free(&r.members);
    free(r.member_lines);
    free(text);
    return ok;
}

workload_set *workload_set_new(char *reason, size_t reason_size)
{
    workload_set *set = calloc(1, sizeof *set);
    FILE *in = fmemopen((void *)(uintptr_t)workloads_builtin, strlen(workloads_builtin), "r");
    if (!set || !in) snprintf(reason, reason_size, "memory is short");
    if (!set || !in || !read_stream(set, in, "built-in workloads", reason, reason_size)) {
        workload_set_free(set);
        set = NULL;
    }
    if (in) fclose(in);
    return set;
}

int workload_set_read(workload_set *set, const char *path, char *reason, size_t reason_size)
{
    static const off_t most = 1 << 24; /* bytes: thousands of workloads */
    struct stat st;
    FILE *in = fopen(path, "re");
    if (!in || fstat(fileno(in), &st)) {
        snprintf(reason, reason_size, "%s: %s; name a text file of workloads and suites", path, strerror(errno));
        if (in) fclose(in);
        return 0;
    }
    int ok = 0;
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || st.st_size > most)
        snprintf(reason, reason_size, "%s: a device, or larger than 16 MiB: this is no text file of workloads", path);
    else
        ok = read_stream(set, in, path, reason, reason_size);
    fclose(in);
    return ok;
}

void workload_set_free(workload_set *set)
{
    if (!set) return;
    for (int i = 0; i < set->suite_total; i++) {
        free(set->suites[i].name);
        free(set->suites[i].about);
        list_free(&set->suites[i].members);
    }
    free(set->suites);
    list_free(&set->names);
    list_free(&set->lines);
    free(set);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

int workload_set_count(const workload_set *set) { return set->names.count; }

const char *workload_set_name(const workload_set *set, int index) { return set->names.text[index]; }

const char *workload_set_line(const workload_set *set, int index) { return set->lines.text[index]; }

const char *workload_set_find(const workload_set *set, const char *name)
{
    const int index = list_find(&set->names, name);
    return index < 0 ? NULL : set->lines.text[index];
}

int suite_count(const workload_set *set) { return set->suite_total; }

const char *suite_name(const workload_set *set, int index) { return set->suites[index].name; }

const char *suite_about(const workload_set *set, int index) { return set->suites[index].about; }

const char *const *suite_members(const workload_set *set, const char *name)
{
    static const char *const none[] = {NULL};
    const suite *const s = find_suite(set, name);
    if (!s) return NULL;
    return s->members.count ? (const char *const *)s->members.text : none;
}
