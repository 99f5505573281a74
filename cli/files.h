/* SPDX-License-Identifier: MIT */
/*
 * files.h - opens the files below one directory, and no others.
 *
 * What a client sent as a path is never joined to anything: the kernel resolves it below the
 * directory and refuses to leave it. These functions may block, so no loop's thread calls them.
 */
#ifndef WEIR_CLI_FILES_H
#define WEIR_CLI_FILES_H

#include <weir/weir.h>

/* Opens the directory itself. -1: errno says why. */
int files_open_directory(const char *path);

/*
 * Opens a regular file for reading; *size is how long it is now. The codes are those listed in
 * streams.proto. The message names `path` alone, never the directory or what is above it.
 * `directory` -1: none is served, FAILED_PRECONDITION.
 */
weir_code files_open(int directory, const char *path, int *fd, uint64_t *size, weir_status *why);

/* Copies a path out of a message, for the caller to free. INVALID_ARGUMENT for one that no file can
 * have, INTERNAL for one that no message may have, RESOURCE_EXHAUSTED when memory is out. */
weir_code files_copy_path(const char *path, char **out, weir_status *why);

/*
 * Reads at `offset` until `size` bytes are there or the file ends; *got may be less only then.
 * A failed read is DATA_LOSS: the file is there, and its bytes are not.
 */
weir_code files_read(int fd, uint64_t offset, uint8_t *out, size_t size, size_t *got,
                     weir_status *why);

/* The same without blocking: false when not all of it is in memory. */
bool files_read_cached(int fd, uint64_t offset, uint8_t *out, size_t size);

/* Brings it into memory, for a files_read that hardly blocks then. */
weir_code files_fetch(int fd, uint64_t offset, size_t size, weir_status *why);

#endif
