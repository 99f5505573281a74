/* SPDX-License-Identifier: MIT */
/*
 * tail_handler.c - Tail: a file line by line, followed as it grows.
 *
 * Lines are cut from one buffer of fixed size that the pool's threads fill when it holds no whole
 * line. At the file's end it is looked at again every tenth of a second, by the task's clock; the
 * file is not watched, so this works on every file system. The buffer is all that a tail holds.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "handlers.h"
#include "messages.h"

enum { BUFFER_SIZE = 64 << 10 };

#define LOOK_AGAIN WEIR_MILLISECONDS(100)

struct tail {
    file_job job; /* the first field: a job is its tail */
    int directory;
    char *path; /* NULL once it is open */
    int fd;
    bool from_end;
    uint64_t offset;   /* of what is read next */
    size_t begin, end; /* what of the buffer is not sent yet */
    size_t scanned;    /* up to here there is no line end */
    bool waiting;      /* nothing new: not to be looked at before next_look_ns */
    bool at_end;       /* what the last job found */
    bool restarted;
    uint64_t next_look_ns;
    weir_code code;
    weir_status why;
    uint8_t buffer[BUFFER_SIZE];
};

/* The file became shorter: what is left of it is read anew, and half a line of old is dropped. */
static void restart(struct tail *t)
{
    t->offset = 0;
    t->begin = t->end = t->scanned = 0;
    t->restarted = true;
}

static weir_code read_more(struct tail *t)
{
    struct stat status;
    weir_code code;
    size_t got;

    if (fstat(t->fd, &status) == 0 && (uint64_t)status.st_size < t->offset)
        restart(t);
    code = files_read(t->fd, t->offset, t->buffer + t->end, BUFFER_SIZE - t->end, &got, &t->why);
    t->offset += got;
    t->end += got;
    t->at_end = got == 0;
    return code;
}

static weir_code open_file(struct tail *t)
{
    uint64_t size;
    weir_code code = files_open(t->directory, t->path, &t->fd, &size, &t->why);

    free(t->path);
    t->path = NULL;
    if (code == WEIR_OK && t->from_end)
        t->offset = size;
    return code;
}

static void tail_run(file_job *job)
{
    struct tail *t = (struct tail *)job;

    if (t->path != NULL)
        t->code = open_file(t);
    if (t->code == WEIR_OK)
        t->code = read_more(t);
}

static void tail_drop(file_job *job)
{
    struct tail *t = (struct tail *)job;

    if (t->fd >= 0)
        close(t->fd);
    weir_status_clear(&t->why);
    free(t->path);
    free(t);
}

static weir_bytes reply(struct tail *t, size_t size, bool partial)
{
    tail_reply reply = {{t->buffer + t->begin, size}, partial, t->restarted};

    t->restarted = false;
    return tail_reply_write(&reply);
}

/* Moves what is left to the front, so that there is room to read, and a whole buffer without a line
 * end really is a line too long. */
static void compact(struct tail *t)
{
    if (t->begin > 0)
        memmove(t->buffer, t->buffer + t->begin, t->end - t->begin);
    t->end -= t->begin;
    t->begin = 0;
    t->scanned = t->end;
}

/* Cuts the next line from the buffer, or all of a full one. */
static bool cut_line(struct tail *t, weir_bytes *message)
{
    const uint8_t *from = t->buffer + t->scanned;
    const uint8_t *line_end = memchr(from, '\n', t->end - t->scanned);

    if (line_end != NULL) {
        *message = reply(t, (size_t)(line_end - t->buffer) - t->begin, false);
        t->begin = t->scanned = (size_t)(line_end - t->buffer) + 1;
        return true;
    }
    compact(t);
    if (t->end < BUFFER_SIZE)
        return false;
    *message = reply(t, t->end, true);
    t->begin = t->end = t->scanned = 0;
    return true;
}

static weir_poll tail_fail(struct tail *t, weir_item *out)
{
    out->status = t->why;
    t->why = (weir_status){0};
    return WEIR_ERROR;
}

static weir_poll tail_poll(void *self, weir_task *task, weir_item *out)
{
    struct tail *t = self;

    if (!file_job_idle(&t->job, task))
        return WEIR_PENDING;
    if (t->code != WEIR_OK)
        return tail_fail(t, out);
    if (cut_line(t, &out->message))
        return WEIR_READY;
    if (t->at_end) {
        t->at_end = false;
        t->waiting = true;
        t->next_look_ns = weir_task_now(task) + LOOK_AGAIN;
    }
    if (t->waiting && weir_task_now(task) < t->next_look_ns) {
        weir_task_wake_at(task, t->next_look_ns);
        return WEIR_PENDING;
    }
    t->waiting = false;
    file_job_start(&t->job, task);
    return WEIR_PENDING;
}

static void tail_release(void *self)
{
    struct tail *t = self;

    file_job_leave(&t->job);
}

static weir_stream tail(const served_files *files, char *path, bool from_end)
{
    static const weir_stream_ops ops = {tail_poll, tail_release};
    struct tail *t = malloc(sizeof *t);

    if (t == NULL) {
        free(path);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    }
    memset(t, 0, offsetof(struct tail, buffer)); /* pages of the buffer come when they are used */
    file_job_init(&t->job, files->pool, tail_run, tail_drop);
    t->directory = files->directory;
    t->path = path;
    t->fd = -1;
    t->from_end = from_end;
    return (weir_stream){&ops, t};
}

weir_stream tail_handler(void *self, weir_call *call, const weir_bytes *message)
{
    tail_request request;
    weir_status why = {0};
    char *path;

    (void)call;
    if (!tail_request_read(message, &request))
        return weir_stream_fail(WEIR_INTERNAL, "the request is no TailRequest");
    if (files_copy_path(request.path, &path, &why) != WEIR_OK)
        return weir_stream_error(why);
    return tail(self, path, request.from_end);
}
