/* SPDX-License-Identifier: MIT */
/*
 * hold_client.c - makes a call, and keeps its connection for a while whatever became of it.
 *
 *     hold_client HOST:PORT
 *
 * For h2specd, whose cases go on when the call is over.
 */
#include <weir/weir.h>

#include <stdio.h>
#include <time.h>

int main(int argc, char **argv)
{
    weir_call *call = weir_call_create("/hold.Client/Call");
    weir_channel *channel;
    weir_status why = {0};
    weir_bytes reply = {0};

    if (argc != 2 || weir_channel_create(argv[1], NULL, &channel, &why) != WEIR_OK) {
        fprintf(stderr, "usage: hold_client HOST:PORT\n");
        return 2;
    }
    weir_call_set_timeout(call, WEIR_SECONDS(5));
    printf("%s\n",
           weir_code_name(weir_channel_unary(channel, call, weir_bytes_copy("", 0), &reply, &why)));
    fflush(stdout);
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    weir_status_clear(&why);
    weir_bytes_unref(&reply);
    weir_call_unref(call);
    weir_channel_unref(channel);
    return 0;
}
