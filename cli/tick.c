/* SPDX-License-Identifier: MIT */
/*
 * tick.c - `weir tick`: prints a rate-limited stream, and the rate that it held.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "output.h"
#include "progress.h"
#include "units.h"
#include "weir/demo/v1/streams.weir.h"

static const char about[] =
    "Asks the server for a message each interval and prints them, one a line. The number of\n"
    "messages, the time they took and the rate they held go to standard error.\n";

static const char more[] =
    "Examples:\n"
    "  weir tick localhost:50051                              1000 messages, 1 ms apart\n"
    "  weir tick localhost:50051 --count 0 --interval 1s      one a second, until Ctrl-C\n"
    "  weir tick localhost:50051 --count 1000000 --interval 0 as fast as they come\n";

static bool parse(int argc, char *const *argv, client_options *o,
                  Weir__Demo__V1__TickRequest *request, int *code)
{
    const option options[] = {
        {'n', "count", "N", OPTION_COUNT, &request->count, 0, 0,
         "how many; 0: until Ctrl-C; default 1000"},
        {'i', "interval", "TIME", OPTION_DURATION, &request->interval_ns, 0, WEIR_SECONDS(3600),
         "between two messages, like 1ms; 0: none; default 1ms"},
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}};
    const command_line line = {"tick", about, more, WITH_COUNT(options), WITH_COUNT(operands)};

    return options_read(&line, argc, argv, code);
}

static void print_rate(uint64_t count, uint64_t took_ns)
{
    double rate = took_ns > 0 ? (double)count * 1e9 / (double)took_ns : 0;
    char took[UNITS_TEXT_SIZE];

    fprintf(stderr, "%" PRIu64 " messages in %s, %.1f a second\n", count,
            format_duration(took, took_ns), rate);
}

struct tick {
    client *client;
    output out;
    uint64_t count;
    uint64_t last_ns; /* when the last message came */
};

static weir_code print(struct tick *tick, const Weir__Demo__V1__TickReply *reply)
{
    if (!output_line(&tick->out, reply->text, strlen(reply->text)))
        return client_told(tick->client);
    tick->count++;
    tick->last_ns = progress_now();
    return WEIR_OK;
}

static weir_code print_all(struct tick *tick, const Weir__Demo__V1__TickRequest *request,
                           weir_status *why)
{
    weir_call *call = client_call(tick->client, why);
    Weir__Demo__V1__Streams__Tick_Client *ticks = NULL;
    const Weir__Demo__V1__TickReply *reply;
    weir_code code = WEIR_OK;

    if (call != NULL)
        ticks = weir__demo__v1__streams__tick__open(tick->client->channel, call, request, why);
    while (ticks != NULL && code == WEIR_OK &&
           weir__demo__v1__streams__tick__read_response(ticks, &reply, why) == WEIR_READY)
        code = print(tick, reply);
    weir__demo__v1__streams__tick__close(ticks);
    return code == WEIR_OK ? why->code : code;
}

static int run(client *c, const Weir__Demo__V1__TickRequest *request)
{
    uint64_t start = progress_now();
    struct tick tick = {.client = c, .last_ns = start};
    weir_status why = {0};
    weir_code code;

    output_open(&tick.out, NULL);
    code = print_all(&tick, request, &why);
    print_rate(tick.count, tick.last_ns - start);
    return client_exit_code(c, code, &why);
}

int tick_command(int argc, char *const *argv)
{
    client_options options = {0};
    Weir__Demo__V1__TickRequest request = WEIR__DEMO__V1__TICK_REQUEST__INIT;
    client c;
    int code;

    request.count = 1000;
    request.interval_ns = WEIR_MILLISECONDS(1);
    if (!parse(argc, argv, &options, &request, &code))
        return code;
    code = client_begin(&c, &options, 1);
    return code != EXIT_OK ? code : client_end(&c, run(&c, &request));
}
