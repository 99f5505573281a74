/* SPDX-License-Identifier: MIT */
/*
 * reflection.c - grpc.reflection.v1.ServerReflection, and v1alpha, whose messages are the same
 * bytes.
 *
 * Each request becomes one response by way of map, so a client that asks and does not read stops
 * its own questions.
 */
#include <weir/reflection.h>

#include "descriptors.h"
#include "grpc/reflection/v1/reflection.weir.h"
#include "grpc/reflection/v1alpha/reflection.weir.h"

#include <stdatomic.h>
#include <string.h>

#define V1ALPHA_PATH "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#define REQUEST(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;
typedef Grpc__Reflection__V1__ServerReflection__ServerReflectionInfo_Requests reflection_requests;
typedef Grpc__Reflection__V1__ServerReflection__ServerReflectionInfo_Responses reflection_responses;

/* Lies in the arena of its descriptors. */
struct reflection {
    atomic_size_t references;
    struct descriptors all;
};

/* ---- answers; false: out of memory ---- */

enum { QUOTED_MAX = 200 };

/* How much of a name an error says: strings are UTF-8, so none is cut inside a character. */
static int quoted_size(const char *name)
{
    size_t size = strnlen(name, QUOTED_MAX + 1);

    if (size <= QUOTED_MAX)
        return (int)size;
    for (size = QUOTED_MAX; size != 0 && ((uint8_t)name[size] & 0xC0) == 0x80;)
        size--;
    return (int)size;
}

static bool answer_not_found(weir_arena *arena, reflection_response *response, const char *what,
                             const char *name)
{
    Grpc__Reflection__V1__ErrorResponse *error = weir_arena_alloc(arena, sizeof *error);

    if (error == NULL)
        return false;
    grpc__reflection__v1__error_response__init(error);
    error->error_code = WEIR_NOT_FOUND;
    error->error_message =
        weir_arena_format(arena, "%s not found: %.*s", what, quoted_size(name), name);
    response->message_response_case = RESPONSE(ERROR_RESPONSE);
    response->error_response = error;
    return error->error_message != NULL;
}

static bool holds(const Grpc__Reflection__V1__FileDescriptorResponse *files, const weir_file *file)
{
    for (size_t i = 0; i < files->n_file_descriptor_proto; i++)
        if (files->file_descriptor_proto[i].data == file->data)
            return true;
    return false;
}

/* The file of that name, then what it imports; there is room for all names there are. Two libraries
 * may each bring a file of one name: the one that was read first stands for both. */
static void add_file(const struct descriptors *all,
                     Grpc__Reflection__V1__FileDescriptorResponse *files, const char *name)
{
    const weir_file *file = symbols_find(&all->files, name);

    if (file == NULL || holds(files, file))
        return;
    files->file_descriptor_proto[files->n_file_descriptor_proto++] =
        (ProtobufCBinaryData){file->size, (uint8_t *)file->data};
    for (size_t i = 0; i < file->import_count; i++)
        add_file(all, files, file->imports[i]->name);
}

static bool answer_file(const struct descriptors *all, weir_arena *arena,
                        reflection_response *response, const weir_file *file)
{
    Grpc__Reflection__V1__FileDescriptorResponse *files = weir_arena_alloc(arena, sizeof *files);

    if (files == NULL)
        return false;
    grpc__reflection__v1__file_descriptor_response__init(files);
    files->file_descriptor_proto =
        weir_arena_alloc(arena, all->files.count * sizeof *files->file_descriptor_proto);
    if (files->file_descriptor_proto == NULL)
        return false;
    add_file(all, files, file->name);
    response->message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
    response->file_descriptor_response = files;
    return true;
}

static bool answer_by_name(const struct descriptors *all, const struct symbols *symbols,
                           weir_arena *arena, reflection_response *response, const char *what,
                           const char *name)
{
    const weir_file *file = symbols_find(symbols, name);

    return file != NULL ? answer_file(all, arena, response, file)
                        : answer_not_found(arena, response, what, name);
}

static bool answer_extension(const struct descriptors *all, weir_arena *arena,
                             reflection_response *response,
                             const Grpc__Reflection__V1__ExtensionRequest *asked)
{
    const struct extensions *extensions = &all->extensions;
    size_t at = extensions_find(extensions, asked->containing_type, asked->extension_number);

    if (at == extensions->count || extensions->items[at].number != asked->extension_number ||
        strcmp(extensions->items[at].extendee, asked->containing_type) != 0)
        return answer_not_found(arena, response, "extension of", asked->containing_type);
    return answer_file(all, arena, response, extensions->items[at].file);
}

static bool answer_numbers(const struct descriptors *all, weir_arena *arena,
                           reflection_response *response, const char *type)
{
    const struct extensions *extensions = &all->extensions;
    size_t first = extensions_find(extensions, type, INT32_MIN), end = first;
    Grpc__Reflection__V1__ExtensionNumberResponse *numbers;

    if (symbols_find(&all->symbols, type) == NULL)
        return answer_not_found(arena, response, "type", type);
    while (end != extensions->count && strcmp(extensions->items[end].extendee, type) == 0)
        end++;
    numbers = weir_arena_alloc(arena, sizeof *numbers);
    if (numbers == NULL)
        return false;
    grpc__reflection__v1__extension_number_response__init(numbers);
    numbers->base_type_name = (char *)type;
    numbers->extension_number = weir_arena_alloc(arena, (end - first) * sizeof(int32_t));
    if (numbers->extension_number == NULL)
        return false;
    for (size_t i = first; i < end; i++)
        numbers->extension_number[numbers->n_extension_number++] = extensions->items[i].number;
    response->message_response_case = RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE);
    response->all_extension_numbers_response = numbers;
    return true;
}

static bool answer_services(const struct descriptors *all, weir_arena *arena,
                            reflection_response *response)
{
    size_t count = all->services.count;
    Grpc__Reflection__V1__ListServiceResponse *list = weir_arena_alloc(arena, sizeof *list);
    Grpc__Reflection__V1__ServiceResponse *services =
        weir_arena_alloc(arena, count * sizeof *services);

    if (list == NULL || services == NULL)
        return false;
    grpc__reflection__v1__list_service_response__init(list);
    list->service = weir_arena_alloc(arena, count * sizeof *list->service);
    if (list->service == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = (char *)all->services.items[i].name;
        list->service[list->n_service++] = &services[i];
    }
    response->message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
    response->list_services_response = list;
    return true;
}

static bool answer_request(const struct descriptors *all, weir_arena *arena,
                           const reflection_request *request, reflection_response *response)
{
    switch (request->message_request_case) {
    case REQUEST(FILE_BY_FILENAME):
        return answer_by_name(all, &all->files, arena, response, "file", request->file_by_filename);
    case REQUEST(FILE_CONTAINING_SYMBOL):
        return answer_by_name(all, &all->symbols, arena, response, "symbol",
                              request->file_containing_symbol);
    case REQUEST(FILE_CONTAINING_EXTENSION):
        return answer_extension(all, arena, response, request->file_containing_extension);
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        return answer_numbers(all, arena, response, request->all_extension_numbers_of_type);
    default:
        return answer_services(all, arena, response);
    }
}

static weir_code answer(void *self, weir_arena *arena, const reflection_request *request,
                        reflection_response *response, weir_status *why)
{
    const struct reflection *reflection = self;

    if (request->message_request_case == REQUEST(_NOT_SET))
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "the reflection request asks for nothing");
    response->valid_host = request->host;
    response->original_request = (reflection_request *)request;
    if (answer_request(&reflection->all, arena, request, response))
        return WEIR_OK;
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for an answer");
}

/* ---- registration ---- */

static reflection_responses reflect(void *self, weir_call *call, reflection_requests requests)
{
    (void)call;
    return grpc__reflection__v1__server_reflection__server_reflection_info__map(requests, answer,
                                                                                self, NULL);
}

static void release(void *self)
{
    struct reflection *reflection = self;

    if (atomic_fetch_sub_explicit(&reflection->references, 1, memory_order_acq_rel) == 1)
        weir_arena_free(reflection->all.arena);
}

static struct reflection *create(void)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct reflection *reflection =
        arena != NULL ? weir_arena_alloc(arena, sizeof *reflection) : NULL;

    if (reflection == NULL) {
        weir_arena_free(arena);
        return NULL;
    }
    memset(reflection, 0, sizeof *reflection);
    atomic_init(&reflection->references, 1);
    reflection->all.arena = arena;
    return reflection;
}

static weir_code read_files(struct reflection *reflection, const weir_file *const *files,
                            size_t count, weir_status *why)
{
    const weir_file **all =
        weir_arena_alloc(reflection->all.arena, (count + 2) * sizeof(const weir_file *));

    if (all == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for reflection");
    for (size_t i = 0; i < count; i++)
        all[i] = files[i];
    all[count] = &grpc__reflection__v1__reflection__file;
    all[count + 1] = &grpc__reflection__v1alpha__reflection__file;
    return descriptors_read(&reflection->all, all, count + 2, why);
}

static weir_code serve(weir_server *server, struct reflection *reflection, const char *path,
                       weir_status *why)
{
    atomic_fetch_add_explicit(&reflection->references, 1, memory_order_relaxed);
    return weir_server_handle(
        server, path,
        grpc__reflection__v1__server_reflection__server_reflection_info__stream_handler(
            reflect, reflection, release),
        why);
}

weir_code weir_reflection_serve(weir_server *server, const weir_file *const *files, size_t count,
                                weir_status *why)
{
    const char *v1 = grpc__reflection__v1__server_reflection__server_reflection_info__method.path;
    struct reflection *reflection = create();
    weir_code code;

    if (reflection == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for reflection");
    code = read_files(reflection, files, count, why);
    if (code == WEIR_OK)
        code = serve(server, reflection, v1, why);
    if (code == WEIR_OK)
        code = serve(server, reflection, V1ALPHA_PATH, why);
    release(reflection);
    return code;
}
