/* SPDX-License-Identifier: MIT */
/*
 * main.c - the `weir` command: finds the subcommand and runs it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char *const *argv);
    const char *help;
} commands[] = {
    {"serve", serve_command, "serve all of the below"},
    {"tick", tick_command, "print a rate-limited stream of messages"},
    {"tail", tail_command, "follow a file of the server, line by line"},
    {"download", download_command, "fetch a file of the server"},
    {"upload", upload_command, "send a file; the server answers with its size and sha256"},
    {"chat", chat_command, "send lines and print what comes back"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const char *const intro =
    "Usage: weir COMMAND [WORD]...\n"
    "\n"
    "Streams over gRPC: a server of weir.demo.v1.Streams and its clients.\n"
    "\n"
    "Commands:\n";

static const char *const outro =
    "\n"
    "`weir COMMAND --help` explains each one. An ADDRESS is host:port, [v6]:port, unix:path or\n"
    "unix-abstract:name.\n"
    "\n"
    "Try it, in two terminals:\n"
    "  weir serve --dir /usr/share/doc\n"
    "  weir tick localhost:50051 --count 10 --interval 100ms\n"
    "\n"
    "Exit codes: 0 done, 1 the call or the command failed, 2 the command line is wrong,\n"
    "130 interrupted.\n";

static int help(void)
{
    fputs(intro, stdout);
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].help);
    fputs(outro, stdout);
    return EXIT_OK;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    fprintf(stderr, "weir: %s: no such command; there are", name);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stderr, "%s %s", i > 0 ? "," : "", commands[i].name);
    fputs(", and `weir --help`\n", stderr);
    return EXIT_USAGE;
}

static int run_help_of(const char *name)
{
    char *const words[] = {"--help"};
    const struct command *command = find(name);

    return command != NULL ? command->run(1, words) : unknown(name);
}

static int run(int argc, char *const *argv)
{
    const struct command *command;

    if (argc < 2) {
        fputs("weir: which command? `weir --help` lists them\n", stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0)
        return printf("weir %s\n", weir_version()) < 0;
    if (strcmp(argv[1], "help") == 0 && argc > 2)
        return run_help_of(argv[2]);
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0)
        return help();
    command = find(argv[1]);
    return command != NULL ? command->run(argc - 2, argv + 2) : unknown(argv[1]);
}

/* Where one of the three was closed, the next file or socket would take its place, and what is
 * printed would go there. What stands in for it refuses it, as a closed one does. */
static void keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    int code;

    keep_standard_streams();
    code = run(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "weir: cannot write to standard output: %s\n", strerror(errno));
    return code == EXIT_OK ? EXIT_FAILED : code;
}
