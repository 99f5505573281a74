/* SPDX-License-Identifier: MIT */
/*
 * upload_handler.c - Upload: a fold over the requests.
 *
 * Each message is hashed when it is taken and dropped right after: nothing is stored, and a client
 * that sends faster than this hashes is slowed down by its window.
 */
#include <stdlib.h>

#include "handlers.h"
#include "messages.h"
#include "sha256.h"

struct upload {
    sha256 *sum;
    uint64_t size;
};

static weir_code add(void *state, const weir_bytes *message, weir_status *why)
{
    struct upload *upload = state;
    weir_slice data;

    if (!data_read(message, &data))
        return weir_fail(why, WEIR_INTERNAL, "a message is no UploadRequest");
    if (!sha256_add(upload->sum, data.data, data.size))
        return weir_fail(why, WEIR_UNKNOWN, "hashing failed");
    upload->size += data.size;
    return WEIR_OK;
}

static weir_code finish(void *state, weir_bytes *out, weir_status *why)
{
    struct upload *upload = state;
    char text[SHA256_TEXT_SIZE] = "";

    (void)why;
    if (!sha256_finish(upload->sum, text))
        text[0] = '\0';
    *out = upload_reply_write(&(upload_reply){upload->size, slice_of(text)});
    return WEIR_OK;
}

static void release(void *state)
{
    struct upload *upload = state;

    sha256_free(upload->sum);
    free(upload);
}

static struct upload *upload_create(void)
{
    struct upload *upload = calloc(1, sizeof *upload);

    if (upload == NULL)
        return NULL;
    upload->sum = sha256_create();
    if (upload->sum != NULL)
        return upload;
    free(upload);
    return NULL;
}

weir_stream upload_handler(void *self, weir_call *call, weir_stream requests)
{
    struct upload *upload = upload_create();

    (void)self;
    (void)call;
    if (upload == NULL) {
        weir_stream_release(&requests);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    }
    return weir_stream_fold(requests, &(weir_fold){add, finish, release, upload});
}
