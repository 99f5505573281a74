/* SPDX-License-Identifier: MIT */
/*
 * weir_bench_server.c - bench.Echo on weir, through its public headers alone.
 *
 * Each method is written the way a user would: a plain function for Unary, a source for Down, a
 * fold for Up, a map for Chat. No message is kept longer than its step takes.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

#include "codec.h"
#include "typed_service.h"

static const struct codec *codec = &codec_hand;
static weir_code (*add_typed)(weir_server *server, weir_status *why); /* and no codec, if set */

static weir_code malformed(weir_status *why)
{
    return weir_fail(why, WEIR_INTERNAL, "the request is not a bench.Req");
}

/* ---- Unary and Chat: data goes back ---- */

static weir_code echo(const weir_bytes *request, weir_bytes *reply, weir_status *why)
{
    struct bench_req req;
    void *held;

    if (!codec->open(request, &req, &held))
        return malformed(why);
    *reply = codec->reply(req.data, req.data_size);
    codec->close(held);
    return WEIR_OK;
}

static weir_code unary(void *self, weir_call *call, const weir_bytes *request, weir_bytes *reply,
                       weir_status *why)
{
    (void)self, (void)call;
    return echo(request, reply, why);
}

static weir_code echo_message(void *arg, weir_bytes *message, weir_status *why)
{
    weir_bytes request = *message;
    (void)arg;

    *message = (weir_bytes){0};
    weir_code code = echo(&request, message, why);
    weir_bytes_unref(&request);
    return code;
}

static weir_stream chat(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    return weir_stream_map(requests, echo_message, NULL);
}

/* ---- Down: one request becomes many messages ---- */

struct down {
    weir_stream requests; /* until its end: then there was exactly one */
    weir_stream ticks;    /* the rate-limited messages, where the request wants those */
    bool asked;
    bool begun;
    int32_t left;
    int32_t size;
    uint64_t interval_ns;
};

static weir_poll next_tick(void *state, weir_task *task, weir_item *item)
{
    int32_t *count = state; /* of all messages, and of those made */
    (void)task;

    if (count[1] >= count[0])
        return WEIR_END;
    char text[24];
    int size = snprintf(text, sizeof text, "message_%" PRId32, count[1]++);
    item->message = codec->reply((const uint8_t *)text, (size_t)size);
    return WEIR_READY;
}

static weir_stream make_ticks(int32_t count, uint64_t interval_ns)
{
    int32_t *state = calloc(2, sizeof *state);

    if (state != NULL)
        state[0] = count;
    return weir_stream_throttle(weir_stream_from(next_tick, state, free), interval_ns);
}

static weir_poll fail(weir_item *item, weir_code code, const char *message)
{
    weir_bytes_unref(&item->message);
    item->status = weir_status_make(code, "%s", message);
    return WEIR_ERROR;
}

static weir_poll down_ask(struct down *d, weir_item *item)
{
    struct bench_req req;
    void *held;

    if (d->asked)
        return fail(item, WEIR_UNIMPLEMENTED, "more than one request");
    if (!codec->open(&item->message, &req, &held))
        return fail(item, WEIR_INTERNAL, "the request is not a bench.Req");
    d->asked = true;
    d->left = req.count;
    d->size = req.size;
    if (req.interval_ms > 0)
        d->interval_ns = WEIR_MILLISECONDS(req.interval_ms);
    codec->close(held);
    weir_bytes_unref(&item->message);
    if (d->left < 0 || d->size < 0)
        return fail(item, WEIR_INVALID_ARGUMENT, "count and size are not negative");
    return WEIR_READY;
}

/* Reads the one request there must be: READY once it was the only one. */
static weir_poll down_begin(struct down *d, weir_task *task, weir_item *item)
{
    weir_poll poll;

    while ((poll = weir_stream_poll(&d->requests, task, item)) == WEIR_READY) {
        poll = down_ask(d, item);
        if (poll != WEIR_READY)
            return poll;
    }
    if (poll != WEIR_END)
        return poll;
    if (!d->asked)
        return fail(item, WEIR_UNIMPLEMENTED, "no request");
    d->begun = true;
    if (d->interval_ns > 0)
        d->ticks = make_ticks(d->left, d->interval_ns);
    return WEIR_READY;
}

static weir_poll down_next(void *state, weir_task *task, weir_item *item)
{
    struct down *d = state;

    if (!d->begun) {
        weir_poll poll = down_begin(d, task, item);
        if (poll != WEIR_READY)
            return poll;
    }
    if (d->interval_ns > 0)
        return weir_stream_poll(&d->ticks, task, item);
    if (d->left == 0)
        return WEIR_END;
    d->left--;
    item->message = codec->reply(NULL, (size_t)d->size);
    return WEIR_READY;
}

static void down_release(void *state)
{
    struct down *d = state;

    weir_stream_release(&d->requests);
    weir_stream_release(&d->ticks);
    free(d);
}

static weir_stream down(void *self, weir_call *call, weir_stream requests)
{
    struct down *d = calloc(1, sizeof *d);
    (void)self, (void)call;

    if (d == NULL)
        weir_stream_release(&requests);
    else
        d->requests = requests;
    return weir_stream_from(down_next, d, down_release);
}

/* ---- Up: many messages become one ---- */

static weir_code up_step(void *state, const weir_bytes *message, weir_status *why)
{
    uint64_t *total = state;
    struct bench_req req;
    void *held;

    if (!codec->open(message, &req, &held))
        return malformed(why);
    *total += req.data_size;
    codec->close(held);
    return WEIR_OK;
}

static weir_code up_finish(void *state, weir_bytes *out, weir_status *why)
{
    uint64_t *total = state;
    char text[24];

    (void)why;
    int size = snprintf(text, sizeof text, "%" PRIu64, *total);
    *out = codec->reply((const uint8_t *)text, (size_t)size);
    return WEIR_OK;
}

static weir_stream up(void *self, weir_call *call, weir_stream requests)
{
    weir_fold fold = {up_step, up_finish, free, calloc(1, sizeof(uint64_t))};
    (void)self, (void)call;

    if (fold.state == NULL) {
        weir_stream_release(&requests);
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
    }
    return weir_stream_fold(requests, &fold);
}

/* ---- the server ---- */

struct options {
    const char *listen;
    unsigned threads;
    weir_tls_options tls;
    unsigned max_streams;
    unsigned max_window;   /* 0: the library's own */
    weir_metrics *metrics; /* NULL: nothing is counted */
};

static const char usage[] =
    "usage: weir-bench-server --listen ADDRESS [options]\n"
    "\n"
    "  --listen ADDRESS    host:port (port 0: any free one) or unix:/path\n"
    "  --threads N         loops, each on a thread of its own (1)\n"
    "  --max-streams N     calls at once on each connection (1000)\n"
    "  --tls-cert FILE     TLS, with this certificate ...\n"
    "  --tls-key FILE      ... and its key\n"
    "  --max-window BYTES  of an HTTP/2 stream (the library's own)\n"
    "  --codec NAME        hand (default), typed (generated code) or protobuf-c\n"
    "  --metrics on        counts calls (off)\n";

static void leave(const char *what, const weir_status *why)
{
    fprintf(stderr, "weir-bench-server: %s: %s%s%.*s\n", what, weir_code_name(why->code),
            why->message.size > 0 ? ": " : "", (int)why->message.size,
            (const char *)why->message.data);
    exit(1);
}

static void must(weir_code code, const char *what, const weir_status *why)
{
    if (code != WEIR_OK)
        leave(what, why);
}

static void add_methods(weir_server *server)
{
    const struct {
        const char *method;
        weir_handler handler;
    } methods[] = {{"/bench.Echo/Unary", weir_unary(unary, NULL, NULL)},
                   {"/bench.Echo/Down", {down, NULL, NULL}},
                   {"/bench.Echo/Up", {up, NULL, NULL}},
                   {"/bench.Echo/Chat", {chat, NULL, NULL}}};
    weir_status why = {0};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        must(weir_server_handle(server, methods[i].method, methods[i].handler, &why),
             methods[i].method, &why);
}

static weir_server *make_server(const struct options *options)
{
    weir_server_options server_options = {.threads = options->threads,
                                          .max_streams = options->max_streams,
                                          .max_window_size = options->max_window,
                                          .metrics = options->metrics};
    weir_status why = {0};
    weir_server *server;

    must(weir_server_create(&server_options, &server, &why), "create", &why);
    if (add_typed != NULL)
        must(add_typed(server, &why), "typed", &why);
    else
        add_methods(server);
    return server;
}

/* Says where the server is: what it was told, but for a port that the system chose. */
static void announce(const char *address, uint16_t port)
{
    const char *colon = strrchr(address, ':');

    if (strncmp(address, "unix:", 5) == 0 || colon == NULL)
        printf("listening on %s\n", address);
    else
        printf("listening on %.*s:%u\n", (int)(colon - address), address, (unsigned)port);
    fflush(stdout);
}

static void listen_on(weir_server *server, const struct options *options, uint16_t *port)
{
    weir_status why = {0};
    weir_tls *tls;

    if (options->tls.certificate_file == NULL) {
        must(weir_server_listen(server, options->listen, port, &why), options->listen, &why);
        return;
    }
    must(weir_tls_create(&options->tls, &tls, &why), "TLS", &why);
    must(weir_server_listen_tls(server, options->listen, tls, port, &why), options->listen, &why);
    weir_tls_unref(tls);
}

static void serve(const struct options *options)
{
    weir_status why = {0};
    weir_server *server = make_server(options);
    uint16_t port = 0;
    sigset_t signals;
    int signal;

    /* Before any thread starts, so that only sigwait gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    listen_on(server, options, &port);
    must(weir_server_start(server, &why), "start", &why);
    announce(options->listen, port);
    sigwait(&signals, &signal);
    weir_server_shutdown(server, 0);
    weir_server_wait(server);
    weir_server_free(server);
}

static void bad_usage(void)
{
    fputs(usage, stderr);
    exit(2);
}

static unsigned number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (*text == '\0' || *end != '\0' || value < 1 || value > 1000000000)
        bad_usage();
    return (unsigned)value;
}

static void set_codec(const char *name)
{
    if (strcmp(name, codec_hand.name) == 0)
        return;
#ifdef WEIR_BENCH_PROTOBUF
    if (strcmp(name, "typed") == 0)
        add_typed = typed_service_add;
    else if (strcmp(name, codec_protobuf_c.name) == 0)
        codec = &codec_protobuf_c;
    else
        bad_usage();
#else
    fprintf(stderr, "weir-bench-server: built without WEIR_PROTOBUF: there is no codec %s\n", name);
    bad_usage();
#endif
}

static void set_metrics(struct options *options, const char *value)
{
    weir_status why = {0};

    if (strcmp(value, "on") == 0)
        must(weir_metrics_create(&options->metrics, &why), "metrics", &why);
    else if (strcmp(value, "off") != 0)
        bad_usage();
}

static void set_option(struct options *options, const char *name, const char *value)
{
    if (value == NULL)
        bad_usage();
    if (strcmp(name, "--listen") == 0)
        options->listen = value;
    else if (strcmp(name, "--threads") == 0)
        options->threads = number(value);
    else if (strcmp(name, "--max-streams") == 0)
        options->max_streams = number(value);
    else if (strcmp(name, "--tls-cert") == 0)
        options->tls.certificate_file = value;
    else if (strcmp(name, "--tls-key") == 0)
        options->tls.key_file = value;
    else if (strcmp(name, "--max-window") == 0)
        options->max_window = number(value);
    else if (strcmp(name, "--codec") == 0)
        set_codec(value);
    else if (strcmp(name, "--metrics") == 0)
        set_metrics(options, value);
    else
        bad_usage();
}

int main(int argc, char **argv)
{
    struct options options = {.threads = 1, .max_streams = 1000};

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    for (int i = 1; i < argc; i += 2)
        set_option(&options, argv[i], argv[i + 1]);
    if (options.listen == NULL)
        bad_usage();
    serve(&options);
    weir_metrics_unref(options.metrics);
    return 0;
}
