/* SPDX-License-Identifier: MIT */
/*
 * talk.c - one simulated call: made, troubled, judged.
 */
#include "simulation/talk.h"

#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/faults.h"
#include "simulation/must.h"

#include "channel/channel.h"
#include "conn/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 5 };

FILE *talks_told;
struct talk talks[TALKS_MAX];
unsigned talk_count;

/* ---- what may become of it ---- */

void talk_may_end_with(struct talk *talk, weir_code code)
{
    talk->may_end_with |= 1u << code;
}

bool talk_is_live(const struct talk *talk)
{
    return talk->started && !talk->over;
}

static bool may_end_with(const struct talk *talk, weir_code code)
{
    uint64_t deadline = talk->started_at + talk->plan.timeout_ns;

    if (code == WEIR_DEADLINE_EXCEEDED && talk->plan.timeout_ns != 0 && now >= deadline)
        return true;
    return code != WEIR_OK && (talk->may_end_with & (1u << code)) != 0;
}

static void trouble(struct talk *talk)
{
    talk_may_end_with(talk, WEIR_UNAVAILABLE);
    talk_may_end_with(talk, WEIR_CANCELLED);
}

void talks_trouble(const struct route *route)
{
    for (unsigned i = 0; i < talk_count; i++) {
        if (talk_is_live(&talks[i]) &&
            (talks[i].route == route || talks[i].route->host->via == route))
            trouble(&talks[i]);
    }
}

void talks_run_short(void)
{
    for (unsigned i = 0; i < talk_count; i++) {
        talks[i].memory |= !talks[i].over;
        if (!talks[i].over)
            talks[i].may_end_with = UINT32_MAX;
    }
}

void talks_jumped(uint64_t ns)
{
    for (unsigned i = 0; i < talk_count; i++)
        talks[i].jumps += ns;
}

static bool is_down(const struct route *route)
{
    const weir_connection *connection = route->channel->connection;

    return route->troubled_wires != 0 || (connection != NULL && connection_is_down(connection));
}

static bool has_timeout(const struct stages *stages)
{
    for (unsigned i = 0; i < stages->count; i++) {
        if (stages->at[i].kind == STAGE_TIMEOUT)
            return true;
    }
    return false;
}

/* The requests may fail, and how. */
static void foresee_requests(struct talk *talk)
{
    struct model model;
    uint32_t number;

    model_init(&model, &talk->plan.requests, true);
    model_add(&model, &talk->plan.client_out);
    while (model_next(&model, &number))
        ;
    talk_may_end_with(talk, model.code);
}

static bool has_limit(const struct route *route)
{
    const struct host *host = route->host;

    return route->memory_limit != 0 || host->memory_limit != 0 ||
           (host->via != NULL && has_limit(host->via));
}

/* What follows from the plan and from how things are, but is not certain. */
static void foresee(struct talk *talk)
{
    const struct plan *plan = &talk->plan;
    bool one_request = plan->kind == TALK_UNARY || plan->kind == TALK_DOWN;

    foresee_requests(talk);
    if (has_limit(talk->route)) {
        /* Calls may be refused and ended. */
        talk->memory = true;
        talk->may_end_with = UINT32_MAX;
    }
    if (has_timeout(&plan->client_out) || has_timeout(&plan->server) ||
        has_timeout(&plan->client_in))
        talk_may_end_with(talk, WEIR_DEADLINE_EXCEEDED);
    if (one_request && plan->requests.messages != 1)
        talk_may_end_with(talk, WEIR_UNIMPLEMENTED);
    if (plan->kind == TALK_PIPE && plan->pipe.when_full == WEIR_FULL_FAIL)
        talk_may_end_with(talk, WEIR_RESOURCE_EXHAUSTED);
    if (is_down(talk->route) || (talk->route->host->via != NULL && is_down(talk->route->host->via)))
        trouble(talk);
}

/* ---- the accounts ---- */

/* One way between two ends: a window, a message being assembled, one that waits to leave. */
static uint64_t leg(const struct talk *talk, uint64_t max_size)
{
    return (talk->route->host->via != NULL ? 2 : 1) * (network.window + 3 * (max_size + PREFIX));
}

static uint64_t requests_limit(const struct talk *talk)
{
    const struct plan *plan = &talk->plan;
    uint32_t size = plan->requests.max_size;
    uint64_t one_way = leg(talk, size) + stages_hold(&plan->client_out, size);
    uint64_t back =
        leg(talk, size) + stages_hold(&plan->server, size) + stages_hold(&plan->client_in, size);

    if (stages_thin_out(&plan->client_out) || stages_thin_out(&plan->server))
        return UINT64_MAX;
    switch (plan->kind) {
    case TALK_UP:
    case TALK_SPLIT:
    case TALK_PIPE:
        return one_way + size;
    case TALK_ECHO:
    case TALK_MERGE:
        return stages_end_early(&plan->server) ? UINT64_MAX : one_way + back;
    case TALK_BROADCAST:
        return stages_end_early(&plan->server)
                   ? UINT64_MAX
                   : one_way + back + 2 * (plan->pipe.max_bytes + (uint64_t)size);
    default:
        return UINT64_MAX;
    }
}

static void open_accounts(struct talk *talk)
{
    const struct plan *plan = &talk->plan;
    uint32_t size = plan->responses.max_size;

    talk->accounts[CLIENT].limit = requests_limit(talk);
    talk->accounts[SERVER].limit = UINT64_MAX;
    if (!stages_thin_out(&plan->server))
        talk->accounts[SERVER].limit = leg(talk, size) + stages_hold(&plan->server, size) +
                                       stages_hold(&plan->client_in, size);
}

/* ---- the models ---- */

static bool echoes(enum talk_kind kind)
{
    return kind == TALK_UNARY || kind == TALK_ECHO || kind == TALK_PIPE || kind == TALK_BROADCAST ||
           kind == TALK_MERGE;
}

static void expect_requests(struct model *model, const struct talk *talk)
{
    model_init(model, &talk->plan.requests, true);
    model_add(model, &talk->plan.client_out);
    model->of_client_out = model->count;
}

static void expect_responses(struct talk *talk)
{
    struct reader *reader = &talk->client;
    const struct plan *plan = &talk->plan;

    reader->reads[CLIENT] = echoes(plan->kind);
    reader->reads[SERVER] = plan->kind == TALK_MERGE || !reader->reads[CLIENT];
    expect_requests(&reader->models[CLIENT], talk);
    model_init(&reader->models[SERVER], &plan->responses, false);
    for (int side = CLIENT; side <= SERVER; side++) {
        model_add(&reader->models[side], &plan->server);
        model_add(&reader->models[side], &plan->client_in);
    }
    reader->models[CLIENT].lossy =
        plan->kind == TALK_PIPE && plan->pipe.when_full != WEIR_FULL_BLOCK;
    expect_requests(&talk->folded, talk);
    expect_requests(&talk->server.models[CLIENT], talk);
    talk->server.reads[CLIENT] = true;
    talk->server.models[CLIENT].lossy =
        plan->kind == TALK_BROADCAST && plan->pipe.when_full != WEIR_FULL_BLOCK;
}

/* ---- the start ---- */

static const char *const services[TALK_KINDS] = {"Unary", "Down", "Up",   "Bidi", "Bidi",
                                                 "Bidi",  "Bidi", "Bidi", "Bidi"};

static weir_call *make_call(const struct talk *talk)
{
    char method[40];
    weir_call *call;

    snprintf(method, sizeof method, "/sim.%s/%u", services[talk->plan.kind], talk->id);
    call = weir_call_create(method);
    if (call == NULL)
        return NULL;
    weir_call_set_wait_for_ready(call, talk->plan.wait_for_ready);
    if (talk->plan.request_compression != WEIR_IDENTITY) {
        count(COUNT_COMPRESSED);
        weir_call_set_compression(call, talk->plan.request_compression);
    }
    if (talk->plan.timeout_ns != 0)
        weir_call_set_timeout(call, talk->plan.timeout_ns);
    if (talk->plan.metadata)
        (void)!weir_call_add_metadata(call, "sim-request", method, strlen(method));
    return call;
}

static void count_kind(const struct talk *talk)
{
    static const enum count kinds[] = {COUNT_UNARY, COUNT_DOWN, COUNT_UP};

    count(COUNT_CALLS);
    count(plan_is_bidi(&talk->plan) ? COUNT_BIDI : kinds[talk->plan.kind]);
    if (talk->route->host->via != NULL)
        count(COUNT_PROXIED);
}

static void count_queue(const struct route *route)
{
    const weir_connection *connection = route->channel->connection;

    if (connection != NULL && connection->opened && !list_is_empty(&connection->queue))
        count(COUNT_QUEUED);
}

static void start(struct actor *actor)
{
    struct talk *talk = ACTOR_OF(actor, struct talk, starter);
    weir_stream responses;

    talk->route = &network.routes[talk->plan.route % network.route_count];
    talk->started = true;
    talk->started_at = now;
    talk->jumps = 0;
    count_kind(talk);
    count_queue(talk->route);
    foresee(talk);
    open_accounts(talk);
    expect_responses(talk);
    talk->call = make_call(talk);
    responses =
        weir_channel_call(talk->route->channel, talk->call,
                          stages_apply(&talk->plan.client_out, source_stream(talk, CLIENT)));
    reader_start(&talk->client, talk, true, stages_apply(&talk->plan.client_in, responses));
}

static void prepare(struct talk *talk, unsigned id, uint64_t seed, const struct cuts *cuts)
{
    struct dice dice = dice_make(seed, DICE_CALL, id);

    *talk = (struct talk){.id = (uint16_t)id};
    plan_draw(&talk->plan, &dice, cuts);
    talk->luck = dice_roll(&dice);
    talk->lanes[CLIENT] = (struct lane){talk->id, CLIENT, &talk->plan.requests};
    talk->lanes[SERVER] = (struct lane){talk->id, SERVER, &talk->plan.responses};
    actor_init(&talk->starter, start);
    talk->over = (cuts->calls & (UINT64_C(1) << id)) == 0;
    if (!talk->over && talks_told != NULL)
        plan_print(&talk->plan, id, talks_told);
    if (!talk->over)
        actor_wake_at(&talk->starter, now + talk->plan.start_ns);
}

void talks_start(uint64_t seed, const struct cuts *cuts)
{
    struct dice dice = dice_make(seed, DICE_WORLD, 1);

    talk_count = dice_between(&dice, 24, TALKS_MAX);
    for (unsigned i = 0; i < talk_count; i++)
        prepare(&talks[i], i, seed, cuts);
}

struct talk *talk_of_method(const char *method)
{
    const char *slash = strrchr(method, '/');
    unsigned id = slash != NULL ? (unsigned)atoi(slash + 1) : UINT32_MAX;

    MUST(id < talk_count && talks[id].started, "a call of the method %s", method);
    return &talks[id];
}

/* ---- the end ---- */

/* Where messages may be missing the rest does not count. */
static bool is_complete(struct model *model, uint32_t *missing)
{
    do {
        if (!model_next(model, missing))
            return true;
    } while (model->lossy);
    return false;
}

static void check_complete(struct talk *talk, struct reader *reader, weir_code code, weir_slice why)
{
    uint32_t missing;

    for (int side = CLIENT; side <= SERVER; side++) {
        struct model *model = &reader->models[side];

        if (!reader->reads[side])
            continue;
        MUST(is_complete(model, &missing), "call %u: %s (%.*s), and message %u is missing",
             talk->id, weir_code_name(code), (int)why.size, (const char *)why.data, missing);
        MUST(model->code == code, "call %u: ended with %s (%.*s), and not with %s", talk->id,
             weir_code_name(code), (int)why.size, (const char *)why.data,
             weir_code_name(model->code));
    }
}

static void check_pair(const struct talk *talk, const weir_metadata *metadata, const char *name)
{
    weir_slice value = {0};
    char text[12];
    int size = snprintf(text, sizeof text, "%u", talk->id);

    MUST(weir_metadata_get(metadata, name, 0, &value) && value.size == (size_t)size &&
             memcmp(value.data, text, value.size) == 0,
         "call %u: no %s", talk->id, name);
}

/* What the server said around its messages, where the client read as far as that. */
static void check_metadata(const struct talk *talk)
{
    if (!talk->plan.metadata || !talk->served || talk->memory ||
        stages_end_early(&talk->plan.client_in))
        return;
    check_pair(talk, weir_call_response_metadata(talk->call), "sim-header");
    check_pair(talk, weir_call_trailers(talk->call), "sim-trailer");
}

static void judge(struct talk *talk, weir_code code, const weir_status *status)
{
    if (code == WEIR_DEADLINE_EXCEEDED)
        count(COUNT_DEADLINE);
    if (code == WEIR_OK)
        count(COUNT_OK);
    faults_notice();
    if (may_end_with(talk, code))
        return;
    MUST(code == WEIR_OK || talk->plan.kind != TALK_MERGE, "call %u: ended with %s: %.*s", talk->id,
         weir_code_name(code), (int)status->message.size, (const char *)status->message.data);
    check_complete(talk, &talk->client, code,
                   (weir_slice){status->message.data, status->message.size});
    check_metadata(talk);
}

static void close_account(struct talk *talk)
{
    count_call_of(talk->client.messages + talk->server.messages + talk->folded.next);
}

void talk_client_ended(struct talk *talk, weir_code code, const weir_status *status)
{
    MUST(!talk->over, "call %u: a second end", talk->id);
    if (status != NULL)
        judge(talk, code, status);
    talk->over = true;
    close_account(talk);
}

void talk_server_ended(struct talk *talk, weir_code code)
{
    faults_notice();
    /* Who ended the responses knows that no more requests come. */
    if (code == WEIR_OK && !talk->responses_over && !talk->memory)
        check_complete(talk, &talk->server, code, (weir_slice){0});
}

/* ---- all of them ---- */

bool talks_are_over(void)
{
    for (unsigned i = 0; i < talk_count; i++) {
        if (!talks[i].over)
            return false;
    }
    return true;
}

static void check_end(struct talk *talk)
{
    MUST(talk->over, "call %u hangs: all is quiet, and it has not ended", talk->id);
    if (talk->server.open && !talk->server.over)
        must_fail(__FILE__, __LINE__, "call %u: its server's reader hangs", talk->id);
    MUST(talk->responses_made == talk->responses_over, "call %u: its responses have no end",
         talk->id);
    for (int i = 0; i < 4; i++)
        source_clear(&talk->sources[i / 2][i % 2]);
}

void talks_check_end(void)
{
    for (unsigned i = 0; i < talk_count; i++)
        check_end(&talks[i]);
}

void talks_clear(void)
{
    for (unsigned i = 0; i < talk_count; i++) {
        reader_clear(&talks[i].client);
        reader_clear(&talks[i].server);
        weir_call_unref(talks[i].call);
        weir_call_unref(talks[i].server_call);
    }
}
