/* SPDX-License-Identifier: MIT */
/*
 * server_plain.c - the route guide in plain functions: server_plain ADDRESS FEATURES.
 *
 * The unary one runs on the loop and returns at once. The others run on threads of the server's
 * pool and wait in read and write. server_stream.c is the same service without those threads.
 */
#include <stdio.h>

#include "../common/example.h"
#include "guide.h"
#include "notes.h"
#include "route_guide.weir.h"

struct service {
    struct guide *guide;
    struct notes *notes;
};

static weir_code get_feature(void *self, weir_call *call, const Routeguide__Point *request,
                             Routeguide__Feature *response, weir_status *why)
{
    const struct service *service = self;
    const Routeguide__Feature *feature = guide_find(service->guide, request);

    (void)call, (void)why;
    if (feature != NULL)
        *response = *feature; /* packed once this has returned, so it may point at what is ours */
    else
        response->location = (Routeguide__Point *)request;
    return WEIR_OK;
}

static weir_code list_features(void *self, weir_call *call, const Routeguide__Rectangle *request,
                               Routeguide__RouteGuide__ListFeatures_Io *io, weir_status *why)
{
    const struct service *service = self;
    const struct area area = area_of(request);
    const Routeguide__Feature *feature;
    weir_code code = WEIR_OK;

    (void)call, (void)why;
    /* A client that reads slowly makes the write wait; one that is gone makes it fail. */
    for (size_t i = 0; code == WEIR_OK && (feature = guide_at(service->guide, i)) != NULL; i++)
        if (area_has(&area, feature->location))
            code = routeguide__route_guide__list_features__write_response(io, feature);
    return code;
}

static weir_code record_route(void *self, weir_call *call,
                              Routeguide__RouteGuide__RecordRoute_Io *io,
                              Routeguide__RouteSummary *response, weir_status *why)
{
    const struct service *service = self;
    const Routeguide__Point *point;
    struct route route;
    weir_poll poll;

    (void)call;
    route_begin(&route, service->guide);
    while ((poll = routeguide__route_guide__record_route__read_request(io, &point, why)) ==
           WEIR_READY)
        route_add(&route, point);
    if (poll == WEIR_ERROR)
        return why->code;
    route_sum(&route, response);
    return WEIR_OK;
}

static weir_code route_chat(void *self, weir_call *call, Routeguide__RouteGuide__RouteChat_Io *io,
                            weir_status *why)
{
    const struct service *service = self;
    const Routeguide__RouteNote *note;
    weir_code code = WEIR_OK;
    weir_poll poll = WEIR_END;

    while (code == WEIR_OK && (poll = routeguide__route_guide__route_chat__read_request(
                                   io, &note, why)) == WEIR_READY) {
        struct earlier_notes earlier;
        Routeguide__RouteNote answer = ROUTEGUIDE__ROUTE_NOTE__INIT;

        code = notes_leave(service->notes, note, &earlier, why);
        /* What lies in the call's arena is given back with each write. */
        while (code == WEIR_OK &&
               notes_read(service->notes, &earlier, weir_call_arena(call), &answer))
            code = routeguide__route_guide__route_chat__write_response(io, &answer);
    }
    return poll == WEIR_ERROR ? why->code : code;
}

/* Tools such as grpcurl ask the server itself what it serves. */
static weir_code serve_reflection(weir_server *server, weir_status *why)
{
    static const weir_file *const files[] = {&route_guide__file};

    return weir_reflection_serve(server, files, 1, why);
}

static weir_code serve(const char *address, struct service *service, weir_status *why)
{
    weir_server *server;
    weir_code code = weir_server_create(NULL, &server, why);

    if (code != WEIR_OK)
        return code;
    code = routeguide__route_guide__get_feature__handle(server, get_feature, service, why);
    if (code == WEIR_OK)
        code = routeguide__route_guide__list_features__handle(server, list_features, service, why);
    if (code == WEIR_OK)
        code = routeguide__route_guide__record_route__handle(server, record_route, service, why);
    if (code == WEIR_OK)
        code = routeguide__route_guide__route_chat__handle(server, route_chat, service, why);
    if (code == WEIR_OK)
        code = serve_reflection(server, why);
    if (code == WEIR_OK)
        code = example_serve(server, address, why);
    weir_server_free(
        server); /* waits for the functions that still run: `service` may go after it */
    return code;
}

int main(int argc, char **argv)
{
    struct service service = {0};
    weir_status why = {0};
    weir_code code;

    if (argc != 3)
        return fprintf(stderr, "usage: server_plain ADDRESS FEATURES\n"), 2;
    service.guide = guide_load(argv[2], &why);
    service.notes = notes_create();
    if (service.guide == NULL)
        code = why.code;
    else if (service.notes == NULL)
        code = weir_fail(&why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else
        code = serve(argv[1], &service, &why);
    notes_free(service.notes);
    guide_free(service.guide);
    return example_end(code, &why);
}
