/* completion_bash.c: completions for bash, without the package bash-completion. */
#include "completion.h"

#include <string.h>

static const char head[] =
    "# bash completions of attnbench, made by 'attnbench completion bash'.\n"
    "\n"
    "# The first words of the lines that 'attnbench list KIND' prints.\n"
    "_attnbench_names() {\n"
    "    \"${COMP_WORDS[0]/#\\~\\//$HOME/}\" list \"$1\" 2>/dev/null | sed -n 's/^\\([^ ][^ ]*\\).*/\\1/p'\n"
    "}\n"
    "\n"
    "_attnbench() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' word='' i\n"
    "    local flags='' words='' operands='' kind='' choices='' start=''\n"
    "    COMPREPLY=()\n"
    "    # '--flag=value' comes as three words.\n"
    "    if [[ $cur == '=' ]]; then\n"
    "        cur=\n"
    "    elif [[ $prev == '=' && $COMP_CWORD -ge 2 ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        [[ ${COMP_WORDS[i]} == -- ]] && return\n"
    "    done\n"
    "    [[ $COMP_CWORD -ge 2 ]] && command=${COMP_WORDS[1]}\n"
    "    [[ $COMP_CWORD -ge 3 ]] && word=${COMP_WORDS[2]}\n";

static const char tail[] = "    if [[ $kind == files ]]; then\n"
                           "        compopt -o filenames 2>/dev/null\n"
                           "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
                           "    elif [[ $kind == folders ]]; then\n"
                           "        compopt -o filenames 2>/dev/null\n"
                           "        mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
                           "    elif [[ $kind ]]; then\n"
                           "        # What stands before the last comma of a list stays.\n"
                           "        if [[ $kind == list && $cur == *,* ]]; then\n"
                           "            start=${cur%,*},\n"
                           "            cur=${cur##*,}\n"
                           "        fi\n"
                           "        mapfile -t COMPREPLY < <(compgen -P \"$start\" -W \"$choices\" -- \"$cur\")\n"
                           "    elif [[ $cur == -* ]]; then\n"
                           "        mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\")\n"
                           "    elif [[ -z $operands || ($words && $COMP_CWORD -eq 2) ]]; then\n"
                           "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                           "    else\n"
                           "        compopt -o filenames 2>/dev/null\n"
                           "        mapfile -t COMPREPLY < <(compgen \"$operands\" -- \"$cur\")\n"
                           "    fi\n"
                           "}\n"
                           "\n"
                           "complete -F _attnbench attnbench\n";

static void put_flag_words(FILE *to, const command *c)
{
    const char *between = "";
    for (const flag *f = flags; f->name; f++) {
        if (!flag_shown(f, c)) continue;
        fprintf(to, "%s%s%s%s", between, f->name, f->brief ? " " : "", f->brief ? f->brief : "");
        between = " ";
    }
}

/* Of a command: `flags`, `words` and `operands`, how compgen is asked for other words. */
static void put_command(FILE *to, const command *c)
{
    fprintf(to, "    %s%s%s)\n        flags='", c->parent ? c->parent : "", c->parent ? "\\ " : "", c->name);
    put_flag_words(to, c);
    fputs("'\n        words='", to);
    for (int i = 0; i < MOST_WORDS && c->word[i].name; i++) fprintf(to, "%s%s", i ? " " : "", c->word[i].name);
    fprintf(to, "'\n        operands=%s\n        ;;\n",
            !c->operands                      ? ""
            : strcmp(c->operands, "DIR") == 0 ? "-d"
                                              : "-f");
}

static void put_commands(FILE *to)
{
    fputs("    case $command in\n    '')\n        flags='--help -h --version -V'\n        words='help", to);
    for (const command *const *c = commands; *c; c++)
        if (!(*c)->parent) fprintf(to, " %s", (*c)->name);
    fputs("'\n        ;;\n    help)\n        words='", to);
    for (const command *const *c = commands; *c; c++)
        if (!(*c)->parent) fprintf(to, " %s", (*c)->name);
    fputs("'\n        ;;\n", to);
    for (const command *const *c = commands; *c; c++)
        if (!(*c)->parent) put_command(to, *c);
    fputs("    esac\n    case \"$command $word\" in\n", to);
    for (const command *const *c = commands; *c; c++)
        if ((*c)->parent) put_command(to, *c);
    fputs("    esac\n", to);
}

/* What the value of the flag before the cursor is. Of every flag once: it is the same for all commands. */
static void put_values(FILE *to)
{
    fputs("    case $prev in\n", to);
    for (const flag *f = flags; f->name; f++) {
        const enum flag_values values = flag_values(f);
        const char *const several = f->argument && strcmp(f->argument, "LIST") == 0 ? "list" : "names";
        if (values == VALUES_NONE || f->part == PART_HIDDEN) continue;
        fprintf(to, "    %s%s%s)\n", f->name, f->brief ? " | " : "", f->brief ? f->brief : "");
        if (values == VALUES_FILE) fputs("        kind=files\n", to);
        if (values == VALUES_FOLDER) fputs("        kind=folders\n", to);
        if (values == VALUES_ANY) fputs("        return\n", to);
        if (values == VALUES_LISTED)
            fprintf(to, "        kind=%s\n        choices=$(_attnbench_names %s)%s\n", several, f->list,
                    strcmp(several, "list") == 0 ? "' all'" : "");
        if (values == VALUES_WORDS) {
            fputs("        kind=names\n        choices='", to);
            for (const char *c = f->argument; *c; c++) fputc(*c == '|' ? ' ' : *c, to);
            fputs("'\n", to);
        }
        fputs("        ;;\n", to);
    }
    fputs("    esac\n", to);
}

void completion_bash(FILE *to)
{
    fputs(head, to);
    put_commands(to);
    put_values(to);
    fputs(tail, to);
}
