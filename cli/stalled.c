/* SPDX-License-Identifier: MIT */
/*
 * stalled.c - `weir download --parallel N --pause TIME`: many readers that stall, then go on.
 *
 * While they stall nothing is read from their streams, so each holds what fits its window, at this
 * end and at the other. Afterwards they are read in turn, one message of each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "progress.h"
#include "sha256.h"
#include "units.h"
#include "weir/demo/v1/streams.weir.h"

struct reader {
    Weir__Demo__V1__Streams__Download_Client *chunks;
    sha256 *sum;
    uint64_t total, size;
    bool begun, ended;
    char text[SHA256_TEXT_SIZE];
};

struct stalled {
    client *client;
    const stalled_options *options;
    struct reader *readers;
    size_t count;
};

static weir_code take(struct reader *r, const Weir__Demo__V1__DownloadReply *reply,
                      weir_status *why)
{
    if (!r->begun)
        r->total = reply->total_size;
    r->begun = true;
    r->size += reply->data.len;
    if (!sha256_add(r->sum, reply->data.data, reply->data.len))
        return weir_fail(why, WEIR_INTERNAL, "hashing failed");
    return WEIR_OK;
}

static weir_code finish(struct reader *r, weir_status *why)
{
    r->ended = true;
    if (r->size != r->total)
        return weir_fail(why, WEIR_DATA_LOSS,
                         "a download ended after %" PRIu64 " of %" PRIu64 " bytes", r->size,
                         r->total);
    if (!sha256_finish(r->sum, r->text))
        return weir_fail(why, WEIR_INTERNAL, "hashing failed");
    return WEIR_OK;
}

/* One message of one reader. */
static weir_code step(struct reader *r, weir_status *why)
{
    const Weir__Demo__V1__DownloadReply *reply;

    switch (weir__demo__v1__streams__download__read_response(r->chunks, &reply, why)) {
    case WEIR_READY:
        return take(r, reply, why);
    case WEIR_END:
        return finish(r, why);
    default:
        return why->code;
    }
}

/* One message of each that has not ended; *open says how many are left. */
static weir_code round_of_all(struct stalled *s, size_t *open, weir_status *why)
{
    weir_code code = WEIR_OK;

    *open = 0;
    for (size_t i = 0; i < s->count && code == WEIR_OK; i++) {
        if (s->readers[i].ended)
            continue;
        code = step(&s->readers[i], why);
        *open += !s->readers[i].ended;
    }
    return code;
}

static weir_code begin(struct stalled *s, struct reader *r, weir_status *why)
{
    Weir__Demo__V1__DownloadRequest request = WEIR__DEMO__V1__DOWNLOAD_REQUEST__INIT;
    weir_call *call = client_call(s->client, why);

    request.path = (char *)s->options->path;
    request.chunk_size = (uint32_t)s->options->chunk_size;
    if (call == NULL)
        return why->code;
    r->chunks = weir__demo__v1__streams__download__open(s->client->channel, call, &request, why);
    r->sum = sha256_create();
    if (r->chunks == NULL || r->sum == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    return WEIR_OK;
}

static weir_code begin_all(struct stalled *s, weir_status *why)
{
    weir_code code = WEIR_OK;

    for (; s->count < s->options->parallel && code == WEIR_OK; s->count++)
        code = begin(s, &s->readers[s->count], why);
    return code;
}

static void say(const char *what, size_t count)
{
    printf("%s %zu downloads\n", what, count);
    fflush(stdout); /* whoever measures waits for this line */
}

/* Stalls, and looks now and then whether Ctrl-C ended that. */
static void stall(struct stalled *s)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    uint64_t until = progress_now() + s->options->pause_ns;

    while (progress_now() < until && !interrupt_happened(&s->client->interrupt))
        nanosleep(&moment, NULL);
}

static weir_code compare(const struct stalled *s, weir_status *why)
{
    for (size_t i = 1; i < s->count; i++)
        if (strcmp(s->readers[0].text, s->readers[i].text) != 0)
            return weir_fail(why, WEIR_DATA_LOSS, "two downloads differ: %s and %s",
                             s->readers[0].text, s->readers[i].text);
    return WEIR_OK;
}

static weir_code read_all(struct stalled *s, weir_status *why)
{
    size_t open;
    weir_code code = round_of_all(s, &open, why);

    if (code != WEIR_OK)
        return code;
    say("stalled", s->count);
    stall(s);
    say("resumed", s->count);
    do
        code = round_of_all(s, &open, why);
    while (code == WEIR_OK && open > 0);
    return code == WEIR_OK ? compare(s, why) : code;
}

static int run(struct stalled *s)
{
    uint64_t start = progress_now();
    char took[UNITS_TEXT_SIZE];
    weir_status why = {0};
    weir_code code = begin_all(s, &why);

    if (code == WEIR_OK)
        code = read_all(s, &why);
    if (code == WEIR_OK)
        printf("finished %zu downloads of %" PRIu64 " bytes each in %s, sha256 %s\n", s->count,
               s->readers[0].size, format_duration(took, progress_now() - start),
               s->readers[0].text);
    return client_exit_code(s->client, code, &why);
}

static void release(struct stalled *s)
{
    for (size_t i = 0; i < s->options->parallel; i++) {
        weir__demo__v1__streams__download__close(s->readers[i].chunks);
        sha256_free(s->readers[i].sum);
    }
    free(s->readers);
}

int stalled_downloads(const client_options *options, const stalled_options *stalled)
{
    stalled_options o = *stalled;
    struct stalled s = {.options = &o};
    client c;
    int code;

    if (o.parallel == 0)
        o.parallel = 1;
    code = client_begin(&c, options, o.parallel);
    if (code != EXIT_OK)
        return code;
    s.client = &c;
    s.readers = calloc(o.parallel, sizeof *s.readers);
    if (s.readers == NULL) {
        fputs("weir: out of memory\n", stderr);
        return client_end(&c, EXIT_FAILED);
    }
    code = run(&s);
    release(&s);
    return client_end(&c, code);
}
