/* SPDX-License-Identifier: MIT */
/*
 * diagnostics.c - an interceptor that lets a client be tested: it sends metadata back and ends
 * calls with the status it is asked for.
 *
 * It has the one shape that everything has: a handler, which owns the next handler. What it does is
 * written in streams.proto.
 */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "units.h"

struct diagnostics {
    weir_handler next;
};

static bool begins_with(weir_slice name, const char *prefix)
{
    size_t size = strlen(prefix);

    return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

static weir_code echo(weir_call *call)
{
    const weir_metadata *request = weir_call_request_metadata(call);
    weir_code code = WEIR_OK;

    for (size_t i = 0; i < weir_metadata_count(request) && code == WEIR_OK; i++) {
        weir_slice name, value;

        weir_metadata_at(request, i, &name, &value);
        if (begins_with(name, "echo-"))
            code = weir_call_add_metadata(call, (const char *)name.data, value.data, value.size);
        else if (begins_with(name, "trailer-echo-"))
            code = weir_call_add_trailer(call, (const char *)name.data, value.data, value.size);
    }
    return code;
}

/* The value of `name` as a string, "" where there is none; cut to `size`. */
static const char *text_of(const weir_metadata *metadata, const char *name, char *out, size_t size)
{
    weir_slice value = {0};

    weir_metadata_get(metadata, name, 0, &value);
    if (value.size >= size)
        value.size = size - 1;
    if (value.size > 0)
        memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return out;
}

/* -1: no code has that number or name. */
static int code_from(const char *text)
{
    uint64_t number;

    if (parse_count(text, &number))
        return number <= WEIR_UNAUTHENTICATED ? (int)number : -1;
    for (int code = WEIR_OK; code <= WEIR_UNAUTHENTICATED; code++)
        if (strcmp(text, weir_code_name((weir_code)code)) == 0)
            return code;
    return -1;
}

static weir_bytes copy_of(const weir_metadata *metadata, const char *name)
{
    weir_slice value = {0};

    weir_metadata_get(metadata, name, 0, &value);
    return value.size > 0 ? weir_bytes_copy(value.data, value.size) : (weir_bytes){0};
}

static weir_status status_from(const weir_metadata *metadata, const char *text)
{
    int code = code_from(text);
    weir_status status = {0};

    if (code < 0)
        return weir_status_make(WEIR_INVALID_ARGUMENT, "weir-status: %s is no status code", text);
    status.code = (weir_code)code;
    status.message = copy_of(metadata, "weir-status-message-bin");
    if (status.message.size == 0) {
        weir_bytes_unref(&status.message);
        status.message = copy_of(metadata, "weir-status-message");
    }
    status.details = copy_of(metadata, "weir-status-details-bin");
    return status;
}

static weir_stream fail_as_asked(struct diagnostics *d, weir_call *call, weir_stream requests,
                                 const char *code)
{
    const weir_metadata *metadata = weir_call_request_metadata(call);
    weir_stream end = weir_stream_error(status_from(metadata, code));
    uint64_t messages;
    char after[32];

    if (parse_count(text_of(metadata, "weir-status-after", after, sizeof after), &messages) &&
        messages > 0)
        return weir_stream_chain(
            weir_stream_take(d->next.call(d->next.self, call, requests), messages), end);
    weir_stream_release(&requests);
    return end;
}

static weir_stream diagnostics_call(void *self, weir_call *call, weir_stream requests)
{
    struct diagnostics *d = self;
    weir_code code = echo(call);
    char text[32];

    if (code != WEIR_OK) {
        weir_stream_release(&requests);
        return weir_stream_fail(code, "the metadata cannot be sent back");
    }
    if (text_of(weir_call_request_metadata(call), "weir-status", text, sizeof text)[0] != '\0')
        return fail_as_asked(d, call, requests, text);
    return d->next.call(d->next.self, call, requests);
}

static weir_stream no_memory(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    (void)call;
    weir_stream_release(&requests);
    return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "out of memory");
}

static void diagnostics_release(void *self)
{
    struct diagnostics *d = self;

    weir_handler_release(&d->next);
    free(d);
}

weir_handler with_diagnostics(weir_handler next)
{
    struct diagnostics *d = malloc(sizeof *d);

    if (d == NULL) {
        weir_handler_release(&next);
        return (weir_handler){.call = no_memory};
    }
    d->next = next;
    return (weir_handler){diagnostics_call, d, diagnostics_release};
}
