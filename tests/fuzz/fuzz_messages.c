/* SPDX-License-Identifier: MIT */
/*
 * fuzz_messages.c - any bytes as a message: the first one says of which type.
 *
 * With clang's fuzzer it looks for bytes on which generated code and protobuf-c differ, or that
 * harm either. Without, its main gives each file named on the command line to the same function.
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
static int replay(const char *path)
{
    static uint8_t input[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size;
    uint8_t *data;

    if (file == NULL) {
        perror(path);
        return 1;
    }
    size = fread(input, 1, sizeof input, file);
    fclose(file);
    data = malloc(size + 1);
    if (data == NULL)
        return 1;
    memcpy(data, input, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%d inputs\n", argc - 1);
    return failed;
}
#endif
