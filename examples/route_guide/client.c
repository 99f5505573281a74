/* SPDX-License-Identifier: MIT */
/*
 * client.c - calls each of the route guide's methods with functions that wait: client ADDRESS.
 *
 * What a call reads is valid until its next read, so nothing read is ever freed here.
 */
#include <pthread.h>
#include <stdio.h>

#include "../common/example.h"
#include "route_guide.weir.h"

/* A point in degrees; the fields are integers. */
static Routeguide__Point at(double latitude, double longitude)
{
    Routeguide__Point point = ROUTEGUIDE__POINT__INIT;

    point.latitude = (int32_t)(latitude * 1e7 + 0.5);
    point.longitude = (int32_t)(longitude * 1e7 + 0.5);
    return point;
}

/* A call that ends by itself when the server does not answer. Typed functions take NULL, which is
 * out of memory, and fail with that. */
static weir_call *new_call(void)
{
    weir_call *call = weir_call_create(NULL);

    if (call != NULL)
        weir_call_set_timeout(call, WEIR_SECONDS(30));
    return call;
}

static void print_feature(const Routeguide__Feature *feature)
{
    printf("%s at %.7f, %.7f\n", feature->name[0] != '\0' ? feature->name : "nothing",
           feature->location->latitude / 1e7, feature->location->longitude / 1e7);
}

static weir_code get_feature(weir_channel *channel, weir_status *why)
{
    Routeguide__Point point = at(47.137, 8.246);
    Routeguide__Feature *feature;
    weir_call *call = new_call();
    weir_code code;

    code = routeguide__route_guide__get_feature__call(channel, call, &point, &feature, why);
    if (code == WEIR_OK)
        print_feature(feature);
    weir_call_unref(call);
    return code;
}

static weir_code list_features(weir_channel *channel, weir_status *why)
{
    Routeguide__Point lo = at(47.12, 8.22), hi = at(47.15, 8.26);
    Routeguide__Rectangle rectangle = ROUTEGUIDE__RECTANGLE__INIT;
    Routeguide__RouteGuide__ListFeatures_Client *client;
    const Routeguide__Feature *feature;
    weir_call *call = new_call();
    weir_poll poll = WEIR_ERROR;

    rectangle.lo = &lo;
    rectangle.hi = &hi;
    client = routeguide__route_guide__list_features__open(channel, call, &rectangle, why);
    while (client != NULL && (poll = routeguide__route_guide__list_features__read_response(
                                  client, &feature, why)) == WEIR_READY)
        print_feature(feature);
    routeguide__route_guide__list_features__close(client);
    weir_call_unref(call);
    return poll == WEIR_END ? WEIR_OK : why->code;
}

static weir_code record_route(weir_channel *channel, weir_status *why)
{
    const Routeguide__Point route[] = {at(47.1, 8.2), at(47.118, 8.221), at(47.13, 8.25),
                                       at(47.19, 8.324)};
    Routeguide__RouteGuide__RecordRoute_Client *client;
    Routeguide__RouteSummary *summary;
    weir_call *call = new_call();
    weir_code code;

    client = routeguide__route_guide__record_route__open(channel, call, why);
    if (client == NULL) {
        weir_call_unref(call);
        return why->code;
    }
    for (size_t i = 0; i < sizeof route / sizeof *route; i++)
        if (routeguide__route_guide__record_route__write_request(client, &route[i]) != WEIR_OK)
            break; /* the server has ended the call: finish says why */
    code = routeguide__route_guide__record_route__finish(client, &summary, why);
    if (code == WEIR_OK)
        printf("%d points, %d features, %d m, in %d s\n", summary->point_count,
               summary->feature_count, summary->distance, summary->elapsed_time);
    weir_call_unref(call);
    return code;
}

/* ---- notes: one thread writes while another reads ---- */

static void *write_notes(void *argument)
{
    Routeguide__RouteGuide__RouteChat_Client *client = argument;
    char *texts[] = {"first at the weir", "at the bridge", "second at the weir",
                     "third at the weir"};
    Routeguide__Point weir = at(47.137, 8.246), bridge = at(47.129, 8.24);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Routeguide__RouteNote note = ROUTEGUIDE__ROUTE_NOTE__INIT;

        note.message = texts[i];
        note.location = i == 1 ? &bridge : &weir;
        if (routeguide__route_guide__route_chat__write_request(client, &note) != WEIR_OK)
            break; /* the reader learns why */
    }
    routeguide__route_guide__route_chat__end_requests(client);
    return NULL;
}

static weir_code route_chat(weir_channel *channel, weir_status *why)
{
    Routeguide__RouteGuide__RouteChat_Client *client;
    const Routeguide__RouteNote *note;
    weir_call *call = new_call();
    weir_poll poll = WEIR_ERROR;
    pthread_t writer;

    client = routeguide__route_guide__route_chat__open(channel, call, why);
    if (client != NULL && pthread_create(&writer, NULL, write_notes, client) == 0) {
        while ((poll = routeguide__route_guide__route_chat__read_response(client, &note, why)) ==
               WEIR_READY)
            printf("a note from before: %s\n", note->message);
        pthread_join(writer, NULL);
    } else if (client != NULL) {
        weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "no thread to write with");
    }
    routeguide__route_guide__route_chat__close(client);
    weir_call_unref(call);
    return poll == WEIR_END ? WEIR_OK : why->code;
}

int main(int argc, char **argv)
{
    weir_channel *channel = NULL;
    weir_status why = {0};
    weir_code code;

    if (argc != 2)
        return fprintf(stderr, "usage: client ADDRESS\n"), 2;
    code = weir_channel_create(argv[1], NULL, &channel, &why);
    if (code == WEIR_OK)
        code = get_feature(channel, &why);
    if (code == WEIR_OK)
        code = list_features(channel, &why);
    if (code == WEIR_OK)
        code = record_route(channel, &why);
    if (code == WEIR_OK)
        code = route_chat(channel, &why);
    weir_channel_unref(channel);
    return example_end(code, &why);
}
