/* SPDX-License-Identifier: MIT */
/*
 * chat.c - `weir chat`: sends the lines of standard input and prints what comes back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "exchange.h"
#include "output.h"
#include "utf8.h"
#include "weir/demo/v1/streams.weir.h"

enum { LINE_MAX_SIZE = 1 << 20 };

static const char about[] =
    "Sends each line of standard input and prints each line that comes back, while both go on. It\n"
    "ends when standard input ends and all answers came.\n";

static const char more[] = "Examples:\n"
                           "  weir chat localhost:50051\n"
                           "  seq 1000000 | weir chat localhost:50051 | tail -1\n";

struct chat {
    client *client;
    input input;
    output out;
    exchange exchange;
    char *line; /* what was read of a line that is not complete */
    size_t size;
    uint64_t number; /* of lines sent */
};

static bool parse(int argc, char *const *argv, client_options *o, int *code)
{
    const option options[] = {
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}};
    const command_line line = {"chat", about, more, WITH_COUNT(options), WITH_COUNT(operands)};

    return options_read(&line, argc, argv, code);
}

/* On the exchange's thread. */
static weir_code print(void *arg, const void *response, weir_status *why)
{
    struct chat *chat = arg;
    const char *line = ((const Weir__Demo__V1__ChatReply *)response)->line;

    (void)why;
    return output_line(&chat->out, line, strlen(line)) ? WEIR_OK : client_told(chat->client);
}

enum sent { SENT, OVER, BROKEN };

static enum sent broken(const struct chat *chat, const char *what)
{
    fprintf(stderr, "weir: line %llu %s\n", (unsigned long long)chat->number, what);
    return BROKEN;
}

/* The line ends at `end`, where there is room for a NUL. */
static enum sent send_line(struct chat *chat, char *line, char *end)
{
    Weir__Demo__V1__ChatRequest request = WEIR__DEMO__V1__CHAT_REQUEST__INIT;

    *end = '\0';
    chat->number++;
    if (line + strlen(line) != end)
        return broken(chat, "holds a NUL, which ends a string");
    if (!is_utf8(line))
        return broken(chat, "is not UTF-8, which a gRPC string must be");
    request.line = line;
    return exchange_send(&chat->exchange, &request) ? SENT : OVER;
}

/* Sends all whole lines of the buffer and moves the rest to its front. */
static enum sent send_lines(struct chat *chat)
{
    char *begin = chat->line, *end = chat->line + chat->size, *line_end;
    enum sent sent = SENT;

    while (sent == SENT && (line_end = memchr(begin, '\n', (size_t)(end - begin))) != NULL) {
        sent = send_line(chat, begin, line_end);
        begin = line_end + 1;
    }
    chat->size = (size_t)(end - begin);
    memmove(chat->line, begin, chat->size);
    return sent;
}

static enum sent send_last_line(struct chat *chat)
{
    return chat->size > 0 ? send_line(chat, chat->line, chat->line + chat->size) : SENT;
}

static enum sent send_all(struct chat *chat)
{
    enum sent sent = SENT;

    while (sent == SENT) {
        ssize_t n;

        if (chat->size == LINE_MAX_SIZE) {
            chat->number++;
            return broken(chat, "is longer than 1 MiB");
        }
        n = input_read(&chat->input, chat->line + chat->size, LINE_MAX_SIZE - chat->size);
        if (n < 0)
            return BROKEN;
        if (n == 0)
            return send_last_line(chat);
        chat->size += (size_t)n;
        sent = send_lines(chat);
    }
    return sent;
}

static int exchange_all(struct chat *chat)
{
    enum sent sent;

    chat->exchange = (exchange){.client = chat->client,
                                .method = &weir__demo__v1__streams__chat__method,
                                .input = &chat->input,
                                .take = print,
                                .arg = chat};
    if (!exchange_begin(&chat->exchange))
        return EXIT_FAILED;
    sent = send_all(chat);
    return exchange_finish(&chat->exchange, sent != BROKEN);
}

static int run(client *c)
{
    struct chat chat = {.client = c};
    int code = EXIT_FAILED;

    output_open(&chat.out, NULL);
    if (!input_open(&chat.input, "-"))
        return EXIT_FAILED;
    chat.line = malloc(LINE_MAX_SIZE + 1);
    if (chat.line == NULL)
        fputs("weir: out of memory\n", stderr);
    else
        code = exchange_all(&chat);
    free(chat.line);
    input_close(&chat.input);
    return code;
}

int chat_command(int argc, char *const *argv)
{
    client_options options = {0};
    client c;
    int code;

    if (!parse(argc, argv, &options, &code))
        return code;
    code = client_begin(&c, &options, 1);
    return code != EXIT_OK ? code : client_end(&c, run(&c));
}
