/* SPDX-License-Identifier: MIT */
/*
 * server.c - a weather station: server [ADDRESS].
 *
 * Both methods run on the loop. Watch is a source behind a throttle: it measures when the schedule
 * and the client allow it, and no thread waits for either.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/example.h"
#include "station.h"

/* The station is small: there is one sensor, and it is warmer by the reading. */
static const char *const known_sensor = "roof";

static void measure(station_Reading *reading, uint32_t number)
{
    strcpy(reading->sensor, known_sensor);
    reading->number = number;
    reading->millidegrees = -5000 + (int32_t)(number % 400) * 125;
}

static weir_code find_sensor(const char *name, weir_status *why)
{
    if (strcmp(name, known_sensor) == 0)
        return WEIR_OK;
    return weir_fail(why, WEIR_NOT_FOUND, "no sensor '%s', but '%s'", name, known_sensor);
}

/* ---- Measure ---- */

static weir_code answer_measure(const weir_target *target, weir_call *call, const void *in,
                                weir_typed_io *io, void *out, weir_status *why)
{
    const station_MeasureRequest *request = in;
    weir_code code = find_sensor(request->sensor, why);

    (void)target, (void)call, (void)io;
    if (code == WEIR_OK)
        measure(out, 0);
    return code;
}

/* ---- Watch ---- */

static weir_poll next_reading(const weir_target *target, weir_task *task, weir_arena *arena,
                              void *out, weir_status *why)
{
    uint32_t *number = target->self;

    (void)task, (void)arena, (void)why;
    measure(out, (*number)++);
    return WEIR_READY;
}

static weir_stream answer_watch(const weir_target *target, weir_call *call, const void *in,
                                weir_stream requests)
{
    const station_WatchRequest *request = in;
    weir_status why = {0};
    weir_stream readings;

    (void)target, (void)call, (void)requests;
    why.code = find_sensor(request->sensor, &why);
    if (why.code != WEIR_OK)
        return weir_stream_error(why);
    readings = weir_typed_from(station_watch.response, next_reading,
                               (weir_target){.self = calloc(1, sizeof(uint32_t)), .release = free});
    readings = weir_stream_throttle(readings, WEIR_MILLISECONDS(request->interval_ms));
    return request->count != 0 ? weir_stream_take(readings, request->count) : readings;
}

int main(int argc, char **argv)
{
    const weir_target no_state = {0};
    weir_server *server = NULL;
    weir_status why = {0};
    weir_code code = weir_server_create(NULL, &server, &why);

    if (code == WEIR_OK)
        code = weir_server_handle(
            server, station_measure.path,
            weir_typed_plain(&station_measure, answer_measure, no_state, false), &why);
    if (code == WEIR_OK)
        code = weir_server_handle(server, station_watch.path,
                                  weir_typed_stream(&station_watch, answer_watch, no_state), &why);
    if (code == WEIR_OK)
        code = example_serve(server, argc > 1 ? argv[1] : "127.0.0.1:50051", &why);
    weir_server_free(server);
    return example_end(code, &why);
}
