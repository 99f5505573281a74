/* SPDX-License-Identifier: MIT */
/*
 * fuzz_reflection.c - any questions to a server's reflection: names that are there, that nearly
 * are, and bytes that are no request.
 *
 * Each question that is a message gets one answer, which is one; strings in it are UTF-8, as proto3
 * demands, where the question's were.
 */
#include "fuzz.h"

#include "conn/support/peer.h"
#include "framing/reader.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "names.weir.h"

#include <weir/reflection.h>

#define PATH "ServerReflection/ServerReflectionInfo"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

enum { QUESTIONS_MAX = 8 };

struct run {
    struct peer *peer;
    unsigned questions;
    bool garbled; /* one was no message, or not of UTF-8 */
};

/* ---- questions ---- */

/* Follows from RFC 3629, section 4. */
static size_t character_size(const uint8_t *at, size_t left)
{
    size_t size = *at < 0x80 ? 1 : *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : 4;

    if (size == 0 || size > left || *at > 0xF4)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((*at == 0xE0 && at[1] < 0xA0) || (*at == 0xED && at[1] > 0x9F) ||
        (*at == 0xF0 && at[1] < 0x90) || (*at == 0xF4 && at[1] > 0x8F))
        return 0;
    return size;
}

static bool is_utf8(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);

    while (left != 0) {
        size_t size = character_size(at, left);

        if (size == 0)
            return false;
        at += size;
        left -= size;
    }
    return true;
}

static void send(struct run *run, const uint8_t *data, size_t size)
{
    uint8_t *message = calloc(1, 5 + size);

    must(message != NULL && size < 65536);
    message[3] = (uint8_t)(size >> 8);
    message[4] = (uint8_t)size;
    if (size != 0)
        memcpy(message + 5, data, size);
    peer_data(run->peer, 1, 0, message, 5 + size);
    free(message);
    run->questions++;
}

static void ask_raw(struct run *run, struct input *input)
{
    weir_slice slice = input_slice(input);

    run->garbled = true;
    send(run, slice.data, slice.size);
}

static char *name_of(struct input *input)
{
    static const char *const names[] = {
        "names.proto",
        "shared.proto",
        "google/protobuf/descriptor.proto",
        "grpc.reflection.v1.ServerReflection",
        "tests.camelCase.under_score.outer_Message",
        "tests.camelCase.under_score.outer_Message.Nested1.Deepest",
        "tests.camelCase.under_score.ext",
        "",
    };
    unsigned kind = input_byte(input);

    if (kind < 128)
        return string_of(input_slice(input));
    return string_of((weir_slice){(const uint8_t *)names[kind % 8],
                                  strlen(names[kind % 8]) - (kind / 8 == 17 && kind % 8 != 7)});
}

static void ask(struct run *run, struct input *input)
{
    static uint8_t packed[1024];
    request question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    Grpc__Reflection__V1__ExtensionRequest extension =
        GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
    char *host = name_of(input), *name = name_of(input);

    question.host = host;
    question.message_request_case = 3 + input_byte(input) % 5;
    if (question.message_request_case == 5) {
        extension.containing_type = name;
        extension.extension_number = (int32_t)input_number(input, 2);
        question.file_containing_extension = &extension;
    } else {
        question.file_by_filename = name; /* all others are strings */
    }
    run->garbled |= !is_utf8(host) || !is_utf8(name);
    send(run, packed, grpc__reflection__v1__server_reflection_request__pack(&question, packed));
    free(host);
    free(name);
}

/* ---- answers ---- */

static void check_answer(const struct run *run, const weir_bytes *message)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    response *answer = grpc__reflection__v1__server_reflection_response__unpack_borrowed(
        arena, message->size, message->data);

    must(answer != NULL && answer->message_response_case != 0 && answer->original_request != NULL);
    if (!run->garbled)
        must(
            answer->message_response_case !=
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE ||
            is_utf8(answer->error_response->error_message));
    weir_arena_free(arena);
}

static unsigned check_answers(const struct run *run)
{
    struct frame_reader reader;
    const struct frame *frame;
    weir_bytes message;
    unsigned flag, answers = 0;

    frame_reader_init(&reader, SIZE_MAX, false);
    for (size_t i = 0; (frame = peer_find(run->peer, NGHTTP2_DATA, 1, i)) != NULL; i++)
        must(frame_reader_append(&reader, frame->payload, frame->size, NULL) == WEIR_OK);
    for (; frame_reader_take(&reader, &message, &flag); answers++) {
        check_answer(run, &message);
        weir_bytes_unref(&message);
    }
    frame_reader_clear(&reader);
    return answers;
}

static struct peer *connect(bool alpha)
{
    static const weir_file *const files[] = {&names__file};
    struct peer *peer = peer_of_server(NULL);

    must(weir_reflection_serve(peer->server, files, 1, NULL) == WEIR_OK);
    peer_window(peer, 0, 1 << 24);
    peer_settings(peer, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 24);
    peer_request(peer, 1, 0, alpha ? "/grpc.reflection.v1alpha." PATH : "/grpc.reflection.v1." PATH,
                 NULL);
    return peer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct run run = {0};

    memory_install();
    now = WEIR_SECONDS(1000);
    run.peer = connect(input_byte(&input) & 1);
    while (input.size != 0 && run.questions < QUESTIONS_MAX)
        input_byte(&input) % 4 == 0 ? ask_raw(&run, &input) : ask(&run, &input);
    peer_data(run.peer, 1, END_STREAM, NULL, 0);
    peer_settle(run.peer);
    must(peer_count(run.peer, NGHTTP2_HEADERS, 1) != 0);
    must(check_answers(&run) == run.questions || run.garbled);
    if (!run.garbled)
        expect_status(run.peer, 1, WEIR_OK);
    peer_free(run.peer);
    must(memory_held() == 0);
    return 0;
}
