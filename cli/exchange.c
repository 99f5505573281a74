/* SPDX-License-Identifier: MIT */
/*
 * exchange.c - one thread sends through a pipe, another takes the responses.
 *
 * The thread owns the response stream and, until it is joined, `code` and `why`.
 */
#include "exchange.h"

#include <stdio.h>

static void *take_responses(void *arg)
{
    exchange *e = arg;

    e->code = weir_stream_for_each(e->responses, e->take, e->arg, &e->why);
    input_stop(e->input);
    return NULL;
}

bool exchange_begin(exchange *e, const char *method)
{
    const weir_pipe_options options = {.max_bytes = 256 << 10};
    weir_stream requests;

    e->why = (weir_status){0};
    e->requests = weir_pipe_create(&options, &requests);
    e->responses = client_call(e->client, method, requests);
    if (pthread_create(&e->thread, NULL, take_responses, e) == 0)
        return true;
    fputs("weir: cannot make a thread\n", stderr);
    weir_stream_release(&e->responses);
    if (e->requests != NULL)
        weir_pipe_unref(e->requests);
    return false;
}

bool exchange_send(exchange *e, weir_bytes request)
{
    if (e->requests != NULL)
        return weir_pipe_write(e->requests, request) == WEIR_OK;
    weir_bytes_unref(&request);
    return false;
}

int exchange_finish(exchange *e, bool complete)
{
    if (!complete)
        client_told(e->client);
    if (e->requests != NULL) {
        weir_pipe_close(e->requests, (weir_status){.code = complete ? WEIR_OK : WEIR_CANCELLED});
        weir_pipe_unref(e->requests);
    }
    pthread_join(e->thread, NULL);
    return client_exit_code(e->client, e->code, &e->why);
}
