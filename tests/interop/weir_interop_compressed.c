/* SPDX-License-Identifier: MIT */
/*
 * weir_interop_compressed.c - the cases of compressed messages.
 *
 * Whether a message is compressed is a flag of its item, so these cases read and write items, not
 * structures alone.
 */
#include "weir_interop_client.h"

#include <stdlib.h>

static Grpc__Testing__BoolValue bool_value(bool value)
{
    Grpc__Testing__BoolValue out = GRPC__TESTING__BOOL_VALUE__INIT;

    out.value = value;
    return out;
}

/* A READY response of a stream is of this size, and compressed as it should be. */
static bool expect_output(const weir_item *item, bool compressed, size_t size)
{
    bool is_compressed = (item->flags & WEIR_ITEM_COMPRESSED) != 0;
    Grpc__Testing__StreamingOutputCallResponse *response =
        grpc__testing__streaming_output_call_response__unpack(NULL, item->message.size,
                                                              item->message.data);
    bool passed = expect(response != NULL, "a response that parses") &&
                  expect(is_compressed == compressed, "a response that is %scompressed",
                         compressed ? "" : "not ") &&
                  expect_zeros(response->payload, size);

    grpc__testing__streaming_output_call_response__free_unpacked(response, NULL);
    return passed;
}

/* ---- requests ---- */

static bool compressed_request(struct run *run, bool compressed, bool expected, weir_code code)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__BoolValue expect_compressed = bool_value(expected);
    Grpc__Testing__Payload payload = zeros_of(LARGE_REQUEST);
    Grpc__Testing__SimpleResponse *response;
    weir_call *call = next_call(run);

    request.response_size = LARGE_RESPONSE;
    request.payload = &payload;
    request.expect_compressed = &expect_compressed;
    weir_call_set_compression(call, compressed ? WEIR_GZIP : WEIR_IDENTITY);
    unary(run, call, &request, &response);
    return expect_code(run, code) &&
           (code != WEIR_OK || expect_zeros(response->payload, LARGE_RESPONSE));
}

bool client_compressed_unary(struct run *run)
{
    return compressed_request(run, false, true, WEIR_INVALID_ARGUMENT) &&
           compressed_request(run, true, true, WEIR_OK) &&
           compressed_request(run, false, false, WEIR_OK);
}

/* A request of a StreamingInputCall: how it is sent, and what it says of that. */
struct input {
    int32_t size;
    bool compressed;
    bool expected;
};

static weir_bytes pack_input(const struct input *input)
{
    Grpc__Testing__StreamingInputCallRequest request =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    Grpc__Testing__BoolValue expect_compressed = bool_value(input->expected);
    Grpc__Testing__Payload payload = zeros_of(input->size);
    weir_bytes bytes;
    uint8_t *memory;

    request.payload = &payload;
    request.expect_compressed = &expect_compressed;
    bytes = weir_bytes_new(grpc__testing__streaming_input_call_request__get_packed_size(&request),
                           &memory);
    if (memory != NULL)
        grpc__testing__streaming_input_call_request__pack(&request, memory);
    return bytes;
}

static weir_poll next_input(void *state, weir_task *task, weir_item *item)
{
    const struct input **next = state;

    (void)task;
    if ((*next)->size == 0)
        return WEIR_END;
    item->message = pack_input(*next);
    item->flags = (*next)->compressed ? 0 : WEIR_ITEM_UNCOMPRESSED;
    (*next)++;
    return WEIR_READY;
}

/* A call with these requests, up to one of size 0, and its one response. */
static bool send_inputs(struct run *run, const struct input *inputs, weir_code code, int32_t sum)
{
    weir_call *call = next_call(run);
    const struct input **next = malloc(sizeof *next);
    Grpc__Testing__TestService__StreamingInputCall_Requests requests;
    Grpc__Testing__TestService__StreamingInputCall_Responses responses;
    Grpc__Testing__StreamingInputCallResponse *response = NULL;
    weir_item item;
    bool passed;

    if (next != NULL)
        *next = inputs;
    weir_call_set_compression(call, WEIR_GZIP);
    requests.stream = weir_stream_from(next_input, next, free);
    responses =
        grpc__testing__test_service__streaming_input_call__start(run->channel, call, requests);
    if (weir_stream_next(&responses.stream, &item) == WEIR_READY)
        response = grpc__testing__streaming_input_call_response__unpack(NULL, item.message.size,
                                                                        item.message.data);
    run->why = weir_status_ref(&item.status);
    passed =
        expect_code(run, code) &&
        (code != WEIR_OK ||
         expect(response != NULL && response->aggregated_payload_size == sum, "a sum of %d", sum));
    grpc__testing__streaming_input_call_response__free_unpacked(response, NULL);
    weir_item_clear(&item);
    weir_stream_release(&responses.stream);
    return passed;
}

bool client_compressed_streaming(struct run *run)
{
    static const struct input probe[] = {{27182, false, true}, {0, false, false}};
    static const struct input inputs[] = {
        {27182, true, true}, {45904, false, false}, {0, false, false}};

    return send_inputs(run, probe, WEIR_INVALID_ARGUMENT, 0) &&
           send_inputs(run, inputs, WEIR_OK, 73086);
}

/* ---- responses ---- */

static bool compressed_response(struct run *run, bool compressed)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__BoolValue response_compressed = bool_value(compressed);
    Grpc__Testing__Payload payload = zeros_of(LARGE_REQUEST);
    Grpc__Testing__TestService__UnaryCall_Responses responses;
    weir_item item;
    bool passed;

    request.response_size = LARGE_RESPONSE;
    request.payload = &payload;
    request.response_compressed = &response_compressed;
    responses =
        grpc__testing__test_service__unary_call__start(run->channel, next_call(run), &request);
    weir_stream_next(&responses.stream, &item);
    run->why = weir_status_ref(&item.status);
    /* A SimpleResponse and one of a stream have their payload in the same field. */
    passed = expect_code(run, WEIR_OK) && expect_output(&item, compressed, LARGE_RESPONSE);
    weir_item_clear(&item);
    weir_stream_release(&responses.stream);
    return passed;
}

bool server_compressed_unary(struct run *run)
{
    return compressed_response(run, true) && compressed_response(run, false);
}

static bool read_outputs(struct run *run, weir_stream *responses, const int32_t *sizes)
{
    weir_item item;
    size_t count = 0;
    bool passed = true;

    while (passed && weir_stream_next(responses, &item) == WEIR_READY) {
        passed = expect(count < 2, "two responses, got more") &&
                 expect_output(&item, count == 0, (size_t)sizes[count]);
        weir_item_clear(&item);
        count++;
    }
    if (!passed)
        return false;
    run->why = item.status;
    return expect_code(run, WEIR_OK) && expect(count == 2, "two responses, got %zu", count);
}

bool server_compressed_streaming(struct run *run)
{
    static const int32_t sizes[] = {31415, 92653};
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    Grpc__Testing__BoolValue compressed[2] = {bool_value(true), bool_value(false)};
    Grpc__Testing__ResponseParameters parameters[2], *list[2];
    Grpc__Testing__TestService__StreamingOutputCall_Responses responses;
    bool passed;

    for (size_t i = 0; i < 2; i++) {
        grpc__testing__response_parameters__init(&parameters[i]);
        parameters[i].size = sizes[i];
        parameters[i].compressed = &compressed[i];
        list[i] = &parameters[i];
    }
    request.response_parameters = list;
    request.n_response_parameters = 2;
    responses = grpc__testing__test_service__streaming_output_call__start(run->channel,
                                                                          next_call(run), &request);
    passed = read_outputs(run, &responses.stream, sizes);
    weir_stream_release(&responses.stream);
    return passed;
}
