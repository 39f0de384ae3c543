/* completion_zsh.c: completions for zsh, by _arguments. */
#include "completion.h"

#include <string.h>

#include "help.h"

static const char head[] = "#compdef attnbench\n"
                           "# zsh completions of attnbench, made by 'attnbench completion zsh'.\n"
                           "\n"
                           "# The first words of the lines that 'attnbench list KIND' prints.\n"
                           "_attnbench_names() {\n"
                           "    local -a names\n"
                           "    names=(${(f)\"$(_call_program names attnbench list $1 2>/dev/null |\n"
                           "        sed -n 's/^\\([^ ][^ ]*\\).*/\\1/p')\"})\n"
                           "    [[ $2 == list ]] && names+=(all) && compset -P '*,'\n"
                           "    compadd -a names\n"
                           "}\n"
                           "\n";

/* Texts in _arguments: a colon and brackets mean something there. */
static void put_description(FILE *to, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (strchr("[]:\\", *c)) fputc('\\', to);
        if (*c == '\'')
            fputs("'\\''", to);
        else
            fputc(*c, to);
    }
}

static void put_action(FILE *to, const flag *f)
{
    switch (flag_values(f)) {
    case VALUES_FILE: fputs("_files", to); break;
    case VALUES_FOLDER: fputs("_files -/", to); break;
    case VALUES_LISTED:
        fprintf(to, "{_attnbench_names %s%s}", f->list, strcmp(f->argument, "LIST") == 0 ? " list" : "");
        break;
    case VALUES_WORDS:
        fputc('(', to);
        for (const char *c = f->argument; *c; c++) fputc(*c == '|' ? ' ' : *c, to);
        fputc(')', to);
        break;
    case VALUES_NONE:
    case VALUES_ANY: fputc(' ', to);
    }
}

static void put_spelling(FILE *to, const flag *f, const char *name, const command *c)
{
    char help[HELP_TEXT], brief[HELP_TEXT];
    fprintf(to, " \\\n            '*%s%s[", name, f->argument && name[1] == '-' ? "=" : "");
    put_description(to, help_short(help_flag(f, c, help), brief));
    fputc(']', to);
    if (f->argument) {
        fputc(':', to);
        put_description(to, flag_looks(f, c).argument);
        fputc(':', to);
        put_action(to, f);
    }
    fputc('\'', to);
}

static void put_arguments(FILE *to, const command *c)
{
    fputs("        _arguments", to);
    for (const flag *f = flags; f->name; f++) {
        if (!flag_shown(f, c)) continue;
        put_spelling(to, f, f->name, c);
        if (f->brief) put_spelling(to, f, f->brief, c);
    }
    if (c->word[0].name) {
        fputs(" \\\n            '1:word:((", to);
        for (int i = 0; i < MOST_WORDS && c->word[i].name; i++) {
            char brief[HELP_TEXT];
            fprintf(to, "%s%s\\:\"", i ? " " : "", c->word[i].name);
            for (const char *t = help_short(c->word[i].about, brief); *t; t++) {
                if (strchr(":\"\\$`", *t)) fputc('\\', to);
                if (*t == '\'')
                    fputs("'\\''", to);
                else
                    fputc(*t, to);
            }
            fputc('"', to);
        }
        fputs("))'", to);
    }
    if (c->operands)
        fprintf(to, " \\\n            '*:file:%s'", strcmp(c->operands, "DIR") == 0 ? "_files -/" : "_files");
    fputs("\n        ;;\n", to);
}

void completion_zsh(FILE *to)
{
    fputs(head, to);
    fputs("_attnbench() {\n"
          "    local -a commands\n"
          "    if (( CURRENT == 2 )); then\n"
          "        commands=(\n",
          to);
    for (const command *const *c = commands; *c; c++) {
        if ((*c)->parent) continue;
        fprintf(to, "            '%s:", (*c)->name);
        put_description(to, (*c)->about);
        fputs("'\n", to);
    }
    fputs("        )\n"
          "        if [[ $words[2] == -* ]]; then\n"
          "            compadd -- --help -h --version -V\n"
          "        else\n"
          "            _describe command commands\n"
          "        fi\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    (( CURRENT-- ))\n"
          "    local place=\"$words[1] \"\n"
          "    (( CURRENT > 2 )) && place+=$words[2]\n"
          "    case $place in\n",
          to);
    for (int within = 1; within >= 0; within--) /* a word's own flags before those of its command */
        for (const command *const *c = commands; *c; c++) {
            if (((*c)->parent != NULL) != (within != 0)) continue;
            if (within)
                fprintf(to, "    '%s %s')\n        shift words\n        (( CURRENT-- ))\n", (*c)->parent, (*c)->name);
            else
                fprintf(to, "    %s' '*)\n", (*c)->name);
            put_arguments(to, *c);
        }
    fputs("    esac\n}\n\n"
          "if [[ $funcstack[1] == _attnbench ]]; then\n"
          "    _attnbench \"$@\"\n"
          "else\n"
          "    compdef _attnbench attnbench\n"
          "fi\n",
          to);
}
