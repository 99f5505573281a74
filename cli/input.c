/* SPDX-License-Identifier: MIT */
/*
 * input.c - reads a file descriptor while it watches another one that says "stop".
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const input *in, const char *what)
{
    fprintf(stderr, "weir: cannot %s %s: %s\n", what, in->name, strerror(errno));
    return false;
}

bool input_open(input *in, const char *name)
{
    struct stat status;

    *in = (input){.name = name, .stop = -1};
    if (strcmp(name, "-") == 0) {
        in->name = "standard input";
        in->fd = STDIN_FILENO;
    } else {
        in->fd = open(name, O_RDONLY | O_CLOEXEC);
    }
    if (in->fd < 0)
        return failed(in, "open");
    in->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (in->stop < 0 || fstat(in->fd, &status) != 0) {
        failed(in, "open");
        input_close(in);
        return false;
    }
    if (S_ISREG(status.st_mode))
        in->size = (uint64_t)status.st_size;
    return true;
}

void input_close(input *in)
{
    if (in->fd > STDIN_FILENO)
        close(in->fd);
    if (in->stop >= 0)
        close(in->stop);
}

/* False: told to stop. A regular file is always ready. */
static bool wait_readable(input *in)
{
    struct pollfd fds[] = {{.fd = in->fd, .events = POLLIN}, {.fd = in->stop, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    return fds[1].revents == 0;
}

ssize_t input_read(input *in, void *out, size_t size)
{
    while (wait_readable(in)) {
        ssize_t n = read(in->fd, out, size);

        if (n >= 0)
            return n;
        if (errno == EINTR || errno == EAGAIN)
            continue;
        failed(in, "read");
        return -1;
    }
    return 0;
}

void input_stop(input *in)
{
    uint64_t one = 1;
    ssize_t written = write(in->stop, &one, sizeof one);

    (void)written; /* it fails only when it is told to stop 2^64 times */
}
