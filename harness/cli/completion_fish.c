/* completion_fish.c: completions for fish, a line for each command, word and flag. */
#include "completion.h"

#include <string.h>

#include "help.h"

static const char head[] = "# fish completions of attnbench, made by 'attnbench completion fish'.\n"
                           "\n"
                           "# The first words of the lines that 'attnbench list KIND' prints.\n"
                           "function __attnbench_names\n"
                           "    attnbench list $argv[1] 2>/dev/null | string match -r '^[^ ]+'\n"
                           "end\n"
                           "\n"
                           "complete -c attnbench -f\n"
                           "complete -c attnbench -n __fish_use_subcommand -s V -l version -d 'what was built'\n"
                           "complete -c attnbench -n __fish_use_subcommand -s h -l help -d 'lists the commands'\n";

/* In single quotes, in which fish knows \\' and \\\\. */
static void put_quoted(FILE *to, const char *text)
{
    fputc('\'', to);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', to);
        fputc(*text, to);
    }
    fputc('\'', to);
}

static void put_description(FILE *to, const char *text)
{
    fputs(" -d ", to);
    put_quoted(to, text);
    fputc('\n', to);
}

/* "complete ... -n CONDITION": where the command, and no word with flags of its own, stands before the cursor. */
static void put_begin(FILE *to, const command *c)
{
    fputs("complete -c attnbench -n '", to);
    if (c->parent) fprintf(to, "__fish_seen_subcommand_from %s; and ", c->parent);
    fprintf(to, "__fish_seen_subcommand_from %s", c->name);
    for (const command *const *other = commands; *other; other++)
        if ((*other)->parent && strcmp((*other)->parent, c->name) == 0)
            fprintf(to, "; and not __fish_seen_subcommand_from %s", (*other)->name);
    fputc('\'', to);
}

static void put_values(FILE *to, const flag *f)
{
    switch (flag_values(f)) {
    case VALUES_NONE: break;
    case VALUES_ANY: fputs(" -x", to); break;
    case VALUES_FILE: fputs(" -r -F", to); break;
    case VALUES_FOLDER: fputs(" -x -a '(__fish_complete_directories)'", to); break;
    case VALUES_LISTED: {
        const bool several = strcmp(f->argument, "LIST") == 0;
        fprintf(to, " -x -a '(%s__attnbench_names %s%s)'", several ? "__fish_complete_list , \"" : "", f->list,
                several ? "; echo all\"" : "");
        break;
    }
    case VALUES_WORDS:
        fputs(" -x -a '", to);
        for (const char *c = f->argument; *c; c++) fputc(*c == '|' ? ' ' : *c, to);
        fputc('\'', to);
        break;
    }
}

static void put_command(FILE *to, const command *c)
{
    char help[HELP_TEXT], brief[HELP_TEXT];
    fputc('\n', to);
    if (!c->parent) {
        fprintf(to, "complete -c attnbench -n __fish_use_subcommand -a %s", c->name);
        put_description(to, c->about);
    }
    for (int i = 0; i < MOST_WORDS && c->word[i].name; i++) {
        put_begin(to, c);
        fprintf(to, " -a %s", c->word[i].name);
        put_description(to, help_short(c->word[i].about, brief));
    }
    if (c->operands) {
        put_begin(to, c);
        fputs(strcmp(c->operands, "DIR") == 0 ? " -a '(__fish_complete_directories)'\n" : " -F\n", to);
    }
    for (const flag *f = flags; f->name; f++) {
        if (!flag_shown(f, c)) continue;
        put_begin(to, c);
        fprintf(to, " -l %s%s%s", f->name + 2, f->brief ? " -s " : "", f->brief ? f->brief + 1 : "");
        put_values(to, f);
        put_description(to, help_short(help_flag(f, c, help), brief));
    }
}

void completion_fish(FILE *to)
{
    fputs(head, to);
    for (const command *const *c = commands; *c; c++) put_command(to, *c);
}
