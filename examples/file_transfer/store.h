/* SPDX-License-Identifier: MIT */
/*
 * store.h - the files of one directory, and no others.
 *
 * A name is checked, and then opened relative to the directory without following a link, so no name
 * leads out of it. A file that is written has no name until it is whole.
 */
#ifndef STORE_H
#define STORE_H

#include <stdint.h>

#include <weir/status.h>

/* A file that is being written. */
struct incoming {
    int directory;
    int fd;
    char *name;
    char temporary[64];
};

/* The directory itself. NOT_FOUND. */
weir_code store_open(const char *path, int *directory, weir_status *why);

/* A regular file to read, and its size. INVALID_ARGUMENT for a name that is none, NOT_FOUND. */
weir_code store_read(int directory, const char *name, int *fd, uint64_t *size, weir_status *why);

/* Begins a file. store_abandon must follow, also after a failure and after store_keep. */
weir_code store_begin(int directory, const char *name, struct incoming *incoming, weir_status *why);
weir_code store_write(struct incoming *incoming, const void *data, size_t size, weir_status *why);

/* Gives it its name, in place of a file that has it. */
weir_code store_keep(struct incoming *incoming, weir_status *why);
void store_abandon(struct incoming *incoming);

#endif
