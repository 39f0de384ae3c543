/* help.c: prints --help. Lines are broken here, so the tables hold whole texts. */
#include "help.h"

#include <jansson.h>
#include <string.h>

#include "build_info.h"

enum { WIDTH = 100, INDENT = 2, TEXT_COLUMN = 25, USAGE_INDENT = 4 };

/* Words of a paragraph, from column `at` on; further lines begin at column `indent`. Ends its last line. A percent sign
 * stays with its number. */
static void put_paragraph(FILE *to, const char *text, size_t length, int at, int indent)
{
    const char *const end = text + length;
    bool first = true;
    while (text < end) {
        const char *blank = memchr(text, ' ', (size_t)(end - text));
        if (blank && end - blank > 1 && blank[1] == '%') blank = memchr(blank + 1, ' ', (size_t)(end - blank - 1));
        const int word = (int)((blank ? blank : end) - text);
        if (!first && at + 1 + word > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", word, text);
        at += word;
        first = false;
        text += word + 1;
    }
    fputc('\n', to);
}

static void put_paragraphs(FILE *to, const char *text)
{
    while (text && *text) {
        const size_t length = strcspn(text, "\n");
        put_paragraph(to, text, length, 0, 0);
        text += length + (text[length] == '\n');
    }
}

/* "  NAME    text", the text in a column of its own. */
static void put_entry(FILE *to, const char *name, const char *text, int column)
{
    int at = fprintf(to, "%*s%s", INDENT, "", name);
    if (at >= column) {
        fputc('\n', to);
        at = 0;
    }
    fprintf(to, "%*s", column - at, "");
    put_paragraph(to, text, strlen(text), column, column);
}

/* ---- a flag's text ----------------------------------------------------------------------------------------------- */

/* "smoke and edge" */
static const char *suites_of(const command *c, char *buffer, size_t size)
{
    size_t used = 0;
    buffer[0] = 0;
    for (int i = 0; i < MOST_SUITES && c->suites[i] && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? " and " : "", c->suites[i]);
    return buffer;
}

const char *help_flag(const flag *f, const command *c, char buffer[HELP_TEXT])
{
    char suites[128];
    const struct {
        const char *name, *value;
    } fill[] = {{"{suites}", suites_of(c, suites, sizeof suites)}, {"{threads}", c->threads ? c->threads : ""}};
    const char *const text = flag_looks(f, c).help;
    for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) {
        const char *const at = strstr(text, fill[i].name);
        if (!at) continue;
        snprintf(buffer, HELP_TEXT, "%.*s%s%s", (int)(at - text), text, fill[i].value, at + strlen(fill[i].name));
        return buffer;
    }
    return text;
}

const char *help_short(const char *help, char buffer[HELP_TEXT])
{
    static const char *const details[] = {" (", "; ", ": ", "\n"};
    size_t length = strlen(help);
    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        const char *const at = strstr(help, details[i]);
        if (at && at > help && (size_t)(at - help) < length) length = (size_t)(at - help);
    }
    snprintf(buffer, HELP_TEXT, "%.*s", (int)length, help);
    return buffer;
}

/* ---- a command --------------------------------------------------------------------------------------------------- */

static void put_flag(FILE *to, const flag *f, const command *c)
{
    char name[128], help[HELP_TEXT];
    const char *const argument = flag_looks(f, c).argument;
    snprintf(name, sizeof name, "%s%s%s%s%s", f->brief ? f->brief : "", f->brief ? ", " : "", f->name,
             argument ? " " : "", argument ? argument : "");
    put_entry(to, name, help_flag(f, c, help), TEXT_COLUMN);
}

static void put_flags(FILE *to, const command *c)
{
    for (int part = PART_PLAIN; part < PARTS; part++) {
        bool any = false;
        for (const flag *f = flags; f->name; f++) {
            if (!(f->commands & c->bit) || (int)flag_looks(f, c).part != part) continue;
            if (!any && flag_headings[part]) fprintf(to, "%s\n", flag_headings[part]);
            put_flag(to, f, c);
            any = true;
        }
    }
}

static bool has_flags(const command *c)
{
    for (const flag *f = flags; f->name; f++)
        if (f->commands & c->bit && flag_looks(f, c).part != PART_HIDDEN) return true;
    return false;
}

static void put_usage(FILE *to, const command *c)
{
    char title[64], line[512];
    command_title(c, title, sizeof title);
    for (int i = 0; i < MOST_USAGES && c->usage[i].about; i++) {
        const char *const arguments = c->usage[i].arguments;
        const int length = snprintf(line, sizeof line, "attnbench %s%s%s: %s", title, *arguments ? " " : "", arguments,
                                    c->usage[i].about);
        put_paragraph(to, line, (size_t)length, 0, USAGE_INDENT);
    }
    fputc('\n', to);
}

static void put_words(FILE *to, const command *c)
{
    for (int i = 0; i < MOST_WORDS && c->word[i].name; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s%s", c->word[i].name, *c->word[i].arguments ? " " : "", c->word[i].arguments);
        put_entry(to, name, c->word[i].about, TEXT_COLUMN);
    }
    if (c->word[0].name) fputc('\n', to);
}

/* Broken where the table says so, with what a shell needs to read on. */
static void put_example(FILE *to, const char *example)
{
    fputs("example: attnbench ", to);
    for (; *example; example++)
        if (*example == '\n')
            fputs(" \\\n         ", to);
        else
            fputc(*example, to);
    fputc('\n', to);
}

void help_command(FILE *to, const command *c)
{
    put_usage(to, c);
    if (c->text) {
        put_paragraphs(to, c->text);
        fputc('\n', to);
    }
    put_words(to, c);
    put_flags(to, c);
    if (has_flags(c)) fputc('\n', to);
    if (c->after) {
        put_paragraphs(to, c->after);
        fputc('\n', to);
    }
    put_example(to, c->example);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static void put_commands(FILE *to, bool more)
{
    for (const command *const *c = commands; *c; c++)
        if (!(*c)->parent && (*c)->more == more) put_entry(to, (*c)->name, (*c)->about, 13);
}

static void put_exit_codes(FILE *to)
{
    static const char heading[] = "exit codes:";
    char line[1024];
    size_t used = 0;
    for (const exit_meaning *e = exit_meanings; e->about; e++)
        used += (size_t)snprintf(line + used, sizeof line - used, " %d %s%s", e->code, e->about, e[1].about ? ";" : "");
    fputs(heading, to);
    fputc(' ', to);
    put_paragraph(to, line + 1, used - 1, (int)sizeof heading, (int)sizeof heading);
}

void help_program(FILE *to)
{
    fprintf(to, "attnbench: %s\n\nusage: attnbench COMMAND [flags]\n\n", program_about);
    put_commands(to, false);
    fputs("\nmore\n", to);
    put_commands(to, true);
    put_entry(to, "-V, --version", "what was built, of which commit, by which compiler", 17);
    fputs("\n'attnbench COMMAND --help' tells more.\n\n"
          "example: attnbench bench --suite sweep --kernel 'blocked*' --json times.json\n\n",
          to);
    put_exit_codes(to);
    fputs("environment:\n", to);
    for (const variable_meaning *v = variable_meanings; v->name; v++) {
        char name[128];
        snprintf(name, sizeof name, "%s=%s", v->name, v->value);
        put_entry(to, name, v->about, 48);
    }
}

void help_version(FILE *to)
{
    fprintf(to, "attnbench %s (%s)\ncompiler: %s\nbuild: %s%s%s\nlibraries: benchmark %s, jansson %s\n", BUILD_VERSION,
            BUILD_COMMIT, BUILD_COMPILER, BUILD_TYPE, *BUILD_TYPE ? ", " : "", BUILD_FLAGS, ATTNBENCH_BENCHMARK_VERSION,
            jansson_version_str());
}
