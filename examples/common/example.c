/* SPDX-License-Identifier: MIT */
/*
 * example.c - the end of every example's main.
 */
#include "example.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>

static sem_t ended;

/* All that a signal handler may do: weir_server_shutdown takes locks, so main calls it. */
static void end(int number)
{
    (void)number;
    sem_post(&ended);
}

static void wait_for_signal(void)
{
    const struct sigaction action = {.sa_handler = end};

    sem_init(&ended, 0, 0);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (sem_wait(&ended) != 0 && errno == EINTR)
        ;
}

weir_code example_serve(weir_server *server, const char *address, weir_status *why)
{
    uint16_t port = 0;
    weir_code code = weir_server_listen(server, address, &port, why);

    if (code == WEIR_OK)
        code = weir_server_start(server, why);
    if (code != WEIR_OK)
        return code;
    printf("listening on %s, port %u\n", address, port);
    fflush(stdout); /* also when stdout is a pipe: whoever started this waits for the line */
    wait_for_signal();
    weir_server_shutdown(server, WEIR_SECONDS(1));
    weir_server_wait(server);
    return WEIR_OK;
}

int example_end(weir_code code, weir_status *why)
{
    if (code != WEIR_OK)
        fprintf(stderr, "%s: %.*s\n", weir_code_name(code), (int)why->message.size,
                (const char *)why->message.data);
    weir_status_clear(why);
    return code == WEIR_OK ? 0 : 1;
}
