/* cmd_completion.c: attnbench completion bash|zsh|fish: prints a shell's completions, made from the tables of commands
 * and flags. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "completion.h"
#include "util/console.h"

const command command_completion = {
    .name = "completion",
    .about = "completions for bash, zsh or fish",
    .run = cmd_completion,
    .bit = BY_COMPLETION,
    .more = true,
    .takes_words = true,
    .usage = {{"bash|zsh|fish", "prints what makes the shell complete commands, flags and names"}},
    .word = {{"bash", "", "for ~/.local/share/bash-completion/completions/attnbench"},
             {"zsh", "", "for _attnbench in a folder of $fpath"},
             {"fish", "", "for ~/.config/fish/completions/attnbench.fish"}},
    .text =
        "Names of kernels, workloads, suites, input classes and checks are asked of the program as they are needed.",
    .example = "completion bash > ~/.local/share/bash-completion/completions/attnbench",
};

bool flag_shown(const flag *f, const command *c)
{
    return f->commands & c->bit && (flag_looks(f, c).part != PART_HIDDEN || strcmp(f->name, "--help") == 0);
}

int cmd_completion(int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(FILE *to);
    } shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    options o;
    int code = command_begin(argc, argv, &command_completion, &o);
    if (code >= 0) return code;
    code = EXIT_USAGE;
    for (size_t i = 0; o.words.count == 1 && i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].shell, o.words.word[0]) != 0) continue;
        shells[i].print(stdout);
        code = EXIT_WELL;
    }
    if (code != EXIT_WELL) complain("completion: say one shell: bash, zsh or fish");
    options_free(&o);
    return code;
}
