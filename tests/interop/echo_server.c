/* SPDX-License-Identifier: MIT */
/*
 * echo_server.c - serves service.h's methods in all three styles of handler, until SIGTERM.
 *
 *     echo_server [--listen HOST:PORT] [--threads N] [--max-streams N] [--gzip]
 *
 * Says "listening on HOST:PORT" on stdout. It frees everything at the end, for the leak checker.
 */
#include "service.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static weir_code start(weir_server *server, const char *address, weir_status *why)
{
    uint16_t port;

    if (handle_streams(server, why) || handle_blocking(server, why) || handle_plain(server, why) ||
        weir_server_listen(server, address, &port, why) || weir_server_start(server, why))
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

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"listen", required_argument, NULL, 'l'},
        {"threads", required_argument, NULL, 't'},
        {"max-streams", required_argument, NULL, 'm'},
        {"gzip", no_argument, NULL, 'g'},
        {NULL, 0, NULL, 0},
    };
    weir_server_options options = {0};
    const char *address = "127.0.0.1:0";
    weir_server *server = NULL;
    weir_status why = {0};
    sigset_t signals;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'l')
            address = optarg;
        else if (option == 't')
            options.threads = (unsigned)atoi(optarg);
        else if (option == 'm')
            options.max_streams = (uint32_t)atoi(optarg);
        else if (option == 'g')
            options.compression = WEIR_GZIP;
        else
            return 2;
    }
    /* Before there are threads, so that all of them leave the signals to this one. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    if (weir_server_create(&options, &server, &why) == WEIR_OK &&
        start(server, address, &why) == WEIR_OK) {
        wait_for_signal(&signals);
        weir_server_shutdown(server, 0);
        weir_server_wait(server);
    } else {
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
    }
    if (server != NULL)
        weir_server_free(server);
    option = why.code != WEIR_OK;
    weir_status_clear(&why);
    return option;
}
