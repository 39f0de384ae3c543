/* commands.c: what all commands begin and end with. */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "help.h"
#include "record/record.h"
#include "util/console.h"
#include "util/atomic_file.h"
#include "output/record_forms.h"

static int kept_stdout = -1; /* the standard output, where a record goes there and our text does not */

static bool is_stdout(const char *path) { return path && strcmp(path, "-") == 0; }

static void keep_stdout(const options *o)
{
    if (!is_stdout(o->json) && !is_stdout(o->csv) && !is_stdout(o->junit) && !is_stdout(o->markdown)) return;
    fflush(stdout);
    kept_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (kept_stdout >= 0) dup2(STDERR_FILENO, STDOUT_FILENO);
}

/* Standard output and the kept one change places: once before the record is written, once after. */
static void swap_stdout(void)
{
    if (kept_stdout < 0) return;
    fflush(stdout);
    const int text = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(kept_stdout, STDOUT_FILENO);
    close(kept_stdout);
    kept_stdout = text;
}

int command_begin(int argc, char **argv, const command *c, options *o)
{
    char reason[1024];
    if (!options_parse(argc, argv, c, o, reason, sizeof reason)) {
        complain("%s", reason);
        options_free(o);
        return EXIT_USAGE;
    }
    if (!o->help) {
        keep_stdout(o);
        return -1;
    }
    help_command(stdout, c);
    options_free(o);
    return EXIT_WELL;
}

int command_outputs_as(const options *o, const json_t *what, const output_writers *writers)
{
    const struct {
        const char *path;
        output_writer *write;
    } output[] = {
        {o->json, writers->json}, {o->csv, writers->csv}, {o->junit, writers->junit}, {o->markdown, writers->markdown}};
    int code = EXIT_WELL;
    for (size_t i = 0; i < sizeof output / sizeof output[0]; i++) {
        char reason[1024];
        if (!output[i].path) continue;
        if (is_stdout(output[i].path)) swap_stdout();
        const int written = output[i].write(what, output[i].path, reason, sizeof reason);
        if (is_stdout(output[i].path)) swap_stdout();
        if (written) continue;
        complain("%s", reason);
        code = EXIT_NOT_WRITTEN;
    }
    return code;
}

int command_outputs(const options *o, const json_t *record)
{
    static const output_writers writers = {record_write_json, record_write_csv, record_write_junit,
                                           record_write_markdown};
    return command_outputs_as(o, record, &writers);
}

int command_output_text(const char *path, const char *text, size_t bytes)
{
    char reason[1024];
    if (is_stdout(path)) swap_stdout();
    const int written = file_write_atomically(path, text, bytes, reason, sizeof reason);
    if (is_stdout(path)) swap_stdout();
    if (written) return EXIT_WELL;
    complain("%s", reason);
    return EXIT_NOT_WRITTEN;
}

int command_folder(const char *asked, const char *folder)
{
    struct stat st;
    if (mkdir(folder, 0777) == 0) return 1;
    int why = errno;
    if (why == EEXIST) {
        why = stat(folder, &st) ? errno : !S_ISDIR(st.st_mode) ? ENOTDIR : access(folder, W_OK | X_OK) ? errno : 0;
        if (!why) return 1;
    }
    complain("%s %s: %s; name a folder that can be made and written", asked, folder, strerror(why));
    return 0;
}

bool command_unread(const options *o)
{
    return ferror(stdout) && !o->json && !o->csv && !o->junit && !o->markdown && !o->dump;
}

void command_interrupted(const options *o)
{
    if (!interrupted) return;
    const char *file = o->json ? o->json : o->csv ? o->csv : o->junit ? o->junit : o->markdown;
    complain("interrupted%s%s", file ? "; what was measured until then is in " : "", file ? file : "");
}
