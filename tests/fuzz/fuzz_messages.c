/* SPDX-License-Identifier: MIT */
/*
 * fuzz_messages.c - any bytes as a message: the first one says of which type.
 *
 * With clang's fuzzer it looks for bytes on which generated code and protobuf-c differ, or that
 * harm either. Without, its main gives each line of a corpus to the same function.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome outcome;

    if (size == 0)
        return 0;
    outcome = check_message(&tested_types[data[0] % tested_type_count], data + 1, size - 1);
    outcome_clear(&outcome);
    return 0;
}

#ifndef WITH_LIBFUZZER
/* The bytes of a line of hexadecimal digits, in memory of just their size, for ASan to see. */
static uint8_t *from_hex(const char *line, size_t *size)
{
    size_t digits = strspn(line, "0123456789abcdef");
    uint8_t *data = malloc(digits >= 2 ? digits / 2 : 1);

    *size = digits / 2;
    for (size_t i = 0; data != NULL && i < *size; i++) {
        char byte[3] = {line[2 * i], line[2 * i + 1], '\0'};

        data[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return data;
}

static int replay(FILE *file)
{
    char *line = NULL;
    size_t capacity = 0, size;
    int inputs = 0;

    while (getline(&line, &capacity, file) > 0) {
        uint8_t *data = *line != '#' ? from_hex(line, &size) : NULL;

        if (data != NULL) {
            LLVMFuzzerTestOneInput(data, size);
            inputs++;
        }
        free(data);
    }
    free(line);
    return inputs;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    int inputs;

    if (file == NULL) {
        fprintf(stderr, "usage: replay-messages CORPUS.HEX\n");
        return 2;
    }
    inputs = replay(file);
    fclose(file);
    printf("%d inputs\n", inputs);
    return inputs == 0;
}
#endif
