/* SPDX-License-Identifier: MIT */
/*
 * typed_service.c - bench.Echo in structures, as protoc-gen-weir's users write it.
 */
#include "typed_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.weir.h"

static weir_code unary(void *self, weir_call *call, const Bench__Req *request, Bench__Rep *response,
                       weir_status *why)
{
    (void)self, (void)call, (void)why;
    response->data = request->data;
    return WEIR_OK;
}

static weir_code echo(void *self, weir_arena *arena, const Bench__Req *request,
                      Bench__Rep *response, weir_status *why)
{
    (void)self, (void)arena, (void)why;
    response->data = request->data;
    return WEIR_OK;
}

static Bench__Echo__Chat_Responses chat(void *self, weir_call *call,
                                        Bench__Echo__Chat_Requests requests)
{
    (void)self, (void)call;
    return bench__echo__chat__map(requests, echo, NULL, NULL);
}

/* ---- Down ---- */

struct down {
    int32_t count;
    int32_t sent;
    size_t size;
    uint8_t data[]; /* what each message holds */
};

static weir_poll next_message(void *state, weir_task *task, weir_arena *arena, Bench__Rep *out,
                              weir_status *why)
{
    struct down *down = state;

    (void)task, (void)arena, (void)why;
    if (down->sent == down->count)
        return WEIR_END;
    down->sent++;
    out->data = (ProtobufCBinaryData){down->size, down->data};
    return WEIR_READY;
}

static weir_poll next_tick(void *state, weir_task *task, weir_arena *arena, Bench__Rep *out,
                           weir_status *why)
{
    struct down *down = state;
    char *text;

    (void)task, (void)why;
    if (down->sent == down->count)
        return WEIR_END;
    text = weir_arena_format(arena, "message_%" PRId32, down->sent++);
    if (text != NULL)
        out->data = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    return WEIR_READY;
}

static Bench__Echo__Down_Responses down(void *self, weir_call *call, const Bench__Req *request)
{
    Bench__Echo__Down_Responses responses;
    struct down *down;

    (void)self, (void)call;
    if (request->count < 0 || request->size < 0)
        return (Bench__Echo__Down_Responses){
            weir_stream_fail(WEIR_INVALID_ARGUMENT, "count and size are not negative")};
    down = malloc(sizeof *down + (size_t)request->size);
    if (down != NULL) {
        *down = (struct down){.count = request->count, .size = (size_t)request->size};
        memset(down->data, 'x', down->size);
    }
    if (request->interval_ms <= 0)
        return bench__echo__down__responses_from(next_message, down, free);
    responses = bench__echo__down__responses_from(next_tick, down, free);
    responses.stream =
        weir_stream_throttle(responses.stream, WEIR_MILLISECONDS(request->interval_ms));
    return responses;
}

/* ---- Up ---- */

static weir_code add(void *state, const Bench__Req *request, weir_status *why)
{
    uint64_t *total = state;

    (void)why;
    *total += request->data.len;
    return WEIR_OK;
}

static weir_code say_total(void *state, weir_arena *arena, Bench__Rep *response, weir_status *why)
{
    uint64_t *total = state;
    char *text = weir_arena_format(arena, "%" PRIu64, *total);

    (void)why;
    if (text != NULL)
        response->data = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    return WEIR_OK;
}

static Bench__Echo__Up_Responses up(void *self, weir_call *call, Bench__Echo__Up_Requests requests)
{
    const Bench__Echo__Up_Fold fold = {add, say_total, free, calloc(1, sizeof(uint64_t))};

    (void)self, (void)call;
    return bench__echo__up__fold(requests, &fold);
}

weir_code typed_service_add(weir_server *server, weir_status *why)
{
    weir_code code = bench__echo__unary__handle(server, unary, NULL, why);

    if (code == WEIR_OK)
        code = bench__echo__down__handle_stream(server, down, NULL, why);
    if (code == WEIR_OK)
        code = bench__echo__up__handle_stream(server, up, NULL, why);
    if (code == WEIR_OK)
        code = bench__echo__chat__handle_stream(server, chat, NULL, why);
    return code;
}
