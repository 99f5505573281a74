/* SPDX-License-Identifier: MIT */
/*
 * grammar.c - a peer's frames from bytes, and the rules for what it gets.
 */
#include "grammar.h"

#include "framing/compression.h"
#include "framing/prefix.h"

enum { FIELDS_MAX = 24 };

/* ---- header blocks ---- */

static const char *const names[] = {":method",       ":path",          ":scheme",
                                    ":authority",    ":status",        "te",
                                    "content-type",  "content-length", "grpc-timeout",
                                    "grpc-encoding", "user-agent",     "grpc-accept-encoding",
                                    "grpc-status",   "grpc-message",   "grpc-status-details-bin",
                                    "x-a",           "x-b-bin",        "grpc-previous-rpc-attempts",
                                    "cookie",        "connection",     "X-Upper"};

/* clang-format off */
static const char *const values[] = {
    "POST", "GET", "/t.T/Echo", "/t.T/Unary", "/t.T/Down", "/t.T/Up", "/t.T/Fail", "/t.T/None",
    "http", "host:1", "200", "100", "204", "404", "503", "trailers", "0", "1", "4", "16", "17",
    "5", "application/grpc", "application/grpc+proto", "text/html", "gzip", "identity", "deflate",
    "br", "identity,gzip", "1n", "10m", "1S", "99999999H", "1", "AAEC", "AAEC,/w==", "a%20b%",
    "!", "",
};
/* clang-format on */

struct fields {
    nghttp2_nv pairs[FIELDS_MAX];
    size_t count;
};

static void add_slices(struct fields *fields, weir_slice name, weir_slice value)
{
    if (fields->count == FIELDS_MAX)
        return;
    fields->pairs[fields->count++] =
        (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data, name.size,
                     value.size, NGHTTP2_NV_FLAG_NONE};
}

static weir_slice slice_of(const char *text)
{
    return (weir_slice){(const uint8_t *)text, strlen(text)};
}

static void add(struct fields *fields, const char *name, const char *value)
{
    add_slices(fields, slice_of(name), slice_of(value));
}

/* One of the list; where the byte is beyond it, bytes of the input. */
static weir_slice pick(struct input *input, const char *const *list, size_t count)
{
    uint8_t at = input_byte(input);

    return at < 200 ? slice_of(list[at % count]) : input_slice(input);
}

static void add_picked(struct fields *fields, struct input *input, unsigned count)
{
    while (count-- != 0) {
        weir_slice name = pick(input, names, COUNT_OF(names));
        weir_slice value = pick(input, values, COUNT_OF(values));

        add_slices(fields, name, value);
    }
}

static void add_request(struct fields *fields, unsigned method)
{
    static const char *const methods[] = {"/t.T/Echo", "/t.T/Unary", "/t.T/Down", "/t.T/Up",
                                          "/t.T/Fail", "/t.T/Hand",  "/t.T/Hand", "/no.T/Thing"};

    add(fields, ":method", "POST");
    add(fields, ":scheme", "http");
    add(fields, ":path", methods[method % 8]);
    add(fields, ":authority", "host");
    add(fields, "te", "trailers");
    add(fields, "content-type", "application/grpc");
}

static void add_response(struct fields *fields, unsigned kind)
{
    static const char *const statuses[] = {"200", "200", "200", "503", "100", "204", "404", "2xx"};
    static const char *const codes[] = {"0", "0", "5", "16", "1", "99", "x", ""};

    if (kind & 1) { /* trailers, or a response that is only trailers where bit 1 says so */
        if (kind & 2) {
            add(fields, ":status", "200");
            add(fields, "content-type", "application/grpc");
        }
        add(fields, "grpc-status", codes[kind / 4 % 8]);
        return;
    }
    add(fields, ":status", statuses[kind / 4 % 8]);
    add(fields, "content-type", kind & 2 ? "application/grpc+proto" : "application/grpc");
}

/* In one HEADERS frame, or the rest in a CONTINUATION, with all that a HEADERS frame may carry. */
static void send_block(struct talk *talk, int32_t stream, unsigned shape, const uint8_t *block,
                       size_t size)
{
    size_t first = shape & 8 ? size / 2 : size;
    unsigned flags = (shape & 1 ? END_STREAM : 0) | (shape & 8 ? 0 : END_HEADERS);
    uint8_t *payload = calloc(1, size + 16);
    size_t used = 0;

    must(payload != NULL);
    if (shape & 2) {
        flags |= NGHTTP2_FLAG_PADDED;
        payload[used++] = 3;
    }
    if (shape & 4) {
        flags |= NGHTTP2_FLAG_PRIORITY;
        payload[used + 3] = (uint8_t)(shape >> 4);
        used += 5;
    }
    memcpy(payload + used, block, first);
    used += first + (shape & 2 ? 3 : 0);
    peer_frame(talk->peer, NGHTTP2_HEADERS, flags, stream, payload, used);
    if (shape & 8)
        peer_frame(talk->peer, NGHTTP2_CONTINUATION, END_HEADERS, stream, block + first,
                   size - first);
    free(payload);
}

static void send_fields(struct talk *talk, int32_t stream, unsigned shape,
                        const struct fields *fields)
{
    size_t size;
    uint8_t *block = peer_block(talk->peer, fields->pairs, fields->count, &size);

    if (stream > talk->peer->last_stream)
        talk->peer->last_stream = stream;
    send_block(talk, stream, shape, block, size);
    free(block);
}

/* One that is there, the next one, or one that cannot be. */
static int32_t pick_stream(struct talk *talk)
{
    uint8_t at = input_byte(&talk->input);

    if (at < 224)
        return 1 + 2 * (at % 8);
    if (at < 240)
        return talk->peer->last_stream + 2 * (at % 4);
    return (int32_t)(input_number(&talk->input, 4) & (at % 2 ? 0x7fffffff : 0xff));
}

static void send_headers(struct talk *talk, bool whole)
{
    unsigned shape = input_byte(&talk->input), kind = input_byte(&talk->input);
    int32_t stream = talk->peer->last_stream + 2;
    struct fields fields = {.count = 0};

    if (talk->response || kind >= 192)
        stream = pick_stream(talk);
    if (stream > STREAM_MAX)
        return;
    if (whole && talk->response)
        add_response(&fields, kind);
    else if (whole)
        add_request(&fields, kind);
    add_picked(&fields, &talk->input, shape >> 5);
    send_fields(talk, stream, shape, &fields);
}

/* ---- bodies ---- */

static void send_message(struct talk *talk, unsigned flag, const uint8_t *data, size_t size)
{
    int32_t stream = pick_stream(talk);
    unsigned shape = input_byte(&talk->input);
    uint8_t *payload = malloc(PREFIX_SIZE + size);

    must(payload != NULL);
    prefix_write(payload, flag, (uint32_t)size);
    if (size != 0)
        memcpy(payload + PREFIX_SIZE, data, size);
    if (shape & 2)
        peer_padded(talk->peer, stream, shape & 1, payload, PREFIX_SIZE + size, shape);
    else
        peer_data(talk->peer, stream, shape & 1, payload, PREFIX_SIZE + size);
    free(payload);
}

static void send_deflated(struct talk *talk)
{
    weir_slice slice = input_slice(&talk->input);
    weir_builder builder = {0};
    weir_bytes plain, packed = {0};

    for (unsigned i = 0; i < 32; i++)
        weir_builder_append(&builder, slice.data, slice.size);
    plain = weir_builder_finish(&builder);
    if (talk->deflater == NULL)
        talk->deflater = deflater_create();
    if (talk->deflater != NULL && plain.size != 0 &&
        deflater_run(talk->deflater, compression_known(WEIR_GZIP), &plain, &packed))
        send_message(talk, 1, packed.data, packed.size);
    weir_bytes_unref(&plain);
    weir_bytes_unref(&packed);
}

static void send_large(struct talk *talk)
{
    int32_t stream = pick_stream(talk);
    size_t size = input_number(&talk->input, 2);

    talk->large += size;
    if (talk->large < LARGE_MAX)
        peer_large_message(talk->peer, stream, input_byte(&talk->input) & 1, size);
}

/* ---- all else ---- */

static void send_settings(struct talk *talk)
{
    uint16_t id = input_byte(&talk->input) % 10;
    unsigned bits = input_byte(&talk->input);

    peer_settings(talk->peer, id, (uint32_t)(input_number(&talk->input, 2) << bits % 17));
}

static void send_control(struct talk *talk)
{
    unsigned kind = input_byte(&talk->input);
    int32_t stream = pick_stream(talk);
    uint32_t number = (uint32_t)input_number(&talk->input, 2) << kind / 8 % 17;
    uint8_t payload[8] = {0, 0, 0, 1, (uint8_t)kind, 0, 0, (uint8_t)number};

    switch (kind % 8) {
    case 0:
    case 1:
        peer_window(talk->peer, kind & 1 ? stream : 0, number);
        break;
    case 2:
        peer_reset(talk->peer, stream, number % 16);
        break;
    case 3:
        peer_goaway(talk->peer, stream, number % 16);
        break;
    case 4:
        peer_frame(talk->peer, NGHTTP2_PING, kind / 8 & 1, 0, payload, 8);
        break;
    case 5:
        peer_frame(talk->peer, NGHTTP2_PRIORITY, 0, stream, payload, 5);
        break;
    default:
        send_settings(talk);
    }
}

static void send_raw(struct talk *talk, bool framed)
{
    unsigned type = framed ? input_byte(&talk->input) % 12 : 0;
    unsigned flags = framed ? input_byte(&talk->input) : 0;
    int32_t stream = framed ? pick_stream(talk) : 0;
    weir_slice slice = input_slice(&talk->input);

    if (framed)
        peer_frame(talk->peer, (uint8_t)type, flags, stream, slice.data, slice.size);
    else
        peer_send(talk->peer, slice.data, slice.size);
}

/* Up to two minutes. */
static void pass_time(struct talk *talk)
{
    unsigned bits = input_byte(&talk->input);

    peer_advance(talk->peer, WEIR_MILLISECONDS(UINT64_C(1) << bits % 18));
    talk_settle(talk);
}

static void change_peer(struct talk *talk)
{
    unsigned kind = input_byte(&talk->input);

    if (kind < 96)
        talk->peer->one_byte = kind & 1;
    else if (kind < 192)
        talk->peer->deaf = kind & 1;
    else {
        talk->starved = true;
        memory_fail_at(input_byte(&talk->input));
    }
}

void talk_step(struct talk *talk)
{
    weir_slice slice;

    switch (input_byte(&talk->input) % 16) {
    case 0:
    case 1:
    case 2:
        send_headers(talk, true);
        break;
    case 3:
        send_headers(talk, false);
        break;
    case 4:
    case 5:
        slice = input_slice(&talk->input);
        send_message(talk, 0, slice.data, slice.size);
        break;
    case 6:
        send_deflated(talk);
        break;
    case 7:
        send_large(talk);
        break;
    case 8:
    case 9:
        send_control(talk);
        break;
    case 10:
        send_raw(talk, true);
        break;
    case 11:
        send_raw(talk, false);
        break;
    case 12:
        pass_time(talk);
        break;
    case 13:
        change_peer(talk);
        break;
    default:
        talk_settle(talk);
    }
}

void talk_settle(struct talk *talk)
{
    struct peer *peer = talk->peer;

    /* More of them take long and show nothing new. */
    if (peer->one_byte)
        talk->one_by_one += peer->out.size - peer->out.taken;
    if (talk->one_by_one > ONE_BY_ONE_MAX)
        peer->one_byte = false;
    peer_settle(peer);
    must(memory_held() <= talk->most);
}

void talk_clear(struct talk *talk)
{
    deflater_free(talk->deflater);
    peer_free(talk->peer);
}

/* ---- what came ---- */

struct seen {
    bool headers;
    bool ended;
    bool reset;
};

/* A call of gRPC ends with a status that is a code. */
static void check_end(const struct frame *frame)
{
    const char *http = frame_field(frame, ":status"), *code = frame_field(frame, "grpc-status");

    if (http == NULL || strcmp(http, "200") == 0)
        must(code != NULL && strlen(code) <= 2 && strtoul(code, NULL, 10) <= WEIR_UNAUTHENTICATED);
}

static void check_frame(const struct frame *frame, struct seen *seen, bool server)
{
    bool ends = (frame->flags & END_STREAM) != 0;

    if (frame->type == NGHTTP2_RST_STREAM) {
        must(!seen->reset);
        seen->reset = true;
        return;
    }
    if (frame->type != NGHTTP2_HEADERS && frame->type != NGHTTP2_DATA)
        return;
    must(!seen->ended && !seen->reset);
    must(frame->type == NGHTTP2_HEADERS || seen->headers);
    if (server && ends && frame->type == NGHTTP2_HEADERS)
        check_end(frame);
    seen->headers = true;
    seen->ended = ends;
}

void talk_check_frames(const struct talk *talk, bool server)
{
    struct seen seen[STREAM_MAX + 1] = {{false}};

    for (size_t i = 0; i < talk->peer->frame_count; i++) {
        const struct frame *frame = &talk->peer->frames[i];

        if (frame->stream > 0 && frame->stream <= STREAM_MAX)
            check_frame(frame, &seen[frame->stream], server);
    }
}
