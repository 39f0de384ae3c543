/* cmd_manual.c: attnbench manual: prints the man page attnbench(1), made from the tables of commands and flags. */
#include <stdio.h>
#include <string.h>

#include "build_info.h"
#include "commands.h"
#include "completion.h"
#include "help.h"
#include "util/console.h"

const command command_manual = {
    .name = "manual",
    .about = "the man page attnbench(1)",
    .run = cmd_manual,
    .bit = BY_MANUAL,
    .more = true,
    .usage = {{"", "prints the man page attnbench(1), of all commands and flags"}},
    .example = "manual | man -l -",
};

/* Text of a line: nothing in it is a request, and dashes and quotes can be copied. */
static void put_characters(const char *text, size_t length)
{
    static const struct {
        char c;
        const char *roff;
    } special[] = {{'\\', "\\e"}, {'-', "\\-"}, {'\'', "\\(aq"}, {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
    for (const char *c = text; c < text + length; c++) {
        size_t i = 0;
        while (i < sizeof special / sizeof *special && special[i].c != *c) i++;
        if (i < sizeof special / sizeof *special)
            fputs(special[i].roff, stdout);
        else
            putchar(*c);
    }
}

static void put_text(const char *text) { put_characters(text, strlen(text)); }

static void put_line(const char *text)
{
    if (*text == '.') fputs("\\&", stdout);
    put_text(text);
    putchar('\n');
}

static void put_paragraphs(const char *text)
{
    while (text && *text) {
        const size_t length = strcspn(text, "\n");
        if (*text == '.') fputs("\\&", stdout);
        put_characters(text, length);
        putchar('\n');
        text += length + (text[length] == '\n');
        if (*text) puts(".PP");
    }
}

static void put_bold(const char *text)
{
    fputs("\\fB", stdout);
    put_text(text);
    fputs("\\fR", stdout);
}

static void put_italic(const char *before, const char *text)
{
    if (!*text) return;
    printf("%s\\fI", before);
    put_text(text);
    fputs("\\fR", stdout);
}

static void put_flag(const flag *f, const command *c)
{
    char help[HELP_TEXT];
    const char *const argument = flag_looks(f, c).argument;
    puts(".TP");
    if (f->brief) {
        put_bold(f->brief);
        fputs(", ", stdout);
    }
    put_bold(f->name);
    put_italic(" ", argument ? argument : "");
    putchar('\n');
    put_line(help_flag(f, c, help));
}

static void put_flags(const command *c)
{
    for (int part = PART_PLAIN; part < PARTS; part++) {
        bool any = false;
        for (const flag *f = flags; f->name; f++) {
            if (!(f->commands & c->bit) || (int)flag_looks(f, c).part != part) continue;
            if (!any && flag_headings[part]) {
                puts(".PP");
                put_line(flag_headings[part]);
            }
            put_flag(f, c);
            any = true;
        }
    }
}

static void put_usage(const command *c)
{
    char title[64];
    for (int i = 0; i < MOST_USAGES && c->usage[i].about; i++) {
        if (i) puts(".br");
        put_bold("attnbench");
        putchar(' ');
        put_bold(command_title(c, title, sizeof title));
        if (*c->usage[i].arguments) putchar(' ');
        put_text(c->usage[i].arguments);
        putchar('\n');
    }
}

static void put_words(const command *c)
{
    for (int i = 0; i < MOST_WORDS && c->word[i].name; i++) {
        puts(".TP");
        put_bold(c->word[i].name);
        put_italic(" ", c->word[i].arguments);
        putchar('\n');
        put_line(c->word[i].about);
    }
}

static void put_command(const command *c)
{
    char title[64];
    fputs(".SS ", stdout);
    put_line(command_title(c, title, sizeof title));
    put_usage(c);
    puts(".PP");
    put_line(c->about);
    if (c->text) puts(".PP");
    put_paragraphs(c->text);
    put_words(c);
    put_flags(c);
    if (c->after) puts(".PP");
    put_paragraphs(c->after);
}

static void put_commands(void)
{
    puts(".SH COMMANDS\nEach takes \\fB\\-h\\fR, \\fB\\-\\-help\\fR, which says what the command does.");
    for (const command *const *c = commands; *c; c++) put_command(*c);
}

static void put_exit_codes(void)
{
    puts(".SH EXIT STATUS");
    for (const exit_meaning *e = exit_meanings; e->about; e++) {
        printf(".TP\n.B %d\n", e->code);
        put_line(e->about);
    }
}

static void put_environment(void)
{
    puts(".SH ENVIRONMENT");
    for (const variable_meaning *v = variable_meanings; v->name; v++) {
        puts(".TP");
        put_bold(v->name);
        put_italic("=", v->value);
        putchar('\n');
        put_line(v->about);
    }
}

static void put_examples(void)
{
    puts(".SH EXAMPLES");
    for (const command *const *c = commands; *c; c++) {
        puts(".PP\n.RS 4\n.nf");
        fputs("attnbench ", stdout);
        for (const char *t = (*c)->example; *t;) {
            const size_t length = strcspn(t, "\n");
            put_characters(t, length);
            t += length;
            if (*t++ != '\n') break;
            fputs(" \\e\n    ", stdout);
        }
        puts("\n.fi\n.RE");
    }
}

int cmd_manual(int argc, char **argv)
{
    options o;
    const int code = command_begin(argc, argv, &command_manual, &o);
    if (code >= 0) return code;
    printf(".\\\" Made by 'attnbench manual'.\n.TH ATTNBENCH 1 \"\" \"attnbench %s\" \"User Commands\"\n.nh\n.ad l\n",
           BUILD_VERSION);
    fputs(".SH NAME\nattnbench \\- ", stdout);
    put_line(program_about);
    puts(".SH SYNOPSIS\n.B attnbench\n.I COMMAND\n.RI [ flags ]\n.br\n.B attnbench \\-\\-help\n.br\n"
         ".B attnbench \\-\\-version");
    put_commands();
    puts(".SH OPTIONS\nWithout a command:\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nlists the commands\n.TP\n"
         "\\fB\\-V\\fR, \\fB\\-\\-version\\fR\nwhat was built, of which commit, by which compiler");
    put_exit_codes();
    put_environment();
    put_examples();
    options_free(&o);
    return EXIT_WELL;
}
