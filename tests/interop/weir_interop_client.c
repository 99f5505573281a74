/* SPDX-License-Identifier: MIT */
/*
 * weir_interop_client.c - the cases of gRPC's interop-test-descriptions, against any server that
 * has grpc.testing.TestService.
 *
 *     weir-interop-client --server_host H --server_port P --test_case NAME
 *
 * Ends with 0 when the case passed. Else it says on stderr which check failed, and ends with 1;
 * with 2 when its arguments are wrong. Without arguments it lists the cases.
 */
#include "weir_interop_client.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No case waits longer than this for anything, whatever the server does. */
#define PATIENCE WEIR_SECONDS(60)

typedef Grpc__Testing__TestService__FullDuplexCall_Client duplex;
typedef Grpc__Testing__StreamingOutputCallRequest output_request;
typedef Grpc__Testing__StreamingOutputCallResponse output_response;

static const int32_t request_sizes[] = {27182, 8, 1828, 45904};
static const int32_t response_sizes[] = {31415, 9, 2653, 58979};
#define STEPS (sizeof request_sizes / sizeof *request_sizes)

static uint8_t zeros[LARGE_RESPONSE];

/* ---- what the cases are made of ---- */

bool expect(bool holds, const char *format, ...)
{
    va_list arguments;

    if (holds)
        return true;
    va_start(arguments, format);
    fprintf(stderr, "expected ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

bool expect_code(const struct run *run, weir_code code)
{
    return expect(run->why.code == code, "%s, got %s: %.*s", weir_code_name(code),
                  weir_code_name(run->why.code), (int)run->why.message.size,
                  (const char *)run->why.message.data);
}

bool expect_zeros(const Grpc__Testing__Payload *payload, size_t size)
{
    size_t got = payload != NULL ? payload->body.len : 0;

    return expect(got == size, "%zu bytes, got %zu", size, got) &&
           expect(memcmp(payload->body.data, zeros, size) == 0, "zeros, got other bytes");
}

weir_call *next_call(struct run *run)
{
    weir_call *call = run->count < CALLS ? weir_call_create(NULL) : NULL;

    if (call == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    weir_call_set_timeout(call, PATIENCE);
    run->calls[run->count++] = call;
    weir_status_clear(&run->why);
    return call;
}

Grpc__Testing__Payload zeros_of(int32_t size)
{
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;

    payload.body.data = zeros;
    payload.body.len = (size_t)size;
    return payload;
}

bool unary(struct run *run, weir_call *call, const Grpc__Testing__SimpleRequest *request,
           Grpc__Testing__SimpleResponse **response)
{
    return grpc__testing__test_service__unary_call__call(run->channel, call, request, response,
                                                         &run->why) == WEIR_OK;
}

static bool large_unary_call(struct run *run, weir_call *call)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__Payload payload = zeros_of(LARGE_REQUEST);
    Grpc__Testing__SimpleResponse *response;

    request.response_size = LARGE_RESPONSE;
    request.payload = &payload;
    unary(run, call, &request, &response);
    return expect_code(run, WEIR_OK) && expect_zeros(response->payload, LARGE_RESPONSE);
}

static duplex *open_duplex(struct run *run, weir_call *call)
{
    duplex *client =
        grpc__testing__test_service__full_duplex_call__open(run->channel, call, &run->why);

    expect(client != NULL, "a call");
    return client;
}

/* Sends a request for one response of a size; a size below 0 asks for none. */
static weir_code send_request(duplex *client, int32_t request_size, int32_t response_size)
{
    output_request request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters parameters = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *list[] = {&parameters};
    Grpc__Testing__Payload payload = zeros_of(request_size);

    request.payload = &payload;
    if (response_size >= 0) {
        parameters.size = response_size;
        request.response_parameters = list;
        request.n_response_parameters = 1;
    }
    return grpc__testing__test_service__full_duplex_call__write_request(client, &request);
}

static weir_poll read_response(struct run *run, duplex *client, const output_response **out)
{
    return grpc__testing__test_service__full_duplex_call__read_response(client, out, &run->why);
}

static bool expect_response(struct run *run, duplex *client, int32_t size)
{
    const output_response *response;
    weir_poll poll = read_response(run, client, &response);

    return expect_code(run, WEIR_OK) && expect(poll == WEIR_READY, "a response, got the end") &&
           expect_zeros(response->payload, (size_t)size);
}

/* The call ends with this code, and no response comes before. */
static bool expect_end(struct run *run, duplex *client, weir_code code)
{
    const output_response *response;
    weir_poll poll = read_response(run, client, &response);

    return expect(poll != WEIR_READY, "the end, got a response") && expect_code(run, code);
}

static bool exchange(struct run *run, duplex *client, int32_t request_size, int32_t response_size)
{
    weir_code code = send_request(client, request_size, response_size);

    return expect(code == WEIR_OK, "to send, got %s", weir_code_name(code)) &&
           expect_response(run, client, response_size);
}

static bool finish(struct run *run, duplex *client)
{
    grpc__testing__test_service__full_duplex_call__end_requests(client);
    return expect_end(run, client, WEIR_OK);
}

/* Runs `fn` with an open FullDuplexCall. */
static bool with_duplex(struct run *run, weir_call *call,
                        bool (*fn)(struct run *run, weir_call *call, duplex *client))
{
    duplex *client = open_duplex(run, call);
    bool passed = client != NULL && fn(run, call, client);

    grpc__testing__test_service__full_duplex_call__close(client);
    return passed;
}

/* ---- unary cases ---- */

static bool empty_unary(struct run *run)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;
    weir_code code = grpc__testing__test_service__empty_call__call(run->channel, next_call(run),
                                                                   &request, &response, &run->why);

    return expect_code(run, WEIR_OK) && expect(code == WEIR_OK && response != NULL, "a response");
}

static bool large_unary(struct run *run)
{
    return large_unary_call(run, next_call(run));
}

static bool unimplemented_method(struct run *run)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;
    weir_code code = grpc__testing__test_service__unimplemented_call__call(
        run->channel, next_call(run), &request, &response, &run->why);

    return expect(code != WEIR_OK, "a failure") && expect_code(run, WEIR_UNIMPLEMENTED);
}

static bool unimplemented_service(struct run *run)
{
    Grpc__Testing__Empty request = GRPC__TESTING__EMPTY__INIT, *response;
    weir_code code = grpc__testing__unimplemented_service__unimplemented_call__call(
        run->channel, next_call(run), &request, &response, &run->why);

    return expect(code != WEIR_OK, "a failure") && expect_code(run, WEIR_UNIMPLEMENTED);
}

/* ---- streams ---- */

static bool client_streaming(struct run *run)
{
    Grpc__Testing__StreamingInputCallResponse *response;
    Grpc__Testing__TestService__StreamingInputCall_Client *client;
    int32_t sum = 0;

    client = grpc__testing__test_service__streaming_input_call__open(run->channel, next_call(run),
                                                                     &run->why);
    if (!expect(client != NULL, "a call"))
        return false;
    for (size_t i = 0; i < STEPS; i++) {
        Grpc__Testing__StreamingInputCallRequest request =
            GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
        Grpc__Testing__Payload payload = zeros_of(request_sizes[i]);

        request.payload = &payload;
        sum += request_sizes[i];
        if (grpc__testing__test_service__streaming_input_call__write_request(client, &request) !=
            WEIR_OK)
            break; /* finishing says why */
    }
    if (grpc__testing__test_service__streaming_input_call__finish(client, &response, &run->why) !=
        WEIR_OK)
        return expect_code(run, WEIR_OK);
    return expect(response->aggregated_payload_size == sum, "a sum of %d, got %d", sum,
                  response->aggregated_payload_size);
}

static bool read_all_sizes(struct run *run,
                           Grpc__Testing__TestService__StreamingOutputCall_Client *client)
{
    const output_response *response;
    size_t count = 0;

    while (grpc__testing__test_service__streaming_output_call__read_response(
               client, &response, &run->why) == WEIR_READY) {
        if (!expect(count < STEPS, "%zu responses, got more", STEPS) ||
            !expect_zeros(response->payload, (size_t)response_sizes[count]))
            return false;
        count++;
    }
    return expect_code(run, WEIR_OK) &&
           expect(count == STEPS, "%zu responses, got %zu", STEPS, count);
}

static bool server_streaming(struct run *run)
{
    output_request request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__ResponseParameters parameters[STEPS], *list[STEPS];
    Grpc__Testing__TestService__StreamingOutputCall_Client *client;
    bool passed;

    for (size_t i = 0; i < STEPS; i++) {
        grpc__testing__response_parameters__init(&parameters[i]);
        parameters[i].size = response_sizes[i];
        list[i] = &parameters[i];
    }
    request.response_parameters = list;
    request.n_response_parameters = STEPS;
    client = grpc__testing__test_service__streaming_output_call__open(run->channel, next_call(run),
                                                                      &request, &run->why);
    passed = expect(client != NULL, "a call") && read_all_sizes(run, client);
    grpc__testing__test_service__streaming_output_call__close(client);
    return passed;
}

static bool ping_pong_on(struct run *run, weir_call *call, duplex *client)
{
    (void)call;
    for (size_t i = 0; i < STEPS; i++)
        if (!exchange(run, client, request_sizes[i], response_sizes[i]))
            return false;
    return finish(run, client);
}

static bool ping_pong(struct run *run)
{
    return with_duplex(run, next_call(run), ping_pong_on);
}

static bool empty_stream_on(struct run *run, weir_call *call, duplex *client)
{
    (void)call;
    return finish(run, client);
}

static bool empty_stream(struct run *run)
{
    return with_duplex(run, next_call(run), empty_stream_on);
}

/* ---- metadata ---- */

static const char initial_name[] = "x-grpc-test-echo-initial";
static const char initial_value[] = "test_initial_metadata_value";
static const char trailing_name[] = "x-grpc-test-echo-trailing-bin";
static const char trailing_value[] = "\xab\xab\xab";

static weir_call *call_with_metadata(struct run *run)
{
    weir_call *call = next_call(run);
    weir_code code =
        weir_call_add_metadata(call, initial_name, initial_value, strlen(initial_value));

    if (code == WEIR_OK)
        code = weir_call_add_metadata(call, trailing_name, trailing_value, strlen(trailing_value));
    expect(code == WEIR_OK, "to add metadata");
    return call;
}

static bool expect_value(const weir_metadata *metadata, const char *name, const char *value)
{
    weir_slice got;

    return expect(weir_metadata_get(metadata, name, 0, &got), "%s in the answer", name) &&
           expect(got.size == strlen(value) && memcmp(got.data, value, got.size) == 0,
                  "%s as it was sent", name);
}

static bool expect_metadata(weir_call *call)
{
    return expect_value(weir_call_response_metadata(call), initial_name, initial_value) &&
           expect_value(weir_call_trailers(call), trailing_name, trailing_value);
}

static bool metadata_on(struct run *run, weir_call *call, duplex *client)
{
    return exchange(run, client, LARGE_REQUEST, LARGE_RESPONSE) && finish(run, client) &&
           expect_metadata(call);
}

static bool custom_metadata(struct run *run)
{
    weir_call *call = call_with_metadata(run);

    return large_unary_call(run, call) && expect_metadata(call) &&
           with_duplex(run, call_with_metadata(run), metadata_on);
}

/* ---- statuses ---- */

static bool expect_status(struct run *run, const Grpc__Testing__EchoStatus *wanted)
{
    size_t size = strlen(wanted->message);

    return expect_code(run, (weir_code)wanted->code) &&
           expect(run->why.message.size == size &&
                      memcmp(run->why.message.data, wanted->message, size) == 0,
                  "the message \"%s\", got \"%.*s\"", wanted->message, (int)run->why.message.size,
                  (const char *)run->why.message.data);
}

static bool unary_status(struct run *run, Grpc__Testing__EchoStatus *wanted)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__SimpleResponse *response;

    request.response_status = wanted;
    return expect(!unary(run, next_call(run), &request, &response), "a failure") &&
           expect_status(run, wanted);
}

static bool duplex_status(struct run *run, Grpc__Testing__EchoStatus *wanted)
{
    output_request request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    duplex *client = open_duplex(run, next_call(run));
    const output_response *response;
    bool passed = false;

    if (client == NULL)
        return false;
    request.response_status = wanted;
    if (expect(grpc__testing__test_service__full_duplex_call__write_request(client, &request) ==
                   WEIR_OK,
               "to send")) {
        grpc__testing__test_service__full_duplex_call__end_requests(client);
        passed = expect(read_response(run, client, &response) == WEIR_ERROR, "a failure") &&
                 expect_status(run, wanted);
    }
    grpc__testing__test_service__full_duplex_call__close(client);
    return passed;
}

static bool status_code_and_message(struct run *run)
{
    Grpc__Testing__EchoStatus wanted = GRPC__TESTING__ECHO_STATUS__INIT;

    wanted.code = WEIR_UNKNOWN;
    wanted.message = (char[]){"test status message"};
    return unary_status(run, &wanted) && duplex_status(run, &wanted);
}

static bool special_status_message(struct run *run)
{
    Grpc__Testing__EchoStatus wanted = GRPC__TESTING__ECHO_STATUS__INIT;

    wanted.code = WEIR_UNKNOWN;
    wanted.message = (char[]){"\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP "
                              "\U0001F608\t\n"};
    return unary_status(run, &wanted);
}

/* ---- calls that end early ---- */

static bool cancel_after_begin(struct run *run)
{
    weir_call *call = next_call(run);
    Grpc__Testing__StreamingInputCallResponse *response;
    Grpc__Testing__TestService__StreamingInputCall_Client *client =
        grpc__testing__test_service__streaming_input_call__open(run->channel, call, &run->why);
    weir_code code;

    if (!expect(client != NULL, "a call"))
        return false;
    weir_call_cancel(call);
    code = grpc__testing__test_service__streaming_input_call__finish(client, &response, &run->why);
    return expect(code != WEIR_OK, "a failure") && expect_code(run, WEIR_CANCELLED);
}

static bool cancel_after_response_on(struct run *run, weir_call *call, duplex *client)
{
    if (!exchange(run, client, request_sizes[0], response_sizes[0]))
        return false;
    weir_call_cancel(call);
    return expect_end(run, client, WEIR_CANCELLED);
}

static bool cancel_after_first_response(struct run *run)
{
    return with_duplex(run, next_call(run), cancel_after_response_on);
}

static bool timeout_on(struct run *run, weir_call *call, duplex *client)
{
    (void)call;
    if (send_request(client, request_sizes[0], -1) != WEIR_OK)
        fprintf(stderr, "the call was over before its request was sent\n");
    return expect_end(run, client, WEIR_DEADLINE_EXCEEDED);
}

static bool timeout_on_sleeping_server(struct run *run)
{
    weir_call *call = next_call(run);

    weir_call_set_timeout(call, WEIR_MILLISECONDS(1));
    return with_duplex(run, call, timeout_on);
}

/* ---- the program ---- */

static const struct test_case {
    const char *name;
    bool (*run)(struct run *run);
} cases[] = {
    {"empty_unary", empty_unary},
    {"large_unary", large_unary},
    {"client_streaming", client_streaming},
    {"server_streaming", server_streaming},
    {"ping_pong", ping_pong},
    {"empty_stream", empty_stream},
    {"custom_metadata", custom_metadata},
    {"status_code_and_message", status_code_and_message},
    {"special_status_message", special_status_message},
    {"unimplemented_method", unimplemented_method},
    {"unimplemented_service", unimplemented_service},
    {"cancel_after_begin", cancel_after_begin},
    {"cancel_after_first_response", cancel_after_first_response},
    {"timeout_on_sleeping_server", timeout_on_sleeping_server},
    {"client_compressed_unary", client_compressed_unary},
    {"server_compressed_unary", server_compressed_unary},
    {"client_compressed_streaming", client_compressed_streaming},
    {"server_compressed_streaming", server_compressed_streaming},
};

struct options {
    const char *host;
    const char *port;
    const char *name;
    bool use_tls;
    weir_tls_options tls;
};

static bool take_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"server_host", required_argument, NULL, 'h'},
        {"server_port", required_argument, NULL, 'p'},
        {"test_case", required_argument, NULL, 'c'},
        {"use_tls", required_argument, NULL, 't'},
        {"ca_file", required_argument, NULL, 'a'},
        {"server_host_override", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'h')
            options->host = optarg;
        else if (option == 'p')
            options->port = optarg;
        else if (option == 'c')
            options->name = optarg;
        else if (option == 'a')
            options->tls.ca_file = optarg;
        else if (option == 'o')
            options->tls.server_name = optarg;
        else if (option == 't' && strcmp(optarg, "true") == 0)
            options->use_tls = true;
        else if (option != 't' || strcmp(optarg, "false") != 0)
            return false;
    }
    return optind == argc && options->port != NULL;
}

static weir_code connect_to(const struct options *options, struct run *run)
{
    weir_channel_options channel = {0};
    char target[512];
    weir_code code;

    snprintf(target, sizeof target, "%s:%s", options->host, options->port);
    if (options->use_tls && weir_tls_create(&options->tls, &channel.tls, &run->why) != WEIR_OK)
        return run->why.code;
    code = weir_channel_create(target, &channel, &run->channel, &run->why);
    weir_tls_unref(channel.tls);
    return code;
}

static bool run_case(const struct test_case *test, const struct options *options)
{
    struct run run = {0};
    bool passed = false;

    if (connect_to(options, &run) == WEIR_OK)
        passed = test->run(&run);
    else
        expect_code(&run, WEIR_OK);
    for (size_t i = 0; i < run.count; i++)
        weir_call_unref(run.calls[i]);
    weir_status_clear(&run.why);
    if (run.channel != NULL)
        weir_channel_unref(run.channel);
    return passed;
}

int main(int argc, char **argv)
{
    struct options options = {.host = "127.0.0.1"};
    size_t count = sizeof cases / sizeof *cases;

    if (argc == 1) {
        for (size_t i = 0; i < count; i++)
            puts(cases[i].name);
        return 0;
    }
    if (take_options(argc, argv, &options) && options.name != NULL)
        for (size_t i = 0; i < count; i++)
            if (strcmp(cases[i].name, options.name) == 0)
                return run_case(&cases[i], &options) ? 0 : 1;
    fprintf(stderr, "usage: weir-interop-client --server_host H --server_port P --test_case NAME\n"
                    "       [--use_tls=true [--ca_file F] [--server_host_override NAME]]\n"
                    "Without arguments it lists the names.\n");
    return 2;
}
