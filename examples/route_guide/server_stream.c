/* SPDX-License-Identifier: MIT */
/*
 * server_stream.c - the route guide in streams: server_stream ADDRESS FEATURES.
 *
 * Each function returns the stream of what will be sent. It is asked for the next message when the
 * client has room for it, on the loop's thread, so a thousand calls need no more threads than one:
 * all that a call costs is its state here. server_plain.c is the same service in plain functions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../common/example.h"
#include "guide.h"
#include "notes.h"
#include "route_guide.weir.h"

struct service {
    struct guide *guide;
    struct notes *notes;
};

/* ---- one in, one out ---- */

static Routeguide__RouteGuide__GetFeature_Responses get_feature(void *self, weir_call *call,
                                                                const Routeguide__Point *request)
{
    const struct service *service = self;
    const Routeguide__Feature *found = guide_find(service->guide, request);
    Routeguide__Feature unnamed = ROUTEGUIDE__FEATURE__INIT;

    (void)call;
    unnamed.location = (Routeguide__Point *)request;
    return routeguide__route_guide__get_feature__response(found != NULL ? found : &unnamed);
}

/* ---- one in, many out ---- */

struct list {
    const struct guide *guide;
    struct area area;
    size_t next;
};

static weir_poll next_feature(void *state, weir_task *task, weir_arena *arena,
                              Routeguide__Feature *out, weir_status *why)
{
    struct list *list = state;
    const Routeguide__Feature *feature;

    (void)task, (void)arena, (void)why;
    while ((feature = guide_at(list->guide, list->next++)) != NULL) {
        if (area_has(&list->area, feature->location)) {
            *out = *feature;
            return WEIR_READY;
        }
    }
    return WEIR_END;
}

static Routeguide__RouteGuide__ListFeatures_Responses
list_features(void *self, weir_call *call, const Routeguide__Rectangle *request)
{
    const struct service *service = self;
    struct list *list = malloc(sizeof *list);

    (void)call;
    if (list != NULL)
        *list = (struct list){.guide = service->guide, .area = area_of(request)};
    /* NULL makes a stream that fails with RESOURCE_EXHAUSTED: chains of streams need no checks. */
    return routeguide__route_guide__list_features__responses_from(next_feature, list, free);
}

/* ---- many in, one out ---- */

static weir_code add_point(void *state, const Routeguide__Point *point, weir_status *why)
{
    (void)why;
    route_add(state, point);
    return WEIR_OK;
}

static weir_code sum_up(void *state, weir_arena *arena, Routeguide__RouteSummary *response,
                        weir_status *why)
{
    (void)arena, (void)why;
    route_sum(state, response);
    return WEIR_OK;
}

static Routeguide__RouteGuide__RecordRoute_Responses
record_route(void *self, weir_call *call, Routeguide__RouteGuide__RecordRoute_Requests requests)
{
    const struct service *service = self;
    struct route *route = malloc(sizeof *route);
    const Routeguide__RouteGuide__RecordRoute_Fold fold = {add_point, sum_up, free, route};

    (void)call;
    if (route != NULL)
        route_begin(route, service->guide);
    return routeguide__route_guide__record_route__fold(requests, &fold);
}

/* ---- many in, many out ---- */

struct chat {
    struct notes *notes;
    Routeguide__RouteGuide__RouteChat_Requests requests;
    struct earlier_notes earlier;
};

/* Answers the last note as long as there are answers, and asks for another one then. */
static weir_poll next_answer(void *state, weir_task *task, weir_arena *arena,
                             Routeguide__RouteNote *out, weir_status *why)
{
    struct chat *chat = state;
    const Routeguide__RouteNote *note;

    while (!notes_read(chat->notes, &chat->earlier, arena, out)) {
        weir_poll poll = routeguide__route_guide__route_chat__poll_request(&chat->requests, task,
                                                                           arena, &note, why);

        if (poll != WEIR_READY)
            return poll;
        if (notes_leave(chat->notes, note, &chat->earlier, why) != WEIR_OK)
            return WEIR_ERROR;
    }
    return WEIR_READY;
}

static void release_chat(void *state)
{
    struct chat *chat = state;

    weir_stream_release(&chat->requests.stream);
    free(chat);
}

static Routeguide__RouteGuide__RouteChat_Responses
route_chat(void *self, weir_call *call, Routeguide__RouteGuide__RouteChat_Requests requests)
{
    const struct service *service = self;
    struct chat *chat = malloc(sizeof *chat);

    (void)call;
    if (chat != NULL)
        *chat = (struct chat){.notes = service->notes, .requests = requests};
    else
        weir_stream_release(&requests.stream); /* it was moved in, so it ends here */
    return routeguide__route_guide__route_chat__responses_from(next_answer, chat, release_chat);
}

/* ---- the server ---- */

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
    code = routeguide__route_guide__get_feature__handle_stream(server, get_feature, service, why);
    if (code == WEIR_OK)
        code = routeguide__route_guide__list_features__handle_stream(server, list_features, service,
                                                                     why);
    if (code == WEIR_OK)
        code = routeguide__route_guide__record_route__handle_stream(server, record_route, service,
                                                                    why);
    if (code == WEIR_OK)
        code = routeguide__route_guide__route_chat__handle_stream(server, route_chat, service, why);
    if (code == WEIR_OK)
        code = serve_reflection(server, why);
    if (code == WEIR_OK)
        code = example_serve(server, address, why);
    weir_server_free(server); /* releases the streams of all calls: `service` may go after it */
    return code;
}

int main(int argc, char **argv)
{
    struct service service = {0};
    weir_status why = {0};
    weir_code code;

    if (argc != 3)
        return fprintf(stderr, "usage: server_stream ADDRESS FEATURES\n"), 2;
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
