/* commands.c: what all commands begin and end with. */
#include "commands.h"

#include <stdio.h>

#include "results.h"
#include "status.h"

int command_begin(int argc, char **argv, unsigned groups, const char *help, options *o)
{
    char reason[1024];
    if (!options_parse(argc, argv, groups, o, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(o);
        return EXIT_USAGE;
    }
    if (!o->help) return -1;
    fputs(help, stdout);
    options_free(o);
    return EXIT_WELL;
}

int command_outputs(const options *o, const json_t *record)
{
    const struct {
        const char *path;
        int (*write)(const json_t *, const char *, char *, size_t);
    } output[] = {{o->json, record_write_json},
                  {o->csv, record_write_csv},
                  {o->junit, record_write_junit},
                  {o->markdown, record_write_markdown}};
    int code = EXIT_WELL;
    for (size_t i = 0; i < sizeof output / sizeof output[0]; i++) {
        char reason[1024];
        if (!output[i].path || output[i].write(record, output[i].path, reason, sizeof reason)) continue;
        complain("%s", reason);
        code = EXIT_NOT_WRITTEN;
    }
    return code;
}

int worse_exit(int a, int b)
{
    static const int order[] = {EXIT_INTERRUPTED, EXIT_BUG,     EXIT_NOT_WRITTEN, EXIT_USAGE,
                                EXIT_REFERENCE,   EXIT_FINDING, EXIT_UNDECIDED};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (a == order[i] || b == order[i]) return order[i];
    return EXIT_WELL;
}
