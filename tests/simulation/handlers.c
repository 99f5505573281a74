/* SPDX-License-Identifier: MIT */
/*
 * handlers.c - a server's side of each kind of call.
 */
#include "simulation/handlers.h"

#include "simulation/counts.h"
#include "simulation/faults.h"
#include "simulation/must.h"
#include "simulation/talk.h"

#include <stdio.h>

/* ---- what all kinds have in common ---- */

/* A handler may do that, and it takes nothing from anybody: not from its own call either. Where the
 * clock jumps, clients may hear of it too late, and then calls may be refused. */
static void shut_down(const struct talk *talk)
{
    struct host *host =
        talk->route->host->via != NULL ? talk->route->host->via->host : talk->route->host;

    if (!talk->plan.shuts_down || faults_may_jump() || host->serving->wires == 0)
        return;
    count(COUNT_SHUTDOWN);
    host_shutdown(host, WEIR_NEVER);
}

static struct talk *served(weir_call *call)
{
    struct talk *talk = talk_of_method(weir_call_method(call));
    char text[12];
    int size = snprintf(text, sizeof text, "%u", talk->id);

    MUST(!talk->served, "call %u: served twice", talk->id);
    talk->served = true;
    talk->server_call = weir_call_ref(call);
    if (talk->plan.metadata) {
        (void)!weir_call_add_metadata(call, "sim-header", text, (size_t)size);
        (void)!weir_call_add_trailer(call, "sim-trailer", text, (size_t)size);
    }
    if (talk->plan.response_compression != WEIR_IDENTITY)
        weir_call_set_compression(call, talk->plan.response_compression);
    if (talk->plan.send_headers) {
        count(COUNT_SEND_HEADERS);
        weir_call_send_headers(call);
    }
    shut_down(talk);
    return talk;
}

static void responses_over(void *arg)
{
    struct talk *talk = arg;

    MUST(!talk->responses_over, "call %u: its responses are released twice", talk->id);
    talk->responses_over = true;
}

static weir_stream watched(struct talk *talk, weir_stream responses)
{
    const weir_inspect_hooks hooks = {.release = responses_over, .arg = talk};

    talk->responses_made = true;
    return weir_stream_inspect(stages_apply(&talk->plan.server, responses), &hooks);
}

/* ---- one message in ---- */

static weir_code unary(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                       weir_status *why)
{
    (void)self, (void)why;
    (void)served(call);
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

static weir_stream down(void *self, weir_call *call, const weir_bytes *request)
{
    struct talk *talk = served(call);

    (void)self;
    message_check(request, &talk->lanes[CLIENT], 0, 0);
    return watched(talk, source_stream(talk, SERVER));
}

/* ---- one message out ---- */

static weir_code fold_step(void *state, const weir_bytes *message, weir_status *why)
{
    struct talk *talk = state;
    uint32_t number;

    (void)why;
    MUST(model_next(&talk->folded, &number), "call %u: a request after the last", talk->id);
    message_check(message, &talk->lanes[CLIENT], number, talk->folded.maps);
    account_take(&talk->accounts[CLIENT], &talk->lanes[CLIENT], number);
    count(COUNT_MESSAGES);
    return WEIR_OK;
}

static weir_code fold_finish(void *state, weir_bytes *out, weir_status *why)
{
    struct talk *talk = state;
    uint32_t number;

    (void)why;
    MUST(!model_next(&talk->folded, &number) && talk->folded.code == WEIR_OK,
         "call %u: its requests ended, and not all came", talk->id);
    *out = message_make(&talk->lanes[SERVER], 0);
    return WEIR_OK;
}

static weir_stream up(void *self, weir_call *call, weir_stream requests)
{
    struct talk *talk = served(call);
    const weir_fold fold = {fold_step, fold_finish, NULL, talk};

    (void)self;
    return watched(talk, weir_stream_fold(requests, &fold));
}

/* ---- bidi ---- */

static weir_stream split(struct talk *talk, weir_stream requests)
{
    reader_start(&talk->server, talk, false, requests);
    return source_stream(talk, SERVER);
}

static bool requests_were_made(const struct talk *talk)
{
    const struct source *sources = talk->sources[CLIENT];

    for (int i = 0; i < 2; i++) {
        if (sources[i].made && !sources[i].released && sources[i].next != sources[i].end)
            return false;
    }
    return true;
}

static weir_poll wait_at_gate(void *state, weir_task *task, weir_item *out)
{
    struct talk *talk = state;

    (void)out;
    if (requests_were_made(talk))
        return WEIR_END;
    weir_waker_keep(&talk->gate, task);
    return WEIR_PENDING;
}

static void leave_gate(void *state)
{
    weir_waker_release(&((struct talk *)state)->gate);
}

/* The call goes on, and its client can send on: some wait until it has. */
static weir_stream discard(struct talk *talk, weir_stream requests)
{
    count(COUNT_DISCARD);
    weir_stream_release(&requests);
    if (talk->luck % 2 == 0)
        return source_stream(talk, SERVER);
    return weir_stream_chain(weir_stream_from(wait_at_gate, talk, leave_gate),
                             source_stream(talk, SERVER));
}

static weir_stream through_pipe(struct talk *talk, weir_stream requests)
{
    weir_stream responses;

    talk->server.pipe = weir_pipe_create(&talk->plan.pipe, &responses);
    if (talk->server.pipe == NULL)
        weir_stream_release(&requests);
    else
        reader_start(&talk->server, talk, false, requests);
    return responses;
}

static weir_stream broadcast(struct talk *talk, weir_stream requests)
{
    weir_pipe_options all = talk->plan.pipe;
    weir_broadcast *broadcast = weir_broadcast_create(requests);
    weir_stream responses;

    if (broadcast == NULL)
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "no memory");
    all.when_full = WEIR_FULL_BLOCK;
    responses = weir_broadcast_subscribe(broadcast, &all);
    reader_start(&talk->server, talk, false, weir_broadcast_subscribe(broadcast, &talk->plan.pipe));
    weir_broadcast_unref(broadcast);
    return responses;
}

static weir_stream merge(struct talk *talk, weir_stream requests)
{
    weir_stream both[] = {requests, source_stream(talk, SERVER)};

    return weir_stream_merge(both, 2);
}

static weir_stream respond(struct talk *talk, weir_stream requests)
{
    switch (talk->plan.kind) {
    case TALK_ECHO:
        return requests;
    case TALK_SPLIT:
        return split(talk, requests);
    case TALK_DISCARD:
        return discard(talk, requests);
    case TALK_PIPE:
        return through_pipe(talk, requests);
    case TALK_BROADCAST:
        return broadcast(talk, requests);
    case TALK_MERGE:
        return merge(talk, requests);
    default:
        must_fail(__FILE__, __LINE__, "call %u: not bidi", talk->id);
    }
}

static weir_stream bidi(void *self, weir_call *call, weir_stream requests)
{
    struct talk *talk = served(call);

    (void)self;
    return watched(talk, respond(talk, requests));
}

void handlers_add(weir_server *server)
{
    const struct {
        const char *method;
        weir_handler handler;
    } methods[] = {
        {"/sim.Unary/*", weir_unary(unary, NULL, NULL)},
        {"/sim.Down/*", weir_server_streaming(down, NULL, NULL)},
        {"/sim.Up/*", {up, NULL, NULL}},
        {"/sim.Bidi/*", {bidi, NULL, NULL}},
    };

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        MUST(weir_server_handle(server, methods[i].method, methods[i].handler, NULL) == WEIR_OK,
             "a method");
}
