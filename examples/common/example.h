/* SPDX-License-Identifier: MIT */
/*
 * example.h - the end of every example's main, which would otherwise be there six times.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <weir/weir.h>

/*
 * Listens on `address`, says so, and serves until SIGINT or SIGTERM; calls that run may then finish
 * within a second. At a failure nothing is served.
 */
weir_code example_serve(weir_server *server, const char *address, weir_status *why);

/* Says on stderr what failed, drops *why, and gives what main returns: 0 for WEIR_OK, else 1. */
int example_end(weir_code code, weir_status *why);

#endif
