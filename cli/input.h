/* SPDX-License-Identifier: MIT */
/*
 * input.h - reads standard input or a file, and stops when it is told to.
 *
 * A call can end while its user has typed nothing: a plain read would hang on until the next line.
 */
#ifndef WEIR_CLI_INPUT_H
#define WEIR_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct input {
    const char *name; /* "standard input", or the file's */
    int fd;
    int stop;      /* an eventfd */
    uint64_t size; /* of a regular file, else 0 */
} input;

/* `name` "-": standard input. False: it was told why on stderr. */
bool input_open(input *in, const char *name);
void input_close(input *in);

/* Bytes read; 0: the end, or told to stop; -1: it was told why on stderr. */
ssize_t input_read(input *in, void *out, size_t size);

/* Any thread: the read that waits and all later ones return 0. */
void input_stop(input *in);

#endif
