/* SPDX-License-Identifier: MIT */
/*
 * serve.c - `weir serve`: the five methods, and a graceful end.
 *
 * The main thread only waits for signals. The pool that reads files is made before the server and
 * freed after it, since the server's streams own jobs of the pool.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "commands.h"
#include "credentials.h"
#include "files.h"
#include "handlers.h"
#include "log.h"
#include "metrics_server.h"

enum { FILE_THREADS = 4 };

struct serve {
    option_list listen;
    uint16_t ports[OPTION_LIST_MAX]; /* that the addresses got */
    const char *address;             /* the one that is listened on now, for errors */
    const char *directory;
    uint64_t threads;
    uint64_t max_streams;
    uint64_t max_connections; /* 0: by the descriptors there are */
    uint64_t max_header_size;
    uint64_t handshake_timeout_ns;
    uint64_t header_timeout_ns;
    uint64_t memory_limit;
    uint64_t stall_timeout_ns;
    uint64_t grace_ns;
    const char *certificate;
    const char *key;
    const char *client_ca;
    const char *metrics_address;
    const char *log_format;
    bool channelz;
    weir_log log;
    weir_metrics *metrics; /* NULL: nothing is counted */
    credentials_words words;
    weir_tls *tls; /* NULL: plain text */
};

static const char about[] =
    "Serves weir.demo.v1.Streams (proto/weir/demo/v1/streams.proto) with health checking and\n"
    "reflection, so that grpcurl and the like need no .proto file. Until SIGINT or SIGTERM, then "
    "lets\n"
    "the running calls finish for a while; a second signal ends it at once. With TLS, SIGHUP reads "
    "the\n"
    "certificates again.\n"
    "\n"
    "It prints \"listening on ADDRESS\" for each when it is ready.\n";

static const char more[] =
    "Addresses:\n"
    "  host:port, [v6]:port        port 0: any free one\n"
    "  unix:path                   a Unix socket; one that nobody listens on is replaced\n"
    "  unix-abstract:name          one without a file (Linux)\n"
    "  fd:N                        a socket that listens already, inherited as descriptor N\n"
    "  systemd, systemd:NAME       all sockets that systemd passes, or those of this name\n"
    "\n"
    "Examples:\n"
    "  weir serve --dir /var/log             clients may read the files below /var/log\n"
    "  weir serve --listen 127.0.0.1:0       any free port\n"
    "  weir serve --listen unix:/tmp/weir    a Unix socket\n"
    "  weir serve --metrics 127.0.0.1:9090   and curl http://127.0.0.1:9090/metrics\n"
    "  weir serve --tls-cert server.pem --tls-key server.key\n";

static bool parse(int argc, char *const *argv, struct serve *s, int *code)
{
    const option options[] = {
        {'l', "listen", "ADDRESS", OPTION_LIST, &s->listen, 0, 0,
         "may be given many times; default 127.0.0.1:50051"},
        {'d', "dir", "DIR", OPTION_TEXT, &s->directory, 0, 0,
         "serve the files below it to tail and download"},
        {0, "threads", "N", OPTION_COUNT, &s->threads, 1, 256,
         "threads that serve connections; default 1"},
        {0, "max-streams", "N", OPTION_COUNT, &s->max_streams, 1, INT32_MAX,
         "calls at once on one connection; default 100"},
        {0, "max-connections", "N", OPTION_COUNT, &s->max_connections, 1, INT32_MAX,
         "default: 3/4 of the descriptors that are allowed"},
        {0, "max-header-size", "SIZE", OPTION_SIZE, &s->max_header_size, 1024, 1 << 20,
         "all headers of one request; default 16KiB"},
        {0, "handshake-timeout", "TIME", OPTION_DURATION, &s->handshake_timeout_ns, 1, 0,
         "for a client's first words, TLS's too; default 20s"},
        {0, "header-timeout", "TIME", OPTION_DURATION, &s->header_timeout_ns, 1, 0,
         "for a frame or headers that were begun; default 30s"},
        {0, "memory-limit", "SIZE", OPTION_SIZE, &s->memory_limit, 1, 0,
         "what all calls may hold together; default no limit"},
        {0, "stall-timeout", "TIME", OPTION_DURATION, &s->stall_timeout_ns, 1, 0,
         "calls that stall longer are ended when memory is short; default 10s"},
        {0, "grace", "TIME", OPTION_DURATION, &s->grace_ns, 0, WEIR_SECONDS(3600),
         "how long calls may go on after a signal; default 2s"},
        {0, "metrics", "ADDRESS", OPTION_TEXT, &s->metrics_address, 0, 0,
         "metrics for Prometheus, at http://ADDRESS/metrics; host:port"},
        {0, "log", "FORM", OPTION_TEXT, &s->log_format, 0, 0,
         "tell on standard error what happens to connections: text or json"},
        {0, "channelz", NULL, OPTION_FLAG, &s->channelz, 0, 0,
         "serve channelz: shows who is connected to whoever may call"},
        {0, "tls-cert", "FILE", OPTION_TEXT, &s->certificate, 0, 0,
         "speak TLS: our certificate (PEM), and those that signed it"},
        {0, "tls-key", "FILE", OPTION_TEXT, &s->key, 0, 0, "its key (PEM)"},
        {0, "tls-client-ca", "FILE", OPTION_TEXT, &s->client_ca, 0, 0,
         "only serve clients with a certificate of these roots (PEM)"},
    };
    const command_line line = {
        .command = "serve",
        .about = about,
        .more = more,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };

    return options_read(&line, argc, argv, code);
}

/* Any handler can be wrapped in another one before it is registered. */
static weir_code add(weir_server *server, const weir_method *method, weir_handler handler,
                     weir_status *why)
{
    return weir_server_handle(server, method->path, with_diagnostics(handler), why);
}

static weir_code add_methods(weir_server *server, served_files *files, weir_status *why)
{
    weir_code code;

    code = add(server, &weir__demo__v1__streams__tick__method,
               weir__demo__v1__streams__tick__stream_handler(tick_handler, NULL, NULL), why);
    if (code == WEIR_OK)
        code = add(server, &weir__demo__v1__streams__tail__method,
                   weir__demo__v1__streams__tail__stream_handler(tail_handler, files, NULL), why);
    if (code == WEIR_OK)
        code = add(server, &weir__demo__v1__streams__download__method,
                   weir__demo__v1__streams__download__stream_handler(download_handler, files, NULL),
                   why);
    if (code == WEIR_OK)
        code =
            add(server, &weir__demo__v1__streams__upload__method,
                weir__demo__v1__streams__upload__stream_handler(upload_handler, NULL, NULL), why);
    if (code == WEIR_OK)
        code = add(server, &weir__demo__v1__streams__chat__method,
                   weir__demo__v1__streams__chat__stream_handler(chat_handler, NULL, NULL), why);
    return code;
}

/* Tools find out by themselves what is served, and whether it is ready. */
static weir_code add_standard_services(weir_server *server, bool channelz, weir_status *why)
{
    const weir_file *const files[] = {&weir__demo__v1__streams__file, weir_health_file(),
                                      weir_channelz_file()};
    weir_health *health;
    weir_code code = weir_health_create(&health, why);

    if (code != WEIR_OK)
        return code;
    code = weir_health_set(health, "weir.demo.v1.Streams", WEIR_SERVING, why);
    if (code == WEIR_OK)
        code = weir_health_serve(server, health, why);
    if (code == WEIR_OK)
        code = weir_reflection_serve(server, files, channelz ? 3 : 2, why);
    weir_health_unref(health);
    return code;
}

static weir_code add_channelz(weir_server *server, weir_status *why)
{
    weir_channelz *channelz;
    weir_code code = weir_channelz_create(&channelz, why);

    if (code != WEIR_OK)
        return code;
    code = weir_channelz_serve(server, channelz, why);
    if (code == WEIR_OK)
        code = weir_channelz_add_server(channelz, server, "weir serve", why);
    weir_channelz_unref(channelz);
    return code;
}

static weir_code listen_on(weir_server *server, struct serve *s, size_t i, weir_status *why)
{
    s->address = s->listen.items[i];
    if (s->tls != NULL)
        return weir_server_listen_tls(server, s->address, s->tls, &s->ports[i], why);
    return weir_server_listen(server, s->address, &s->ports[i], why);
}

static weir_code listen_on_all(weir_server *server, struct serve *s, weir_status *why)
{
    weir_code code = WEIR_OK;

    for (size_t i = 0; i < s->listen.count && code == WEIR_OK; i++)
        code = listen_on(server, s, i, why);
    if (code == WEIR_OK)
        s->address = NULL;
    return code;
}

static weir_code make_server(struct serve *s, served_files *files, weir_server **server,
                             weir_status *why)
{
    const weir_server_options options = {
        .threads = (unsigned)s->threads,
        .max_streams = (uint32_t)s->max_streams,
        .metrics = s->metrics,
        .max_connections = s->max_connections,
        .max_header_size = s->max_header_size,
        .handshake_timeout_ns = s->handshake_timeout_ns,
        .header_timeout_ns = s->header_timeout_ns,
        .log = s->log,
        .memory_limit = s->memory_limit,
        .stall_timeout_ns = s->stall_timeout_ns,
    };
    weir_code code = weir_server_create(&options, server, why);

    if (code != WEIR_OK)
        return code;
    code = add_methods(*server, files, why);
    if (code == WEIR_OK)
        code = add_standard_services(*server, s->channelz, why);
    if (code == WEIR_OK && s->channelz)
        code = add_channelz(*server, why);
    if (code == WEIR_OK)
        code = listen_on_all(*server, s, why);
    if (code == WEIR_OK)
        code = weir_server_start(*server, why);
    if (code != WEIR_OK)
        weir_server_free(*server);
    return code;
}

/* "127.0.0.1:0" listens on a port that the system chose: that one is printed. */
static void print_address(const char *address, uint16_t port)
{
    const char *colon = strrchr(address, ':');

    if (colon == NULL || strcmp(colon, ":0") != 0 || strncmp(address, "fd:", 3) == 0 || port == 0)
        printf("listening on %s\n", address);
    else
        printf("listening on %.*s:%u\n", (int)(colon - address), address, port);
}

static void print_addresses(const struct serve *s)
{
    for (size_t i = 0; i < s->listen.count; i++)
        print_address(s->listen.items[i], s->ports[i]);
}

/* `why` moves in. */
static int tell(const struct serve *s, weir_status *why)
{
    int code = why->code == WEIR_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_FAILED;

    fprintf(stderr, "weir serve: %s%s%s%s: %.*s\n", s->address != NULL ? "--listen " : "",
            s->address != NULL ? s->address : "", s->address != NULL ? ": " : "",
            weir_code_name(why->code), (int)why->message.size, (const char *)why->message.data);
    weir_status_clear(why);
    return code;
}

static void signals(const struct serve *s, sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    if (s->tls != NULL)
        sigaddset(set, SIGHUP);
}

static void wait_for_signal(const struct serve *s)
{
    sigset_t set;
    int number;

    signals(s, &set);
    while (sigwait(&set, &number) == 0 && number == SIGHUP)
        log_reload(&s->log, credentials_reload(&s->words, s->tls));
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* a second one kills */
}

static int serve(struct serve *s, served_files *files, const metrics_server *metrics)
{
    weir_server *server;
    weir_status why = {0};

    if (make_server(s, files, &server, &why) != WEIR_OK)
        return tell(s, &why);
    print_addresses(s);
    if (metrics != NULL)
        metrics_server_print(metrics);
    fflush(stdout);
    wait_for_signal(s);
    weir_server_shutdown(server, s->grace_ns);
    weir_server_wait(server);
    weir_server_free(server);
    return EXIT_OK;
}

/* Metrics are there before the first call and until the last one ended. */
static int run(struct serve *s, served_files *files)
{
    metrics_server *metrics = NULL;
    weir_status why = {0};
    int code = EXIT_FAILED;

    if (s->metrics_address == NULL)
        return serve(s, files, NULL);
    if (weir_metrics_create(&s->metrics, &why) != WEIR_OK)
        return tell(s, &why);
    metrics = metrics_server_start(s->metrics_address, s->metrics);
    if (metrics != NULL)
        code = serve(s, files, metrics);
    metrics_server_stop(metrics);
    weir_metrics_unref(s->metrics);
    return code;
}

/* Every connection and every file that is sent needs a descriptor: clients who only connect must
 * not take the last one. */
static void share_descriptors(struct serve *s)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (s->max_connections == 0 && limit.rlim_cur != RLIM_INFINITY)
        s->max_connections = limit.rlim_cur / 4 * 3;
}

static bool open_directory(const char *path, int *directory)
{
    *directory = path != NULL ? files_open_directory(path) : -1;
    if (*directory >= 0 || path == NULL)
        return true;
    fprintf(stderr, "weir serve: --dir %s: %s; name a directory\n", path, strerror(errno));
    return false;
}

/* s->tls: credentials, or NULL without TLS. False: it was told what is wrong. */
static bool make_credentials(struct serve *s)
{
    s->words = (credentials_words){
        .command = "weir serve",
        .certificate = s->certificate,
        .key = s->key,
        .ca = s->client_ca,
        .ca_option = "--tls-client-ca",
        .verify_clients = s->client_ca != NULL,
    };
    if (s->certificate != NULL || s->key != NULL)
        return credentials_create(&s->words, &s->tls);
    if (s->client_ca == NULL)
        return true;
    fprintf(stderr, "weir serve: --tls-client-ca %s: only with --tls-cert and --tls-key\n",
            s->client_ca);
    return false;
}

static void block_signals(const struct serve *s)
{
    sigset_t set;

    signals(s, &set);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread is made: they inherit it */
    signal(SIGPIPE, SIG_IGN);
}

int serve_command(int argc, char *const *argv)
{
    struct serve s = {.threads = 1, .max_streams = 100, .grace_ns = WEIR_SECONDS(2)};
    served_files files;
    int code;

    if (!parse(argc, argv, &s, &code))
        return code;
    if (s.listen.count == 0)
        s.listen.items[s.listen.count++] = "127.0.0.1:50051";
    if (!log_open(s.log_format, &s.log) || !make_credentials(&s) ||
        !open_directory(s.directory, &files.directory)) {
        weir_tls_unref(s.tls);
        return EXIT_USAGE;
    }
    block_signals(&s);
    share_descriptors(&s);
    files.pool = file_pool_create(FILE_THREADS);
    if (files.pool == NULL) {
        fputs("weir serve: cannot make threads\n", stderr);
        code = EXIT_FAILED;
    } else {
        code = run(&s, &files);
        file_pool_free(files.pool);
    }
    if (files.directory >= 0)
        close(files.directory);
    weir_tls_unref(s.tls);
    return code;
}
