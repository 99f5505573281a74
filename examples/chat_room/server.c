/* SPDX-License-Identifier: MIT */
/*
 * server.c - a chat room in which slow readers never slow the room: server ADDRESS.
 *
 * What is said goes into one pipe, and a broadcast gives it to everybody who joined. Each line is
 * packed once, and all readers share its bytes. A reader who is slow has the newest lines waiting
 * for him, a bounded number, and loses older ones: the numbers of the lines tell him how many.
 * Nobody ever waits for him.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/example.h"
#include "chat_room.weir.h"

enum { MAX_TEXT = 4000 };

/* What may wait in the room, and for each reader. */
static const weir_pipe_options waiting = {
    .max_messages = 64, .max_bytes = 64 * 1024, .when_full = WEIR_FULL_DROP_OLDEST};

struct room {
    weir_pipe *said;
    weir_broadcast *heard;
    uint64_t count; /* of lines; touched on the server's one loop alone */
};

struct member {
    struct room *room;
    ChatRoom__ChatRoom__Join_Requests says;
    weir_stream hears;
    weir_arena *arena; /* for what is said */
};

/* Never waits: a room that is full drops its oldest line. */
static weir_code say(struct room *room, const ChatRoom__Line *said, weir_status *why)
{
    ChatRoom__Line line = CHAT_ROOM__LINE__INIT;
    weir_bytes packed;
    weir_code code;

    if (strlen(said->text) > MAX_TEXT || strlen(said->from) > MAX_TEXT)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "a line of more than %d bytes", MAX_TEXT);
    line.from = said->from;
    line.text = said->text;
    line.number = ++room->count;
    code = weir_message_pack(chat_room__chat_room__join__method.response, &line, &packed, why);
    if (code == WEIR_OK)
        code = weir_pipe_write(room->said, packed);
    return code;
}

/* READY: one line was said. END: the member says no more. */
static weir_poll listen_to(struct member *member, weir_task *task, weir_status *why)
{
    const ChatRoom__Line *line;
    weir_poll poll;

    weir_arena_reset(member->arena);
    poll = chat_room__chat_room__join__poll_request(&member->says, task, member->arena, &line, why);
    if (poll == WEIR_READY && say(member->room, line, why) != WEIR_OK)
        return WEIR_ERROR;
    return poll;
}

/*
 * The next line for a member. It is asked for when the member has room for one, so who does not
 * read is not listened to either. The stream is one of bytes: a line was packed when it was said.
 */
static weir_poll next_line(void *state, weir_task *task, weir_item *out)
{
    struct member *member = state;
    weir_poll says, hears;

    do {
        says = listen_to(member, task, &out->status);
        if (says == WEIR_ERROR)
            return WEIR_ERROR;
        hears = weir_stream_poll(&member->hears, task, out);
    } while (says == WEIR_READY && hears == WEIR_PENDING);
    return says == WEIR_END && hears == WEIR_PENDING ? WEIR_END : hears;
}

static void release_member(void *state)
{
    struct member *member = state;

    weir_stream_release(&member->says.stream);
    weir_stream_release(&member->hears);
    weir_arena_free(member->arena);
    free(member);
}

static ChatRoom__ChatRoom__Join_Responses join(void *self, weir_call *call,
                                               ChatRoom__ChatRoom__Join_Requests requests)
{
    struct room *room = self;
    struct member *member = calloc(1, sizeof *member);
    weir_arena *arena = weir_arena_create(64 * 1024);

    weir_call_send_headers(call); /* in the room, also while nobody says anything */
    if (member == NULL || arena == NULL) {
        weir_stream_release(&requests.stream);
        weir_arena_free(arena);
        free(member);
        return (ChatRoom__ChatRoom__Join_Responses){
            weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory")};
    }
    *member = (struct member){.room = room, .says = requests, .arena = arena};
    member->hears = weir_broadcast_subscribe(room->heard, &waiting);
    return (ChatRoom__ChatRoom__Join_Responses){
        weir_stream_from(next_line, member, release_member)};
}

/* Ends the calls of all who are in the room, so that a shutdown need not cancel them. */
static void close_room(void *self)
{
    const struct room *room = self;

    weir_pipe_close(room->said, (weir_status){0});
}

static weir_code serve(const char *address, struct room *room, weir_status *why)
{
    weir_server *server;
    weir_code code = weir_server_create(NULL, &server, why);

    if (code != WEIR_OK)
        return code;
    code = chat_room__chat_room__join__handle_stream(server, join, room, why);
    if (code == WEIR_OK)
        code = weir_server_on_shutdown(server, close_room, room, NULL, why);
    if (code == WEIR_OK)
        code = example_serve(server, address, why);
    weir_server_free(server);
    return code;
}

int main(int argc, char **argv)
{
    struct room room = {0};
    weir_status why = {0};
    weir_stream lines;
    weir_code code;

    if (argc != 2)
        return fprintf(stderr, "usage: server ADDRESS\n"), 2;
    room.said = weir_pipe_create(&waiting, &lines);
    room.heard = weir_broadcast_create(lines);
    if (room.said == NULL || room.heard == NULL)
        code = weir_fail(&why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else
        code = serve(argv[1], &room, &why);
    weir_broadcast_unref(room.heard);
    weir_pipe_unref(room.said);
    return example_end(code, &why);
}
