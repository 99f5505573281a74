/* SPDX-License-Identifier: MIT */
/*
 * main.c - a plugin of protoc: reads a CodeGeneratorRequest, writes a CodeGeneratorResponse.
 *
 * What is wrong with the user's files or options is the response's error, which protoc shows. A
 * request that is none is a fault of whoever calls, and ends in a failure.
 */
#include "emit.h"
#include "memory.h"
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__Compiler__CodeGeneratorRequest request;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse response;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File output;

static uint8_t *read_all(FILE *file, size_t *size)
{
    size_t capacity = 64 * 1024;
    uint8_t *data = keep(capacity);
    size_t got;

    *size = 0;
    while ((got = fread(data + *size, 1, capacity - *size, file)) > 0) {
        *size += got;
        if (*size == capacity) {
            uint8_t *larger = keep_array(capacity, 2);

            memcpy(larger, data, *size);
            data = larger;
            capacity *= 2;
        }
    }
    return data;
}

static void add(response *response, const struct file *file, const char *ending,
                void (*emit)(struct printer *printer, const struct file *file))
{
    struct printer printer = {0};
    output *out = keep(sizeof *out);

    emit(&printer, file);
    google__protobuf__compiler__code_generator_response__file__init(out);
    out->name = keep_format("%s%s", file->stem, ending);
    out->content = printer.text;
    response->file = keep_more(response->file, response->n_file, sizeof(output *));
    response->file[response->n_file++] = out;
}

static void generate_file(response *response, const struct file *file,
                          const struct options *options)
{
    if (file->options.no_generate)
        return;
    if (options->messages) {
        add(response, file, ".pb-c.h", emit_messages_header);
        add(response, file, ".pb-c.c", emit_messages_source);
    }
    add(response, file, ".weir.h", emit_services_header);
    add(response, file, ".weir.c",
        options->messages ? emit_services_source : emit_services_source_on_protobuf_c);
}

/* NULL, or what is wrong. */
static const char *generate(const request *request, response *response)
{
    struct options options;
    struct model model;
    const char *wrong = options_parse(request->parameter, &options);

    if (wrong == NULL)
        wrong = model_build(request, &model);
    for (size_t i = 0; wrong == NULL && i < model.file_count; i++)
        if (model.files[i].generate)
            generate_file(response, &model.files[i], &options);
    return wrong;
}

static bool write_response(const response *response)
{
    size_t size = google__protobuf__compiler__code_generator_response__get_packed_size(response);
    uint8_t *data = keep(size);

    google__protobuf__compiler__code_generator_response__pack(response, data);
    return fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0;
}

static bool run(const request *request)
{
    response response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    const char *wrong = generate(request, &response);

    response.has_supported_features = true;
    response.supported_features =
        GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    if (wrong != NULL) {
        response.error = keep_format("%s", wrong);
        response.n_file = 0;
    }
    if (write_response(&response))
        return true;
    perror("protoc-gen-weir: standard output");
    return false;
}

int main(int argc, char **argv)
{
    size_t size;
    uint8_t *data;
    request *request;
    bool done = false;

    if (argc > 1) {
        fprintf(stderr, "usage: protoc --plugin=%s --weir_out=DIRECTORY FILE.proto\n", argv[0]);
        return 2;
    }
    data = read_all(stdin, &size);
    request = google__protobuf__compiler__code_generator_request__unpack(NULL, size, data);
    if (request == NULL || request->n_file_to_generate == 0)
        fputs("protoc-gen-weir: standard input is not a request of protoc\n", stderr);
    else
        done = run(request);
    if (request != NULL)
        google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
    keep_nothing();
    return done ? 0 : 1;
}
