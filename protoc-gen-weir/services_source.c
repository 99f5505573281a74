/* SPDX-License-Identifier: MIT */
/*
 * services_source.c - x.weir.c: what passes the user's functions on, and the file's descriptor.
 *
 * A function of the user's has types of its own. It travels as a weir_any_fn beside an invoke
 * function, which knows those types and casts it back, so no function is called through another's
 * type.
 */
#include "services.h"

#include "emit.h"
#include "memory.h"
#include "names.h"

#include <string.h>

/* ---- messages ---- */

/* Letters of a message: $L in functions, $M its type, $F its full name; $U, $S and $K are what
 * unpacks, sizes and packs it. */
static const char own_functions[] =
    "static void *$U(const weir_message_type *type, weir_arena *arena,\n"
    "    const uint8_t *data, size_t size)\n"
    "{\n"
    "    (void)type;\n"
    "    return $L__unpack_borrowed(arena, size, data);\n"
    "}\n"
    "\n"
    "static size_t $S(const weir_message_type *type, const void *message)\n"
    "{\n"
    "    (void)type;\n"
    "    return $L__get_packed_size((const $M *)message);\n"
    "}\n"
    "\n"
    "static bool $K(const weir_message_type *type, const void *message,\n"
    "    uint8_t *out, size_t size)\n"
    "{\n"
    "    (void)type;\n"
    "    return $L__pack_before((const $M *)message, out + size) == out;\n"
    "}\n"
    "\n";

static const char message_type[] = "static void init_$L(void *message)\n"
                                   "{\n"
                                   "    $L__init(($M *)message);\n"
                                   "}\n"
                                   "\n"
                                   "static const weir_message_type type_$L = {\n"
                                   "    \"$F\", sizeof($M), init_$L,\n"
                                   "    $U,\n"
                                   "    $S,\n"
                                   "    $K,\n"
                                   "    &$L__descriptor, NULL, {0},\n"
                                   "};\n"
                                   "\n";

/* Those of the services' messages that were printed. */
struct printed {
    const struct message **messages;
    size_t count;
};

static bool is_new(struct printed *printed, const struct message *message)
{
    for (size_t i = 0; i < printed->count; i++)
        if (printed->messages[i] == message)
            return false;
    printed->messages = keep_more(printed->messages, printed->count, sizeof *printed->messages);
    printed->messages[printed->count++] = message;
    return true;
}

static void print_message_type(struct printer *p, const struct message *message,
                               struct printed *printed, bool own_messages)
{
    struct names_of names = {{0}};

    if (!is_new(printed, message))
        return;
    names.letters['L'] = message->names.lower;
    names.letters['M'] = message->names.type;
    names.letters['F'] = message->names.full;
    names.letters['U'] = "weir_protobuf_type_unpack";
    names.letters['S'] = "weir_protobuf_type_packed_size";
    names.letters['K'] = "weir_protobuf_type_pack";
    if (own_messages) {
        names.letters['U'] = keep_format("unpack_%s", message->names.lower);
        names.letters['S'] = keep_format("size_%s", message->names.lower);
        names.letters['K'] = keep_format("pack_%s", message->names.lower);
        print_template(p, own_functions, &names);
    }
    print_template(p, message_type, &names);
}

static void print_message_types(struct printer *p, const struct file *file, bool own_messages)
{
    struct printed printed = {0};

    for (size_t i = 0; i < file->service_count; i++) {
        const struct service *service = &file->services[i];

        for (size_t k = 0; k < service->method_count; k++) {
            print_message_type(p, service->methods[k].request, &printed, own_messages);
            print_message_type(p, service->methods[k].response, &printed, own_messages);
        }
    }
}

/* ---- methods ---- */

static const char source_of_side[] =
    "static weir_poll $P__invoke_next_$S(\n"
    "    const weir_target *target, weir_task *task, weir_arena *arena, void *out,\n"
    "    weir_status *why)\n"
    "{\n"
    "    $P__next_$S_fn *next = ($P__next_$S_fn *)target->fn;\n"
    "\n"
    "    return next(target->self, task, arena, ($M *)out, why);\n"
    "}\n"
    "\n"
    "$W $P__$Ss_from(\n"
    "    $P__next_$S_fn *next,\n"
    "    void *state, void (*release)(void *state))\n"
    "{\n"
    "    weir_target target = {(weir_any_fn *)next, state, release};\n"
    "    $W stream = {weir_typed_from($P__method.$S, $P__invoke_next_$S, target)};\n"
    "\n"
    "    return stream;\n"
    "}\n"
    "\n";

/* What goes into the call of a plain function, by kind: $X its arguments, $U what is not used. */
static const char plain_invoke[] =
    "static weir_code $P__invoke(\n"
    "    const weir_target *target, weir_call *call, const void *request,\n"
    "    weir_typed_io *io, void *response, weir_status *why)\n"
    "{\n"
    "    $P__fn *fn = ($P__fn *)target->fn;\n"
    "\n"
    "    $U;\n"
    "    return fn(target->self, call, $X, why);\n"
    "}\n"
    "\n";

/* Letters of a registration: $H handle, $N handler, $F fn, $C the expression of the handler. */
static const char registration[] =
    "weir_handler $P__$N(\n"
    "    $P__$F *fn,\n"
    "    void *self, void (*release)(void *self))\n"
    "{\n"
    "    weir_target target = {(weir_any_fn *)fn, self, release};\n"
    "\n"
    "    return $C;\n"
    "}\n"
    "\n"
    "weir_code $P__$H(\n"
    "    weir_server *server,\n"
    "    $P__$F *fn,\n"
    "    void *self, weir_status *why)\n"
    "{\n"
    "    return weir_server_handle(server, $P__method.path, $P__$N(fn, self, NULL), why);\n"
    "}\n"
    "\n";

static void print_registration(struct printer *p, const struct method *method, const char *handle,
                               const char *handler, const char *fn, const char *expression)
{
    struct names_of names = method_names(method);

    names.letters['H'] = handle;
    names.letters['N'] = handler;
    names.letters['F'] = fn;
    names.letters['C'] = keep_format(expression, method->names.lower, method->names.lower);
    print_template(p, registration, &names);
}

/* What a plain function is called with, and what is not used for that. */
static void set_arguments(struct names_of *names, const struct method *method)
{
    const char *request = keep_format("(const %s *)request", method->request->names.type);
    const char *response = keep_format("(%s *)response", method->response->names.type);
    const char *io = keep_format("(%s_Io *)io", method->names.type);

    if (is_unary(method)) {
        names->letters['X'] = keep_format("%s, %s", request, response);
        names->letters['U'] = "(void)io";
    } else if (!method->client_streams) {
        names->letters['X'] = keep_format("%s, %s", request, io);
        names->letters['U'] = "(void)response";
    } else if (!method->server_streams) {
        names->letters['X'] = keep_format("%s, %s", io, response);
        names->letters['U'] = "(void)request";
    } else {
        names->letters['X'] = io;
        names->letters['U'] = "(void)request, (void)response";
    }
}

static void print_plain(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);

    set_arguments(&names, method);
    print_template(p, plain_invoke, &names);
    print_registration(p, method, "handle", "handler", "fn",
                       "weir_typed_plain(&%s__method, %s__invoke, target, false)");
    if (is_unary(method))
        print_registration(p, method, "handle_blocking", "blocking_handler", "fn",
                           "weir_typed_plain(&%s__method, %s__invoke, target, true)");
}

static const char stream_invoke_one[] =
    "static weir_stream $P__invoke_stream(\n"
    "    const weir_target *target, weir_call *call, const void *request,\n"
    "    weir_stream requests)\n"
    "{\n"
    "    $P__stream_fn *fn = ($P__stream_fn *)target->fn;\n"
    "\n"
    "    (void)requests;\n"
    "    return fn(target->self, call, (const $Q *)request).stream;\n"
    "}\n"
    "\n";

static const char stream_invoke_many[] =
    "static weir_stream $P__invoke_stream(\n"
    "    const weir_target *target, weir_call *call, const void *request,\n"
    "    weir_stream requests)\n"
    "{\n"
    "    $P__stream_fn *fn = ($P__stream_fn *)target->fn;\n"
    "    $T_Requests typed = {requests};\n"
    "\n"
    "    (void)request;\n"
    "    return fn(target->self, call, typed).stream;\n"
    "}\n"
    "\n";

static const char map_function[] =
    "static weir_code $P__invoke_map(\n"
    "    const weir_target *target, weir_arena *arena, const void *request, void *response,\n"
    "    weir_status *why)\n"
    "{\n"
    "    $P__map_fn *fn = ($P__map_fn *)target->fn;\n"
    "\n"
    "    return fn(target->self, arena, (const $Q *)request, ($A *)response, why);\n"
    "}\n"
    "\n"
    "$T_Responses $P__map(\n"
    "    $T_Requests requests,\n"
    "    $P__map_fn *fn,\n"
    "    void *self, void (*release)(void *self))\n"
    "{\n"
    "    weir_target target = {(weir_any_fn *)fn, self, release};\n"
    "    $T_Responses responses = {\n"
    "        weir_typed_map(&$P__method, requests.stream, $P__invoke_map, target)};\n"
    "\n"
    "    return responses;\n"
    "}\n"
    "\n";

static const char fold_function[] =
    "static weir_code $P__invoke_step(\n"
    "    const weir_target *target, const void *request, weir_status *why)\n"
    "{\n"
    "    weir_code (*step)(void *, const $Q *, weir_status *) =\n"
    "        (weir_code(*)(void *, const $Q *, weir_status *))target->fn;\n"
    "\n"
    "    return step(target->self, (const $Q *)request, why);\n"
    "}\n"
    "\n"
    "static weir_code $P__invoke_finish(\n"
    "    weir_any_fn *fn, void *self, weir_arena *arena, void *response, weir_status *why)\n"
    "{\n"
    "    weir_code (*finish)(void *, weir_arena *, $A *, weir_status *) =\n"
    "        (weir_code(*)(void *, weir_arena *, $A *, weir_status *))fn;\n"
    "\n"
    "    return finish(self, arena, ($A *)response, why);\n"
    "}\n"
    "\n"
    "$T_Responses $P__fold(\n"
    "    $T_Requests requests,\n"
    "    const $T_Fold *fold)\n"
    "{\n"
    "    weir_target target = {(weir_any_fn *)fold->step, fold->state, fold->release};\n"
    "    $T_Responses responses = {\n"
    "        weir_typed_fold(&$P__method, requests.stream, $P__invoke_step, $P__invoke_finish,\n"
    "            target, (weir_any_fn *)fold->finish)};\n"
    "\n"
    "    return responses;\n"
    "}\n"
    "\n";

static void print_streams(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);

    print_template(p, method->client_streams ? stream_invoke_many : stream_invoke_one, &names);
    print_registration(p, method, "handle_stream", "stream_handler", "stream_fn",
                       "weir_typed_stream(&%s__method, %s__invoke_stream, target)");
    if (method->client_streams)
        print_template(p, method->server_streams ? map_function : fold_function, &names);
}

static void print_method(struct printer *p, const struct method *method)
{
    struct names_of names = method_names(method);
    struct names_of request = side_names(method, true);
    struct names_of response = side_names(method, false);

    print_template(p, "/* ---- $D ---- */\n\nconst weir_method $P__method = {\n", &names);
    print_template(p, "    \"/$D\",\n", &names);
    print(p, "    &type_%s, &type_%s,\n", method->request->names.lower,
          method->response->names.lower);
    print(p, "    %s, %s, {0}, /* client, server streams */\n};\n\n",
          method->client_streams ? "true" : "false", method->server_streams ? "true" : "false");
    if (method->client_streams)
        print_template(p, source_of_side, &request);
    print_template(p, source_of_side, &response);
    print_plain(p, method);
    print_streams(p, method);
}

/* ---- the file ---- */

/* Files whose options say that nothing is generated, protobuf-c's own, matter to generators of C
 * alone, and their descriptors are nowhere: what is told to others does not import them. */
static bool is_told(const struct file *import)
{
    return !import->options.no_generate;
}

/* Indices into the imports that were, as indices into those that are left. */
static void renumber(const struct file *file, int32_t **indices, size_t *count)
{
    const int32_t *old = *indices;
    size_t kept = 0;

    *indices = keep_array(*count, sizeof **indices);
    for (size_t i = 0; i < *count; i++) {
        int32_t before = 0;

        for (int32_t k = 0; k < old[i]; k++)
            before += is_told(file->imports[k]);
        if (is_told(file->imports[old[i]]))
            (*indices)[kept++] = before;
    }
    *count = kept;
}

/* In a copy: the request owns what was there. */
static void drop_imports(Google__Protobuf__FileDescriptorProto *proto, const struct file *file)
{
    proto->n_dependency = 0;
    proto->dependency = keep_array(file->import_count, sizeof *proto->dependency);
    for (size_t i = 0; i < file->import_count; i++)
        if (is_told(file->imports[i]))
            proto->dependency[proto->n_dependency++] = file->proto->dependency[i];
    renumber(file, &proto->public_dependency, &proto->n_public_dependency);
    renumber(file, &proto->weak_dependency, &proto->n_weak_dependency);
}

/* The descriptor without comments, as a string of bytes. */
static void print_descriptor(struct printer *p, const struct file *file)
{
    Google__Protobuf__FileDescriptorProto proto = *file->proto;
    size_t size;
    uint8_t *bytes;

    proto.source_code_info = NULL;
    drop_imports(&proto, file);
    size = google__protobuf__file_descriptor_proto__get_packed_size(&proto);
    bytes = keep(size + 1);
    google__protobuf__file_descriptor_proto__pack(&proto, bytes);
    print(p, "static const uint8_t descriptor[] = {");
    for (size_t i = 0; i < size; i++)
        print(p, "%s0x%02x,", i % 16 == 0 ? "\n    " : " ", bytes[i]);
    print(p, "\n};\n\n");
}

static void print_file(struct printer *p, const struct file *file)
{
    size_t told = 0;

    print_descriptor(p, file);
    for (size_t i = 0; i < file->import_count; i++)
        if (is_told(file->imports[i]))
            print(p, "%s    &%s__file,\n",
                  told++ == 0 ? "static const weir_file *const imports[] = {\n" : "",
                  path_object(file->imports[i]->path));
    if (told != 0)
        print(p, "};\n\n");
    print(p, "const weir_file %s__file = {\n", path_object(file->path));
    print(p, "    \"%s\", descriptor, sizeof descriptor,\n", file->path);
    print(p, "    %s, %zu, {0},\n};\n", told != 0 ? "imports" : "NULL", told);
}

static void print_source(struct printer *p, const struct file *file, bool own_messages)
{
    print(p, "/* Generated by protoc-gen-weir from %s: do not edit. */\n", file->path);
    print(p, "#include \"%s.weir.h\"\n\n", file->stem);
    if (!own_messages)
        print(p, "#include <weir/protobuf.h>\n\n");
    for (size_t i = 0; i < file->import_count; i++)
        if (is_told(file->imports[i]))
            print(p, "#include \"%s.weir.h\"\n", file->imports[i]->stem);
    if (file->import_count != 0)
        print(p, "\n");
    print_message_types(p, file, own_messages);
    for (size_t i = 0; i < file->service_count; i++)
        for (size_t k = 0; k < file->services[i].method_count; k++)
            print_method(p, &file->services[i].methods[k]);
    print_file(p, file);
}

void emit_services_source(struct printer *p, const struct file *file)
{
    print_source(p, file, true);
}

void emit_services_source_on_protobuf_c(struct printer *p, const struct file *file)
{
    print_source(p, file, false);
}
