/* SPDX-License-Identifier: MIT */
/*
 * repack.c - answers each message with what became of it.
 *
 * Standard input: the number of a type in a byte, a size in 4 bytes, little end first, and as many
 * bytes. Standard output: the peculiarities in a byte, then twice, for unpack_borrowed and for
 * protobuf-c, a byte that says whether there is a message, a size, and the message packed again.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

static bool read_size(size_t *size)
{
    uint8_t bytes[4];

    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes)
        return false;
    *size = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    return true;
}

static void write_packed(const struct packed *packed)
{
    putchar(packed->data != NULL);
    for (unsigned shift = 0; shift < 32; shift += 8)
        putchar((int)(packed->size >> shift & 0xff));
    if (packed->size != 0)
        fwrite(packed->data, 1, packed->size, stdout);
}

/* In memory of just its size, for ASan to see. */
static bool answer(const struct tested_type *type, size_t size)
{
    uint8_t *data = malloc(size != 0 ? size : 1);
    struct outcome outcome;
    bool complete = data != NULL && fread(data, 1, size, stdin) == size;

    if (complete) {
        outcome = check_message(type, data, size);
        putchar((int)outcome.peculiar);
        write_packed(&outcome.ours);
        write_packed(&outcome.theirs);
        outcome_clear(&outcome);
    }
    free(data);
    return complete;
}

int main(void)
{
    int type;

    while ((type = getchar()) != EOF) {
        size_t size;

        if ((size_t)type >= tested_type_count || !read_size(&size) ||
            !answer(&tested_types[type], size))
            return 2;
    }
    return fflush(stdout) != 0;
}
