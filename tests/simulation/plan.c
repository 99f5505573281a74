/* SPDX-License-Identifier: MIT */
/*
 * plan.c - draws what a call will do.
 */
#include "simulation/plan.h"

#include <inttypes.h>
#include <string.h>

/* ---- stages ---- */

static struct stage draw_stage(struct dice *dice, unsigned kinds)
{
    struct stage stage = {.kind = (enum stage_kind)dice_below(dice, kinds)};

    stage.ns = WEIR_MICROSECONDS(dice_scale(dice, 5000));
    switch (stage.kind) {
    case STAGE_FILTER:
        stage.amount = dice_between(dice, 2, 9);
        break;
    case STAGE_SKIP:
        stage.amount = dice_between(dice, 1, 5);
        break;
    case STAGE_TIMEOUT:
        stage.ns = WEIR_MILLISECONDS(dice_scale(dice, 20000));
        stage.amount = dice_below(dice, 3);
        break;
    case STAGE_BUFFER_BYTES:
        stage.amount = dice_scale(dice, 20000);
        break;
    default:
        stage.amount = dice_between(dice, 1, 60);
    }
    return stage;
}

static void draw_stages(struct stages *stages, struct dice *dice, unsigned kinds)
{
    stages->count = dice_chance(dice, 350) ? dice_between(dice, 1, STAGES_MAX) : 0;
    for (unsigned i = 0; i < stages->count; i++)
        stages->at[i] = draw_stage(dice, kinds);
}

/* Whether one of the stages looks into the messages. */
static bool look_inside(const struct stages *stages)
{
    for (unsigned i = 0; i < stages->count; i++) {
        if (stages->at[i].kind == STAGE_FILTER || stages->at[i].kind == STAGE_TAKE_WHILE)
            return true;
    }
    return false;
}

/* ---- messages ---- */

static uint32_t draw_size(struct dice *dice, uint32_t *messages)
{
    uint32_t what = dice_below(dice, 100);

    if (what < 60)
        return dice_between(dice, 16, 64);
    if (what < 85)
        return dice_between(dice, 16, 1200);
    if (what < 95)
        return dice_between(dice, 1000, 9000);
    *messages = *messages % 8 + 1;
    return what < 98 ? dice_between(dice, 16300, 16500) : dice_between(dice, 60000, 150000);
}

static void draw_origin(struct origin *origin, struct dice *dice)
{
    origin->messages = dice_chance(dice, 30) ? 0 : dice_between(dice, 10, 60);
    origin->max_size = draw_size(dice, &origin->messages);
    origin->empties = dice_chance(dice, 50);
    if (dice_chance(dice, 100) && origin->messages > 1)
        origin->chained_at = dice_between(dice, 1, origin->messages - 1);
    if (dice_chance(dice, 300))
        origin->pause_permille = dice_scale(dice, 300);
    origin->pause_ns = WEIR_MICROSECONDS(dice_scale(dice, 30000));
    origin->pauses_by_clock = dice_chance(dice, 500);
    origin->cancels_at = dice_chance(dice, 15) ? dice_below(dice, 40) : UINT32_MAX;
}

static weir_code draw_error(struct dice *dice, uint32_t permille)
{
    static const weir_code codes[] = {WEIR_NOT_FOUND, WEIR_ABORTED, WEIR_DATA_LOSS,
                                      WEIR_PERMISSION_DENIED, WEIR_FAILED_PRECONDITION};

    return dice_chance(dice, permille) ? codes[dice_below(dice, 5)] : WEIR_OK;
}

static void draw_pace(struct pace *pace, struct dice *dice)
{
    pace->batch = dice_between(dice, 1, 16);
    if (dice_chance(dice, 250))
        pace->stall_permille = dice_scale(dice, 300);
    pace->stall_ns = WEIR_MICROSECONDS(dice_scale(dice, 100000));
    pace->release_at = dice_chance(dice, 40) ? dice_below(dice, 40) : UINT32_MAX;
    pace->cancel_at = dice_chance(dice, 40) ? dice_below(dice, 40) : UINT32_MAX;
}

/* ---- the whole ---- */

static enum talk_kind draw_kind(struct dice *dice)
{
    uint32_t what = dice_below(dice, 100);

    if (what < 12)
        return TALK_UNARY;
    if (what < 28)
        return TALK_DOWN;
    if (what < 44)
        return TALK_UP;
    return TALK_ECHO + dice_below(dice, TALK_KINDS - TALK_ECHO);
}

/* What a call of its kind cannot be. */
static void fit_to_kind(struct plan *plan, struct dice *dice)
{
    if (plan->kind == TALK_UNARY || plan->kind == TALK_DOWN) {
        plan->requests.messages = dice_chance(dice, 30) ? 2 * dice_below(dice, 2) : 1;
        plan->requests.chained_at = 0;
        plan->client_out.count = 0;
    }
    if (plan->kind == TALK_UNARY || plan->kind == TALK_UP)
        plan->server.count = 0;
    if (plan->kind == TALK_UP || plan->kind == TALK_MERGE)
        plan->responses.code = WEIR_OK;
    if (plan->kind != TALK_SPLIT && plan->kind != TALK_BROADCAST)
        plan->reader.release_at = UINT32_MAX;
    if (plan->kind == TALK_UP)
        plan->responses.messages = 1;
    plan->reader.cancel_at = dice_chance(dice, 30) ? dice_below(dice, 40) : UINT32_MAX;
}

static void draw_pipe(weir_pipe_options *pipe, struct dice *dice)
{
    *pipe = (weir_pipe_options){.max_messages = dice_scale(dice, 20),
                                .max_bytes = dice_scale(dice, 100000)};
    if (dice_chance(dice, 400))
        pipe->when_full = (weir_when_full)dice_below(dice, 4);
}

static void cut_short(struct origin *origin, uint32_t max_messages)
{
    if (origin->messages > max_messages)
        origin->messages = max_messages;
    if (origin->chained_at >= origin->messages)
        origin->chained_at = 0;
}

static void draw_surroundings(struct plan *plan, struct dice *dice)
{
    plan->route = dice_below(dice, 1000);
    plan->start_ns = dice_chance(dice, 500) ? WEIR_MICROSECONDS(dice_below(dice, 300000)) : 0;
    if (dice_chance(dice, 120))
        plan->timeout_ns = WEIR_MICROSECONDS(dice_scale(dice, 2000000));
    plan->wait_for_ready = dice_chance(dice, 300);
    plan->send_headers = dice_chance(dice, 150);
    plan->metadata = dice_chance(dice, 100);
    plan->shuts_down = dice_chance(dice, 4);
    if (dice_chance(dice, 50))
        plan->request_compression = (weir_compression)dice_below(dice, 3);
    if (dice_chance(dice, 50))
        plan->response_compression = (weir_compression)dice_below(dice, 3);
}

void plan_draw(struct plan *plan, struct dice *dice, const struct cuts *cuts)
{
    unsigned kinds;
    bool vague;

    memset(plan, 0, sizeof *plan);
    plan->kind = draw_kind(dice);
    draw_pipe(&plan->pipe, dice);
    /* Where flows merge and pipes drop it cannot be told beforehand which message is the n-th. */
    vague = plan->kind == TALK_MERGE ||
            (plan->kind >= TALK_PIPE && plan->pipe.when_full != WEIR_FULL_BLOCK);
    kinds = vague ? STAGE_TRANSPARENT : STAGE_KINDS;
    draw_surroundings(plan, dice);
    draw_origin(&plan->requests, dice);
    draw_origin(&plan->responses, dice);
    plan->requests.code = draw_error(dice, 30);
    plan->responses.code = draw_error(dice, 100);
    draw_stages(&plan->client_out, dice, kinds);
    draw_stages(&plan->server, dice, kinds);
    draw_stages(&plan->client_in, dice, kinds);
    draw_pace(&plan->client, dice);
    draw_pace(&plan->reader, dice);
    fit_to_kind(plan, dice);
    cut_short(&plan->requests, cuts->max_messages);
    cut_short(&plan->responses, cuts->max_messages);
    if (vague || look_inside(&plan->client_out) || look_inside(&plan->server) ||
        look_inside(&plan->client_in))
        plan->requests.empties = plan->responses.empties = false;
}

/* ---- for people ---- */

static void print_stages(const char *where, const struct stages *stages, FILE *out)
{
    static const char *const names[STAGE_KINDS] = {
        "map",     "throttle",        "burst",        "strict", "timeout",    "delay", "then",
        "inspect", "buffer messages", "buffer bytes", "filter", "take while", "take",  "skip",
        "limit"};

    for (unsigned i = 0; i < stages->count; i++)
        fprintf(out, "  %s: %s %" PRIu32 ", %" PRIu64 " ns\n", where, names[stages->at[i].kind],
                stages->at[i].amount, stages->at[i].ns);
}

static void print_origin(const char *what, const struct origin *origin, FILE *out)
{
    fprintf(out, "  %s: %" PRIu32 " of up to %" PRIu32 " bytes%s, chained at %" PRIu32 ", then %s",
            what, origin->messages, origin->max_size, origin->empties ? ", some empty" : "",
            origin->chained_at, weir_code_name(origin->code));
    fprintf(out, "; %" PRIu32 " in 1000 pause for %" PRIu64 " ns\n", origin->pause_permille,
            origin->pause_ns);
}

static void print_pace(const char *who, const struct pace *pace, FILE *out)
{
    fprintf(out, "  %s: reads up to %" PRIu32 ", %" PRIu32 " in 1000 stall for %" PRIu64 " ns", who,
            pace->batch, pace->stall_permille, pace->stall_ns);
    fprintf(out, ", releases at %" PRIu32 ", cancels at %" PRIu32 "\n", pace->release_at,
            pace->cancel_at);
}

void plan_print(const struct plan *plan, unsigned id, FILE *out)
{
    static const char *const names[TALK_KINDS] = {"unary", "server stream", "client stream",
                                                  "echo",  "split",         "discard",
                                                  "pipe",  "broadcast",     "merge"};

    fprintf(out, "call %u: %s, from %" PRIu64 " ns, timeout %" PRIu64 " ns, pipe %zu %zu %d\n", id,
            names[plan->kind], plan->start_ns, plan->timeout_ns, plan->pipe.max_messages,
            plan->pipe.max_bytes, plan->pipe.when_full);
    print_origin("requests", &plan->requests, out);
    print_origin("responses", &plan->responses, out);
    print_stages("client, out", &plan->client_out, out);
    print_stages("server", &plan->server, out);
    print_stages("client, in", &plan->client_in, out);
    print_pace("client", &plan->client, out);
    print_pace("server", &plan->reader, out);
}
