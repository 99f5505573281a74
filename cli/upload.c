/* SPDX-License-Identifier: MIT */
/*
 * upload.c - `weir upload`: sends a file and compares what the server says it got.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "exchange.h"
#include "progress.h"
#include "sha256.h"
#include "weir/demo/v1/streams.weir.h"

enum { CHUNK_SIZE = 64 << 10 };

static const char about[] =
    "Sends FILE, or standard input for \"-\", to the server, which keeps nothing and answers with\n"
    "the size and the sha256 of what it got. Both must be those of what was sent. The sha256 goes\n"
    "to standard output in the form of sha256sum, the progress to standard error.\n";

static const char more[] = "Examples:\n"
                           "  weir upload localhost:50051 big.iso\n"
                           "  tar c . | weir upload localhost:50051 -\n";

struct upload {
    client *client;
    input input;
    exchange exchange;
    progress progress;
    sha256 *sum;
    bool answered;
    uint64_t size;
    char text[SHA256_TEXT_SIZE]; /* what the server answered */
};

static bool parse(int argc, char *const *argv, client_options *o, const char **file, int *code)
{
    const option options[] = {
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}, {"FILE", file}};
    const command_line line = {"upload", about, more, WITH_COUNT(options), WITH_COUNT(operands)};

    return options_read(&line, argc, argv, code);
}

/* On the exchange's thread. */
static weir_code take_answer(void *arg, const void *response, weir_status *why)
{
    struct upload *u = arg;
    const Weir__Demo__V1__UploadReply *reply = response;
    size_t size = strspn(reply->sha256, "0123456789abcdef");

    /* It is printed, and what is no digest could command the terminal. */
    if (size >= sizeof u->text || reply->sha256[size] != '\0' || u->answered)
        return weir_fail(why, WEIR_INTERNAL, "the server sent what is no UploadReply");
    u->answered = true;
    u->size = reply->size;
    strcpy(u->text, reply->sha256);
    return WEIR_OK;
}

/* Sends all of the input. False: it cannot be read, and that was told. That the call is over is for
 * its status to tell. */
static bool send_all(struct upload *u)
{
    static uint8_t chunk[CHUNK_SIZE];
    Weir__Demo__V1__UploadRequest request = WEIR__DEMO__V1__UPLOAD_REQUEST__INIT;
    ssize_t n;

    while ((n = input_read(&u->input, chunk, sizeof chunk)) > 0) {
        sha256_add(u->sum, chunk, (size_t)n);
        request.data = (ProtobufCBinaryData){(size_t)n, chunk};
        if (!exchange_send(&u->exchange, &request))
            break;
        progress_add(&u->progress, (uint64_t)n, progress_now());
    }
    return n >= 0;
}

/* The call ended well: is what the server got what was sent? */
static int compare(struct upload *u)
{
    char sent[SHA256_TEXT_SIZE] = "";

    if (sha256_finish(u->sum, sent) && u->answered && u->size == u->progress.done &&
        strcmp(sent, u->text) == 0) {
        progress_end(&u->progress, NULL, progress_now());
        return printf("%s  %s\n", u->text, u->input.name) < 0 ? EXIT_FAILED : EXIT_OK;
    }
    progress_abandon(&u->progress);
    fprintf(stderr,
            "weir: the server got %" PRIu64 " bytes with sha256 %s, but %" PRIu64
            " bytes with sha256 %s were sent\n",
            u->size, u->text, u->progress.done, sent);
    return EXIT_FAILED;
}

static int exchange_all(struct upload *u)
{
    bool complete;
    int code;

    u->exchange = (exchange){.client = u->client,
                             .method = &weir__demo__v1__streams__upload__method,
                             .input = &u->input,
                             .take = take_answer,
                             .arg = u};
    if (!exchange_begin(&u->exchange))
        return EXIT_FAILED;
    progress_begin(&u->progress, "uploaded", stderr, progress_now());
    u->progress.total = u->input.size;
    complete = send_all(u);
    code = exchange_finish(&u->exchange, complete);
    if (code == EXIT_OK)
        return compare(u);
    progress_abandon(&u->progress);
    return code;
}

static int run(client *c, const char *file)
{
    struct upload u = {.client = c};
    int code = EXIT_FAILED;

    if (!input_open(&u.input, file))
        return EXIT_FAILED;
    u.sum = sha256_create();
    if (u.sum == NULL)
        fputs("weir: out of memory\n", stderr);
    else
        code = exchange_all(&u);
    sha256_free(u.sum);
    input_close(&u.input);
    return code;
}

int upload_command(int argc, char *const *argv)
{
    client_options options = {0};
    const char *file;
    client c;
    int code;

    if (!parse(argc, argv, &options, &file, &code))
        return code;
    code = client_begin(&c, &options, 1);
    return code != EXIT_OK ? code : client_end(&c, run(&c, file));
}
