/* SPDX-License-Identifier: MIT */
/*
 * echo_server.c - serves service.h's methods in all three styles of handler, until SIGTERM.
 *
 *     echo_server [--listen HOST:PORT] [--threads N] [--max-streams N] [--gzip]
 *                 [--tls-cert FILE --tls-key FILE [--tls-client-ca FILE]]
 *
 * Says "listening on HOST:PORT" on stdout. It frees everything at the end, for the leak checker.
 */
#include "service.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static weir_code listen_on(weir_server *server, const char *address,
                           const weir_tls_options *options, uint16_t *port, weir_status *why)
{
    weir_tls *tls;
    weir_code code;

    if (options->certificate_file == NULL)
        return weir_server_listen(server, address, port, why);
    if (weir_tls_create(options, &tls, why) != WEIR_OK)
        return why->code;
    code = weir_server_listen_tls(server, address, tls, port, why);
    weir_tls_unref(tls);
    return code;
}

static weir_code start(weir_server *server, const char *address, const weir_tls_options *tls,
                       weir_status *why)
{
    uint16_t port;

    if (handle_streams(server, why) || handle_blocking(server, why) || handle_plain(server, why) ||
        listen_on(server, address, tls, &port, why) || weir_server_start(server, why))
        return why->code;
    printf("listening on 127.0.0.1:%u\n", port);
    fflush(stdout);
    return WEIR_OK;
}

static void wait_for_signal(const sigset_t *signals)
{
    int signal;

    sigwait(signals, &signal);
}

struct arguments {
    const char *address;
    weir_server_options server;
    weir_tls_options tls;
};

static bool take_option(struct arguments *arguments, int option, const char *value)
{
    switch (option) {
    case 'l':
        arguments->address = value;
        return true;
    case 't':
        arguments->server.threads = (unsigned)atoi(value);
        return true;
    case 'm':
        arguments->server.max_streams = (uint32_t)atoi(value);
        return true;
    case 'g':
        arguments->server.compression = WEIR_GZIP;
        return true;
    case 'c':
        arguments->tls.certificate_file = value;
        return true;
    case 'k':
        arguments->tls.key_file = value;
        return true;
    case 'a':
        arguments->tls.ca_file = value;
        arguments->tls.clients = WEIR_TLS_VERIFY_CLIENT;
        return true;
    default:
        return false;
    }
}

/* Before there are threads, so that all of them leave the signals to this one. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

static int serve(const struct arguments *arguments, const sigset_t *signals)
{
    weir_server *server = NULL;
    weir_status why = {0};
    int failed;

    if (weir_server_create(&arguments->server, &server, &why) == WEIR_OK &&
        start(server, arguments->address, &arguments->tls, &why) == WEIR_OK) {
        wait_for_signal(signals);
        weir_server_shutdown(server, 0);
        weir_server_wait(server);
    } else {
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
    }
    if (server != NULL)
        weir_server_free(server);
    failed = why.code != WEIR_OK;
    weir_status_clear(&why);
    return failed;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"listen", required_argument, NULL, 'l'},        {"threads", required_argument, NULL, 't'},
        {"max-streams", required_argument, NULL, 'm'},   {"gzip", no_argument, NULL, 'g'},
        {"tls-cert", required_argument, NULL, 'c'},      {"tls-key", required_argument, NULL, 'k'},
        {"tls-client-ca", required_argument, NULL, 'a'}, {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.address = "127.0.0.1:0"};
    sigset_t signals;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (!take_option(&arguments, option, optarg))
            return 2;
    block_signals(&signals);
    return serve(&arguments, &signals);
}
