/* SPDX-License-Identifier: MIT */
/*
 * ticker.c - a whole server: one method, which sends 1,000 messages, one each millisecond.
 *
 * The generator makes a message when it is asked for one. It is asked when a millisecond has passed
 * and the client has room, so nothing is buffered, for one client or for a thousand.
 *
 *     ticker [ADDRESS]      127.0.0.1:50051, say, or 127.0.0.1:0 for any free port
 *
 * weir carries the bytes of any serializer. These are the text itself, with no serializer at all.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/weir.h>

static weir_poll next_message(void *state, weir_task *task, weir_item *item)
{
    int *i = state;

    (void)task;
    if (*i == 1000)
        return WEIR_END;
    item->message = weir_bytes_format("message_%d", (*i)++);
    return WEIR_READY;
}

static weir_stream watch(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_throttle(weir_stream_from(next_message, calloc(1, sizeof(int)), free),
                                WEIR_MILLISECONDS(1));
}

static weir_code start(const char *address, weir_server **server, weir_status *why)
{
    uint16_t port = 0;
    weir_code code = weir_server_create(NULL, server, why);

    if (code != WEIR_OK)
        return code;
    code = weir_server_handle(*server, "/example.Ticker/Watch", (weir_handler){.call = watch}, why);
    if (code == WEIR_OK)
        code = weir_server_listen(*server, address, &port, why);
    if (code == WEIR_OK)
        code = weir_server_start(*server, why);
    if (code == WEIR_OK)
        printf("listening on %s, port %u\n", address, port);
    else
        weir_server_free(*server);
    return code;
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:50051";
    weir_server *server;
    weir_status why = {0};
    sigset_t signals;
    int number;

    /* Before the server makes threads, so that they block these too and sigwait gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    if (start(address, &server, &why) != WEIR_OK) {
        fprintf(stderr, "ticker: %s: %.*s\n", address, (int)why.message.size, why.message.data);
        weir_status_clear(&why);
        return 1;
    }
    fflush(stdout);
    sigwait(&signals, &number);
    weir_server_shutdown(server, WEIR_SECONDS(1));
    weir_server_wait(server);
    weir_server_free(server);
    return 0;
}
