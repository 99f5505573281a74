/* SPDX-License-Identifier: MIT */
/*
 * upload_handler.c - Upload: a fold over the requests.
 *
 * Each message is hashed where it arrived and dropped right after: nothing is stored, and a client
 * that sends faster than this hashes is slowed down by its window.
 */
#include <stdlib.h>

#include "handlers.h"
#include "sha256.h"

struct upload {
    sha256 *sum;
    uint64_t size;
    char text[SHA256_TEXT_SIZE];
};

static weir_code add(void *state, const Weir__Demo__V1__UploadRequest *request, weir_status *why)
{
    struct upload *upload = state;

    if (!sha256_add(upload->sum, request->data.data, request->data.len))
        return weir_fail(why, WEIR_UNKNOWN, "hashing failed");
    upload->size += request->data.len;
    return WEIR_OK;
}

static weir_code finish(void *state, weir_arena *arena, Weir__Demo__V1__UploadReply *response,
                        weir_status *why)
{
    struct upload *upload = state;

    (void)arena, (void)why;
    response->size = upload->size;
    if (sha256_finish(upload->sum, upload->text))
        response->sha256 = upload->text;
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

Weir__Demo__V1__Streams__Upload_Responses
upload_handler(void *self, weir_call *call, Weir__Demo__V1__Streams__Upload_Requests requests)
{
    const Weir__Demo__V1__Streams__Upload_Fold fold = {add, finish, release, upload_create()};

    (void)self, (void)call;
    return weir__demo__v1__streams__upload__fold(requests, &fold);
}
