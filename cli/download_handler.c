/* SPDX-License-Identifier: MIT */
/*
 * download_handler.c - Download: a file in chunks.
 *
 * A poll reads a chunk that the system has in memory; else it asks the pool's threads to bring it
 * there and is woken. Nobody reads ahead, and no chunk waits here for a poll: that may be long in
 * coming when the server's memory is short, and nobody would count the chunk. So a download whose
 * client stalls holds what the library holds for it, no thread and no place in a queue.
 */
#include <weir/protobuf.h>

#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "handlers.h"

enum { DEFAULT_CHUNK = 32 << 10, MAX_CHUNK = 1 << 20 };

struct download {
    file_job job; /* the first field: a job is its download */
    int directory;
    char *path; /* NULL once it is open */
    int fd;
    uint64_t size, offset;
    size_t chunk_size;
    bool began;     /* the first reply was made */
    bool fetched;   /* the last job brought the next chunk into the system's memory */
    weir_code code; /* of the last job */
    weir_status why;
};

static weir_code open_file(struct download *d)
{
    weir_code code = files_open(d->directory, d->path, &d->fd, &d->size, &d->why);

    free(d->path);
    d->path = NULL;
    return code;
}

/*
 * A DownloadReply with room for `size` bytes of data at *data, its last field, so that the file is
 * read right into the message that is sent. A typed source packs a structure, and so copies what it
 * points to; this writes all that comes before the data.
 */
static weir_bytes reply_for(uint64_t total_size, size_t size, uint8_t **data)
{
    enum { DATA = 2 << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED };
    Weir__Demo__V1__DownloadReply reply = WEIR__DEMO__V1__DOWNLOAD_REPLY__INIT;
    size_t packed_size;
    uint8_t *memory, *at;
    weir_bytes message;

    reply.total_size = total_size;
    reply.data.len = size;
    packed_size = weir__demo__v1__download_reply__get_packed_size(&reply);
    message = weir_bytes_new(packed_size, &memory);
    if (memory == NULL)
        return message;
    at = *data = memory + packed_size - size;
    if (size > 0) {
        at = weir_wire_varint_before(at, size);
        *--at = DATA;
    }
    reply.data.len = 0;
    weir__demo__v1__download_reply__pack_before(&reply, at);
    return message;
}

static size_t next_size(const struct download *d)
{
    uint64_t left = d->size - d->offset;

    return left < d->chunk_size ? (size_t)left : d->chunk_size;
}

static void download_run(file_job *job)
{
    struct download *d = (struct download *)job;

    if (d->path != NULL)
        d->code = open_file(d);
    if (d->code == WEIR_OK)
        d->code = files_fetch(d->fd, d->offset, next_size(d), &d->why);
    d->fetched = true;
}

static void download_drop(file_job *job)
{
    struct download *d = (struct download *)job;

    if (d->fd >= 0)
        close(d->fd);
    weir_status_clear(&d->why);
    free(d->path);
    free(d);
}

static weir_poll fail(struct download *d, weir_item *out)
{
    out->status = d->why;
    d->why = (weir_status){0};
    return WEIR_ERROR;
}

/* Into memory that is allocated and filled within one poll: so the library always knows of it. */
static weir_poll read_chunk(struct download *d, weir_task *task, weir_item *out)
{
    size_t size = next_size(d), got = size;
    uint8_t *data = NULL;
    weir_bytes message = reply_for(d->offset == 0 ? d->size : 0, size, &data);

    if (weir_bytes_failed(&message))
        d->code = weir_fail(&d->why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else if (d->fetched)
        d->code = files_read(d->fd, d->offset, data, size, &got, &d->why);
    else if (!files_read_cached(d->fd, d->offset, data, size)) {
        weir_bytes_unref(&message);
        file_job_start(&d->job, task);
        return WEIR_PENDING;
    }
    if (got < size && d->code == WEIR_OK)
        d->code = weir_fail(&d->why, WEIR_ABORTED, "the file became shorter while it was sent");
    if (d->code != WEIR_OK) {
        weir_bytes_unref(&message);
        return fail(d, out);
    }
    d->fetched = false;
    d->began = true;
    d->offset += size;
    out->message = message;
    return WEIR_READY;
}

static weir_poll next_chunk(void *state, weir_task *task, weir_item *out)
{
    struct download *d = state;

    if (!file_job_idle(&d->job, task))
        return WEIR_PENDING;
    if (d->code != WEIR_OK)
        return fail(d, out);
    if (d->path != NULL) {
        file_job_start(&d->job, task);
        return WEIR_PENDING;
    }
    if (d->began && d->offset == d->size)
        return WEIR_END;
    return read_chunk(d, task, out);
}

static void download_release(void *state)
{
    struct download *d = state;

    file_job_leave(&d->job);
}

/* `path` moves in. NULL: out of memory. */
static struct download *download_create(const served_files *files, char *path, size_t chunk_size)
{
    struct download *d = calloc(1, sizeof *d);

    if (d == NULL) {
        free(path);
        return NULL;
    }
    file_job_init(&d->job, files->pool, download_run, download_drop);
    d->directory = files->directory;
    d->path = path;
    d->fd = -1;
    d->chunk_size = chunk_size != 0 ? chunk_size : DEFAULT_CHUNK;
    return d;
}

Weir__Demo__V1__Streams__Download_Responses
download_handler(void *self, weir_call *call, const Weir__Demo__V1__DownloadRequest *request)
{
    Weir__Demo__V1__Streams__Download_Responses chunks = {{0}};
    weir_status why = {0};
    char *path;

    (void)call;
    if (request->chunk_size > MAX_CHUNK)
        weir_fail(&why, WEIR_INVALID_ARGUMENT, "chunk_size is more than 1 MiB");
    else if (files_copy_path(request->path, &path, &why) == WEIR_OK)
        chunks.stream = weir_stream_from(
            next_chunk, download_create(self, path, request->chunk_size), download_release);
    if (why.code != WEIR_OK)
        chunks.stream = weir_stream_error(why);
    return chunks;
}
