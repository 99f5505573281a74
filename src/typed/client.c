/* SPDX-License-Identifier: MIT */
/*
 * client.c - calls with structures, for clients that block and for those that poll.
 *
 * What a client writes goes through a pipe of one message, so it runs at most one message ahead of
 * the server. A client that reads keeps one message.
 */
#include <weir/pipe.h>

#include "base/alloc.h"
#include "call/call.h"
#include "channel/channel.h"
#include "stream/combinator.h"
#include "stream/task.h"
#include "typed/message.h"

weir_stream weir_typed_start(const weir_method *method, weir_channel *channel, weir_call *call,
                             weir_stream requests)
{
    if (call != NULL && !call->made && !call->server) {
        call->method = method->path;
        call->method_is_ours = true;
    }
    return weir_channel_call(channel, call, requests);
}

/* The response lies in the call's own memory, and keeps its bytes there. */
static weir_code single_response(const weir_method *method, weir_call *call, weir_stream responses,
                                 void **response, weir_status *why)
{
    weir_bytes data;
    weir_code code = channel_single_reply(responses, &data, why);

    *response = NULL;
    if (code != WEIR_OK)
        return code;
    arena_allow(&call->arena, call->max_message_memory);
    return message_unpack_owned(method->response, &call->arena, data, response, why);
}

weir_code weir_typed_unary(const weir_method *method, weir_channel *channel, weir_call *call,
                           const void *request, void **response, weir_status *why)
{
    weir_stream requests = weir_typed_once(method->request, request);

    return single_response(method, call, weir_typed_start(method, channel, call, requests),
                           response, why);
}

/* ---- a call of one thread that reads and one that writes ---- */

struct weir_typed_client {
    const weir_method *method;
    weir_call *call;
    weir_pipe *requests; /* NULL: the one request was given at once */
    weir_stream responses;
    weir_task *task;
    struct message_arena own;
};

static weir_stream open_requests(weir_typed_client *client, const void *request)
{
    const weir_pipe_options one = {.max_messages = 1};
    weir_stream reader;

    if (!client->method->client_streaming)
        return weir_typed_once(client->method->request, request);
    client->requests = weir_pipe_create(&one, &reader);
    return reader;
}

weir_typed_client *weir_typed_open(const weir_method *method, weir_channel *channel,
                                   weir_call *call, const void *request, weir_status *why)
{
    weir_typed_client *client = mem_zalloc(sizeof *client);
    weir_task *task = thread_task_create();

    if (client == NULL || task == NULL || call == NULL) {
        mem_free(client);
        thread_task_free(task);
        weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a call");
        return NULL;
    }
    client->method = method;
    client->call = weir_call_ref(call);
    client->task = task;
    client->responses = weir_typed_start(method, channel, call, open_requests(client, request));
    call_own_pipe(call, client->requests);
    message_arena_init(&client->own, call->max_message_memory, call);
    return client;
}

weir_code weir_typed_client_write(weir_typed_client *client, const void *message)
{
    weir_bytes bytes;
    weir_code code;

    if (client->requests == NULL)
        return WEIR_CANCELLED;
    code = weir_message_pack(client->method->request, message, &bytes, NULL);
    return code == WEIR_OK ? weir_pipe_write(client->requests, bytes) : code;
}

void weir_typed_client_end(weir_typed_client *client)
{
    if (client->requests != NULL)
        weir_pipe_close(client->requests, (weir_status){0});
}

weir_poll weir_typed_client_read(weir_typed_client *client, const void **out, weir_status *why)
{
    void *message = NULL;
    weir_item item;
    weir_poll poll;

    arena_clear(&client->own.arena);
    poll = thread_next(client->task, &client->responses, &item);
    if (poll == WEIR_READY &&
        message_unpack_owned(client->method->response, &client->own.arena, item.message, &message,
                             &item.status) != WEIR_OK) {
        weir_stream_release(&client->responses);
        poll = WEIR_ERROR;
    }
    *out = message;
    return poll == WEIR_ERROR ? poll_status(&item, why) : poll;
}

weir_code weir_typed_client_finish(weir_typed_client *client, void **response, weir_status *why)
{
    weir_stream responses = client->responses;
    weir_code code;

    weir_typed_client_end(client);
    client->responses = (weir_stream){0};
    code = single_response(client->method, client->call, responses, response, why);
    weir_typed_client_close(client);
    return code;
}

void weir_typed_client_close(weir_typed_client *client)
{
    if (client == NULL)
        return;
    weir_stream_release(&client->responses);
    weir_pipe_unref(client->requests);
    thread_task_free(client->task);
    arena_clear(&client->own.arena);
    weir_call_unref(client->call);
    mem_free(client);
}
