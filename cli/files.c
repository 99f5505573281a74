/* SPDX-License-Identifier: MIT */
/*
 * files.c - opens the files below one directory, and no others.
 *
 * openat2 with RESOLVE_BENEATH does the whole resolution in the kernel, so there is no moment
 * between a check and its use: an absolute path, "..", or a symbolic link that would leave the
 * directory fails there. O_NONBLOCK keeps the open of a FIFO from waiting for a writer; it is found
 * out to be none of ours right after.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "utf8.h"

/* A rename during the resolution makes the kernel give up, and it asks to be tried again. */
enum { TRIES = 16 };

/* Read at a time where only the reading counts; on the stack. */
enum { FETCH_SIZE = 32 << 10 };

int files_open_directory(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int open_beneath(int directory, const char *path)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd = -1;

    for (int i = 0; i < TRIES && fd < 0; i++) {
        fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    return fd;
}

static weir_code explain(int error, const char *path, weir_status *why)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return weir_fail(why, WEIR_NOT_FOUND, "%s: no such file", path);
    case EXDEV:
    case ELOOP:
        return weir_fail(why, WEIR_PERMISSION_DENIED, "%s: leaves the directory that is served",
                         path);
    case EACCES:
    case EPERM:
        return weir_fail(why, WEIR_PERMISSION_DENIED, "%s: the server may not read it", path);
    case ENXIO:
    case ENODEV:
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "%s: not a regular file", path);
    case ENAMETOOLONG:
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "the path is too long");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "%s: too many files are open", path);
    case EAGAIN:
        return weir_fail(why, WEIR_UNAVAILABLE, "%s: in use; try again", path);
    case ENOSYS:
        return weir_fail(why, WEIR_FAILED_PRECONDITION,
                         "the server's kernel cannot keep paths inside a directory");
    default:
        return weir_fail(why, WEIR_UNKNOWN, "%s: cannot be opened", path);
    }
}

weir_code files_open(int directory, const char *path, int *fd, uint64_t *size, weir_status *why)
{
    struct stat status;
    int opened;

    if (directory < 0)
        return weir_fail(why, WEIR_FAILED_PRECONDITION,
                         "this server has no files; it was started without --dir");
    opened = open_beneath(directory, path);
    if (opened < 0)
        return explain(errno, path, why);
    if (fstat(opened, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(opened);
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "%s: not a regular file", path);
    }
    *fd = opened;
    *size = (uint64_t)status.st_size;
    return WEIR_OK;
}

weir_code files_copy_path(const char *path, char **out, weir_status *why)
{
    if (!is_utf8(path))
        return weir_fail(why, WEIR_INTERNAL, "the path is not UTF-8");
    if (*path == '\0')
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "the path is empty");
    if (strlen(path) >= PATH_MAX)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "the path is too long");
    *out = strdup(path);
    return *out != NULL ? WEIR_OK : weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
}

weir_code files_read(int fd, uint64_t offset, uint8_t *out, size_t size, size_t *got,
                     weir_status *why)
{
    for (*got = 0; *got < size;) {
        ssize_t n = pread(fd, out + *got, size - *got, (off_t)(offset + *got));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return weir_fail(why, WEIR_DATA_LOSS, "the file cannot be read");
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return WEIR_OK;
}

bool files_read_cached(int fd, uint64_t offset, uint8_t *out, size_t size)
{
#ifdef RWF_NOWAIT
    const struct iovec into = {out, size};

    return preadv2(fd, &into, 1, (off_t)offset, RWF_NOWAIT) == (ssize_t)size;
#else
    (void)fd, (void)offset, (void)out, (void)size;
    return false;
#endif
}

weir_code files_fetch(int fd, uint64_t offset, size_t size, weir_status *why)
{
    uint8_t scratch[FETCH_SIZE];
    weir_code code = WEIR_OK;

    for (size_t at = 0, got = FETCH_SIZE; at < size && got == FETCH_SIZE && code == WEIR_OK;
         at += got) {
        size_t left = size - at;

        code =
            files_read(fd, offset + at, scratch, left < FETCH_SIZE ? left : FETCH_SIZE, &got, why);
    }
    return code;
}
