/* SPDX-License-Identifier: MIT */
/*
 * output.c - standard output, or a file that appears when it is complete.
 *
 * Nothing is buffered here: what was written is with the system, so a full disk or a closed pipe is
 * known at the message that met it and not at the end.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static bool failed(const output *out, const char *what)
{
    fprintf(stderr, "weir: cannot %s %s: %s\n", what,
            out->name != NULL ? out->name : "to standard output", strerror(errno));
    return false;
}

/* A new file beside the one that is meant, with the permissions that one would have got. */
static int open_part(output *out)
{
    mode_t mask = umask(0);
    int fd;

    umask(mask);
    if (asprintf(&out->part, "%s.XXXXXX.part", out->name) < 0) {
        out->part = NULL;
        return -1;
    }
    fd = mkostemps(out->part, (int)strlen(".part"), O_CLOEXEC);
    if (fd >= 0 && fchmod(fd, 0666 & ~mask) == 0)
        return fd;
    if (fd >= 0) {
        close(fd);
        unlink(out->part);
    }
    free(out->part);
    out->part = NULL;
    return -1;
}

bool output_open(output *out, const char *name)
{
    struct stat status;

    *out = (output){.name = name, .fd = STDOUT_FILENO};
    if (name == NULL)
        return true;
    if (lstat(name, &status) == 0 && !S_ISREG(status.st_mode))
        out->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    else
        out->fd = open_part(out);
    return out->fd >= 0 || failed(out, "open");
}

/* Writes all of both pieces. */
static bool write_all(output *out, struct iovec *pieces, int count)
{
    while (count > 0) {
        ssize_t n = writev(out->fd, pieces, count);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(out, "write");
        for (; count > 0 && (size_t)n >= pieces->iov_len; count--)
            n -= (ssize_t)pieces++->iov_len;
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + n;
            pieces->iov_len -= (size_t)n;
        }
    }
    return true;
}

bool output_write(output *out, const void *data, size_t size)
{
    struct iovec piece = {(void *)data, size};

    return size == 0 || write_all(out, &piece, 1);
}

bool output_line(output *out, const void *data, size_t size)
{
    struct iovec pieces[] = {{(void *)data, size}, {"\n", 1}};

    return write_all(out, pieces, 2);
}

bool output_commit(output *out)
{
    int fd = out->fd;

    if (out->name == NULL)
        return true;
    out->fd = -1;
    if (close(fd) != 0)
        return failed(out, "write");
    if (out->part != NULL && rename(out->part, out->name) != 0)
        return failed(out, "write");
    free(out->part);
    out->part = NULL;
    return true;
}

void output_close(output *out)
{
    if (out->name != NULL && out->fd >= 0)
        close(out->fd);
    if (out->part != NULL)
        unlink(out->part);
    free(out->part);
    *out = (output){.fd = -1};
}
