/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - passes every call of every service on to another server: proxy ADDRESS TARGET.
 *
 * A channel is a handler, and `*` is every method. Messages, metadata, deadlines, cancels and
 * statuses pass through, and so does backpressure, in both directions: nothing in between buffers.
 */
#include <stdio.h>

#include "../common/example.h"

int main(int argc, char **argv)
{
    weir_channel *channel = NULL;
    weir_server *server = NULL;
    weir_status why = {0};
    weir_code code;

    if (argc != 3)
        return fprintf(stderr, "usage: proxy ADDRESS TARGET\n"), 2;
    code = weir_channel_create(argv[2], NULL, &channel, &why);
    if (code == WEIR_OK)
        code = weir_server_create(NULL, &server, &why);
    if (code == WEIR_OK)
        code = weir_server_handle(server, "*", weir_channel_handler(channel), &why);
    if (code == WEIR_OK)
        code = example_serve(server, argv[1], &why);
    weir_server_free(server);
    weir_channel_unref(channel);
    return example_end(code, &why);
}
