/* command.h: what a command says of itself. From this and the table of flags are made: its --help, the completions of
 * shells and the man page. Each cmd_*.c has one; command_list.c lists them. */
#ifndef ATTNBENCH_COMMAND_H
#define ATTNBENCH_COMMAND_H

#include <stdbool.h>

/* Which commands take a flag, as bits. */
enum command_bit {
    BY_LIST = 1 << 0,
    BY_DOCTOR = 1 << 1,
    BY_VERIFY = 1 << 2,
    BY_BENCH = 1 << 3,
    BY_COMPARE = 1 << 4,
    BY_GATE = 1 << 5,
    BY_RUN = 1 << 6,
    BY_REPORT = 1 << 7,
    BY_HISTORY = 1 << 8,
    BY_JUDGE = 1 << 9, /* selftest judge */
    BY_CLOCK = 1 << 10,
    BY_COMPLETION = 1 << 11,
    BY_MANUAL = 1 << 12,
    BY_ALL = (1 << 13) - 1
};

/* A line of usage: "attnbench NAME ARGUMENTS: ABOUT". */
typedef struct command_usage {
    const char *arguments, *about;
} command_usage;

/* A word that may follow the command's name, such as `save` of gate. */
typedef struct command_word {
    const char *name, *arguments, *about;
} command_word;

enum { MOST_USAGES = 3, MOST_WORDS = 9, MOST_SUITES = 3 };

/* Arrays end with zeros. Texts are whole paragraphs, parted by '\n'; who prints them breaks their lines. */
typedef struct command {
    const char *name, *parent; /* `parent`: the command that this is a word of, or NULL */
    const char *about;         /* one line */
    int (*run)(int argc, char **argv);
    enum command_bit bit;
    bool more;            /* not about kernels: under 'more' in the list of commands */
    bool takes_words;     /* arguments that are no flags */
    bool takes_rest;      /* what follows -- is Google Benchmark's */
    const char *operands; /* what words are that are none of `word`: "FILE", "DIR" or NULL; for completions */
    command_usage usage[MOST_USAGES];
    command_word word[MOST_WORDS];
    const char *text, *after;        /* paragraphs before and after the flags; NULL: none */
    const char *example;             /* without "attnbench"; a '\n' breaks the line for the shell */
    const char *suites[MOST_SUITES]; /* taken where neither --workload nor --suite is given */
    const char *threads;             /* the default of --threads */
} command;

extern const command command_list, command_doctor, command_verify, command_bench, command_compare, command_gate,
    command_run, command_report, command_history, command_selftest, command_clock, command_completion, command_manual;

/* All commands in the order of the help, ended by NULL; a word's own entry follows its command. */
extern const command *const commands[];

/* The command of this name that is no word of another, or NULL. */
const command *command_find(const char *name);
/* The entry of a command's word that has flags of its own, or NULL. */
const command *command_within(const command *c, const char *word);
/* "selftest clock": with the command that it is a word of. */
const char *command_title(const command *c, char *buffer, int size);

/* What the program says of itself; ended by zeros. */
typedef struct exit_meaning {
    int code;
    const char *about;
} exit_meaning;
typedef struct variable_meaning {
    const char *name, *value, *about;
} variable_meaning;
extern const char program_about[];
extern const exit_meaning exit_meanings[];
extern const variable_meaning variable_meanings[];

#endif
