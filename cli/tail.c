/* SPDX-License-Identifier: MIT */
/*
 * tail.c - `weir tail`: prints a file of the server and what is added to it.
 */
#include <stdio.h>

#include "commands.h"
#include "output.h"
#include "weir/demo/v1/streams.weir.h"

static const char about[] =
    "Prints the lines of a file below the server's --dir, and those that are added to it, until\n"
    "Ctrl-C. A last line that has no line end yet is printed once it has.\n";

static const char more[] = "Examples:\n"
                           "  weir tail localhost:50051 syslog\n"
                           "  weir tail localhost:50051 nginx/access.log --from-end\n";

struct tail {
    client *client;
    output out;
    const char *path;
    bool from_end;
    uint64_t lines; /* still to be printed; 0: no end */
    bool done;
};

static bool parse(int argc, char *const *argv, client_options *o, struct tail *t, int *code)
{
    const option options[] = {
        {0, "from-end", NULL, OPTION_FLAG, &t->from_end, 0, 0,
         "begin with what is added from now on"},
        {'n', "lines", "N", OPTION_COUNT, &t->lines, 1, 0, "end after so many lines"},
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}, {"PATH", &t->path}};
    const command_line line = {"tail", about, more, WITH_COUNT(options), WITH_COUNT(operands)};

    return options_read(&line, argc, argv, code);
}

static weir_code print(struct tail *t, const Weir__Demo__V1__TailReply *reply)
{
    bool written;

    if (reply->restarted)
        fputs("weir: the file became shorter; reading it from its start\n", stderr);
    written = reply->partial ? output_write(&t->out, reply->line.data, reply->line.len)
                             : output_line(&t->out, reply->line.data, reply->line.len);
    if (!written)
        return client_told(t->client);
    t->done = !reply->partial && t->lines > 0 && --t->lines == 0;
    return t->done ? WEIR_CANCELLED : WEIR_OK;
}

static weir_code print_all(struct tail *t, weir_status *why)
{
    Weir__Demo__V1__TailRequest request = WEIR__DEMO__V1__TAIL_REQUEST__INIT;
    weir_call *call = client_call(t->client, why);
    Weir__Demo__V1__Streams__Tail_Client *lines = NULL;
    const Weir__Demo__V1__TailReply *reply;
    weir_code code = WEIR_OK;

    request.path = (char *)t->path;
    request.from_end = t->from_end;
    if (call != NULL)
        lines = weir__demo__v1__streams__tail__open(t->client->channel, call, &request, why);
    while (lines != NULL && code == WEIR_OK &&
           weir__demo__v1__streams__tail__read_response(lines, &reply, why) == WEIR_READY)
        code = print(t, reply);
    weir__demo__v1__streams__tail__close(lines);
    return code == WEIR_OK ? why->code : code;
}

static int run(client *c, struct tail *t)
{
    weir_status why = {0};
    weir_code code;

    t->client = c;
    output_open(&t->out, NULL);
    code = print_all(t, &why);
    return client_exit_code(c, t->done ? WEIR_OK : code, &why);
}

int tail_command(int argc, char *const *argv)
{
    client_options options = {0};
    struct tail t = {0};
    client c;
    int code;

    if (!parse(argc, argv, &options, &t, &code))
        return code;
    code = client_begin(&c, &options, 1);
    return code != EXIT_OK ? code : client_end(&c, run(&c, &t));
}
