/* SPDX-License-Identifier: MIT */
/*
 * tail_handler.c - Tail: a file line by line, followed as it grows.
 *
 * Lines are cut from one buffer that the pool's threads fill when it holds no whole line. At the
 * file's end it is looked at again every tenth of a second, by the task's clock; the file is not
 * watched, so this works on every file system. The buffer is all that a tail holds, and nobody
 * counts it: so it is small, and grows only for a line that is longer.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "handlers.h"

enum { BUFFER_SIZE = 64 << 10, USUAL_SIZE = 2 << 10 };

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
    uint8_t *buffer;
    size_t capacity;
};

/* The file became shorter: what is left of it is read anew, and half a line of old is dropped. */
static void restart(struct tail *t)
{
    t->offset = 0;
    t->begin = t->end = t->scanned = 0;
    t->restarted = true;
}

/* False: out of memory. */
static bool make_room(struct tail *t)
{
    size_t capacity = t->end == 0 ? USUAL_SIZE : t->capacity;
    uint8_t *larger;

    if (t->end == capacity)
        capacity *= 2;
    if (capacity == t->capacity)
        return true;
    larger = realloc(t->buffer, capacity);
    if (larger == NULL)
        return false;
    t->buffer = larger;
    t->capacity = capacity;
    return true;
}

static weir_code read_more(struct tail *t)
{
    struct stat status;
    weir_code code;
    size_t got;

    if (fstat(t->fd, &status) == 0 && (uint64_t)status.st_size < t->offset)
        restart(t);
    if (!make_room(t))
        return weir_fail(&t->why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    code = files_read(t->fd, t->offset, t->buffer + t->end, t->capacity - t->end, &got, &t->why);
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
    free(t->buffer);
    free(t->path);
    free(t);
}

/* The reply is packed before the buffer changes. */
static void reply(struct tail *t, size_t size, bool partial, Weir__Demo__V1__TailReply *out)
{
    out->line = (ProtobufCBinaryData){size, t->buffer + t->begin};
    out->partial = partial;
    out->restarted = t->restarted;
    t->restarted = false;
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
static bool cut_line(struct tail *t, Weir__Demo__V1__TailReply *out)
{
    const uint8_t *line_end =
        t->end > t->scanned ? memchr(t->buffer + t->scanned, '\n', t->end - t->scanned) : NULL;

    if (line_end != NULL) {
        reply(t, (size_t)(line_end - t->buffer) - t->begin, false, out);
        t->begin = t->scanned = (size_t)(line_end - t->buffer) + 1;
        return true;
    }
    compact(t);
    if (t->end < BUFFER_SIZE)
        return false;
    reply(t, t->end, true, out);
    t->begin = t->end = t->scanned = 0;
    return true;
}

static weir_poll tail_fail(struct tail *t, weir_status *why)
{
    *why = t->why;
    t->why = (weir_status){0};
    return WEIR_ERROR;
}

static weir_poll next_line(void *state, weir_task *task, weir_arena *arena,
                           Weir__Demo__V1__TailReply *out, weir_status *why)
{
    struct tail *t = state;

    (void)arena;
    if (!file_job_idle(&t->job, task))
        return WEIR_PENDING;
    if (t->code != WEIR_OK)
        return tail_fail(t, why);
    if (cut_line(t, out))
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

static void tail_release(void *state)
{
    struct tail *t = state;

    file_job_leave(&t->job);
}

/* `path` moves in. NULL: out of memory. */
static struct tail *tail_create(const served_files *files, char *path, bool from_end)
{
    struct tail *t = calloc(1, sizeof *t);

    if (t == NULL) {
        free(path);
        return NULL;
    }
    file_job_init(&t->job, files->pool, tail_run, tail_drop);
    t->directory = files->directory;
    t->path = path;
    t->fd = -1;
    t->from_end = from_end;
    return t;
}

Weir__Demo__V1__Streams__Tail_Responses tail_handler(void *self, weir_call *call,
                                                     const Weir__Demo__V1__TailRequest *request)
{
    Weir__Demo__V1__Streams__Tail_Responses lines;
    weir_status why = {0};
    char *path;

    (void)call;
    if (files_copy_path(request->path, &path, &why) != WEIR_OK) {
        lines.stream = weir_stream_error(why);
        return lines;
    }
    return weir__demo__v1__streams__tail__responses_from(
        next_line, tail_create(self, path, request->from_end != 0), tail_release);
}
