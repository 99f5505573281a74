/* SPDX-License-Identifier: MIT */
/*
 * commands.h - the subcommands. Each gets the words after its name and returns the exit code.
 */
#ifndef WEIR_CLI_COMMANDS_H
#define WEIR_CLI_COMMANDS_H

#include "client.h"

int serve_command(int argc, char *const *argv);
int tick_command(int argc, char *const *argv);
int tail_command(int argc, char *const *argv);
int download_command(int argc, char *const *argv);
int upload_command(int argc, char *const *argv);
int chat_command(int argc, char *const *argv);

/* What `weir download --parallel N --pause TIME` does instead of keeping a file. */
typedef struct stalled_options {
    const char *path;
    uint64_t chunk_size;
    uint64_t parallel;
    uint64_t pause_ns;
} stalled_options;
int stalled_downloads(const client_options *options, const stalled_options *stalled);

#endif
