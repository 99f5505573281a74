/* SPDX-License-Identifier: MIT */
/*
 * echo_client.c - makes one call, or many at once, as its arguments say, and prints what came.
 *
 *     echo_client TARGET METHOD [option ...]
 *
 *     --metadata NAME=HEX       request metadata, again and again
 *     --message TEXT            a request message, again and again
 *     --count N --size S        N more request messages of S bytes (the index, filled with 'x')
 *     --hold                    the requests do not end by themselves
 *     --lockstep                sends a message only when the answer to the one before has come
 *     --fail CODE               the requests end with this status
 *     --timeout-ms N            the call's deadline
 *     --cancel-after N          cancels the call when N messages came
 *     --drop-after N            releases the responses when N messages came
 *     --max-receive N           the largest message to receive
 *     --gzip, --deflate         compresses the requests
 *     --tls-ca FILE             TLS, with these roots, ...
 *     --tls-name NAME           ... to a server of this name,
 *     --tls-cert FILE --tls-key FILE  and with this certificate
 *     --parallel N              so many such calls at once on one channel
 *
 * Prints, for each call, "message SIZE CRC32", "initial NAME HEX", "trailer NAME HEX" and "status
 * CODE HEX-MESSAGE HEX-DETAILS"; nothing after "message" lines where the responses were dropped.
 */
#include <weir/weir.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 64
#define NOT_SET UINT64_MAX

struct plan {
    const char *target;
    const char *method;
    const char *metadata[MAX_ARGUMENTS];
    size_t metadata_count;
    const char *messages[MAX_ARGUMENTS];
    uint64_t message_count;
    uint64_t count;
    size_t size;
    bool hold;
    bool lockstep;
    weir_code fail;
    uint64_t timeout_ms;
    uint64_t cancel_after;
    uint64_t drop_after;
    size_t max_receive;
    weir_compression compression;
    weir_tls_options tls;
    size_t parallel;
};

/* One call that runs. */
struct running {
    weir_call *call;
    weir_stream responses;
    weir_pipe *pipe; /* requests that main writes; NULL: they are a stream of their own */
};

/* ---- requests ---- */

static bool next_request(const struct plan *plan, uint64_t index, weir_bytes *out)
{
    char number[24];
    uint8_t *memory;

    if (index < plan->message_count) {
        *out = weir_bytes_copy_string(plan->messages[index]);
        return true;
    }
    index -= plan->message_count;
    if (index >= plan->count)
        return false;
    *out = weir_bytes_new(plan->size, &memory);
    if (memory != NULL) {
        size_t digits = (size_t)snprintf(number, sizeof number, "%" PRIu64, index);

        memset(memory, 'x', plan->size);
        memcpy(memory, number, digits < plan->size ? digits : plan->size);
    }
    return true;
}

struct requests {
    const struct plan *plan;
    uint64_t index;
};

static weir_poll requests_next(void *state, weir_task *task, weir_item *out)
{
    struct requests *r = state;

    (void)task;
    return next_request(r->plan, r->index++, &out->message) ? WEIR_READY : WEIR_END;
}

static weir_stream make_requests(const struct plan *plan, struct running *running)
{
    struct requests *state;
    weir_stream stream;

    if (plan->hold || plan->lockstep) {
        running->pipe = weir_pipe_create(NULL, &stream);
        return stream;
    }
    state = calloc(1, sizeof *state);
    if (state != NULL)
        state->plan = plan;
    stream = weir_stream_from(requests_next, state, free);
    if (plan->fail != WEIR_OK)
        stream = weir_stream_chain(stream, weir_stream_fail(plan->fail, "the requests failed"));
    return stream;
}

/* Writes the next request; at the last one closes the pipe. */
static void write_next(const struct plan *plan, struct running *running, uint64_t *index)
{
    weir_bytes message;

    if (next_request(plan, *index, &message)) {
        (*index)++;
        if (weir_pipe_write(running->pipe, message) != WEIR_OK)
            fprintf(stderr, "a request was not taken\n");
    } else if (plan->fail != WEIR_OK) {
        weir_pipe_close(running->pipe, weir_status_make(plan->fail, "the requests failed"));
    } else if (!plan->hold) {
        weir_pipe_close(running->pipe, (weir_status){0});
    }
}

/* ---- what comes back ---- */

static uint32_t crc32_of(const weir_bytes *bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes->size; i++) {
        crc ^= bytes->data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
    }
    return ~crc;
}

static void print_hex(const uint8_t *data, size_t size)
{
    putchar(' ');
    if (size == 0)
        putchar('-');
    for (size_t i = 0; i < size; i++)
        printf("%02x", data[i]);
}

static void print_metadata(const char *kind, const weir_metadata *metadata)
{
    for (size_t i = 0; i < weir_metadata_count(metadata); i++) {
        weir_slice name, value;

        weir_metadata_at(metadata, i, &name, &value);
        printf("%s %s", kind, (const char *)name.data);
        print_hex(value.data, value.size);
        putchar('\n');
    }
}

static void print_status(const weir_status *status)
{
    printf("status %d", status->code);
    print_hex(status->message.data, status->message.size);
    print_hex(status->details.data, status->details.size);
    putchar('\n');
}

/* The end of a call as its stream says it, which must be what the call says. */
static void print_end(const struct running *running, const weir_item *item)
{
    const weir_status *status = weir_call_status(running->call);

    print_metadata("initial", weir_call_response_metadata(running->call));
    print_metadata("trailer", weir_call_trailers(running->call));
    print_status(&item->status);
    if (status->code != item->status.code ||
        !weir_bytes_equal(&status->message, &item->status.message))
        printf("the call says otherwise: %d\n", status->code);
}

static void read_all(const struct plan *plan, struct running *running)
{
    uint64_t written = 0, count = 0;
    weir_item item;

    if (running->pipe != NULL && plan->lockstep)
        write_next(plan, running, &written);
    else if (running->pipe != NULL)
        for (uint64_t i = 0; i < plan->message_count + plan->count; i++)
            write_next(plan, running, &written);
    while (weir_stream_next(&running->responses, &item) == WEIR_READY) {
        printf("message %zu %08" PRIx32 "\n", item.message.size, crc32_of(&item.message));
        fflush(stdout);
        weir_item_clear(&item);
        count++;
        if (count == plan->drop_after) {
            weir_stream_release(&running->responses);
            return;
        }
        if (count == plan->cancel_after)
            weir_call_cancel(running->call);
        if (plan->lockstep)
            write_next(plan, running, &written);
    }
    print_end(running, &item);
    weir_item_clear(&item);
}

/* ---- calls ---- */

static bool add_metadata(weir_call *call, const char *argument)
{
    char name[128];
    uint8_t value[1024];
    size_t size = 0;
    const char *hex = strchr(argument, '=');

    if (hex == NULL || (size_t)(hex - argument) >= sizeof name)
        return false;
    memcpy(name, argument, (size_t)(hex - argument));
    name[hex - argument] = '\0';
    for (hex++; hex[0] != '\0' && hex[1] != '\0' && size < sizeof value; hex += 2)
        sscanf(hex, "%2hhx", &value[size++]);
    return weir_call_add_metadata(call, name, value, size) == WEIR_OK;
}

static bool start_call(const struct plan *plan, weir_channel *channel, struct running *running)
{
    *running = (struct running){.call = weir_call_create(plan->method)};
    if (running->call == NULL)
        return false;
    for (size_t i = 0; i < plan->metadata_count; i++)
        if (!add_metadata(running->call, plan->metadata[i]))
            fprintf(stderr, "refused: %s\n", plan->metadata[i]);
    if (plan->timeout_ms != NOT_SET)
        weir_call_set_timeout(running->call, WEIR_MILLISECONDS(plan->timeout_ms));
    weir_call_set_compression(running->call, plan->compression);
    if (plan->max_receive != 0)
        weir_call_set_max_receive_size(running->call, plan->max_receive);
    running->responses = weir_channel_call(channel, running->call, make_requests(plan, running));
    if (plan->cancel_after == 0)
        weir_call_cancel(running->call);
    return true;
}

static weir_code open_channel(const struct plan *plan, weir_channel **out, weir_status *why)
{
    weir_channel_options options = {0};
    weir_code code;

    if (plan->tls.ca_file != NULL && weir_tls_create(&plan->tls, &options.tls, why) != WEIR_OK)
        return why->code;
    code = weir_channel_create(plan->target, &options, out, why);
    weir_tls_unref(options.tls);
    return code;
}

static int run(const struct plan *plan)
{
    struct running *calls = calloc(plan->parallel, sizeof *calls);
    weir_channel *channel = NULL;
    weir_status why = {0};
    size_t count = 0;

    if (calls == NULL || open_channel(plan, &channel, &why) != WEIR_OK) {
        fprintf(stderr, "%.*s\n", (int)why.message.size, (const char *)why.message.data);
        weir_status_clear(&why);
        free(calls);
        return 1;
    }
    while (count < plan->parallel && start_call(plan, channel, &calls[count]))
        count++;
    for (size_t i = 0; i < count; i++)
        read_all(plan, &calls[i]);
    for (size_t i = 0; i < count; i++) {
        if (calls[i].pipe != NULL)
            weir_pipe_unref(calls[i].pipe);
        weir_call_unref(calls[i].call);
    }
    weir_channel_unref(channel);
    free(calls);
    return 0;
}

/* ---- arguments ---- */

static bool take_tls(struct plan *plan, int option, const char *value)
{
    switch (option) {
    case 'A':
        plan->tls.ca_file = value;
        return true;
    case 'N':
        plan->tls.server_name = value;
        return true;
    case 'C':
        plan->tls.certificate_file = value;
        return true;
    case 'K':
        plan->tls.key_file = value;
        return true;
    default:
        return false;
    }
}

static bool take_option(struct plan *plan, int option, const char *value)
{
    uint64_t number = value != NULL ? strtoull(value, NULL, 10) : 0;

    switch (option) {
    case 'a':
        plan->metadata[plan->metadata_count++] = value;
        return plan->metadata_count < MAX_ARGUMENTS;
    case 'm':
        plan->messages[plan->message_count++] = value;
        return plan->message_count < MAX_ARGUMENTS;
    case 'c':
        plan->count = number;
        return true;
    case 's':
        plan->size = (size_t)number;
        return true;
    case 'h':
        plan->hold = true;
        return true;
    case 'l':
        plan->lockstep = true;
        return true;
    case 'f':
        plan->fail = (weir_code)number;
        return true;
    case 't':
        plan->timeout_ms = number;
        return true;
    case 'x':
        plan->cancel_after = number;
        return true;
    case 'd':
        plan->drop_after = number;
        return true;
    case 'r':
        plan->max_receive = (size_t)number;
        return true;
    case 'g':
        plan->compression = WEIR_GZIP;
        return true;
    case 'z':
        plan->compression = WEIR_DEFLATE;
        return true;
    case 'p':
        plan->parallel = (size_t)number;
        return true;
    default:
        return take_tls(plan, option, value);
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"metadata", required_argument, NULL, 'a'},
        {"message", required_argument, NULL, 'm'},
        {"count", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},
        {"hold", no_argument, NULL, 'h'},
        {"lockstep", no_argument, NULL, 'l'},
        {"fail", required_argument, NULL, 'f'},
        {"timeout-ms", required_argument, NULL, 't'},
        {"cancel-after", required_argument, NULL, 'x'},
        {"drop-after", required_argument, NULL, 'd'},
        {"max-receive", required_argument, NULL, 'r'},
        {"gzip", no_argument, NULL, 'g'},
        {"deflate", no_argument, NULL, 'z'},
        {"tls-ca", required_argument, NULL, 'A'},
        {"tls-name", required_argument, NULL, 'N'},
        {"tls-cert", required_argument, NULL, 'C'},
        {"tls-key", required_argument, NULL, 'K'},
        {"parallel", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    struct plan plan = {
        .timeout_ms = NOT_SET, .cancel_after = NOT_SET, .drop_after = NOT_SET, .parallel = 1};
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (!take_option(&plan, option, optarg))
            return 2;
    if (argc - optind != 2)
        return 2;
    plan.target = argv[optind];
    plan.method = argv[optind + 1];
    return run(&plan);
}
