/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - one thread sends through a pipe, another takes the responses.
 *
 * A client of typed.h holds one request, and its two threads would change for each line of a chat;
 * this pipe holds several. The thread owns the response stream and, until it is joined, `code` and
 * `why`.
 */
#include "exchange.h"

#include <stdio.h>

static weir_code take_response(void *arg, const weir_bytes *message, weir_status *why)
{
    exchange *e = arg;
    void *response;
    weir_code code = weir_message_unpack(e->method->response, e->arena, message, &response, why);

    if (code == WEIR_OK)
        code = e->take(e->arg, response, why);
    weir_arena_reset(e->arena);
    return code;
}

static void *take_responses(void *arg)
{
    exchange *e = arg;

    e->code = weir_stream_for_each(e->responses, take_response, e, &e->why);
    input_stop(e->input);
    return NULL;
}

static void release(exchange *e)
{
    weir_pipe_unref(e->requests);
    weir_arena_free(e->arena);
}

static weir_code start(exchange *e)
{
    const weir_pipe_options options = {.max_bytes = 256 << 10};
    weir_call *call = client_call(e->client, &e->why);
    weir_stream requests;

    if (call == NULL)
        return e->why.code;
    e->arena = weir_arena_create(SIZE_MAX);
    e->requests = weir_pipe_create(&options, &requests);
    e->responses = weir_typed_start(e->method, e->client->channel, call, requests);
    if (e->arena == NULL || e->requests == NULL)
        weir_fail(&e->why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else if (pthread_create(&e->thread, NULL, take_responses, e) == 0)
        return WEIR_OK;
    else
        weir_fail(&e->why, WEIR_RESOURCE_EXHAUSTED, "cannot make a thread");
    weir_stream_release(&e->responses);
    return e->why.code;
}

bool exchange_begin(exchange *e)
{
    weir_code code = start(e);

    if (code == WEIR_OK)
        return true;
    client_exit_code(e->client, code, &e->why);
    release(e);
    return false;
}

bool exchange_send(exchange *e, const void *request)
{
    weir_status why = {0};
    weir_bytes message;

    if (weir_message_pack(e->method->request, request, &message, &why) == WEIR_OK)
        return weir_pipe_write(e->requests, message) == WEIR_OK;
    weir_pipe_close(e->requests, why);
    return false;
}

int exchange_finish(exchange *e, bool complete)
{
    if (!complete)
        client_told(e->client);
    weir_pipe_close(e->requests, (weir_status){.code = complete ? WEIR_OK : WEIR_CANCELLED});
    pthread_join(e->thread, NULL);
    release(e);
    return client_exit_code(e->client, e->code, &e->why);
}
