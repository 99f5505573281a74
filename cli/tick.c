/* SPDX-License-Identifier: MIT */
/*
 * tick.c - `weir tick`: prints a rate-limited stream, and the rate that it held.
 */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "messages.h"
#include "output.h"
#include "progress.h"
#include "units.h"

static const char about[] =
    "Asks the server for a message each interval and prints them, one a line. The number of\n"
    "messages, the time they took and the rate they held go to standard error.\n";

static const char more[] =
    "Examples:\n"
    "  weir tick localhost:50051                              1000 messages, 1 ms apart\n"
    "  weir tick localhost:50051 --count 0 --interval 1s      one a second, until Ctrl-C\n"
    "  weir tick localhost:50051 --count 1000000 --interval 0 as fast as they come\n";

static bool parse(int argc, char *const *argv, client_options *o, tick_request *request, int *code)
{
    const option options[] = {
        {'n', "count", "N", OPTION_COUNT, &request->count, 0, 0,
         "how many; 0: until Ctrl-C; default 1000"},
        {'i', "interval", "TIME", OPTION_DURATION, &request->interval_ns, 0, WEIR_SECONDS(3600),
         "between two messages, like 1ms; 0: none; default 1ms"},
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}};
    const command_line line = {
        .command = "tick",
        .about = about,
        .more = more,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = operands,
        .operand_count = sizeof operands / sizeof *operands,
    };

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

static weir_code print(void *arg, const weir_bytes *message, weir_status *why)
{
    struct tick *tick = arg;
    weir_slice text;

    if (!text_read(message, &text))
        return weir_fail(why, WEIR_INTERNAL, "the server sent what is no TickReply");
    if (!output_line(&tick->out, text.data, text.size))
        return client_told(tick->client);
    tick->count++;
    tick->last_ns = progress_now();
    return WEIR_OK;
}

static int run(client *c, const tick_request *request)
{
    uint64_t start = progress_now();
    struct tick tick = {.client = c, .last_ns = start};
    weir_status why = {0};
    weir_stream replies;
    weir_code code;

    output_open(&tick.out, NULL);
    replies = client_call(c, STREAMS_TICK, weir_stream_once(tick_request_write(request)));
    code = weir_stream_for_each(replies, print, &tick, &why);
    print_rate(tick.count, tick.last_ns - start);
    return client_exit_code(c, code, &why);
}

int tick_command(int argc, char *const *argv)
{
    client_options options = {0};
    tick_request request = {1000, WEIR_MILLISECONDS(1)};
    client c;
    int code;

    if (!parse(argc, argv, &options, &request, &code))
        return code;
    code = client_begin(&c, &options, 1);
    return code != EXIT_OK ? code : client_end(&c, run(&c, &request));
}
