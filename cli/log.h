/* SPDX-License-Identifier: MIT */
/*
 * log.h - what happens to a server, one line each, on standard error.
 */
#ifndef WEIR_CLI_LOG_H
#define WEIR_CLI_LOG_H

#include <weir/weir.h>

/* `format`: "text", "json", or NULL for no log. False: it is none of these, which was told. */
bool log_open(const char *format, weir_log *out);

/* What the command itself did, in the same form: the certificates were read again, or not. */
void log_reload(const weir_log *log, bool fine);

#endif
