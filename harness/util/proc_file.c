/* proc_file.c: small text files of /proc and /sys. */
#include "proc_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

int proc_file_read(const char *root, const char *path, char *out, size_t out_size)
{
    char name[PATH_MAX];
    out[0] = '\0';
    const int length = snprintf(name, sizeof name, "%s%s", root, path);
    if (length < 0 || (size_t)length >= sizeof name) return 0;
    FILE *const file = fopen(name, "re");
    if (!file) return 0;
    size_t got = fread(out, 1, out_size - 1, file);
    const int failed = ferror(file);
    fclose(file);
    if (failed) got = 0;
    while (got > 0 && out[got - 1] == '\n') got--;
    out[got] = '\0';
    return !failed;
}

int proc_file_value(const char *text, const char *key, char separator, char *out, size_t out_size)
{
    const size_t length = strlen(key);
    out[0] = '\0';
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, length) != 0) continue;
        const char *after = line + length;
        after += strspn(after, " \t");
        if (*after != separator && !(separator == ' ' && after > line + length)) continue;
        if (*after == separator) after++;
        after += strspn(after, " \t");
        size_t count = strcspn(after, "\n");
        while (count > 0 && (after[count - 1] == ' ' || after[count - 1] == '\t')) count--;
        snprintf(out, out_size, "%.*s", (int)count, after);
        return 1;
    }
    return 0;
}
