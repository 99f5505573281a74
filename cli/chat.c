/* SPDX-License-Identifier: MIT */
/*
 * chat.c - `weir chat`: sends the lines of standard input and prints what comes back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "exchange.h"
#include "messages.h"
#include "output.h"
#include "wire.h"

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
    uint8_t *line; /* what was read of a line that is not complete */
    size_t size;
    uint64_t number; /* of lines sent */
};

static bool parse(int argc, char *const *argv, client_options *o, int *code)
{
    const option options[] = {
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}};
    const command_line line = {
        .command = "chat",
        .about = about,
        .more = more,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = operands,
        .operand_count = sizeof operands / sizeof *operands,
    };

    return options_read(&line, argc, argv, code);
}

/* On the exchange's thread. */
static weir_code print(void *arg, const weir_bytes *message, weir_status *why)
{
    struct chat *chat = arg;
    weir_slice line;

    if (!text_read(message, &line))
        return weir_fail(why, WEIR_INTERNAL, "the server sent what is no ChatReply");
    return output_line(&chat->out, line.data, line.size) ? WEIR_OK : client_told(chat->client);
}

enum sent { SENT, OVER, BROKEN };

static enum sent send_line(struct chat *chat, weir_slice line)
{
    chat->number++;
    if (wire_is_utf8(line))
        return exchange_send(&chat->exchange, text_write(line)) ? SENT : OVER;
    fprintf(stderr, "weir: line %llu is not UTF-8, which a gRPC string must be\n",
            (unsigned long long)chat->number);
    return BROKEN;
}

/* Sends all whole lines of the buffer and moves the rest to its front. */
static enum sent send_lines(struct chat *chat)
{
    uint8_t *begin = chat->line, *end = chat->line + chat->size, *line_end;
    enum sent sent = SENT;

    while (sent == SENT && (line_end = memchr(begin, '\n', (size_t)(end - begin))) != NULL) {
        sent = send_line(chat, (weir_slice){begin, (size_t)(line_end - begin)});
        begin = line_end + 1;
    }
    chat->size = (size_t)(end - begin);
    memmove(chat->line, begin, chat->size);
    return sent;
}

static enum sent send_last_line(struct chat *chat)
{
    return chat->size > 0 ? send_line(chat, (weir_slice){chat->line, chat->size}) : SENT;
}

static enum sent send_all(struct chat *chat)
{
    enum sent sent = SENT;

    while (sent == SENT) {
        ssize_t n;

        if (chat->size == LINE_MAX_SIZE) {
            fprintf(stderr, "weir: line %llu is longer than 1 MiB\n",
                    (unsigned long long)chat->number + 1);
            return BROKEN;
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

    chat->exchange =
        (exchange){.client = chat->client, .input = &chat->input, .take = print, .arg = chat};
    if (!exchange_begin(&chat->exchange, STREAMS_CHAT))
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
    chat.line = malloc(LINE_MAX_SIZE);
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
