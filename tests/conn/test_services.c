/* SPDX-License-Identifier: MIT */
/*
 * test_services.c - health and reflection, over a pair.
 */
#include "conn/support/pair.h"
#include "conn/support/peer.h"

#include <weir/health.h>
#include <weir/reflection.h>

#include "grpc/health/v1/health.weir.h"
#include "grpc/reflection/v1/reflection.weir.h"
#include "grpc/reflection/v1alpha/reflection.weir.h"

#include <stdio.h>
#include <string.h>

typedef Grpc__Health__V1__HealthCheckResponse health_response;
typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

#define V1ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#define V1 "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define REQUEST(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWER(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

/* ---- health ---- */

static weir_stream asks(const char *service)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;

    request.service = (char *)service;
    return weir_typed_once(grpc__health__v1__health__check__method.request, &request);
}

static weir_health *serve_health(struct pair *p)
{
    weir_health *health;

    assert_int_equal(weir_health_create(&health, NULL), WEIR_OK);
    assert_int_equal(weir_health_serve(p->server, health, NULL), WEIR_OK);
    return health;
}

/* Takes one response: its status. */
static int status_of(struct reader *r)
{
    health_response *response;
    weir_item item;
    int status;

    assert_int_equal(reader_poll(r, &item), WEIR_READY);
    response =
        grpc__health__v1__health_check_response__unpack(NULL, item.message.size, item.message.data);
    assert_non_null(response);
    status = (int)response->status;
    grpc__health__v1__health_check_response__free_unpacked(response, NULL);
    weir_item_clear(&item);
    return status;
}

static int check(struct pair *p, const char *service)
{
    struct reader r;
    int status;

    pair_call(p, &r, "/grpc.health.v1.Health/Check", asks(service));
    pair_settle(p);
    status = status_of(&r);
    expect_end(&r);
    reader_clear(&r);
    return status;
}

static void a_server_is_serving_from_the_start(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);

    assert_int_equal(check(p, ""), WEIR_SERVING);
    weir_health_unref(health);
}

static void check_says_what_was_set(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);

    assert_int_equal(weir_health_set(health, "a.B", WEIR_NOT_SERVING, NULL), WEIR_OK);
    assert_int_equal(check(p, "a.B"), WEIR_NOT_SERVING);
    assert_int_equal(weir_health_set(health, "a.B", WEIR_SERVING, NULL), WEIR_OK);
    assert_int_equal(check(p, "a.B"), WEIR_SERVING);
    assert_int_equal(weir_health_set(health, "a.B", WEIR_SERVICE_UNKNOWN, NULL),
                     WEIR_INVALID_ARGUMENT);
    weir_health_unref(health);
}

static void check_of_a_name_that_was_never_set_is_not_found(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);
    struct reader r;

    pair_call(p, &r, "/grpc.health.v1.Health/Check", asks("a.B"));
    pair_settle(p);
    expect_error(&r, WEIR_NOT_FOUND);
    reader_clear(&r);
    weir_health_unref(health);
}

static void watch_says_the_status_and_each_change_once(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);
    struct reader r;

    pair_call(p, &r, "/grpc.health.v1.Health/Watch", asks("a.B"));
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_SERVICE_UNKNOWN);
    expect_pending(&r);
    weir_health_set(health, "a.B", WEIR_SERVING, NULL);
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_SERVING);
    weir_health_set(health, "a.B", WEIR_SERVING, NULL);
    weir_health_set(health, "c.D", WEIR_SERVING, NULL);
    pair_settle(p);
    expect_pending(&r);
    weir_health_set(health, "a.B", WEIR_NOT_SERVING, NULL);
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_NOT_SERVING);
    reader_clear(&r);
    pair_settle(p);
    weir_health_set(health, "a.B", WEIR_SERVING, NULL); /* nobody watches */
    weir_health_unref(health);
}

static void a_watcher_that_does_not_read_gets_the_latest_status_and_not_all(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);
    struct reader r;
    uint64_t said;

    pair_call(p, &r, "/grpc.health.v1.Health/Watch", asks(""));
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_SERVING);
    for (int i = 0; i < 1000; i++) { /* within one turn nobody can say each of these */
        weir_health_set(health, "", WEIR_NOT_SERVING, NULL);
        weir_health_set(health, "", WEIR_SERVING, NULL);
    }
    weir_health_set(health, "", WEIR_NOT_SERVING, NULL);
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_NOT_SERVING);
    said = reader_skim(&r);
    assert_int_equal(said, 0);
    reader_clear(&r);
    weir_health_unref(health);
}

static void a_shutdown_tells_watchers_before_it_ends_them(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);
    struct reader r;

    weir_health_set(health, "a.B", WEIR_SERVING, NULL);
    pair_call(p, &r, "/grpc.health.v1.Health/Watch", asks("a.B"));
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_SERVING);
    weir_server_shutdown(p->server, WEIR_SECONDS(5));
    pair_settle(p);
    assert_int_equal(status_of(&r), WEIR_NOT_SERVING);
    expect_end(&r); /* it does not hold the server up */
    reader_clear(&r);
    weir_health_unref(health);
}

static void what_was_set_amid_a_shutdown_counts_after_it(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);

    weir_health_shutdown(health);
    weir_health_set(health, "a.B", WEIR_SERVING, NULL);
    assert_int_equal(check(p, "a.B"), WEIR_NOT_SERVING);
    assert_int_equal(check(p, ""), WEIR_NOT_SERVING);
    weir_health_resume(health);
    assert_int_equal(check(p, "a.B"), WEIR_SERVING);
    weir_health_unref(health);
}

static Grpc__Health__V1__HealthListResponse *list(struct pair *p, struct reader *r)
{
    Grpc__Health__V1__HealthListResponse *response;
    weir_item item;

    pair_call(p, r, "/grpc.health.v1.Health/List", weir_stream_once((weir_bytes){0}));
    pair_settle(p);
    if (reader_poll(r, &item) != WEIR_READY) {
        weir_item_clear(&item);
        return NULL;
    }
    response =
        grpc__health__v1__health_list_response__unpack(NULL, item.message.size, item.message.data);
    weir_item_clear(&item);
    return response;
}

static void list_names_all_services_up_to_a_hundred(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);
    Grpc__Health__V1__HealthListResponse *response;
    struct reader r;
    char name[16];

    weir_health_set(health, "a.B", WEIR_NOT_SERVING, NULL);
    response = list(p, &r);
    assert_int_equal(response->n_statuses, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(response->statuses[i]->value->status,
                         response->statuses[i]->key[0] == '\0' ? WEIR_SERVING : WEIR_NOT_SERVING);
    grpc__health__v1__health_list_response__free_unpacked(response, NULL);
    reader_clear(&r);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "s%d", i);
        weir_health_set(health, name, WEIR_SERVING, NULL);
    }
    assert_null(list(p, &r));
    assert_int_equal(r.code, WEIR_RESOURCE_EXHAUSTED);
    reader_clear(&r);
    weir_health_unref(health);
}

static void a_request_that_is_no_message_is_internal_and_the_next_is_served(void **state)
{
    struct pair *p = *state;
    weir_health *health = serve_health(p);
    struct reader r;

    pair_call(p, &r, "/grpc.health.v1.Health/Check", text("\x0a\x7f"));
    pair_settle(p);
    expect_error(&r, WEIR_INTERNAL);
    reader_clear(&r);
    assert_int_equal(pair_wire_count(p), 1);
    assert_int_equal(check(p, ""), WEIR_SERVING);
    weir_health_unref(health);
}

/* ---- reflection ---- */

static void serve_reflection(struct pair *p)
{
    static const weir_file *const files[] = {&grpc__health__v1__health__file};

    assert_int_equal(weir_reflection_serve(p->server, files, 1, NULL), WEIR_OK);
}

/* Asks one thing; the answer is the caller's. NULL: the call failed, with the code in r->code. */
static reflection_response *reflect(struct pair *p, const char *method,
                                    const reflection_request *request, struct reader *r)
{
    const weir_message_type *type =
        grpc__reflection__v1__server_reflection__server_reflection_info__method.request;
    reflection_response *response;
    weir_item item;

    pair_call(p, r, method, weir_typed_once(type, request));
    pair_settle(p);
    if (reader_poll(r, &item) != WEIR_READY) {
        weir_item_clear(&item);
        return NULL;
    }
    response = grpc__reflection__v1__server_reflection_response__unpack(NULL, item.message.size,
                                                                        item.message.data);
    assert_non_null(response);
    weir_item_clear(&item);
    expect_end(r);
    return response;
}

static void forget(reflection_response *response, struct reader *r)
{
    grpc__reflection__v1__server_reflection_response__free_unpacked(response, NULL);
    reader_clear(r);
}

static reflection_request asks_for(int what, const char *name)
{
    reflection_request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;

    request.host = "here";
    request.message_request_case = what;
    request.file_containing_symbol = (char *)name; /* the strings share one place */
    return request;
}

static void expect_services(struct pair *p, const char *method)
{
    static const char *const names[] = {"grpc.health.v1.Health",
                                        "grpc.reflection.v1.ServerReflection",
                                        "grpc.reflection.v1alpha.ServerReflection"};
    reflection_request request = asks_for(REQUEST(LIST_SERVICES), "*");
    reflection_response *response;
    struct reader r;

    response = reflect(p, method, &request, &r);
    assert_int_equal(response->message_response_case, ANSWER(LIST_SERVICES_RESPONSE));
    assert_int_equal(response->list_services_response->n_service, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(response->list_services_response->service[i]->name, names[i]);
    assert_string_equal(response->valid_host, "here");
    assert_string_equal(response->original_request->list_services, "*");
    forget(response, &r);
}

static void both_versions_list_the_services(void **state)
{
    struct pair *p = *state;

    serve_reflection(p);
    expect_services(p, V1);
    expect_services(p, V1ALPHA);
}

/* The one file of an answer is health.proto. */
static void expect_health_file(struct pair *p, const reflection_request *request)
{
    const weir_file *health = &grpc__health__v1__health__file;
    Grpc__Reflection__V1__FileDescriptorResponse *files;
    reflection_response *response;
    struct reader r;

    response = reflect(p, V1, request, &r);
    assert_int_equal(response->message_response_case, ANSWER(FILE_DESCRIPTOR_RESPONSE));
    files = response->file_descriptor_response;
    assert_int_equal(files->n_file_descriptor_proto, 1);
    assert_int_equal(files->file_descriptor_proto[0].len, health->size);
    assert_memory_equal(files->file_descriptor_proto[0].data, health->data, health->size);
    forget(response, &r);
}

static void a_file_is_found_by_its_path_and_by_all_it_declares(void **state)
{
    static const char *const symbols[] = {
        "grpc.health.v1.Health",
        "grpc.health.v1.Health.Check",
        "grpc.health.v1.HealthCheckRequest",
        "grpc.health.v1.HealthCheckRequest.service",
        "grpc.health.v1.HealthCheckResponse.ServingStatus",
        "grpc.health.v1.HealthCheckResponse.SERVING",
        "grpc.health.v1.HealthListResponse.StatusesEntry.value",
    };
    struct pair *p = *state;
    reflection_request request = asks_for(REQUEST(FILE_BY_FILENAME), "grpc/health/v1/health.proto");

    serve_reflection(p);
    expect_health_file(p, &request);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        request = asks_for(REQUEST(FILE_CONTAINING_SYMBOL), symbols[i]);
        expect_health_file(p, &request);
    }
}

static void expect_not_found(struct pair *p, const reflection_request *request)
{
    reflection_response *response;
    struct reader r;

    response = reflect(p, V1, request, &r);
    assert_int_equal(response->message_response_case, ANSWER(ERROR_RESPONSE));
    assert_int_equal(response->error_response->error_code, WEIR_NOT_FOUND);
    forget(response, &r);
}

static void what_is_not_there_is_an_error_in_the_answer_and_not_of_the_call(void **state)
{
    Grpc__Reflection__V1__ExtensionRequest extension =
        GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
    struct pair *p = *state;
    reflection_request request = asks_for(REQUEST(FILE_BY_FILENAME), "no/such.proto");

    serve_reflection(p);
    expect_not_found(p, &request);
    request = asks_for(REQUEST(FILE_CONTAINING_SYMBOL), "grpc.health.v1.Healt");
    expect_not_found(p, &request);
    request = asks_for(REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), "no.Type");
    expect_not_found(p, &request);
    request = asks_for(REQUEST(FILE_CONTAINING_EXTENSION), NULL);
    extension.containing_type = "grpc.health.v1.HealthCheckRequest";
    extension.extension_number = 7;
    request.file_containing_extension = &extension;
    expect_not_found(p, &request);
}

static void a_long_name_is_quoted_up_to_the_end_of_a_character(void **state)
{
    struct pair *p = *state;
    struct reader r;
    char name[302] = "a";
    reflection_request request = asks_for(REQUEST(FILE_CONTAINING_SYMBOL), name);
    reflection_response *response;
    const char *quoted;

    for (size_t i = 1; i + 1 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    serve_reflection(p);
    response = reflect(p, V1, &request, &r);
    quoted = strstr(response->error_response->error_message, "a\xc3");
    assert_int_equal(strlen(quoted), 199);
    assert_memory_equal(quoted, name, 199);
    forget(response, &r);
}

static void a_type_without_extensions_has_none(void **state)
{
    struct pair *p = *state;
    reflection_request request =
        asks_for(REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), "grpc.health.v1.HealthCheckRequest");
    reflection_response *response;
    struct reader r;

    serve_reflection(p);
    response = reflect(p, V1, &request, &r);
    assert_int_equal(response->message_response_case, ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
    assert_int_equal(response->all_extension_numbers_response->n_extension_number, 0);
    forget(response, &r);
}

static void a_request_that_asks_for_nothing_is_an_invalid_argument(void **state)
{
    reflection_request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    struct pair *p = *state;
    struct reader r;

    serve_reflection(p);
    assert_null(reflect(p, V1, &request, &r));
    assert_int_equal(r.code, WEIR_INVALID_ARGUMENT);
    reader_clear(&r);
}

static void a_file_that_is_no_descriptor_is_refused_when_it_is_registered(void **state)
{
    static const weir_file broken = {
        .name = "broken.proto", .data = (const uint8_t *)"\x0a\xff", .size = 2};
    static const weir_file *const files[] = {&broken};
    struct pair *p = *state;
    weir_status why = {0};

    assert_int_equal(weir_reflection_serve(p->server, files, 1, &why), WEIR_INVALID_ARGUMENT);
    assert_non_null(strstr((const char *)why.message.data, "broken.proto"));
    weir_status_clear(&why);
}

/* FileDescriptorProto { name = 1, dependency = 3 } */
#define FILE_DATA(text) (const uint8_t *)(text), sizeof(text) - 1

static void files_of_one_name_from_two_libraries_are_one(void **state)
{
    static const weir_file common[2] = {{"c",
                                         FILE_DATA("\x0a\x01"
                                                   "c"),
                                         NULL,
                                         0,
                                         {0}},
                                        {"c",
                                         FILE_DATA("\x0a\x01"
                                                   "c"),
                                         NULL,
                                         0,
                                         {0}}};
    static const weir_file *const first[] = {&common[0]}, *const second[] = {&common[1]};
    static const weir_file a = {"a",
                                FILE_DATA("\x0a\x01"
                                          "a\x1a\x01"
                                          "c"),
                                first,
                                1,
                                {0}};
    static const weir_file b = {"b",
                                FILE_DATA("\x0a\x01"
                                          "b\x1a\x01"
                                          "c"),
                                second,
                                1,
                                {0}};
    static const weir_file *const all_imports[] = {&a, &b, &common[0], &common[1]};
    static const weir_file all = {"all",
                                  FILE_DATA("\x0a\x03"
                                            "all"),
                                  all_imports,
                                  4,
                                  {0}};
    static const weir_file *const files[] = {&all};
    struct pair *p = *state;
    reflection_request request = asks_for(REQUEST(FILE_BY_FILENAME), "all");
    reflection_response *response;
    struct reader r;

    assert_int_equal(weir_reflection_serve(p->server, files, 1, NULL), WEIR_OK);
    response = reflect(p, V1, &request, &r);
    assert_int_equal(response->file_descriptor_response->n_file_descriptor_proto, 4);
    forget(response, &r);
}

/* ---- memory ---- */

static void a_response_that_waits_for_its_client_keeps_no_request(void **state)
{
    enum { SIZE = 200000 };
    static uint8_t message[5 + SIZE];
    struct peer *p = peer_of_server(NULL);
    weir_health *health;
    size_t before;

    (void)state;
    assert_int_equal(weir_health_create(&health, NULL), WEIR_OK);
    assert_int_equal(weir_health_serve(p->server, health, NULL), WEIR_OK);
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    before = memory_held();
    message[2] = SIZE >> 16, message[3] = SIZE >> 8 & 0xff, message[4] = SIZE & 0xff;
    for (size_t i = 5; i < sizeof message; i += 2) /* unknown fields of two bytes, 24 in memory */
        message[i] = 0x10, message[i + 1] = 1;
    peer_request(p, 1, 0, "/grpc.health.v1.Health/Check", NULL);
    for (size_t sent = 0; sent < sizeof message; sent += 16000) {
        size_t size = sizeof message - sent < 16000 ? sizeof message - sent : 16000;

        peer_data(p, 1, sent + size == sizeof message ? END_STREAM : 0, message + sent, size);
        peer_settle(p);
    }
    assert_non_null(peer_find(p, NGHTTP2_HEADERS, 1, 0)); /* the response has begun */
    assert_in_range(memory_held() - before, 0, 100000);
    weir_health_unref(health);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_server_is_serving_from_the_start),
        PAIR_TEST(check_says_what_was_set),
        PAIR_TEST(check_of_a_name_that_was_never_set_is_not_found),
        PAIR_TEST(watch_says_the_status_and_each_change_once),
        PAIR_TEST(a_watcher_that_does_not_read_gets_the_latest_status_and_not_all),
        PAIR_TEST(a_shutdown_tells_watchers_before_it_ends_them),
        PAIR_TEST(what_was_set_amid_a_shutdown_counts_after_it),
        PAIR_TEST(list_names_all_services_up_to_a_hundred),
        PAIR_TEST(a_request_that_is_no_message_is_internal_and_the_next_is_served),
        PAIR_TEST(both_versions_list_the_services),
        PAIR_TEST(a_file_is_found_by_its_path_and_by_all_it_declares),
        PAIR_TEST(what_is_not_there_is_an_error_in_the_answer_and_not_of_the_call),
        PAIR_TEST(a_long_name_is_quoted_up_to_the_end_of_a_character),
        PAIR_TEST(a_type_without_extensions_has_none),
        PAIR_TEST(a_request_that_asks_for_nothing_is_an_invalid_argument),
        PAIR_TEST(a_file_that_is_no_descriptor_is_refused_when_it_is_registered),
        PAIR_TEST(files_of_one_name_from_two_libraries_are_one),
        PAIR_TEST(a_response_that_waits_for_its_client_keeps_no_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
