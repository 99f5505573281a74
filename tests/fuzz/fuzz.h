/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the fuzz targets share: bytes that are read as a program, and what must be.
 *
 * A target is one function from bytes to nothing. Linked with clang's fuzzer it is given bytes that
 * reach new code; linked with replay.c it is given its corpus, as an ordinary test.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <weir/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A target's claim; one that does not hold ends the program, which fuzzer and test both notice. */
#define must(holds) ((holds) ? (void)0 : broken(#holds, __FILE__, __LINE__))

static inline void broken(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, claim);
    abort();
}

/* What is left of the bytes. Where there are none, everything read is 0. */
struct input {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t input_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

/* Big endian. */
static inline uint64_t input_number(struct input *input, unsigned bytes)
{
    uint64_t number = 0;

    while (bytes-- != 0)
        number = number << 8 | input_byte(input);
    return number;
}

/* At most `size` of the bytes. */
static inline weir_slice input_take(struct input *input, size_t size)
{
    weir_slice slice = {input->data, size < input->size ? size : input->size};

    input->data += slice.size;
    input->size -= slice.size;
    return slice;
}

/* As many bytes as the first one says. */
static inline weir_slice input_slice(struct input *input)
{
    return input_take(input, input_byte(input));
}

/* A copy with no byte to spare, so that ASan sees who reads on; the caller frees it. */
static inline uint8_t *copy_of(const void *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);

    must(copy != NULL);
    if (size != 0)
        memcpy(copy, data, size);
    return copy;
}

/* The same as a string. */
static inline char *string_of(weir_slice slice)
{
    char *string = calloc(1, slice.size + 1);

    must(string != NULL);
    if (slice.size != 0)
        memcpy(string, slice.data, slice.size);
    return string;
}

#endif
