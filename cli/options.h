/* SPDX-License-Identifier: MIT */
/*
 * options.h - a command line as a table: what is parsed and what --help shows are the same thing.
 *
 * Values start with their defaults and are only written when their option is given. Errors name the
 * option and its value and say what to do.
 */
#ifndef WEIR_CLI_OPTIONS_H
#define WEIR_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char *, borrowed from argv */
    OPTION_COUNT,    /* uint64_t */
    OPTION_SIZE,     /* uint64_t, bytes */
    OPTION_DURATION, /* uint64_t, nanoseconds */
    OPTION_LIST      /* option_list: may be given many times */
} option_kind;

enum { OPTION_LIST_MAX = 32 };

typedef struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
} option_list;

typedef struct option {
    char letter;          /* "-o"; 0: has none */
    const char *name;     /* "output" for --output */
    const char *argument; /* what --help calls its value; NULL for a flag */
    option_kind kind;
    void *value;
    uint64_t least; /* of numbers */
    uint64_t most;  /* 0: no upper bound */
    const char *help;
} option;

/* A word that must be there, in this order. */
typedef struct operand {
    const char *name;
    const char **value;
} operand;

typedef struct command_line {
    const char *command; /* "tick" */
    const char *about;   /* paragraphs for --help */
    const char *more;    /* examples, notes */
    const option *options;
    size_t option_count;
    const operand *operands;
    size_t operand_count;
} command_line;

/* An array's two fields in it. */
#define WITH_COUNT(array) (array), sizeof(array) / sizeof *(array)

typedef enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_WRONG } options_result;

/* Parses argv[0..argc). OPTIONS_WRONG: `why`, cut to its size, is what to tell the user. */
options_result options_parse(const command_line *line, int argc, char *const *argv, char *why,
                             size_t why_size);

/* What every command begins with: parses, and prints the help or the error. True: go on; else leave
 * with *exit_code, 0 after --help and 2 after an error. */
bool options_read(const command_line *line, int argc, char *const *argv, int *exit_code);

#endif
