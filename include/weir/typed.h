/* SPDX-License-Identifier: MIT */
/*
 * typed.h - methods whose messages are C structures, whatever serializer makes them.
 *
 * protoc-gen-weir writes functions with the right types on top of these; users of nanopb, upb or a
 * serializer of their own describe their messages with a weir_message_type and use these as they
 * are. Nothing here knows a serializer.
 *
 * A message that was unpacked, and all it points to, lies in an arena or in the bytes it came in,
 * and is valid as long as the function that gave it says. What is sent is packed at once, so it may
 * lie anywhere, on the stack too.
 */
#ifndef WEIR_TYPED_H
#define WEIR_TYPED_H

#include <weir/arena.h>
#include <weir/channel.h>
#include <weir/server.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- messages ---- */

typedef struct weir_message_type weir_message_type;

/* One type of message of some serializer. It lives for ever. */
struct weir_message_type {
    const char *name; /* "package.Message" */
    size_t size;      /* of the C structure */

    /* Sets a structure to the message without fields. NULL: zeroed memory is one. */
    void (*init)(void *message);

    /* Unpacks; the message may point into `data` and lies in `arena` otherwise. NULL: `data` is no
     * message of this type, or the arena refused (weir_arena_refused). */
    void *(*unpack)(const weir_message_type *type, weir_arena *arena, const uint8_t *data,
                    size_t size);

    /* The bytes of `message`, and exactly those written to `out`. SIZE_MAX, false: it cannot be
     * packed. */
    size_t (*packed_size)(const weir_message_type *type, const void *message);
    bool (*pack)(const weir_message_type *type, const void *message, uint8_t *out, size_t size);

    const void *descriptor; /* the serializer's own */

    /* What may follow "application/grpc+" in a request's content-type; NULL: "proto". A typed
     * server answers others with UNIMPLEMENTED. */
    const char *subtype;
    uint64_t reserved[4]; /* 0 */
};

/* INTERNAL: no message of this type. RESOURCE_EXHAUSTED: the arena refused. *out may point into
 * `data`, which must stay until it was used. */
WEIR_API weir_code weir_message_unpack(const weir_message_type *type, weir_arena *arena,
                                       const weir_bytes *data, void **out,
                                       weir_status *why) WEIR_MUST_USE;

/* RESOURCE_EXHAUSTED: out of memory, or larger than gRPC can frame (4 GiB). INTERNAL: the
 * serializer cannot pack it. */
WEIR_API weir_code weir_message_pack(const weir_message_type *type, const void *message,
                                     weir_bytes *out, weir_status *why) WEIR_MUST_USE;

/* A message without fields in the arena. NULL when it refused. */
WEIR_API void *weir_message_create(const weir_message_type *type, weir_arena *arena);

/* ---- methods ---- */

typedef struct weir_method {
    const char *path; /* "/package.Service/Method" */
    const weir_message_type *request;
    const weir_message_type *response;
    bool client_streaming;
    bool server_streaming;
    uint64_t reserved[4]; /* 0 */
} weir_method;

/* A .proto file as reflection tells it: a serialized FileDescriptorProto and the files it
 * imports. */
typedef struct weir_file weir_file;
struct weir_file {
    const char *name;
    const uint8_t *data;
    size_t size;
    const weir_file *const *imports;
    size_t import_count;
    uint64_t reserved[4]; /* 0 */
};

/* A function of any type, to be cast back to its own before it is called. */
typedef void weir_any_fn(void);

/*
 * The user's function and what it needs. release(self) (may be NULL) is called once; a NULL self
 * with a release counts as a failed allocation. The functions below get it through an invoke
 * function, which knows fn's type; it moves in, also on failure.
 */
typedef struct weir_target {
    weir_any_fn *fn;
    void *self;
    void (*release)(void *self);
} weir_target;

/* Reads and writes of a function that blocks. */
typedef struct weir_typed_io weir_typed_io;

/*
 * Plain functions: `request` where the client sends one message, `response` (initialised) where the
 * server does, `io` where either streams; NULL otherwise. The response is packed when the function
 * returned WEIR_OK; else its result is the call's status, with the message in *why. Where
 * weir_call_alloc and its kin gave NULL the call gets RESOURCE_EXHAUSTED, so a function that only
 * puts what they give into a message need not look.
 *
 * A unary function runs on the loop's thread and must not block, unless it is registered with
 * `blocks`; then it runs on the server's pool, as those that stream always do (weir_blocking).
 */
typedef weir_code weir_plain_invoke(const weir_target *target, weir_call *call, const void *request,
                                    weir_typed_io *io, void *response, weir_status *why);
WEIR_API weir_handler weir_typed_plain(const weir_method *method, weir_plain_invoke *invoke,
                                       weir_target target, bool blocks);

/* READY: *out is valid until the next read or the function's end. END. ERROR: *why says what,
 * and a later read END. After a message that is none the call ends with INTERNAL
 * (RESOURCE_EXHAUSTED where it takes too much memory) although the function returned WEIR_OK.
 * Where the client streams. */
WEIR_API weir_poll weir_typed_read(weir_typed_io *io, const void **out, weir_status *why);

/* Packs and sends, and gives back what weir_call_alloc gave. Blocks while the client reads
 * slower than that. CANCELLED: the call is over. RESOURCE_EXHAUSTED: out of memory; INTERNAL: it
 * cannot be packed; the call ends with that although the function returned WEIR_OK. Where the
 * server streams. */
WEIR_API weir_code weir_typed_write(weir_typed_io *io, const void *message) WEIR_MUST_USE;

/*
 * Functions that return the stream of responses, on the loop's thread: `request` (valid during the
 * function) where the client sends one message, else `requests`, which moves in.
 */
typedef weir_stream weir_stream_invoke(const weir_target *target, weir_call *call,
                                       const void *request, weir_stream requests);
WEIR_API weir_handler weir_typed_stream(const weir_method *method, weir_stream_invoke *invoke,
                                        weir_target target);

/* ---- typed streams ---- */

/*
 * Streams know no call, so what bounds their messages in memory is not max_message_memory: unpacked
 * a message may take 16 times its bytes and 64 KiB, built 64 MiB. Past that RESOURCE_EXHAUSTED.
 */

/* A stream of one message, packed now. */
WEIR_API weir_stream weir_typed_once(const weir_message_type *type, const void *message);

/*
 * A source that fills structures: READY with *out filled (it comes initialised, and what it needs
 * may lie in `arena`, which is reset for each message), PENDING, END, or ERROR with *why.
 */
typedef weir_poll weir_source_invoke(const weir_target *target, weir_task *task, weir_arena *arena,
                                     void *out, weir_status *why);
WEIR_API weir_stream weir_typed_from(const weir_message_type *type, weir_source_invoke *invoke,
                                     weir_target target);

/* Polls and unpacks. READY: *out is valid until the arena is reset. The caller resets it. */
WEIR_API weir_poll weir_typed_poll(const weir_message_type *type, weir_stream *stream,
                                   weir_task *task, weir_arena *arena, const void **out,
                                   weir_status *why);

/* Each request becomes one response. Both, and what they need, lie in `arena`, reset for each. */
typedef weir_code weir_map_invoke(const weir_target *target, weir_arena *arena, const void *request,
                                  void *response, weir_status *why);
WEIR_API weir_stream weir_typed_map(const weir_method *method, weir_stream requests,
                                    weir_map_invoke *invoke, weir_target target);

/* All requests become one response: step for each of them, finish at the end. `target` has step as
 * its fn. */
typedef weir_code weir_step_invoke(const weir_target *target, const void *request,
                                   weir_status *why);
typedef weir_code weir_finish_invoke(weir_any_fn *finish, void *self, weir_arena *arena,
                                     void *response, weir_status *why);
WEIR_API weir_stream weir_typed_fold(const weir_method *method, weir_stream requests,
                                     weir_step_invoke *step, weir_finish_invoke *finish,
                                     weir_target target, weir_any_fn *finish_fn);

/* ---- clients ---- */

/*
 * Makes a call. `call` is one of weir_call_create(NULL), here and below; where that failed, so does
 * this, with RESOURCE_EXHAUSTED. See weir_channel_call.
 */
WEIR_API weir_stream weir_typed_start(const weir_method *method, weir_channel *channel,
                                      weir_call *call, weir_stream requests);

/* One message out, one back, on the calling thread (weir_channel_unary). At WEIR_OK *response is
 * valid as long as `call`. */
WEIR_API weir_code weir_typed_unary(const weir_method *method, weir_channel *channel,
                                    weir_call *call, const void *request, void **response,
                                    weir_status *why) WEIR_MUST_USE;

/* A call that a thread reads and writes with functions that block. It may be used by two threads:
 * one that reads and one that writes. */
typedef struct weir_typed_client weir_typed_client;

/* `request` where the method takes one message, else NULL. NULL when memory is out, with *why. */
WEIR_API weir_typed_client *weir_typed_open(const weir_method *method, weir_channel *channel,
                                            weir_call *call, const void *request, weir_status *why);

/* Packs and sends; blocks while the server reads slower than that. CANCELLED: the call is over, and
 * reading says why. INTERNAL, RESOURCE_EXHAUSTED: it cannot be packed; nothing was sent, and the
 * call goes on. */
WEIR_API weir_code weir_typed_client_write(weir_typed_client *client,
                                           const void *message) WEIR_MUST_USE;

/* No more requests: the server sees their end. */
WEIR_API void weir_typed_client_end(weir_typed_client *client);

/* READY: *out is valid until the next read or the close. END: the call ended with OK. ERROR: *why
 * is its status. */
WEIR_API weir_poll weir_typed_client_read(weir_typed_client *client, const void **out,
                                          weir_status *why);

/* Ends the requests, reads the one response and the status, and closes. At WEIR_OK *response is
 * valid as long as the call that it was opened with. */
WEIR_API weir_code weir_typed_client_finish(weir_typed_client *client, void **response,
                                            weir_status *why) WEIR_MUST_USE;

/* Frees it; a call that still runs is cancelled. No other thread may be using it: weir_call_cancel
 * makes one that waits return. NULL: nothing happens. */
WEIR_API void weir_typed_client_close(weir_typed_client *client);

#ifdef __cplusplus
}
#endif

#endif
