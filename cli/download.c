/* SPDX-License-Identifier: MIT */
/*
 * download.c - `weir download`: fetches a file, and believes it only when it is complete.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "output.h"
#include "progress.h"
#include "sha256.h"
#include "weir/demo/v1/streams.weir.h"

static const char about[] =
    "Fetches a file below the server's --dir and writes it to standard output, or to FILE, which\n"
    "appears when it is complete. The progress, the rate and the sha256 go to standard error.\n"
    "\n"
    "With --parallel or --pause nothing is kept: so many downloads of the file are made at once\n"
    "on one connection, each takes one message and stalls for the pause, then all go on to their\n"
    "end, and their sizes and sha256 must be the same. So one sees what stalled readers cost.\n";

static const char more[] =
    "Examples:\n"
    "  weir download localhost:50051 big.iso -o big.iso\n"
    "  weir download localhost:50051 logs.tar | tar t\n"
    "  weir download localhost:50051 big.iso --parallel 100 --pause 5s\n"
    "The server must allow so many calls on one connection: see `weir serve --max-streams`.\n";

struct download {
    client *client;
    output out;
    progress progress;
    sha256 *sum;
    bool begun;
};

struct arguments {
    const char *file;
    stalled_options stalled;
};

static bool parse(int argc, char *const *argv, client_options *o, struct arguments *a, int *code)
{
    stalled_options *s = &a->stalled;
    const option options[] = {
        {'o', "output", "FILE", OPTION_TEXT, &a->file, 0, 0,
         "write to it instead of standard output"},
        {0, "chunk-size", "SIZE", OPTION_SIZE, &s->chunk_size, 1, 1 << 20,
         "of one message; default 32KiB"},
        {0, "parallel", "N", OPTION_COUNT, &s->parallel, 1, 1000,
         "downloads at once, nothing kept"},
        {0, "pause", "TIME", OPTION_DURATION, &s->pause_ns, 0, WEIR_SECONDS(3600),
         "stall after the first message, nothing kept"},
        CLIENT_OPTIONS(o),
    };
    const operand operands[] = {{"ADDRESS", &o->address}, {"PATH", &s->path}};
    const command_line line = {"download", about, more, WITH_COUNT(options), WITH_COUNT(operands)};

    return options_read(&line, argc, argv, code);
}

static weir_code take(struct download *d, const Weir__Demo__V1__DownloadReply *reply,
                      weir_status *why)
{
    if (!d->begun)
        d->progress.total = reply->total_size;
    d->begun = true;
    if (!sha256_add(d->sum, reply->data.data, reply->data.len))
        return weir_fail(why, WEIR_INTERNAL, "hashing failed");
    if (!output_write(&d->out, reply->data.data, reply->data.len))
        return client_told(d->client);
    progress_add(&d->progress, reply->data.len, progress_now());
    return WEIR_OK;
}

static weir_code take_all(struct download *d, const stalled_options *s, weir_status *why)
{
    Weir__Demo__V1__DownloadRequest request = WEIR__DEMO__V1__DOWNLOAD_REQUEST__INIT;
    weir_call *call = client_call(d->client, why);
    Weir__Demo__V1__Streams__Download_Client *chunks = NULL;
    const Weir__Demo__V1__DownloadReply *reply;
    weir_code code = WEIR_OK;

    request.path = (char *)s->path;
    request.chunk_size = (uint32_t)s->chunk_size;
    if (call != NULL)
        chunks = weir__demo__v1__streams__download__open(d->client->channel, call, &request, why);
    while (chunks != NULL && code == WEIR_OK &&
           weir__demo__v1__streams__download__read_response(chunks, &reply, why) == WEIR_READY)
        code = take(d, reply, why);
    weir__demo__v1__streams__download__close(chunks);
    return code == WEIR_OK ? why->code : code;
}

/* The call ended well: is that the whole file? */
static weir_code check(struct download *d, weir_status *why)
{
    if (d->progress.done != d->progress.total)
        return weir_fail(why, WEIR_DATA_LOSS, "the file has %llu bytes, but %llu came",
                         (unsigned long long)d->progress.total,
                         (unsigned long long)d->progress.done);
    return output_commit(&d->out) ? WEIR_OK : client_told(d->client);
}

static void print_result(struct download *d)
{
    char text[SHA256_TEXT_SIZE], note[SHA256_TEXT_SIZE + 16] = "";

    if (sha256_finish(d->sum, text))
        snprintf(note, sizeof note, "sha256 %s", text);
    progress_end(&d->progress, note, progress_now());
}

static weir_code fetch(struct download *d, const stalled_options *s, weir_status *why)
{
    weir_code code;

    progress_begin(&d->progress, "downloaded", stderr, progress_now());
    code = take_all(d, s, why);
    if (code == WEIR_OK)
        code = check(d, why);
    if (code == WEIR_OK)
        print_result(d);
    else
        progress_abandon(&d->progress);
    return code;
}

static int run(client *c, const struct arguments *a)
{
    struct download d = {.client = c, .sum = sha256_create()};
    weir_status why = {0};
    int code = EXIT_FAILED;

    if (d.sum == NULL)
        fputs("weir: out of memory\n", stderr);
    else if (output_open(&d.out, a->file)) {
        weir_code ended = fetch(&d, &a->stalled, &why);

        output_close(&d.out);
        code = client_exit_code(c, ended, &why);
    }
    sha256_free(d.sum);
    return code;
}

int download_command(int argc, char *const *argv)
{
    client_options options = {0};
    struct arguments a = {0};
    client c;
    int code;

    if (!parse(argc, argv, &options, &a, &code))
        return code;
    if (a.stalled.parallel == 0 && a.stalled.pause_ns == 0) {
        code = client_begin(&c, &options, 1);
        return code != EXIT_OK ? code : client_end(&c, run(&c, &a));
    }
    if (a.file == NULL)
        return stalled_downloads(&options, &a.stalled);
    fprintf(stderr,
            "weir download: --output %s: nothing is kept with --parallel or --pause; leave "
            "one of them out\n",
            a.file);
    return EXIT_USAGE;
}
