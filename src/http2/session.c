/* SPDX-License-Identifier: MIT */
/*
 * session.c - one HTTP/2 session on nghttp2.
 *
 * DATA frames are written straight into the output: the read callback reserves the nine bytes of a
 * frame header, lets the user append the payload behind them, and send_data fills the header in.
 * When the output is full the read callback pauses the session, so the queue is bounded by
 * OUTPUT_LIMIT and one frame.
 */
#include "http2/session.h"

#include "base/alloc.h"
#include "http2/progress.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

#define FRAME_HEADER_SIZE 9
#define HEADERS_ON_STACK 32
/* Resets are counted by who uses this: nghttp2's own limit must not come first. */
#define RESETS_UNCOUNTED UINT64_C(1000000)
/* Bytes; half of the first window. */
#define SMALLEST_UPDATE 32768
#define FEW_FRAMES 16

struct http2_session {
    nghttp2_session *ng;
    const struct http2_events *events;
    void *self;
    struct output *output; /* while http2_send runs */
    uint8_t *frame_header; /* reserved in the output for the DATA frame under way */
    int32_t recent_id;     /* the last one that stream_of looked up, and what it found */
    void *recent;
    struct http2_counts counts;
    struct progress progress;
    uint32_t error;     /* why it is broken */
    uint8_t frame_type; /* of the frame that came last */
    size_t kept;        /* bytes of DATA that the connection's window lacks yet */
    uint64_t notice_ping;
    bool notice; /* one waits to be sent, and a ping goes behind it */
    bool client;
    bool broken;
    bool said_why;  /* in a GOAWAY that left */
    bool no_memory; /* something must be said and cannot: the connection has to end */
    bool mute;      /* it can say nothing any more, not even why it is broken */
};

/* What must be said and cannot be ends the connection; a stream that is gone is no failure. */
static void note_failure(struct http2_session *s, int result)
{
    s->no_memory |= nghttp2_is_fatal(result) != 0;
}

/* Events come in runs for one stream. */
static void *stream_of(struct http2_session *s, int32_t id)
{
    if (s->recent_id != id) {
        s->recent = nghttp2_session_get_stream_user_data(s->ng, id);
        s->recent_id = id;
    }
    return s->recent;
}

static void set_stream(struct http2_session *s, int32_t id, void *stream)
{
    nghttp2_session_set_stream_user_data(s->ng, id, stream);
    s->recent_id = 0;
}

/* ---- what comes in ---- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *self)
{
    struct http2_session *s = self;
    uint32_t error = NGHTTP2_REFUSED_STREAM;
    void *stream;

    (void)ng;
    if (s->client || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    stream = s->events->begin(s->self, frame->hd.stream_id, &error);
    if (stream == NULL) {
        http2_reset(s, frame->hd.stream_id, error);
        return 0;
    }
    set_stream(s, frame->hd.stream_id, stream);
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *self)
{
    struct http2_session *s = self;
    void *stream = stream_of(s, frame->hd.stream_id);

    (void)ng;
    (void)flags;
    if (stream == NULL || s->events->header(s->self, stream, (weir_slice){name, name_size},
                                            (weir_slice){value, value_size}))
        return 0;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* nghttp2 would drop such a field and go on; one that could split a message ends the stream. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_size, const uint8_t *value, size_t value_size,
                             uint8_t flags, void *self)
{
    (void)ng, (void)frame, (void)flags, (void)self;
    for (size_t i = 0; i < value_size; i++) {
        if (value[i] == '\0' || value[i] == '\r' || value[i] == '\n')
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return nghttp2_check_header_name(name, name_size) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t size,
                   void *self)
{
    struct http2_session *s = self;
    void *stream = stream_of(s, id);

    (void)ng, (void)flags;
    s->counts.work++;
    s->kept += size;
    if (stream != NULL)
        s->events->data(s->self, stream, data, size);
    else
        http2_credit_connection(s, size);
    return 0;
}

static void on_ping(struct http2_session *s, const nghttp2_frame *frame)
{
    uint64_t opaque;

    memcpy(&opaque, frame->ping.opaque_data, sizeof opaque);
    s->events->ping(s->self, (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0, opaque);
}

/* Frames that nghttp2 does not pass over, before what they say is looked at. */
static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *header, void *self)
{
    struct http2_session *s = self;
    bool last = (header->flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)ng;
    s->frame_type = header->type;
    /* DATA may be all padding: what is in it counts when it comes. */
    if (header->type == NGHTTP2_HEADERS || (header->type == NGHTTP2_DATA && last))
        s->counts.work++;
    return 0;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *self)
{
    struct http2_session *s = self;
    bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    void *stream;

    (void)ng;
    if (frame->hd.type == NGHTTP2_PING)
        on_ping(s, frame);
    s->counts.cancels += frame->hd.type == NGHTTP2_RST_STREAM;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        s->events->goaway(s->self, frame->goaway.error_code,
                          (weir_slice){frame->goaway.opaque_data, frame->goaway.opaque_data_len});
        return 0;
    }
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
        s->events->settings(s->self);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    stream = stream_of(s, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        s->events->headers(s->self, stream, last);
    else if (last)
        s->events->end(s->self, stream);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error, void *self)
{
    struct http2_session *s = self;
    void *stream = stream_of(s, id);

    (void)ng;
    if (stream != NULL) {
        set_stream(s, id, NULL);
        s->events->closed(s->self, stream, error);
    }
    return 0;
}

/* ---- what goes out ---- */

static ssize_t on_read(nghttp2_session *ng, int32_t id, uint8_t *unused, size_t max,
                       uint32_t *flags, nghttp2_data_source *source, void *self)
{
    struct http2_session *s = self;
    enum http2_pull more = HTTP2_PULL_MORE;
    size_t size;
    void *stream = stream_of(s, id);

    (void)ng, (void)unused, (void)source;
    if (stream == NULL)
        return NGHTTP2_ERR_DEFERRED;
    if (s->output->queued >= OUTPUT_LIMIT)
        return NGHTTP2_ERR_PAUSE;
    if (!output_prepare(s->output, FRAME_HEADER_SIZE + max))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    s->frame_header = output_reserve(s->output, FRAME_HEADER_SIZE);
    size = s->events->pull(s->self, stream, s->output, max, &more);
    *flags = NGHTTP2_DATA_FLAG_NO_COPY;
    if (more == HTTP2_PULL_END || more == HTTP2_PULL_TRAILERS)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (more == HTTP2_PULL_TRAILERS)
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (size == 0 && more != HTTP2_PULL_END)
        output_unreserve(s->output, FRAME_HEADER_SIZE);
    if (size == 0 && (more == HTTP2_PULL_PENDING || more == HTTP2_PULL_MORE))
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)size;
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *header,
                        size_t length, nghttp2_data_source *source, void *self)
{
    struct http2_session *s = self;

    (void)ng, (void)frame, (void)length, (void)source;
    memcpy(s->frame_header, header, FRAME_HEADER_SIZE);
    return 0;
}

/* A reset that says that the peer did wrong, and not that a call is over, or ended for others. */
static bool is_fault(const nghttp2_frame *frame)
{
    uint32_t error = frame->rst_stream.error_code;

    return frame->hd.type == NGHTTP2_RST_STREAM && error != NGHTTP2_NO_ERROR &&
           error != NGHTTP2_CANCEL && error != NGHTTP2_ENHANCE_YOUR_CALM;
}

static void on_goaway_sent(struct http2_session *s, const nghttp2_goaway *frame)
{
    s->said_why |= frame->error_code != NGHTTP2_NO_ERROR && frame->opaque_data_len != 0;
    if (!s->notice) {
        s->events->goaway_sent(s->self, frame->error_code,
                               (weir_slice){frame->opaque_data, frame->opaque_data_len});
        return;
    }
    s->notice = false;
    http2_ping(s, s->notice_ping);
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *self)
{
    struct http2_session *s = self;
    void *stream;

    (void)ng;
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        s->counts.work++;
        s->counts.sent_work++;
    }
    s->counts.faults += is_fault(frame);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        on_goaway_sent(s, &frame->goaway);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    stream = stream_of(s, frame->hd.stream_id);
    if (stream != NULL)
        s->events->end_sent(s->self, stream);
    return 0;
}

static void request_not_sent(struct http2_session *s, int32_t id, int error)
{
    void *stream = stream_of(s, id);

    if (stream != NULL && error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED)
        s->events->unsent(s->self, stream);
}

/* A header block that is too large to be sent is dropped: then the peer hears of the end like
 * this. */
static int on_frame_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *self)
{
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        request_not_sent(self, frame->hd.stream_id, error);
    else if (error == NGHTTP2_ERR_FRAME_SIZE_ERROR)
        nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* nghttp2's last one has no debug data: whoever keeps the last GOAWAY would not know why. */
static bool is_bare_goaway(const uint8_t *frame, ssize_t size)
{
    return size == FRAME_HEADER_SIZE + 8 && frame[3] == NGHTTP2_GOAWAY;
}

bool http2_send(struct http2_session *s, struct output *output)
{
    bool fine = !s->mute;

    s->output = output;
    /* A pull may find that there is something to say and no memory for it. */
    while (fine && !s->no_memory && output->queued < OUTPUT_LIMIT) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(s->ng, &data);

        if (size == 0)
            break;
        if (s->said_why && is_bare_goaway(data, size))
            continue;
        fine = size > 0 && output_prepare(output, (size_t)size);
        if (fine)
            output_write(output, data, (size_t)size);
    }
    s->output = NULL;
    fine = fine && !s->no_memory;
    s->broken |= !fine;
    s->mute |= !fine;
    return fine;
}

/* ---- life ---- */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    return callbacks;
}

static nghttp2_option *make_option(bool client)
{
    nghttp2_option *option;

    if (nghttp2_option_new(&option) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, RESETS_UNCOUNTED, RESETS_UNCOUNTED);
    /* How many streams the server takes is in its first SETTINGS, and one more would be refused. */
    if (client)
        nghttp2_option_set_peer_max_concurrent_streams(option, 1);
    return option;
}

static void *ng_malloc(size_t size, void *user)
{
    (void)user;
    return mem_alloc(size);
}

static void ng_free(void *memory, void *user)
{
    (void)user;
    mem_free(memory);
}

static void *ng_calloc(size_t count, size_t size, void *user)
{
    (void)user;
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return mem_zalloc(count * size);
}

static void *ng_realloc(void *memory, size_t size, void *user)
{
    (void)user;
    return mem_resize(memory, size);
}

static int open_session(struct http2_session *s)
{
    static nghttp2_mem memory = {NULL, ng_malloc, ng_free, ng_calloc, ng_realloc};
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *option = make_option(s->client);
    int failed = NGHTTP2_ERR_NOMEM;

    if (callbacks != NULL && option != NULL)
        failed = s->client ? nghttp2_session_client_new3(&s->ng, callbacks, s, option, &memory)
                           : nghttp2_session_server_new3(&s->ng, callbacks, s, option, &memory);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return failed;
}

static int say_hello(struct http2_session *s, const struct http2_options *options)
{
    nghttp2_settings_entry entries[2] = {
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options->max_header_size},
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->max_streams},
    };
    int failed;

    if (options->client)
        entries[1] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    failed = nghttp2_submit_settings(s->ng, 0, entries, 2);
    if (failed == 0)
        failed = nghttp2_session_set_local_window_size(s->ng, 0, 0, (int32_t)options->window);
    return failed;
}

struct http2_session *http2_create(const struct http2_options *options,
                                   const struct http2_events *events, void *self)
{
    struct http2_session *s = mem_zalloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->events = events;
    s->self = self;
    s->client = options->client;
    progress_init(&s->progress, !s->client);
    if (open_session(s) != 0 || say_hello(s, options) != 0) {
        http2_free(s);
        return NULL;
    }
    return s;
}

void http2_free(struct http2_session *s)
{
    if (s == NULL)
        return;
    nghttp2_session_del(s->ng);
    mem_free(s);
}

static uint32_t error_of(ssize_t failure)
{
    switch (failure) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_SETTINGS:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        return NGHTTP2_PROTOCOL_ERROR;
    default:
        return NGHTTP2_INTERNAL_ERROR;
    }
}

/* The peer's debug data; NULL: the error says it. */
static const char *reason_of(ssize_t failure, uint8_t frame_type)
{
    switch (failure) {
    case NGHTTP2_ERR_FLOODED:
        return frame_type == NGHTTP2_PING ? "too_many_pings" : "too_many_settings";
    case NGHTTP2_ERR_TOO_MANY_SETTINGS:
        return "too_many_settings";
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        return "too_many_continuations";
    default:
        return NULL;
    }
}

static void follow_frames(struct http2_session *s, const uint8_t *data, size_t size)
{
    progress_add(&s->progress, data, size);
    s->counts.frames = s->progress.begun;
    s->counts.passed = s->progress.passed;
    s->counts.partial = progress_is_partial(&s->progress);
}

bool http2_receive(struct http2_session *s, const uint8_t *data, size_t size)
{
    ssize_t taken;

    if (s->broken)
        return false;
    follow_frames(s, data, size);
    taken = nghttp2_session_mem_recv(s->ng, data, size);
    if (taken >= 0)
        return true;
    s->error = error_of(taken);
    http2_terminate(s, s->error, reason_of(taken, s->frame_type));
    s->broken = true;
    return false;
}

uint32_t http2_error(const struct http2_session *s)
{
    return s->error;
}

bool http2_wants_write(struct http2_session *s)
{
    return s->no_memory || nghttp2_session_want_write(s->ng);
}

bool http2_is_over(struct http2_session *s)
{
    return s->mute || (!nghttp2_session_want_read(s->ng) && !nghttp2_session_want_write(s->ng));
}

/* ---- commands ---- */

static void to_nv(nghttp2_nv *nv, const struct http2_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct http2_header *h = &headers[i];

        nv[i] = (nghttp2_nv){
            .name = (uint8_t *)h->name.data,
            .value = (uint8_t *)h->value.data,
            .namelen = h->name.size,
            .valuelen = h->value.size,
            .flags = h->literal ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
                                : NGHTTP2_NV_FLAG_NONE,
        };
    }
}

enum submission { REQUEST, RESPONSE, FINISH };

static int32_t submit_nv(struct http2_session *s, enum submission what, int32_t id,
                         const nghttp2_nv *nv, size_t count, nghttp2_data_provider *provider,
                         void *stream)
{
    if (what == REQUEST)
        return nghttp2_submit_request(s->ng, NULL, nv, count, provider, stream);
    if (what == RESPONSE)
        return nghttp2_submit_response(s->ng, id, nv, count, provider);
    return nghttp2_submit_trailer(s->ng, id, nv, count);
}

static int32_t submit(struct http2_session *s, enum submission what, int32_t id,
                      const struct http2_header *headers, size_t count,
                      nghttp2_data_provider *provider, void *stream)
{
    nghttp2_nv few[HEADERS_ON_STACK];
    nghttp2_nv *nv = few;
    int32_t result;

    if (count > HEADERS_ON_STACK)
        nv = mem_alloc(count * sizeof *nv);
    if (nv == NULL)
        return NGHTTP2_ERR_NOMEM;
    to_nv(nv, headers, count);
    result = submit_nv(s, what, id, nv, count, provider, stream);
    if (nv != few)
        mem_free(nv);
    return result;
}

int32_t http2_request(struct http2_session *s, const struct http2_header *headers, size_t count,
                      void *stream)
{
    nghttp2_data_provider provider = {.read_callback = on_read};
    int32_t id = submit(s, REQUEST, 0, headers, count, &provider, stream);

    s->recent_id = 0;
    return id > 0 ? id : -1;
}

bool http2_respond(struct http2_session *s, int32_t id, const struct http2_header *headers,
                   size_t count)
{
    nghttp2_data_provider provider = {.read_callback = on_read};

    return submit(s, RESPONSE, id, headers, count, &provider, NULL) == 0;
}

bool http2_finish(struct http2_session *s, int32_t id, const struct http2_header *headers,
                  size_t count)
{
    return submit(s, FINISH, id, headers, count, NULL, NULL) == 0;
}

static ssize_t read_body(nghttp2_session *ng, int32_t id, uint8_t *buffer, size_t max,
                         uint32_t *flags, nghttp2_data_source *source, void *self)
{
    const char *body = source->ptr;
    size_t size = strlen(body);

    (void)ng, (void)id, (void)self;
    if (size > max)
        size = max;
    else
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    memcpy(buffer, body, size);
    source->ptr = (void *)(body + size);
    return (ssize_t)size;
}

bool http2_answer(struct http2_session *s, int32_t id, const struct http2_header *headers,
                  size_t count, const char *body)
{
    nghttp2_data_provider provider = {.source.ptr = (void *)body, .read_callback = read_body};

    return submit(s, RESPONSE, id, headers, count, &provider, NULL) == 0;
}

void http2_reset(struct http2_session *s, int32_t id, uint32_t error)
{
    note_failure(s, nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, id, error));
}

void http2_forget(struct http2_session *s, int32_t id)
{
    set_stream(s, id, NULL);
}

void http2_resume(struct http2_session *s, int32_t id)
{
    note_failure(s, nghttp2_session_resume_data(s->ng, id));
}

int32_t http2_window(struct http2_session *s, int32_t id)
{
    int32_t stream = nghttp2_session_get_stream_remote_window_size(s->ng, id);
    int32_t connection = nghttp2_session_get_remote_window_size(s->ng);

    return stream < connection ? stream : connection;
}

/*
 * nghttp2 gives back what was consumed when that is half a window. Of a large window so much would
 * be missed by a peer that is far away, so here it is an eighth: all that came and is not kept, for
 * padding is consumed by nghttp2 itself, in the same count. Not while many frames wait: a peer that
 * does not read would be promised more and more.
 */
static void give_back(struct http2_session *s, int32_t id, int32_t came, int32_t window,
                      size_t kept)
{
    int32_t consumed = came - (int32_t)kept;

    if (consumed < SMALLEST_UPDATE || consumed < window / 8 || http2_backlog(s) > FEW_FRAMES)
        return;
    note_failure(s, nghttp2_submit_window_update(s->ng, NGHTTP2_FLAG_NONE, id, consumed));
}

int32_t http2_send_window(struct http2_session *s)
{
    return nghttp2_session_get_remote_window_size(s->ng);
}

int32_t http2_receive_window(struct http2_session *s)
{
    return nghttp2_session_get_local_window_size(s->ng);
}

void http2_credit(struct http2_session *s, int32_t id, size_t size, size_t kept)
{
    note_failure(s, nghttp2_session_consume_stream(s->ng, id, size));
    give_back(s, id, nghttp2_session_get_stream_effective_recv_data_length(s->ng, id),
              nghttp2_session_get_stream_effective_local_window_size(s->ng, id), kept);
}

void http2_credit_connection(struct http2_session *s, size_t size)
{
    s->kept -= size;
    note_failure(s, nghttp2_session_consume_connection(s->ng, size));
    give_back(s, 0, nghttp2_session_get_effective_recv_data_length(s->ng),
              nghttp2_session_get_effective_local_window_size(s->ng), s->kept);
}

bool http2_starts_closed(struct http2_session *s)
{
    return nghttp2_session_get_remote_window_size(s->ng) <= 0 ||
           nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 0;
}

bool http2_is_open(struct http2_session *s, int32_t id)
{
    return nghttp2_session_get_stream_effective_local_window_size(s->ng, id) >= 0;
}

void http2_set_window(struct http2_session *s, int32_t id, size_t size)
{
    note_failure(
        s, nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, id, (int32_t)size));
}

size_t http2_backlog(struct http2_session *s)
{
    return nghttp2_session_get_outbound_queue_size(s->ng);
}

bool http2_can_request(struct http2_session *s)
{
    return !s->broken && nghttp2_session_check_request_allowed(s->ng) &&
           nghttp2_session_get_next_stream_id(s->ng) < INT32_MAX;
}

uint32_t http2_max_streams(struct http2_session *s)
{
    return nghttp2_session_get_remote_settings(s->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

static void submit_goaway(struct http2_session *s, uint32_t error, const char *debug)
{
    int failed = nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE,
                                       nghttp2_session_get_last_proc_stream_id(s->ng), error,
                                       (const uint8_t *)debug, debug != NULL ? strlen(debug) : 0);

    note_failure(s, failed);
}

/* Pings overtake what waits, so this one is not even submitted before the notice has left. */
void http2_notice(struct http2_session *s, uint64_t opaque)
{
    s->notice = true;
    s->notice_ping = opaque;
    note_failure(s, nghttp2_submit_shutdown_notice(s->ng));
}

void http2_shutdown(struct http2_session *s, const char *debug)
{
    submit_goaway(s, NGHTTP2_NO_ERROR, debug);
}

void http2_terminate(struct http2_session *s, uint32_t error, const char *debug)
{
    if (debug != NULL)
        submit_goaway(s, error, debug);
    nghttp2_session_terminate_session(s->ng, error);
}

void http2_ping(struct http2_session *s, uint64_t opaque)
{
    uint8_t bytes[8];

    memcpy(bytes, &opaque, sizeof bytes);
    note_failure(s, nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, bytes));
}

const struct http2_counts *http2_counts(const struct http2_session *s)
{
    return &s->counts;
}
