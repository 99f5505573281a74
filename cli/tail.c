/* SPDX-License-Identifier: MIT */
/*
 * tail.c - `weir tail`: prints a file of the server and what is added to it.
 */
#include <stdio.h>

#include "commands.h"
#include "messages.h"
#include "output.h"

static const char about[] =
    "Prints the lines of a file below the server's --dir, and those that are added to it, until\n"
    "Ctrl-C. A last line that has no line end yet is printed once it has.\n";

static const char more[] = "Examples:\n"
                           "  weir tail localhost:50051 syslog\n"
                           "  weir tail localhost:50051 nginx/access.log --from-end\n";

struct tail {
    client *client;
    output out;
    tail_request request;
    uint64_t lines; /* still to be printed; 0: no end */
    bool done;
};

static bool parse(int argc, char *const *argv, client_options *o, struct tail *t, const char **path,
                  int *code)
{
    const option options[] = {
        {0, "from-end", NULL, OPTION_FLAG, &t->request.from_end, 0, 0,
         "begin with what is added from now on"},
        {'n', "lines", "N", OPTION_COUNT, &t->lines, 1, 0, "end after so many lines"},
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}, {"PATH", path}};
    const command_line line = {
        .command = "tail",
        .about = about,
        .more = more,
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = operands,
        .operand_count = sizeof operands / sizeof *operands,
    };

    return options_read(&line, argc, argv, code);
}

static weir_code print(void *arg, const weir_bytes *message, weir_status *why)
{
    struct tail *t = arg;
    tail_reply reply;
    bool written;

    if (!tail_reply_read(message, &reply))
        return weir_fail(why, WEIR_INTERNAL, "the server sent what is no TailReply");
    if (reply.restarted)
        fputs("weir: the file became shorter; reading it from its start\n", stderr);
    written = reply.partial ? output_write(&t->out, reply.line.data, reply.line.size)
                            : output_line(&t->out, reply.line.data, reply.line.size);
    if (!written)
        return client_told(t->client);
    t->done = !reply.partial && t->lines > 0 && --t->lines == 0;
    return t->done ? WEIR_CANCELLED : WEIR_OK;
}

static int run(client *c, struct tail *t)
{
    weir_status why = {0};
    weir_stream replies;
    weir_code code;

    t->client = c;
    output_open(&t->out, NULL);
    replies = client_call(c, STREAMS_TAIL, weir_stream_once(tail_request_write(&t->request)));
    code = weir_stream_for_each(replies, print, t, &why);
    return client_exit_code(c, t->done ? WEIR_OK : code, &why);
}

int tail_command(int argc, char *const *argv)
{
    client_options options = {0};
    struct tail t = {0};
    const char *path;
    client c;
    int code;

    if (!parse(argc, argv, &options, &t, &path, &code))
        return code;
    t.request.path = slice_of(path);
    code = client_begin(&c, &options, 1);
    return code != EXIT_OK ? code : client_end(&c, run(&c, &t));
}
