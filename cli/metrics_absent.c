/* SPDX-License-Identifier: MIT */
/*
 * metrics_absent.c - what stands in for metrics_server.c where libmicrohttpd was not there.
 */
#include <stdio.h>

#include "metrics_server.h"

metrics_server *metrics_server_start(const char *address, weir_metrics *metrics)
{
    (void)metrics;
    fprintf(stderr,
            "weir serve: --metrics %s: this weir was built without libmicrohttpd; build it again "
            "with libmicrohttpd-dev installed\n",
            address);
    return NULL;
}

void metrics_server_print(const metrics_server *server)
{
    (void)server;
}

void metrics_server_stop(metrics_server *server)
{
    (void)server;
}
