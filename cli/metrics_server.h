/* SPDX-License-Identifier: MIT */
/*
 * metrics_server.h - metrics for Prometheus, over HTTP/1.1 on an address of their own.
 */
#ifndef WEIR_CLI_METRICS_SERVER_H
#define WEIR_CLI_METRICS_SERVER_H

#include <weir/weir.h>

typedef struct metrics_server metrics_server;

/* Serves http://ADDRESS/metrics on a thread of its own, where ADDRESS is "host:port" or "[v6]:port"
 * (port 0: any free one). NULL: it told on standard error what is wrong. */
metrics_server *metrics_server_start(const char *address, weir_metrics *metrics);

/* "metrics on http://127.0.0.1:9090/metrics", on standard output. */
void metrics_server_print(const metrics_server *server);

/* NULL: nothing happens. */
void metrics_server_stop(metrics_server *server);

#endif
