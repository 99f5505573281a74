/* SPDX-License-Identifier: MIT */
/*
 * options.c - parses a command line by its table, and writes the help from the same table.
 *
 * Options may stand anywhere, "--name=value" is "--name value", "--" ends the options, and a lone
 * "-" is an operand.
 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

struct parser {
    const command_line *line;
    char *const *next; /* what is still to be read */
    char *const *end;
    size_t operands;
    char *why;
    size_t why_size;
};

static bool wrong(struct parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(struct parser *p, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(p->why, p->why_size, format, arguments);
    va_end(arguments);
    return false;
}

static const char *format_limit(const option *o, uint64_t value, char out[UNITS_TEXT_SIZE])
{
    if (o->kind == OPTION_DURATION)
        return format_duration(out, value);
    if (o->kind == OPTION_SIZE)
        return format_size(out, (double)value);
    snprintf(out, UNITS_TEXT_SIZE, "%llu", (unsigned long long)value);
    return out;
}

static bool in_range(struct parser *p, const option *o, const char *text)
{
    char limit[UNITS_TEXT_SIZE];
    uint64_t value = *(uint64_t *)o->value;

    if (value < o->least)
        return wrong(p, "--%s %s: too small; the least is %s", o->name, text,
                     format_limit(o, o->least, limit));
    if (o->most != 0 && value > o->most)
        return wrong(p, "--%s %s: too large; the most is %s", o->name, text,
                     format_limit(o, o->most, limit));
    return true;
}

static bool store_list(struct parser *p, const option *o, const char *text)
{
    option_list *list = o->value;

    if (list->count == OPTION_LIST_MAX)
        return wrong(p, "--%s %s: given too often; %d is the most", o->name, text, OPTION_LIST_MAX);
    list->items[list->count++] = text;
    return true;
}

static bool store(struct parser *p, const option *o, const char *text)
{
    switch (o->kind) {
    case OPTION_TEXT:
        *(const char **)o->value = text;
        return true;
    case OPTION_LIST:
        return store_list(p, o, text);
    case OPTION_COUNT:
        if (!parse_count(text, o->value))
            return wrong(p, "--%s %s: not a number; write digits, like 100", o->name, text);
        return in_range(p, o, text);
    case OPTION_SIZE:
        if (!parse_size(text, o->value))
            return wrong(p, "--%s %s: not a size; write bytes or KiB, MiB, GiB, like 64KiB",
                         o->name, text);
        return in_range(p, o, text);
    case OPTION_DURATION:
        if (!parse_duration_ns(text, o->value))
            return wrong(p,
                         "--%s %s: not a time; write a number and ns, us, ms, s, m or h, "
                         "like 1ms",
                         o->name, text);
        return in_range(p, o, text);
    default:
        return wrong(p, "--%s takes no value; leave %s out", o->name, text);
    }
}

static const option *find_name(const command_line *line, const char *name, size_t size)
{
    for (size_t i = 0; i < line->option_count; i++)
        if (strncmp(line->options[i].name, name, size) == 0 && line->options[i].name[size] == '\0')
            return &line->options[i];
    return NULL;
}

static const option *find_letter(const command_line *line, char letter)
{
    for (size_t i = 0; i < line->option_count; i++)
        if (line->options[i].letter == letter)
            return &line->options[i];
    return NULL;
}

/* `value` is what was written together with the option, or NULL. */
static bool take_option(struct parser *p, const option *o, const char *word, const char *value)
{
    if (o == NULL)
        return wrong(p, "%s: no such option; `weir %s --help` lists them", word, p->line->command);
    if (o->kind == OPTION_FLAG && value == NULL) {
        *(bool *)o->value = true;
        return true;
    }
    if (value == NULL && p->next == p->end)
        return wrong(p, "%s: its value is missing; write %s %s", word, word, o->argument);
    if (value == NULL)
        value = *p->next++;
    return store(p, o, value);
}

static bool take_operand(struct parser *p, const char *word)
{
    if (p->operands == p->line->operand_count)
        return wrong(p, "%s: one word too many; `weir %s --help` shows what it takes", word,
                     p->line->command);
    *p->line->operands[p->operands++].value = word;
    return true;
}

static bool take_word(struct parser *p, const char *word, bool *only_operands)
{
    const char *name, *equals;

    if (*only_operands || word[0] != '-' || word[1] == '\0')
        return take_operand(p, word);
    if (strcmp(word, "--") == 0)
        return *only_operands = true;
    if (word[1] != '-')
        return take_option(p, find_letter(p->line, word[1]), word,
                           word[2] != '\0' ? word + 2 : NULL);
    name = word + 2;
    equals = strchr(name, '=');
    return take_option(p, find_name(p->line, name, equals ? (size_t)(equals - name) : strlen(name)),
                       word, equals != NULL ? equals + 1 : NULL);
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

options_result options_parse(const command_line *line, int argc, char *const *argv, char *why,
                             size_t why_size)
{
    struct parser p = {line, argv, argv + argc, 0, why, why_size};
    bool only_operands = false;

    while (p.next < p.end) {
        const char *word = *p.next++;

        if (!only_operands && is_help(word))
            return OPTIONS_HELP;
        if (!take_word(&p, word, &only_operands))
            return OPTIONS_WRONG;
    }
    if (p.operands == line->operand_count)
        return OPTIONS_RUN;
    wrong(&p, "%s is missing; `weir %s --help` shows how to write it",
          line->operands[p.operands].name, line->command);
    return OPTIONS_WRONG;
}

/* The left column of one option's help: "-o, --output FILE". */
static void describe(const option *o, char *out, size_t size)
{
    char letter[8] = "    ";

    if (o->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(out, size, "%s--%s%s%s", letter, o->name, o->argument != NULL ? " " : "",
             o->argument != NULL ? o->argument : "");
}

static void print_help(const command_line *line)
{
    char left[64];

    printf("Usage: weir %s", line->command);
    for (size_t i = 0; i < line->operand_count; i++)
        printf(" %s", line->operands[i].name);
    printf(" [OPTION]...\n\n%s\nOptions:\n", line->about);
    for (size_t i = 0; i < line->option_count; i++) {
        describe(&line->options[i], left, sizeof left);
        printf("  %-28s %s\n", left, line->options[i].help);
    }
    printf("  %-28s %s\n", "-h, --help", "show this");
    if (line->more != NULL)
        printf("\n%s", line->more);
}

bool options_read(const command_line *line, int argc, char *const *argv, int *exit_code)
{
    char why[512];

    switch (options_parse(line, argc, argv, why, sizeof why)) {
    case OPTIONS_RUN:
        return true;
    case OPTIONS_HELP:
        print_help(line);
        *exit_code = 0;
        return false;
    default:
        fprintf(stderr, "weir %s: %s\n", line->command, why);
        *exit_code = 2;
        return false;
    }
}
