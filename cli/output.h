/* SPDX-License-Identifier: MIT */
/*
 * output.h - where a client writes what it got: standard output, or a file that appears when it is
 * complete. A write that fails is told on stderr, once.
 */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct output {
    const char *name; /* NULL: standard output */
    char *part;       /* what it is called until it is complete; NULL: written in place */
    int fd;
} output;

/* `name` NULL: standard output. An existing regular file is replaced only by output_commit;
 * anything else, a device say, is written to in place. */
bool output_open(output *out, const char *name);

bool output_write(output *out, const void *data, size_t size);

/* `size` bytes and a line end, in one write. */
bool output_line(output *out, const void *data, size_t size);

/* Everything was written: the file gets its name. */
bool output_commit(output *out);

/* Closes; what was not committed is removed. */
void output_close(output *out);

#endif
