/* SPDX-License-Identifier: MIT */
/*
 * client.c - asks a weather station: client [ADDRESS [SENSOR [COUNT]]].
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/example.h"
#include "station.h"

static void print(const station_Reading *reading)
{
    printf("%s #%u: %.3f degrees\n", reading->sensor, (unsigned)reading->number,
           reading->millidegrees / 1000.0);
}

static weir_code measure(weir_channel *channel, const station_MeasureRequest *request,
                         weir_status *why)
{
    weir_call *call = weir_call_create(NULL);
    void *reading;
    weir_code code = weir_typed_unary(&station_measure, channel, call, request, &reading, why);

    if (code == WEIR_OK)
        print(reading);
    weir_call_unref(call);
    return code;
}

static weir_code watch(weir_channel *channel, const station_WatchRequest *request, weir_status *why)
{
    weir_call *call = weir_call_create(NULL);
    weir_typed_client *client = weir_typed_open(&station_watch, channel, call, request, why);
    weir_poll poll = WEIR_ERROR;
    const void *reading;

    while (client != NULL && (poll = weir_typed_client_read(client, &reading, why)) == WEIR_READY)
        print(reading);
    weir_typed_client_close(client);
    weir_call_unref(call);
    return poll == WEIR_END ? WEIR_OK : why->code;
}

/* nanopb's strings have a size: a longer name cannot be asked for. */
static weir_code set_sensor(char *out, size_t size, const char *name, weir_status *why)
{
    if ((size_t)snprintf(out, size, "%s", name) < size)
        return WEIR_OK;
    return weir_fail(why, WEIR_INVALID_ARGUMENT, "no sensor has a name as long as '%s'", name);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:50051";
    station_MeasureRequest one = station_MeasureRequest_init_zero;
    station_WatchRequest many = {.count = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 3,
                                 .interval_ms = 100};
    weir_channel *channel = NULL;
    weir_status why = {0};
    weir_code code = set_sensor(one.sensor, sizeof one.sensor, argc > 2 ? argv[2] : "roof", &why);

    memcpy(many.sensor, one.sensor, sizeof many.sensor);
    if (code == WEIR_OK)
        code = weir_channel_create(address, NULL, &channel, &why);
    if (code == WEIR_OK)
        code = measure(channel, &one, &why);
    if (code == WEIR_OK)
        code = watch(channel, &many, &why);
    weir_channel_unref(channel);
    return example_end(code, &why);
}
