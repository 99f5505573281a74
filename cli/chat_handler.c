/* SPDX-License-Identifier: MIT */
/*
 * chat_handler.c - Chat: each request becomes a response.
 *
 * Nothing waits in between, so a client that does not read its answers is not read from either.
 */
#include "handlers.h"
#include "utf8.h"

static weir_code answer(void *self, weir_arena *arena, const Weir__Demo__V1__ChatRequest *request,
                        Weir__Demo__V1__ChatReply *response, weir_status *why)
{
    (void)self, (void)arena;
    if (!is_utf8(request->line))
        return weir_fail(why, WEIR_INTERNAL, "a line is not UTF-8");
    response->line = request->line;
    return WEIR_OK;
}

Weir__Demo__V1__Streams__Chat_Responses
chat_handler(void *self, weir_call *call, Weir__Demo__V1__Streams__Chat_Requests requests)
{
    (void)self;
    weir_call_send_headers(call); /* some clients wait for them before they say a word */
    return weir__demo__v1__streams__chat__map(requests, answer, NULL, NULL);
}
