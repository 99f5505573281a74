/* SPDX-License-Identifier: MIT */
/*
 * clock.c - a user's program: a server and a client of it, generated from a file that imports
 * another one and one of protobuf's own. It says what it was answered.
 */
#include <inttypes.h>
#include <stdio.h>

#include <weir/weir.h>

#include "consumer/clock.weir.h"

static weir_code read_clock(void *self, weir_call *call, const Consumer__Zone *request,
                            Consumer__Time *response, weir_status *why)
{
    Google__Protobuf__Timestamp *at = weir_call_alloc(call, sizeof *at);

    (void)self;
    if (at == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    google__protobuf__timestamp__init(at);
    at->seconds = 978307200 + request->offset;
    response->at = at;
    response->zone = (Consumer__Zone *)request;
    return WEIR_OK;
}

static weir_code ask(uint16_t port, weir_status *why)
{
    Consumer__Zone zone = CONSUMER__ZONE__INIT;
    Consumer__Time *time;
    weir_call *call = weir_call_create(NULL);
    weir_channel *channel = NULL;
    char target[32];
    weir_code code;

    zone.name = "Berlin";
    zone.offset = 3600;
    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    code = weir_channel_create(target, NULL, &channel, why);
    if (code == WEIR_OK)
        code = consumer__clock__read__call(channel, call, &zone, &time, why);
    if (code == WEIR_OK)
        printf("%s: %" PRId64 "\n", time->zone->name, time->at->seconds);
    weir_call_unref(call);
    weir_channel_unref(channel);
    return code;
}

int main(void)
{
    weir_status why = {0};
    weir_server *server = NULL;
    uint16_t port = 0;
    weir_code code = weir_server_create(NULL, &server, &why);

    if (code == WEIR_OK)
        code = consumer__clock__read__handle(server, read_clock, NULL, &why);
    if (code == WEIR_OK)
        code = weir_server_listen(server, "127.0.0.1:0", &port, &why);
    if (code == WEIR_OK)
        code = weir_server_start(server, &why);
    if (code == WEIR_OK)
        code = ask(port, &why);
    weir_server_free(server);
    if (code != WEIR_OK)
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
    weir_status_clear(&why);
    return code != WEIR_OK;
}
