/* SPDX-License-Identifier: MIT */
/*
 * replay.c - the main of a fuzz target without a fuzzer: gives it the inputs of a corpus.
 *
 * A corpus is text: an input a line, in hexadecimal digits; '#' begins a comment.
 */
#include "fuzz.h"

#include <ctype.h>

static size_t from_hex(char *line)
{
    size_t size = 0;

    for (const char *at = line; isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1]);
         at += 2) {
        char digits[3] = {at[0], at[1], '\0'};

        line[size++] = (char)strtoul(digits, NULL, 16);
    }
    return size;
}

static void run(char *line)
{
    size_t size = from_hex(line);
    uint8_t *input = copy_of(line, size);

    LLVMFuzzerTestOneInput(input, size);
    free(input);
}

static int replay(FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;
    int inputs = 0;

    while (getline(&line, &capacity, file) > 0) {
        if (*line == '#')
            continue;
        run(line);
        inputs++;
    }
    free(line);
    return inputs;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    int inputs;

    if (file == NULL) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    inputs = replay(file);
    fclose(file);
    printf("%d inputs\n", inputs);
    return inputs == 0;
}
