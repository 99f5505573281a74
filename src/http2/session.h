/* SPDX-License-Identifier: MIT */
/*
 * session.h - one HTTP/2 session, as the rest of the library sees it.
 *
 * Bytes in, events out; pulls in, bytes out. Everything nghttp2 stays behind this page. Each HTTP/2
 * stream carries a pointer of the user's, which comes back with its events until `closed`. Inside
 * an event only the functions marked "anywhere" may be called.
 */
#ifndef HTTP2_SESSION_H
#define HTTP2_SESSION_H

#include <weir/status.h>

#include "bytes/output.h"

struct http2_session;

/* HTTP/2 error codes that weir sends or tells apart (RFC 9113, 7). */
enum {
    HTTP2_NO_ERROR = 0,
    HTTP2_PROTOCOL_ERROR = 1,
    HTTP2_INTERNAL_ERROR = 2,
    HTTP2_FLOW_CONTROL_ERROR = 3,
    HTTP2_SETTINGS_TIMEOUT = 4,
    HTTP2_STREAM_CLOSED = 5,
    HTTP2_FRAME_SIZE_ERROR = 6,
    HTTP2_REFUSED_STREAM = 7,
    HTTP2_CANCEL = 8,
    HTTP2_COMPRESSION_ERROR = 9,
    HTTP2_CONNECT_ERROR = 10,
    HTTP2_ENHANCE_YOUR_CALM = 11,
    HTTP2_INADEQUATE_SECURITY = 12
};

/* The gRPC code for an RST_STREAM that came without trailers. */
weir_code http2_error_status(uint32_t error);
const char *http2_error_name(uint32_t error);

/* A header to send. `literal`: name and value live for ever and are not copied. */
struct http2_header {
    weir_slice name;
    weir_slice value;
    bool literal;
};

/* What a pull found. */
enum http2_pull {
    HTTP2_PULL_MORE,    /* there may be more: pull again when there is room */
    HTTP2_PULL_PENDING, /* nothing (more) now: http2_resume when there is */
    HTTP2_PULL_END,     /* that was all, the stream ends with it */
    HTTP2_PULL_TRAILERS /* that was all, trailers follow */
};

struct http2_events {
    /* Server: a request begins. The returned pointer is the stream's; NULL refuses it with *error,
     * which is REFUSED_STREAM. */
    void *(*begin)(void *self, int32_t id, uint32_t *error);
    /* False: more than anybody can mean; the stream is reset, and the rest of the block not
     * told. */
    bool (*header)(void *self, void *stream, weir_slice name, weir_slice value);
    /* A header block is complete; `last`: the peer's side of the stream ends with it. */
    void (*headers)(void *self, void *stream, bool last);
    /* The connection's window lacks the bytes until http2_credit_connection. */
    void (*data)(void *self, void *stream, const uint8_t *data, size_t size);
    /* The peer's side of the stream ended behind its data. */
    void (*end)(void *self, void *stream);
    /* What ends our side of the stream has left. */
    void (*end_sent)(void *self, void *stream);
    /* Client: the peer goes away, and the request did not leave before that. `closed` is next. */
    void (*unsent)(void *self, void *stream);
    /* The last event of a stream. */
    void (*closed)(void *self, void *stream, uint32_t error);
    /* Appends at most `max` bytes of payload to `output`; returns how many. */
    size_t (*pull)(void *self, void *stream, struct output *output, size_t max,
                   enum http2_pull *more);
    /* The peer's settings came: http2_max_streams may have changed. */
    void (*settings)(void *self);
    /* The peer goes away. */
    void (*goaway)(void *self, uint32_t error, weir_slice debug);
    /* We said that we do; notices are not told. */
    void (*goaway_sent)(void *self, uint32_t error, weir_slice debug);
    /* A PING came; `ack`: the answer to one of ours, with what that held. */
    void (*ping)(void *self, bool ack, uint64_t opaque);
};

/*
 * What happened so far. `frames` are all that came, those that are passed over, too. `work` is what
 * moves: HEADERS and DATA that leave, HEADERS that come, and bytes of DATA that come, so that a
 * frame of DATA with nothing but padding is none. `faults` are streams that we reset because of
 * what the peer did on them, `cancels` are resets that came. `passed`
 * counts frames that came whole (of header blocks the whole ones); `partial`: one was begun and is
 * not.
 */
struct http2_counts {
    uint64_t frames;
    uint64_t work;
    uint64_t sent_work; /* that part of `work` which left */
    uint64_t faults;
    uint64_t cancels;
    uint64_t passed;
    bool partial;
};

struct http2_options {
    bool client;
    uint32_t max_streams;     /* server: concurrent streams the peer may open */
    uint32_t max_header_size; /* told to the peer */
    uint32_t window;          /* of the whole connection */
};

/* NULL when memory is out. `events` is borrowed for the session's life. */
struct http2_session *http2_create(const struct http2_options *options,
                                   const struct http2_events *events, void *self);
void http2_free(struct http2_session *session);

/* False: the session is broken; what it has to say about that is in the output. */
bool http2_receive(struct http2_session *session, const uint8_t *data, size_t size);

/* After that: what it has to say. */
uint32_t http2_error(const struct http2_session *session);

/* Fills `output` up to its limit; false when the session is broken. */
bool http2_send(struct http2_session *session, struct output *output);

/* False when pulling would give nothing. */
bool http2_wants_write(struct http2_session *session);

/* True when neither side has anything left to say. */
bool http2_is_over(struct http2_session *session);

/* ---- anywhere ---- */

/* Client: opens a stream; its id, or -1 when there are no more ids or no memory. */
int32_t http2_request(struct http2_session *session, const struct http2_header *headers,
                      size_t count, void *stream);

/* Server: response headers, behind which messages are pulled. */
bool http2_respond(struct http2_session *session, int32_t id, const struct http2_header *headers,
                   size_t count);

/* Headers that end our side: trailers, or a response that is only trailers. */
bool http2_finish(struct http2_session *session, int32_t id, const struct http2_header *headers,
                  size_t count);

/* A response with a short body and its end, for what is not gRPC. `body` lives for ever. */
bool http2_answer(struct http2_session *session, int32_t id, const struct http2_header *headers,
                  size_t count, const char *body);

void http2_reset(struct http2_session *session, int32_t id, uint32_t error);

/* No more events for this stream. */
void http2_forget(struct http2_session *session, int32_t id);

/* Pull the stream again. */
void http2_resume(struct http2_session *session, int32_t id);

/* Bytes that the peer lets us send on this stream now, connection included; may be negative. */
int32_t http2_window(struct http2_session *session, int32_t id);

/* Whether new streams have no window for what we send. */
bool http2_starts_closed(struct http2_session *session);

/* Whether the stream is there: a client's is not before its HEADERS have left. */
bool http2_is_open(struct http2_session *session, int32_t id);

/* The window of this stream, or of the connection (id 0), is `size` from now on; never smaller than
 * before. */
void http2_set_window(struct http2_session *session, int32_t id, size_t size);

/* Of the whole connection: what we may send now, and what the peer may. */
int32_t http2_send_window(struct http2_session *session);
int32_t http2_receive_window(struct http2_session *session);

/* The peer may send `size` more bytes on this stream, of which `kept` came and are not credited
 * yet. It is told when enough came together. */
void http2_credit(struct http2_session *session, int32_t id, size_t size, size_t kept);

/* The same for all its streams together. */
void http2_credit_connection(struct http2_session *session, size_t size);

/* Frames other than DATA that wait for room in the output. */
size_t http2_backlog(struct http2_session *session);

/* Client: whether another stream may be opened on this session, now or when others ended. */
bool http2_can_request(struct http2_session *session);

/* Client: how many streams the peer lets us have at once. */
uint32_t http2_max_streams(struct http2_session *session);

/* Server: a GOAWAY that only says that one will come, and a ping behind it; the peer's streams are
 * still taken. */
void http2_notice(struct http2_session *session, uint64_t opaque);

/* GOAWAY: no more streams from the peer; those that run go on. `debug`: why, for people; may be
 * NULL. */
void http2_shutdown(struct http2_session *session, const char *debug);

/* GOAWAY with a reason, and nothing else after it. */
void http2_terminate(struct http2_session *session, uint32_t error, const char *debug);

void http2_ping(struct http2_session *session, uint64_t opaque);

const struct http2_counts *http2_counts(const struct http2_session *session);

#endif
