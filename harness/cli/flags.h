/* flags.h: one table makes a command-line flag: name, argument, help, which commands take it, how its value is read and
 * where it goes. A new flag is one row in flags.c. */
#ifndef ATTNBENCH_FLAGS_H
#define ATTNBENCH_FLAGS_H

#include <stddef.h>
#include <stdint.h>

#include "command.h"
#include "options.h"

/* The headings of a command's flags, in the order in which they are printed. */
enum flag_part {
    PART_HIDDEN, /* in no list: for ourselves, or taken only to say what to write instead */
    PART_PLAIN,  /* first, under no heading */
    PART_SIDES,
    PART_RULE,
    PART_SELECT,
    PART_INPUTS,
    PART_COUNTERS,
    PART_LAYOUT,
    PART_OUTPUT,
    PARTS
};
extern const char *const flag_headings[PARTS];

typedef struct flag flag;

/* Puts a value where it belongs. Returns 1; or 0 and one line in `reason`. */
typedef int flag_reader(const flag *f, const char *value, options *o, char *reason, size_t reason_size);

struct flag {
    const char *name, *brief; /* "--output", "-o"; NULL: no short form */
    const char *argument;     /* what stands for the value in the help; NULL: it takes none */
    unsigned commands;        /* bits of command_bit */
    enum flag_part part;
    const char *list; /* values are names that 'attnbench list LIST' prints, with commas where `argument` is LIST */
    flag_reader *read;
    size_t to;           /* the field of options */
    int64_t least, most; /* of a number */
    const char *unit;    /* of a number, in "must be a whole number UNIT from ..."; or NULL */
    const char *help;    /* {suites} and {threads} are the command's defaults */
};

/* Where a command's help of a flag differs. */
typedef struct flag_note {
    const char *name;
    unsigned commands;
    enum flag_part part;
    const char *argument; /* NULL: as in the table */
    const char *help;     /* NULL: as in the table */
} flag_note;

/* Ended by a row without name. */
extern const flag flags[];
extern const flag_note flag_notes[];

/* What a command says of a flag. */
typedef struct flag_look {
    enum flag_part part;
    const char *argument, *help;
} flag_look;
flag_look flag_looks(const flag *f, const command *c);

/* What the value of a flag is, for completions. */
enum flag_values { VALUES_NONE, VALUES_ANY, VALUES_FILE, VALUES_FOLDER, VALUES_WORDS, VALUES_LISTED };
enum flag_values flag_values(const flag *f);

flag_reader read_true, read_text, read_word, read_check, read_whole, read_launches, read_seed, read_rows, read_seconds,
    read_percent, read_warn_or_fail, read_residency;

#endif
