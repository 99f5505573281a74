/* SPDX-License-Identifier: MIT */
/*
 * chat_handler.c - Chat: the requests are the responses.
 *
 * ChatRequest and ChatReply have the same fields, so each message goes back as it came, without a
 * copy. A client that does not read its answers is not read from either.
 */
#include "handlers.h"
#include "messages.h"

static weir_code check(void *arg, weir_bytes *message, weir_status *why)
{
    weir_slice line;

    (void)arg;
    if (text_read(message, &line))
        return WEIR_OK;
    return weir_fail(why, WEIR_INTERNAL, "a message is no ChatRequest");
}

weir_stream chat_handler(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    weir_call_send_headers(call); /* some clients wait for them before they say a word */
    return weir_stream_map(requests, check, NULL);
}
