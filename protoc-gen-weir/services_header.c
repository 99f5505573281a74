/* SPDX-License-Identifier: MIT */
/*
 * services_header.c - x.weir.h: for each method the types and functions of a server and a client.
 *
 * What only converts types is inline; what passes a function of the user's on is in x.weir.c.
 */
#include "services.h"

#include "emit.h"
#include "memory.h"
#include "names.h"

struct names_of method_names(const struct method *method)
{
    struct names_of names = {{0}};

    names.letters['P'] = method->names.lower;
    names.letters['T'] = method->names.type;
    names.letters['Q'] = method->request->names.type;
    names.letters['A'] = method->response->names.type;
    names.letters['D'] = method->path + 1;
    return names;
}

struct names_of side_names(const struct method *method, bool request)
{
    struct names_of names = method_names(method);

    names.letters['S'] = request ? "request" : "response";
    names.letters['M'] = names.letters[request ? 'Q' : 'A'];
    names.letters['W'] =
        keep_format("%s_%s", method->names.type, request ? "Requests" : "Responses");
    return names;
}

/* ---- what both ends share ---- */

static const char stream_type[] =
    "/* Its $Ss: any combinator of weir/stream.h goes with `stream`. */\n"
    "typedef struct $W {\n"
    "    weir_stream stream;\n"
    "} $W;\n"
    "\n";

static const char io_types[] =
    "/* What a plain function of a server reads and writes with, and a client. */\n"
    "typedef struct $T_Io $T_Io;\n"
    "typedef struct $T_Client $T_Client;\n"
    "\n";

static const char stream_functions[] =
    "/* Polls. READY: *out is valid until the arena is reset, which is the caller's to do. */\n"
    "static inline weir_poll $P__poll_$S(\n"
    "    $W *stream,\n"
    "    weir_task *task, weir_arena *arena,\n"
    "    const $M **out,\n"
    "    weir_status *why)\n"
    "{\n"
    "    const void *message;\n"
    "    weir_poll poll = weir_typed_poll($P__method.$S, &stream->stream, task, arena, &message,\n"
    "                                     why);\n"
    "\n"
    "    *out = (const $M *)message;\n"
    "    return poll;\n"
    "}\n"
    "\n"
    "/* A stream of one $S, packed now. */\n"
    "static inline $W $P__$S(\n"
    "    const $M *message)\n"
    "{\n"
    "    $W one = {weir_typed_once($P__method.$S, message)};\n"
    "\n"
    "    return one;\n"
    "}\n"
    "\n"
    "/* A source of $Ss: READY with *out filled (it comes initialised, and what it points to may "
    "lie in\n"
    " * `arena`, which is reset for each), PENDING, END, or ERROR with *why. */\n"
    "typedef weir_poll $P__next_$S_fn(\n"
    "    void *state, weir_task *task, weir_arena *arena,\n"
    "    $M *out,\n"
    "    weir_status *why);\n"
    "$W $P__$Ss_from(\n"
    "    $P__next_$S_fn *next,\n"
    "    void *state, void (*release)(void *state));\n"
    "\n";

static void print_stream(struct printer *p, const struct method *method, bool request)
{
    struct names_of names = side_names(method, request);

    print_template(p, stream_type, &names);
    print_template(p, stream_functions, &names);
}

/* ---- server ---- */

static const char read_request[] =
    "/* READY: *out is valid until the next read. END. ERROR: *why says what. */\n"
    "static inline weir_poll $P__read_request(\n"
    "    $T_Io *io,\n"
    "    const $Q **out,\n"
    "    weir_status *why)\n"
    "{\n"
    "    const void *message;\n"
    "    weir_poll poll = weir_typed_read((weir_typed_io *)io, &message, why);\n"
    "\n"
    "    *out = (const $Q *)message;\n"
    "    return poll;\n"
    "}\n"
    "\n";

static const char write_response[] =
    "/* Packs and sends; waits while the client reads slower. CANCELLED: the call is over. */\n"
    "WEIR_MUST_USE static inline weir_code $P__write_response(\n"
    "    $T_Io *io,\n"
    "    const $A *response)\n"
    "{\n"
    "    return weir_typed_write((weir_typed_io *)io, response);\n"
    "}\n"
    "\n";

/* Letters of a registration: $H handle, $N handler, $F fn. */
static const char registration[] = "weir_code $P__$H(\n"
                                   "    weir_server *server,\n"
                                   "    $P__$F *fn,\n"
                                   "    void *self, weir_status *why) WEIR_MUST_USE;\n"
                                   "weir_handler $P__$N(\n"
                                   "    $P__$F *fn,\n"
                                   "    void *self, void (*release)(void *self));\n";

static void print_registration(struct printer *p, const struct method *method, const char *handle,
                               const char *handler, const char *fn)
{
    struct names_of names = method_names(method);

    names.letters['H'] = handle;
    names.letters['N'] = handler;
    names.letters['F'] = fn;
    print_template(p, registration, &names);
}

static void print_plain_server(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);

    if (method->client_streams)
        print_template(p, read_request, &names);
    if (method->server_streams)
        print_template(p, write_response, &names);
    if (is_unary(method))
        print(p, "/* Server: the function runs on the loop's thread and must not block. */\n");
    else
        print(p,
              "/* Server: the function runs on a thread of the server's pool and may block. */\n");
    print_template(p, "typedef weir_code $P__fn(void *self, weir_call *call", &names);
    if (!method->client_streams)
        print_template(p, ", const $Q *request", &names);
    if (!is_unary(method))
        print_template(p, ", $T_Io *io", &names);
    if (!method->server_streams)
        print_template(p, ", $A *response", &names);
    print(p, ", weir_status *why);\n");
    print_registration(p, method, "handle", "handler", "fn");
    if (is_unary(method)) {
        print(p, "/* The same function on a thread of the server's pool, where it may block. */\n");
        print_registration(p, method, "handle_blocking", "blocking_handler", "fn");
    }
    print(p, "\n");
}

static const char map_type[] = "/* Each request becomes one response. */\n"
                               "typedef weir_code $P__map_fn(\n"
                               "    void *self, weir_arena *arena,\n"
                               "    const $Q *request,\n"
                               "    $A *response,\n"
                               "    weir_status *why);\n"
                               "$T_Responses $P__map(\n"
                               "    $T_Requests requests,\n"
                               "    $P__map_fn *fn,\n"
                               "    void *self, void (*release)(void *self));\n"
                               "\n";

static const char fold_type[] =
    "/* All requests become one response: step for each, finish at the end, release (may be NULL) "
    "last. */\n"
    "typedef struct $T_Fold {\n"
    "    weir_code (*step)(void *state, const $Q *request, weir_status *why);\n"
    "    weir_code (*finish)(void *state, weir_arena *arena, $A *response, weir_status *why);\n"
    "    void (*release)(void *state);\n"
    "    void *state;\n"
    "} $T_Fold;\n"
    "$T_Responses $P__fold(\n"
    "    $T_Requests requests,\n"
    "    const $T_Fold *fold);\n"
    "\n";

static void print_stream_server(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);

    print(p,
          "/* Server, in streams: the function runs on the loop's thread and returns what will be\n"
          " * sent. It must not block. */\n");
    print_template(p, "typedef $T_Responses $P__stream_fn(void *self, weir_call *call, ", &names);
    print_template(p, method->client_streams ? "$T_Requests requests);\n" : "const $Q *request);\n",
                   &names);
    print_registration(p, method, "handle_stream", "stream_handler", "stream_fn");
    print(p, "\n");
    if (method->client_streams)
        print_template(p, method->server_streams ? map_type : fold_type, &names);
}

/* ---- client ---- */

static const char unary_client[] =
    "/* Client: waits on the calling thread. *response is valid as long as `call`, which is one "
    "of\n"
    " * weir_call_create(NULL). */\n"
    "WEIR_MUST_USE static inline weir_code $P__call(\n"
    "    weir_channel *channel, weir_call *call,\n"
    "    const $Q *request,\n"
    "    $A **response,\n"
    "    weir_status *why)\n"
    "{\n"
    "    void *message;\n"
    "    weir_code code = weir_typed_unary(&$P__method, channel, call, request, &message, why);\n"
    "\n"
    "    *response = ($A *)message;\n"
    "    return code;\n"
    "}\n"
    "\n";

static const char open_one[] =
    "/* Client: what follows waits on the calling thread. `call` is one of "
    "weir_call_create(NULL).\n"
    " * NULL: out of memory. */\n"
    "static inline $T_Client *$P__open(\n"
    "    weir_channel *channel, weir_call *call,\n"
    "    const $Q *request,\n"
    "    weir_status *why)\n"
    "{\n"
    "    return ($T_Client *)weir_typed_open(&$P__method, channel, call, request, why);\n"
    "}\n"
    "\n";

static const char open_many[] =
    "/* Client: what follows waits on the calling thread; one thread may read while another "
    "writes.\n"
    " * `call` is one of weir_call_create(NULL). NULL: out of memory. */\n"
    "static inline $T_Client *$P__open(\n"
    "    weir_channel *channel, weir_call *call, weir_status *why)\n"
    "{\n"
    "    return ($T_Client *)weir_typed_open(&$P__method, channel, call, NULL, why);\n"
    "}\n"
    "\n"
    "/* Packs and sends. CANCELLED: the call is over, and reading or finishing says why. */\n"
    "WEIR_MUST_USE static inline weir_code $P__write_request(\n"
    "    $T_Client *client,\n"
    "    const $Q *request)\n"
    "{\n"
    "    return weir_typed_client_write((weir_typed_client *)client, request);\n"
    "}\n"
    "\n";

static const char end_requests[] = "/* No more requests. */\n"
                                   "static inline void $P__end_requests(\n"
                                   "    $T_Client *client)\n"
                                   "{\n"
                                   "    weir_typed_client_end((weir_typed_client *)client);\n"
                                   "}\n"
                                   "\n";

static const char finish[] =
    "/* No more requests: reads the response, which is valid as long as the call, and closes. */\n"
    "WEIR_MUST_USE static inline weir_code $P__finish(\n"
    "    $T_Client *client,\n"
    "    $A **response,\n"
    "    weir_status *why)\n"
    "{\n"
    "    void *message;\n"
    "    weir_code code = weir_typed_client_finish((weir_typed_client *)client, &message, why);\n"
    "\n"
    "    *response = ($A *)message;\n"
    "    return code;\n"
    "}\n"
    "\n";

static const char read_response[] =
    "/* READY: *out is valid until the next read. END: OK. ERROR: *why is the call's status. */\n"
    "static inline weir_poll $P__read_response(\n"
    "    $T_Client *client,\n"
    "    const $A **out,\n"
    "    weir_status *why)\n"
    "{\n"
    "    const void *message;\n"
    "    weir_poll poll = weir_typed_client_read((weir_typed_client *)client, &message, why);\n"
    "\n"
    "    *out = (const $A *)message;\n"
    "    return poll;\n"
    "}\n"
    "\n";

static const char close_client[] =
    "/* Frees the client; a call that still runs is cancelled. NULL: nothing happens. */\n"
    "static inline void $P__close(\n"
    "    $T_Client *client)\n"
    "{\n"
    "    weir_typed_client_close((weir_typed_client *)client);\n"
    "}\n"
    "\n";

static const char start_one[] =
    "/* Client, in streams: the call starts now, and any one thread may own the responses. */\n"
    "static inline $T_Responses $P__start(\n"
    "    weir_channel *channel, weir_call *call,\n"
    "    const $Q *request)\n"
    "{\n"
    "    weir_stream requests = weir_typed_once($P__method.request, request);\n"
    "    $T_Responses responses = {weir_typed_start(&$P__method, channel, call, requests)};\n"
    "\n"
    "    return responses;\n"
    "}\n"
    "\n";

static const char start_many[] =
    "/* Client, in streams: the call starts now, and any one thread may own the responses. The "
    "requests\n"
    " * are polled on the channel's loop. */\n"
    "static inline $T_Responses $P__start(\n"
    "    weir_channel *channel, weir_call *call,\n"
    "    $T_Requests requests)\n"
    "{\n"
    "    $T_Responses responses = {\n"
    "        weir_typed_start(&$P__method, channel, call, requests.stream)};\n"
    "\n"
    "    return responses;\n"
    "}\n"
    "\n";

static void print_client(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);

    if (is_unary(method))
        print_template(p, unary_client, &names);
    else
        print_template(p, method->client_streams ? open_many : open_one, &names);
    if (method->client_streams)
        print_template(p, method->server_streams ? end_requests : finish, &names);
    if (method->server_streams)
        print_template(p, read_response, &names);
    if (!is_unary(method))
        print_template(p, close_client, &names);
    print_template(p, method->client_streams ? start_many : start_one, &names);
}

/* ---- the header ---- */

static void print_method(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);

    print(p, "/* ---- %s: rpc %s(%s%s) returns (%s%s) ---- */\n\n", method->service->names.proto,
          method->names.proto, method->client_streams ? "stream " : "", method->request->names.full,
          method->server_streams ? "stream " : "", method->response->names.full);
    print_comment(p, &method->comment);
    print_template(p, "extern const weir_method $P__method; /* /$D */\n\n", &names);
    if (method->client_streams)
        print_stream(p, method, true);
    print_stream(p, method, false);
    if (!is_unary(method))
        print_template(p, io_types, &names);
    print_plain_server(p, method);
    print_stream_server(p, method);
    print_client(p, method);
}

static void print_service(struct printer *p, const struct service *service)
{
    print(p, "/* ======== service %s ======== */\n\n", service->names.full);
    print_comment(p, &service->comment);
    if (service->comment.leading != NULL || service->comment.trailing != NULL)
        print(p, "\n");
    for (size_t i = 0; i < service->method_count; i++)
        print_method(p, &service->methods[i]);
}

void emit_services_header(struct printer *p, const struct file *file)
{
    const char *guard = path_macro(file->stem);

    print(p, "/* Generated by protoc-gen-weir from %s: do not edit. */\n", file->path);
    print(p, "#ifndef WEIR_%s__INCLUDED\n#define WEIR_%s__INCLUDED\n\n", guard, guard);
    print(p, "#include <weir/typed.h>\n\n#include \"%s.pb-c.h\"\n\n", file->stem);
    print(p, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    print(p, "/* The file itself, for reflection (weir/reflection.h). */\n");
    print(p, "extern const weir_file %s__file;\n\n", path_object(file->path));
    for (size_t i = 0; i < file->service_count; i++)
        print_service(p, &file->services[i]);
    print(p, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
}
