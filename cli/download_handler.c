/* SPDX-License-Identifier: MIT */
/*
 * download_handler.c - Download: a file in chunks.
 *
 * A poll that finds no chunk asks the pool's threads for one and is woken when it is there. Nobody
 * reads ahead: a download whose client stalls holds one chunk, no thread and no place in a queue.
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
    weir_poll result; /* of the last job; PENDING: it was taken */
    weir_bytes chunk;
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

/* Reads the next chunk right into the message it is sent as. */
static weir_code read_chunk(struct download *d)
{
    uint64_t left = d->size - d->offset;
    size_t size = left < d->chunk_size ? (size_t)left : d->chunk_size, got;
    uint8_t *data = NULL;
    weir_code code;

    d->chunk = reply_for(d->offset == 0 ? d->size : 0, size, &data);
    if (weir_bytes_failed(&d->chunk))
        return weir_fail(&d->why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    code = files_read(d->fd, d->offset, data, size, &got, &d->why);
    if (code != WEIR_OK)
        return code;
    if (got < size)
        return weir_fail(&d->why, WEIR_ABORTED, "the file became shorter while it was sent");
    d->offset += size;
    return WEIR_OK;
}

static void download_run(file_job *job)
{
    struct download *d = (struct download *)job;
    weir_code code = d->path != NULL ? open_file(d) : WEIR_OK;

    if (code == WEIR_OK)
        code = read_chunk(d);
    d->result = code == WEIR_OK ? WEIR_READY : WEIR_ERROR;
}

static void download_drop(file_job *job)
{
    struct download *d = (struct download *)job;

    if (d->fd >= 0)
        close(d->fd);
    weir_bytes_unref(&d->chunk);
    weir_status_clear(&d->why);
    free(d->path);
    free(d);
}

static weir_poll next_chunk(void *state, weir_task *task, weir_item *out)
{
    struct download *d = state;
    weir_poll result;

    if (!file_job_idle(&d->job, task))
        return WEIR_PENDING;
    result = d->result;
    d->result = WEIR_PENDING;
    if (result == WEIR_READY) {
        out->message = d->chunk;
        d->chunk = (weir_bytes){0};
    } else if (result == WEIR_ERROR) {
        out->status = d->why;
        d->why = (weir_status){0};
    } else if (d->fd >= 0 && d->offset == d->size) {
        result = WEIR_END;
    } else {
        file_job_start(&d->job, task);
    }
    return result;
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
    d->result = WEIR_PENDING;
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
