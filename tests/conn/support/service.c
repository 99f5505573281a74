/* SPDX-License-Identifier: MIT */
/*
 * service.c - the methods that the tests' servers serve.
 */
#include "conn/support/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static weir_stream echo(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    return requests;
}

static void reflect_metadata(weir_call *call)
{
    const weir_metadata *metadata = weir_call_request_metadata(call);

    for (size_t i = 0; i < weir_metadata_count(metadata); i++) {
        weir_slice name, value;

        weir_metadata_at(metadata, i, &name, &value);
        if (name.size < 2 || memcmp(name.data, "x-", 2) != 0)
            continue;
        (void)!weir_call_add_metadata(call, (const char *)name.data, value.data, value.size);
        (void)!weir_call_add_trailer(call, (const char *)name.data, value.data, value.size);
    }
}

static weir_code unary(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                       weir_status *why)
{
    struct service *service = self;

    (void)why;
    service->unary_calls++;
    reflect_metadata(call);
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

static weir_stream start_down(void *arg, weir_bytes message)
{
    struct service *service = arg;

    weir_bytes_unref(&message);
    return source_stream(&service->down);
}

static weir_stream down(void *self, weir_call *call, weir_stream requests)
{
    (void)call;
    return weir_stream_then(weir_stream_take(requests, 1), start_down, self);
}

struct total {
    unsigned messages;
    size_t bytes;
};

static weir_code add_to_total(void *state, const weir_bytes *message, weir_status *why)
{
    struct total *total = state;

    (void)why;
    total->messages++;
    total->bytes += message->size;
    return WEIR_OK;
}

static weir_code say_total(void *state, weir_bytes *out, weir_status *why)
{
    struct total *total = state;

    (void)why;
    *out = weir_bytes_format("%u %zu", total->messages, total->bytes);
    return WEIR_OK;
}

static weir_stream up(void *self, weir_call *call, weir_stream requests)
{
    const weir_fold fold = {add_to_total, say_total, free, calloc(1, sizeof(struct total))};

    (void)self, (void)call;
    return weir_stream_fold(requests, &fold);
}

static weir_stream abort_call(void *self, weir_call *call, weir_stream requests)
{
    weir_status status = weir_status_make(WEIR_ABORTED, "no: \xc3\xa9\n%%");

    (void)self, (void)call;
    weir_stream_release(&requests);
    status.details = weir_bytes_copy("\0\1\2\xff", 4);
    return weir_stream_error(status);
}

static weir_stream hand(void *self, weir_call *call, weir_stream requests)
{
    struct service *service = self;
    struct served *served;

    if (service->calls == SERVED_MAX) {
        weir_stream_release(&requests);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "more calls than the test keeps");
    }
    served = &service->served[service->calls++];
    served->call = weir_call_ref(call);
    if (served->discards)
        weir_stream_release(&requests);
    reader_init(&served->requests, requests, NULL);
    return source_stream(&served->responses);
}

void service_add(struct service *service, weir_server *server)
{
    const struct {
        const char *method;
        weir_handler handler;
    } methods[] = {
        {"/t.T/Echo", {echo, NULL, NULL}},       {"/t.T/Unary", weir_unary(unary, service, NULL)},
        {"/t.T/Down", {down, service, NULL}},    {"/t.T/Up", {up, NULL, NULL}},
        {"/t.T/Fail", {abort_call, NULL, NULL}}, {"/t.T/Hand", {hand, service, NULL}},
    };

    for (size_t i = 0; i < COUNT_OF(methods); i++)
        assert_int_equal(weir_server_handle(server, methods[i].method, methods[i].handler, NULL),
                         WEIR_OK);
}

void service_clear(struct service *service)
{
    for (unsigned i = 0; i < service->calls; i++) {
        reader_clear(&service->served[i].requests);
        weir_call_unref(service->served[i].call);
    }
}
