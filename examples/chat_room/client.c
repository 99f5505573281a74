/* SPDX-License-Identifier: MIT */
/*
 * client.c - says what comes on stdin and prints what is said: client ADDRESS NAME.
 *
 * One thread waits for the keyboard and the network at once: it turns weir's loop itself, in an
 * ordinary poll(2). So nothing here may block, and nothing needs a lock.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/example.h"
#include "chat_room.weir.h"

struct client {
    char *name;
    weir_uv *uv;
    weir_task *task;   /* polls `hears` */
    weir_arena *arena; /* for one line of it */
    ChatRoom__ChatRoom__Join_Responses hears;
    uint64_t heard; /* the number of the last line */
    weir_pipe *says;
    bool typing; /* stdin has not ended */
    size_t used;
    char typed[4000]; /* read, and not yet said */
};

/* ---- hearing ---- */

static void print_line(struct client *client, const ChatRoom__Line *line)
{
    if (client->heard != 0 && line->number > client->heard + 1)
        printf("(%" PRIu64 " lines missed)\n", line->number - client->heard - 1);
    client->heard = line->number;
    printf("%s: %s\n", line->from, line->text);
    fflush(stdout);
}

/* PENDING: all that is there was printed. */
static weir_poll hear(struct client *client, weir_status *why)
{
    const ChatRoom__Line *line;
    weir_poll poll;

    weir_task_begin(client->task, weir_loop_now(weir_uv_loop(client->uv)));
    while ((poll = chat_room__chat_room__join__poll_response(
                &client->hears, client->task, client->arena, &line, why)) == WEIR_READY) {
        print_line(client, line);
        weir_arena_reset(client->arena);
    }
    return poll;
}

/* ---- saying ---- */

/* The length of the first line that was typed; SIZE_MAX: there is none yet. A line that is too long
 * goes in pieces. */
static size_t first_line(const struct client *client)
{
    const char *end = memchr(client->typed, '\n', client->used);

    if (end != NULL)
        return (size_t)(end - client->typed);
    return client->used == sizeof client->typed - 1 || (!client->typing && client->used > 0)
               ? client->used
               : SIZE_MAX;
}

/* False: the pipe is full, and the loop goes on when there is room. */
static bool say_line(struct client *client, size_t size)
{
    ChatRoom__Line line = CHAT_ROOM__LINE__INIT;
    size_t rest = size < client->used && client->typed[size] == '\n' ? size + 1 : size;
    char end = client->typed[size];
    weir_bytes packed;
    weir_poll poll;

    client->typed[size] = '\0';
    line.from = client->name;
    line.text = client->typed;
    if (weir_message_pack(chat_room__chat_room__join__method.request, &line, &packed, NULL))
        return false;
    poll = weir_pipe_try_write(client->says, client->task, &packed);
    client->typed[size] = end;
    weir_bytes_unref(&packed); /* what moved in is empty */
    if (poll == WEIR_PENDING)
        return false;
    client->used -= rest;
    memmove(client->typed, client->typed + rest, client->used);
    return true;
}

static void say(struct client *client)
{
    size_t size;

    while ((size = first_line(client)) != SIZE_MAX)
        if (!say_line(client, size))
            return;
    if (!client->typing)
        weir_pipe_close(client->says, (weir_status){0});
}

static void read_typed(struct client *client)
{
    ssize_t got =
        read(STDIN_FILENO, client->typed + client->used, sizeof client->typed - 1 - client->used);

    if (got > 0)
        client->used += (size_t)got;
    else
        client->typing = false;
}

/* ---- both ---- */

/* Waits until there is something to do. What is not said yet keeps more from being read. */
static void wait_for_both(struct client *client)
{
    struct pollfd fds[] = {
        {.fd = weir_uv_fd(client->uv), .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };
    bool reads = client->typing && first_line(client) == SIZE_MAX;

    poll(fds, reads ? 2 : 1, weir_uv_timeout_ms(client->uv));
    if (reads && fds[1].revents != 0)
        read_typed(client);
}

static weir_code chat(struct client *client, weir_status *why)
{
    weir_poll poll;

    for (;;) {
        weir_uv_step(client->uv);
        poll = hear(client, why);
        if (poll != WEIR_PENDING)
            return poll == WEIR_END ? WEIR_OK : why->code;
        say(client);
        wait_for_both(client);
    }
}

static weir_code join(struct client *client, const char *address, weir_status *why)
{
    const weir_channel_options options = {.loop = weir_uv_loop(client->uv)};
    ChatRoom__ChatRoom__Join_Requests says;
    weir_channel *channel;
    weir_call *call;
    weir_code code = weir_channel_create(address, &options, &channel, why);

    if (code != WEIR_OK)
        return code;
    call = weir_call_create(NULL);
    client->says = weir_pipe_create(NULL, &says.stream);
    client->task = weir_task_create(NULL);
    client->arena = weir_arena_create(64 * 1024);
    client->hears = chat_room__chat_room__join__start(channel, call, says);
    if (client->says == NULL || client->task == NULL || client->arena == NULL)
        code = weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else
        code = chat(client, why);
    weir_stream_release(&client->hears.stream);
    weir_arena_free(client->arena);
    weir_task_free(client->task);
    weir_pipe_unref(client->says);
    weir_call_unref(call);
    weir_channel_unref(channel);
    return code;
}

int main(int argc, char **argv)
{
    struct client client = {.typing = true};
    weir_status why = {0};
    weir_code code;

    if (argc != 3)
        return fprintf(stderr, "usage: client ADDRESS NAME\n"), 2;
    client.name = argv[2];
    code = weir_uv_create(&client.uv, &why);
    if (code == WEIR_OK)
        code = join(&client, argv[1], &why);
    weir_uv_free(client.uv);
    return example_end(code, &why);
}
