/* SPDX-License-Identifier: MIT */
/*
 * ticker_client.c - runs examples/ticker and reads its stream to the end.
 *
 * It claims what the example promises: 1,000 messages, in order, never faster than one each
 * millisecond, and a server that ends when it is told to.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/weir.h>

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "ticker_client: %s\n", what);
    exit(1);
}

/* Starts the example on a free port and writes the address it says it listens on. */
static pid_t start(const char *program, char *address, size_t size)
{
    unsigned port;
    int ends[2];
    FILE *said;
    pid_t pid;

    if (pipe(ends) != 0 || (pid = fork()) < 0)
        fail("cannot start the example");
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(program, program, "127.0.0.1:0", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    said = fdopen(ends[0], "r");
    if (said == NULL || fscanf(said, "listening on 127.0.0.1:0, port %u", &port) != 1)
        fail("the example does not say where it listens");
    fclose(said);
    snprintf(address, size, "127.0.0.1:%u", port);
    return pid;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What the schedule says of the k-th message: not before start + k ms. */
struct watch {
    uint64_t start_ns;
    unsigned count;
};

static weir_code check(void *arg, const weir_bytes *message, weir_status *why)
{
    struct watch *w = arg;
    char expected[32];

    snprintf(expected, sizeof expected, "message_%u", w->count++);
    if (message->size != strlen(expected) || memcmp(message->data, expected, message->size) != 0)
        return weir_fail(why, WEIR_INTERNAL, "not %s", expected);
    if (now_ns() - w->start_ns < WEIR_MILLISECONDS(w->count))
        return weir_fail(why, WEIR_INTERNAL, "%s came too early", expected);
    return WEIR_OK;
}

static void watch(const char *address)
{
    struct watch w = {0};
    weir_channel *channel;
    weir_status why = {0};
    weir_call *call = weir_call_create("/example.Ticker/Watch");
    weir_stream messages;

    if (call == NULL || weir_channel_create(address, NULL, &channel, &why) != WEIR_OK)
        fail("cannot make a channel");
    w.start_ns = now_ns();
    messages = weir_channel_call(channel, call, weir_stream_empty());
    if (weir_stream_for_each(messages, check, &w, &why) != WEIR_OK) {
        fprintf(stderr, "%s: %.*s\n", weir_code_name(why.code), (int)why.message.size,
                (const char *)why.message.data);
        fail("the stream failed");
    }
    printf("%u messages in %.3f s\n", w.count, (double)(now_ns() - w.start_ns) / 1e9);
    if (w.count != 1000)
        fail("these are not 1000 messages");
    weir_call_unref(call);
    weir_channel_unref(channel);
}

int main(int argc, char **argv)
{
    char address[32];
    pid_t pid;
    int status;

    if (argc != 2)
        fail("name the example's program");
    pid = start(argv[1], address, sizeof address);
    watch(address);
    kill(pid, SIGTERM);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the example did not end well");
    return 0;
}
