/* SPDX-License-Identifier: MIT */
/*
 * service.c - what the echo server's handlers have in common, and its one plain function.
 */
#include "service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sleeps sleeps = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};

static bool begins_with(weir_slice name, const char *prefix)
{
    return name.size >= strlen(prefix) && memcmp(name.data, prefix, strlen(prefix)) == 0;
}

void reflect(weir_call *call)
{
    const weir_metadata *metadata = weir_call_request_metadata(call);

    for (size_t i = 0; i < weir_metadata_count(metadata); i++) {
        weir_slice name, value;

        weir_metadata_at(metadata, i, &name, &value);
        if (!begins_with(name, "echo-"))
            continue;
        if (weir_call_add_metadata(call, (const char *)name.data, value.data, value.size) ||
            weir_call_add_trailer(call, (const char *)name.data, value.data, value.size))
            fprintf(stderr, "cannot reflect %s\n", (const char *)name.data);
    }
}

static weir_bytes metadata_bytes(const weir_call *call, const char *name)
{
    weir_slice value;

    if (!weir_metadata_get(weir_call_request_metadata(call), name, 0, &value))
        return (weir_bytes){0};
    return weir_bytes_copy(value.data, value.size);
}

weir_status wanted_status(const weir_call *call)
{
    weir_slice value;
    weir_status status = {0};
    char number[8] = "";

    if (!weir_metadata_get(weir_call_request_metadata(call), "weir-status", 0, &value) ||
        value.size >= sizeof number)
        return status;
    memcpy(number, value.data, value.size);
    status.code = (weir_code)atoi(number);
    status.message = metadata_bytes(call, "weir-status-message-bin");
    status.details = metadata_bytes(call, "weir-status-details-bin");
    return status;
}

weir_code wanted_code(const weir_call *call, weir_status *why)
{
    weir_status_clear(why);
    *why = wanted_status(call);
    return why->code;
}

void copy_text(char *text, size_t size, const weir_bytes *message)
{
    size_t used = message->size < size ? message->size : size - 1;

    if (used != 0)
        memcpy(text, message->data, used);
    text[used] = '\0';
}

bool parse_count_size(const weir_bytes *request, uint64_t *count, size_t *size)
{
    char text[64];

    copy_text(text, sizeof text, request);
    return sscanf(text, "%" SCNu64 " %zu", count, size) == 2;
}

weir_bytes numbered_message(uint64_t index, size_t size)
{
    char number[24];
    uint8_t *memory;
    size_t digits = (size_t)snprintf(number, sizeof number, "%" PRIu64, index);
    size_t total = size > digits ? size : digits;
    weir_bytes message = weir_bytes_new(total, &memory);

    if (memory != NULL) {
        memcpy(memory, number, digits);
        memset(memory + digits, 'x', total - digits);
    }
    return message;
}

static void count_sleep(unsigned *counter, bool cancelled)
{
    pthread_mutex_lock(&sleeps.lock);
    (*counter)++;
    sleeps.cancelled += cancelled;
    pthread_cond_broadcast(&sleeps.changed);
    pthread_mutex_unlock(&sleeps.lock);
}

void sleep_started(void)
{
    count_sleep(&sleeps.started, false);
}

void sleep_ended(const weir_call *call)
{
    count_sleep(&sleeps.ended, weir_call_cancelled(call));
}

static weir_code plain_unary(void *self, weir_call *call, const weir_bytes *request,
                             weir_bytes *reply, weir_status *why)
{
    (void)self;
    reflect(call);
    if (wanted_code(call, why) != WEIR_OK)
        return why->code;
    *reply = weir_bytes_ref(request);
    return WEIR_OK;
}

/* "TLSv1.3 verified CN=a client URI:spiffe://weir/client" */
static weir_code plain_who(void *self, weir_call *call, const weir_bytes *request,
                           weir_bytes *reply, weir_status *why)
{
    const weir_tls_peer *peer = weir_call_peer(call)->tls;

    (void)self, (void)request, (void)why;
    if (peer == NULL)
        *reply = weir_bytes_copy_string("plain text");
    else
        *reply = weir_bytes_format("%s %s %s %s", peer->protocol,
                                   peer->verified ? "verified" : "anonymous", peer->subject,
                                   peer->name_count != 0 ? peer->names[0] : "");
    return WEIR_OK;
}

weir_code handle_plain(weir_server *server, weir_status *why)
{
    weir_code code =
        weir_server_handle(server, "/weir.test.Plain/Who", weir_unary(plain_who, NULL, NULL), why);

    if (code != WEIR_OK)
        return code;
    return weir_server_handle(server, "/weir.test.Plain/Unary", weir_unary(plain_unary, NULL, NULL),
                              why);
}
