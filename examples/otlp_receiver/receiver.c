/* SPDX-License-Identifier: MIT */
/*
 * receiver.c - otlp_receiver ADDRESS: prints the spans of OpenTelemetry exporters, a line each.
 *
 *     trace=5b8e... span=051581bf... parent=- kind=server name="GET /" service="shop" took=1250us
 *     status=ok items=3
 *
 * (in one line). Values lie in values, but unpacking goes no deeper than 100 messages, so neither
 * does printing them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../common/example.h"
#include "trace_service.weir.h"

static void print_value(const Otlp__AnyValue *value);

static void print_bytes(const ProtobufCBinaryData *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        printf("%02x", bytes->data[i]);
    if (bytes->len == 0)
        putchar('-');
}

/* In one line, whatever it holds. */
static void print_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            printf("\\x%02x", (unsigned char)*text);
        else
            putchar(*text);
    }
}

static void print_string(const char *text)
{
    putchar('"');
    print_text(text);
    putchar('"');
}

static void print_pairs(const char *before, Otlp__KeyValue *const *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s", i == 0 ? before : " ");
        print_text(pairs[i]->key);
        putchar('=');
        print_value(pairs[i]->value);
    }
}

static void print_array(const Otlp__ArrayValue *array)
{
    putchar('[');
    for (size_t i = 0; i < array->n_values; i++) {
        if (i > 0)
            putchar(' ');
        print_value(array->values[i]);
    }
    putchar(']');
}

/* Absent values are legal, and so are kinds of value that are newer than this. */
static void print_value(const Otlp__AnyValue *value)
{
    switch (value == NULL ? OTLP__ANY_VALUE__VALUE__NOT_SET : value->value_case) {
    case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
        print_string(value->string_value);
        break;
    case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
        printf("%s", value->bool_value ? "true" : "false");
        break;
    case OTLP__ANY_VALUE__VALUE_INT_VALUE:
        printf("%" PRId64, value->int_value);
        break;
    case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
        printf("%g", value->double_value);
        break;
    case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
        print_array(value->array_value);
        break;
    case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
        putchar('{');
        print_pairs("", value->kvlist_value->values, value->kvlist_value->n_values);
        putchar('}');
        break;
    case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
        print_bytes(&value->bytes_value);
        break;
    default:
        putchar('-');
    }
}

static const char *kind_name(Otlp__Span__SpanKind kind)
{
    static const char *const names[] = {"-",      "internal", "server",
                                        "client", "producer", "consumer"};

    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "-";
}

static const Otlp__AnyValue *find(const Otlp__Resource *resource, const char *key)
{
    for (size_t i = 0; resource != NULL && i < resource->n_attributes; i++)
        if (strcmp(resource->attributes[i]->key, key) == 0)
            return resource->attributes[i]->value;
    return NULL;
}

static void print_status(const Otlp__Status *status)
{
    static const char *const names[] = {"unset", "ok", "error"};
    size_t code = status == NULL ? 0 : (size_t)status->code;

    printf(" status=%s", code < 3 ? names[code] : "-");
    if (status != NULL && status->message[0] != '\0') {
        printf(" message=");
        print_string(status->message);
    }
}

static void print_span(const Otlp__Resource *resource, const Otlp__Span *span)
{
    printf("trace=");
    print_bytes(&span->trace_id);
    printf(" span=");
    print_bytes(&span->span_id);
    printf(" parent=");
    print_bytes(&span->parent_span_id);
    printf(" kind=%s name=", kind_name(span->kind));
    print_string(span->name);
    printf(" service=");
    print_value(find(resource, "service.name"));
    printf(" took=%" PRIu64 "us", (span->end_time_unix_nano - span->start_time_unix_nano) / 1000);
    print_status(span->status);
    for (size_t i = 0; i < span->n_events; i++) {
        printf(" event=");
        print_string(span->events[i]->name);
    }
    print_pairs(" ", span->attributes, span->n_attributes);
    putchar('\n');
}

/* On a thread of the pool, since a terminal or a pipe may make printing wait. */
static weir_code export_spans(void *self, weir_call *call,
                              const Otlp__ExportTraceServiceRequest *request,
                              Otlp__ExportTraceServiceResponse *response, weir_status *why)
{
    (void)self, (void)call, (void)response, (void)why;
    flockfile(stdout); /* another call's lines do not come between */
    for (size_t i = 0; i < request->n_resource_spans; i++) {
        const Otlp__ResourceSpans *of = request->resource_spans[i];

        for (size_t j = 0; j < of->n_scope_spans; j++)
            for (size_t k = 0; k < of->scope_spans[j]->n_spans; k++)
                print_span(of->resource, of->scope_spans[j]->spans[k]);
    }
    fflush(stdout);
    funlockfile(stdout);
    return WEIR_OK;
}

int main(int argc, char **argv)
{
    weir_server *server = NULL;
    weir_status why = {0};
    weir_code code;

    if (argc != 2)
        return fprintf(stderr, "usage: otlp_receiver ADDRESS\n"), 2;
    code = weir_server_create(NULL, &server, &why);
    if (code == WEIR_OK)
        code = otlp__trace_service__export__handle_blocking(server, export_spans, NULL, &why);
    if (code == WEIR_OK)
        code = example_serve(server, argv[1], &why);
    weir_server_free(server);
    return example_end(code, &why);
}
