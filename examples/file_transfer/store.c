/* SPDX-License-Identifier: MIT */
/*
 * store.c - reads and writes the files of one directory.
 *
 * What clients are told names their file alone, never the directory or a temporary file.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static weir_code failed(const char *name, weir_status *why)
{
    weir_code code = errno == ENOENT || errno == ELOOP    ? WEIR_NOT_FOUND
                     : errno == EACCES                    ? WEIR_PERMISSION_DENIED
                     : errno == ENOSPC || errno == EDQUOT ? WEIR_RESOURCE_EXHAUSTED
                     : errno == EISDIR                    ? WEIR_FAILED_PRECONDITION
                                                          : WEIR_UNKNOWN;

    return weir_fail(why, code, "%s: %s", name, strerror(errno));
}

/* Temporary files begin with a dot, so no client can name one. */
static weir_code check_name(const char *name, weir_status *why)
{
    size_t size = strlen(name);

    if (size == 0 || size > NAME_MAX || name[0] == '.' || strchr(name, '/') != NULL)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "not a name of a file");
    return WEIR_OK;
}

weir_code store_open(const char *path, int *directory, weir_status *why)
{
    *directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *directory < 0 ? failed(path, why) : WEIR_OK;
}

/* ---- reading ---- */

weir_code store_read(int directory, const char *name, int *fd, uint64_t *size, weir_status *why)
{
    struct stat status;
    weir_code code = check_name(name, why);

    *fd = -1;
    if (code != WEIR_OK)
        return code;
    /* Opening a FIFO to read would wait for a writer: not with O_NONBLOCK. */
    *fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &status) != 0)
        code = failed(name, why);
    else if (!S_ISREG(status.st_mode))
        code = weir_fail(why, WEIR_FAILED_PRECONDITION, "%s: not a file", name);
    else
        *size = (uint64_t)status.st_size;
    if (code != WEIR_OK && *fd >= 0)
        close(*fd);
    return code;
}

/* ---- writing ---- */

weir_code store_begin(int directory, const char *name, struct incoming *incoming, weir_status *why)
{
    static atomic_uint count;
    weir_code code = check_name(name, why);

    *incoming = (struct incoming){.directory = directory, .fd = -1};
    if (code != WEIR_OK)
        return code;
    incoming->name = strdup(name);
    if (incoming->name == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(incoming->temporary, sizeof incoming->temporary, ".incoming-%ld-%u", (long)getpid(),
             atomic_fetch_add(&count, 1));
    incoming->fd = openat(directory, incoming->temporary,
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return incoming->fd < 0 ? failed(name, why) : WEIR_OK;
}

weir_code store_write(struct incoming *incoming, const void *data, size_t size, weir_status *why)
{
    const char *at = data;

    while (size > 0) {
        ssize_t wrote = write(incoming->fd, at, size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return failed(incoming->name, why);
        at += wrote;
        size -= (size_t)wrote;
    }
    return WEIR_OK;
}

weir_code store_keep(struct incoming *incoming, weir_status *why)
{
    int fd = incoming->fd;

    incoming->fd = -1;
    /* Some file systems tell only now that the disk is full. */
    if (close(fd) != 0 || renameat(incoming->directory, incoming->temporary, incoming->directory,
                                   incoming->name) != 0) {
        weir_code code = failed(incoming->name, why);

        unlinkat(incoming->directory, incoming->temporary, 0);
        return code;
    }
    return WEIR_OK;
}

void store_abandon(struct incoming *incoming)
{
    if (incoming->fd >= 0) {
        close(incoming->fd);
        unlinkat(incoming->directory, incoming->temporary, 0);
    }
    incoming->fd = -1;
    free(incoming->name);
    incoming->name = NULL;
}
