/* SPDX-License-Identifier: MIT */
/*
 * test_peers.c - OpenSSL by hand against one end of weir, in memory: what a peer may not do.
 */
#include "tls/secure_pair.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

/* ---- one end of weir, the other by hand ---- */

struct hand {
    weir_loop *loop;
    weir_transport transport;
    weir_server *server;
    weir_channel *channel;
    weir_tls *tls;
    weir_connection *connection;
    SSL_CTX *context;
    SSL *ssl;
    bool one_byte;
    bool waits;      /* the call does, for a server that is ready */
    char read[8192]; /* plain text that came */
    size_t read_size;
    bool closed;       /* weir said close_notify */
    const char *alert; /* what weir's alert said, or what else failed */
};

static void on_connect(void *self, weir_connection *connection, const char *address)
{
    struct hand *h = self;

    h->connection = connection;
    weir_connection_set_driver(connection, h);
    weir_connection_open(connection, address);
}

static struct hand *hand_create(bool one_byte)
{
    struct hand *h = calloc(1, sizeof *h);
    weir_loop_options options = {.transport = &h->transport};

    now = WEIR_SECONDS(1000);
    memory_install();
    h->transport = (weir_transport){on_connect, h};
    h->one_byte = one_byte;
    assert_int_equal(weir_loop_create(&options, &h->loop, NULL), WEIR_OK);
    h->context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_security_level(h->context, 0);
    return h;
}

static int setup_whole(void **state)
{
    *state = hand_create(false);
    return 0;
}

static int setup_bytes(void **state)
{
    *state = hand_create(true);
    return 0;
}

static int teardown(void **state)
{
    struct hand *h = *state;

    weir_channel_unref(h->channel);
    weir_loop_turn(h->loop, now);
    weir_connection_free(h->connection);
    weir_server_free(h->server);
    weir_loop_turn(h->loop, now);
    weir_loop_free(h->loop);
    weir_tls_unref(h->tls);
    SSL_free(h->ssl);
    SSL_CTX_free(h->context);
    free(h);
    return memory_held() != 0;
}

#define HAND_TEST(claim)                                                                           \
    TEST_ROW(#claim, claim, setup_whole, teardown),                                                \
        TEST_ROW(#claim " (byte by byte)", claim, setup_bytes, teardown)

static void open_ssl(struct hand *h)
{
    h->ssl = SSL_new(h->context);
    SSL_set_bio(h->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
}

/* weir serves; by hand is a client that is about to say hello. */
static void be_client(struct hand *h)
{
    const weir_server_options options = {.loop = h->loop};

    assert_int_equal(weir_server_create(&options, &h->server, NULL), WEIR_OK);
    h->tls = credentials_make(&server, NULL);
    assert_int_equal(
        weir_server_accept_tls(h->server, h->loop, h->tls, "hand:1", &h->connection, NULL),
        WEIR_OK);
    weir_connection_set_driver(h->connection, h);
    open_ssl(h);
    SSL_set_connect_state(h->ssl);
}

/* weir is a client with a call; by hand is the server it connected to. */
static weir_stream be_server(struct hand *h, weir_call **call)
{
    weir_channel_options options = {.loop = h->loop};
    weir_stream responses;

    SSL_CTX_use_certificate(h->context, server.x509);
    SSL_CTX_use_PrivateKey(h->context, server.key);
    open_ssl(h);
    SSL_set_accept_state(h->ssl);
    h->tls = options.tls = credentials_make(NULL, &ca);
    assert_int_equal(weir_channel_create("server:1", &options, &h->channel, NULL), WEIR_OK);
    *call = weir_call_create("/t.T/Unary");
    weir_call_set_wait_for_ready(*call, h->waits);
    responses = weir_channel_call(h->channel, *call, weir_stream_empty());
    weir_loop_turn(h->loop, now);
    assert_non_null(h->connection);
    return responses;
}

static void offer_h2(struct hand *h)
{
    SSL_set_alpn_protos(h->ssl, (const unsigned char *)"\2h2", 3);
}

/* Gives to weir what came by hand; false when it wants no more. */
static bool give(struct hand *h, const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t piece = h->one_byte ? 1 : size - at;

        if (weir_connection_input(h->connection, data + at, piece) != WEIR_OK)
            return false;
        at += piece;
    }
    return true;
}

/* What weir says goes to OpenSSL; false when there was nothing. */
static bool take(struct hand *h)
{
    weir_slice slices[8];
    size_t count = weir_connection_output(h->connection, slices, COUNT_OF(slices)), size = 0;

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(BIO_write(SSL_get_rbio(h->ssl), slices[i].data, (int)slices[i].size),
                         slices[i].size);
        size += slices[i].size;
    }
    weir_connection_output_done(h->connection, size);
    return size != 0;
}

static void step_by_hand(struct hand *h)
{
    int size;

    ERR_clear_error();
    if (!SSL_is_init_finished(h->ssl))
        (void)SSL_do_handshake(h->ssl);
    while ((size = SSL_read(h->ssl, h->read + h->read_size, (int)(sizeof h->read - h->read_size))) >
           0)
        h->read_size += (size_t)size;
    if (ERR_peek_error() != 0)
        h->alert = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    h->closed = (SSL_get_shutdown(h->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

/* Both go on until neither says anything any more. */
static void settle(struct hand *h)
{
    bool moved = true;

    while (moved) {
        char *said;
        long size;

        weir_loop_turn(h->loop, now);
        while (weir_loop_next(h->loop) != NULL)
            ;
        moved = take(h);
        step_by_hand(h);
        size = BIO_get_mem_data(SSL_get_wbio(h->ssl), &said);
        moved |= size > 0;
        (void)give(h, (const uint8_t *)said, (size_t)size);
        (void)BIO_reset(SSL_get_wbio(h->ssl));
    }
}

static void expect_refused(struct hand *h, const char *alert)
{
    settle(h);
    assert_non_null(h->alert);
    assert_string_equal(h->alert, alert);
    assert_true(weir_connection_done(h->connection));
}

static void expect_established(struct hand *h)
{
    settle(h);
    assert_true(SSL_is_init_finished(h->ssl));
    assert_true(h->read_size >= 9);
    assert_int_equal(h->read[3], 4); /* SETTINGS */
    assert_false(weir_connection_done(h->connection));
}

/* ---- what a server refuses ---- */

static void a_client_of_http2_is_served(void **state)
{
    struct hand *h = *state;

    be_client(h);
    offer_h2(h);
    expect_established(h);
    assert_string_equal(SSL_get_version(h->ssl), "TLSv1.3");
    assert_null(SSL_get_current_compression(h->ssl));
}

static void a_client_without_alpn_is_refused(void **state)
{
    struct hand *h = *state;

    be_client(h);
    expect_refused(h, "tlsv1 alert no application protocol");
}

static void a_client_of_http1_alone_is_refused(void **state)
{
    struct hand *h = *state;

    be_client(h);
    SSL_set_alpn_protos(h->ssl, (const unsigned char *)"\10http/1.1\3h2c", 13);
    expect_refused(h, "tlsv1 alert no application protocol");
}

static void h2_may_be_one_offer_of_many(void **state)
{
    struct hand *h = *state;

    be_client(h);
    SSL_set_alpn_protos(h->ssl, (const unsigned char *)"\10http/1.1\2h2", 12);
    expect_established(h);
}

static void tls_below_1_2_is_refused(void **state)
{
    struct hand *h = *state;

    be_client(h);
    offer_h2(h);
    SSL_set_min_proto_version(h->ssl, TLS1_VERSION);
    SSL_set_max_proto_version(h->ssl, TLS1_1_VERSION);
    expect_refused(h, "tlsv1 alert protocol version");
}

static void refuse_1_2_with(struct hand *h, const char *ciphers)
{
    be_client(h);
    offer_h2(h);
    SSL_set_max_proto_version(h->ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_set_cipher_list(h->ssl, ciphers), 1);
    expect_refused(h, "sslv3 alert handshake failure");
}

static void suites_with_cbc_are_refused(void **state)
{
    refuse_1_2_with(*state, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:"
                            "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA");
}

static void anonymous_suites_are_refused(void **state)
{
    refuse_1_2_with(*state, "aNULL:eNULL");
}

static void suites_without_ephemeral_keys_are_refused(void **state)
{
    refuse_1_2_with(*state, "kRSA");
}

static void tls_1_2_with_aead_is_served(void **state)
{
    struct hand *h = *state;

    be_client(h);
    offer_h2(h);
    SSL_set_max_proto_version(h->ssl, TLS1_2_VERSION);
    expect_established(h);
    assert_string_equal(SSL_get_version(h->ssl), "TLSv1.2");
    assert_string_equal(SSL_get_cipher_name(h->ssl), "ECDHE-ECDSA-AES256-GCM-SHA384");
}

static void a_renegotiation_is_refused(void **state)
{
    struct hand *h = *state;

    be_client(h);
    offer_h2(h);
    SSL_set_max_proto_version(h->ssl, TLS1_2_VERSION);
    expect_established(h);
    assert_int_equal(SSL_renegotiate(h->ssl), 1);
    settle(h);
    assert_non_null(h->alert);
    assert_string_equal(h->alert, "no renegotiation");
}

static void garbage_instead_of_a_handshake_is_answered_and_let_go(void **state)
{
    static const struct {
        const char *data;
        size_t size;
    } all[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24},
        {"\x16\x03\x01\0\5\x01\xff\xff\xff\xff", 10}, /* a hello of 16 MiB */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12},
    };
    struct hand *h = *state;
    weir_slice slices[8];

    be_client(h);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (i != 0) {
            weir_connection_free(h->connection);
            assert_int_equal(
                weir_server_accept_tls(h->server, h->loop, h->tls, "hand:1", &h->connection, NULL),
                WEIR_OK);
            weir_connection_set_driver(h->connection, h);
        }
        assert_false(give(h, (const uint8_t *)all[i].data, all[i].size));
        assert_false(weir_connection_wants_input(h->connection));
        for (size_t count; (count = weir_connection_output(h->connection, slices, 8)) != 0;)
            weir_connection_output_done(h->connection, slices[0].size);
        assert_true(weir_connection_done(h->connection));
    }
}

static void a_record_that_was_tampered_with_ends_the_connection(void **state)
{
    struct hand *h = *state;
    uint8_t *said;
    long size;

    be_client(h);
    offer_h2(h);
    expect_established(h);
    assert_int_equal(SSL_write(h->ssl, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24), 24);
    size = BIO_get_mem_data(SSL_get_wbio(h->ssl), (char **)&said);
    said[size - 1] ^= 1;
    assert_false(give(h, said, (size_t)size));
    (void)BIO_reset(SSL_get_wbio(h->ssl));
    expect_refused(h, "sslv3 alert bad record mac");
}

static void close_notify_is_answered_and_ends_the_connection(void **state)
{
    struct hand *h = *state;

    be_client(h);
    offer_h2(h);
    expect_established(h);
    (void)SSL_shutdown(h->ssl);
    settle(h);
    assert_true(h->closed);
    assert_true(weir_connection_done(h->connection));
}

/* Each asks for an answer: at some point weir stops reading until its answers are taken. */
/* What OpenSSL has to say goes to weir; false when weir wants no more. */
static bool pass_on(struct hand *h)
{
    char *said;
    long size = BIO_get_mem_data(SSL_get_wbio(h->ssl), &said);
    bool wanted = give(h, (const uint8_t *)said, (size_t)size);

    (void)BIO_reset(SSL_get_wbio(h->ssl));
    return wanted;
}

static bool update_key(struct hand *h, int kind)
{
    assert_int_equal(SSL_key_update(h->ssl, kind), 1);
    (void)SSL_do_handshake(h->ssl);
    return pass_on(h);
}

static void a_flood_of_key_updates_is_not_read_on_before_it_was_looked_at(void **state)
{
    struct hand *h = *state;
    size_t before;
    int count = 0;

    be_client(h);
    offer_h2(h);
    expect_established(h);
    before = memory_held();
    while (count < 100000 && weir_connection_wants_input(h->connection) &&
           update_key(h, SSL_KEY_UPDATE_REQUESTED))
        count++;
    assert_in_range(count, 1, 100);
    assert_true(memory_held() - before < (size_t)64 << 10);
}

static void a_flood_of_key_updates_ends_the_connection_with_a_reason(void **state)
{
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    struct hand *h = *state;
    int count = 0;

    be_client(h);
    offer_h2(h);
    expect_established(h);
    assert_int_equal(SSL_write(h->ssl, hello, sizeof hello), sizeof hello);
    settle(h);
    for (; count < 10; count++)
        assert_true(update_key(h, SSL_KEY_UPDATE_REQUESTED));
    settle(h);
    assert_false(h->closed);
    for (; count < 1000 && !h->closed; count++) {
        (void)update_key(h, SSL_KEY_UPDATE_NOT_REQUESTED);
        settle(h);
    }
    assert_in_range(count, 100, 999);
    assert_non_null(memmem(h->read, h->read_size, "too_many_glitches", 17));
}

/* ---- what a client refuses ---- */

static void expect_failed(struct hand *h, weir_stream *responses, const char *reason)
{
    weir_task *task = weir_task_create(NULL);
    weir_item item;

    settle(h);
    assert_true(weir_connection_done(h->connection));
    weir_connection_eof(h->connection, NULL);
    weir_loop_turn(h->loop, now);
    assert_int_equal(weir_stream_poll(responses, task, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_UNAVAILABLE);
    if (strstr((const char *)item.status.message.data, reason) == NULL)
        fail_msg("'%s' is not in '%s'", reason, (const char *)item.status.message.data);
    weir_item_clear(&item);
    weir_task_free(task);
}

static void a_server_without_alpn_is_refused(void **state)
{
    struct hand *h = *state;
    weir_call *call;
    weir_stream responses = be_server(h, &call);

    expect_failed(h, &responses, "the server does not speak HTTP/2 over TLS (no ALPN h2)");
    weir_call_unref(call);
}

static void a_server_below_1_2_is_refused(void **state)
{
    struct hand *h = *state;
    weir_call *call;
    weir_stream responses = be_server(h, &call);

    SSL_set_min_proto_version(h->ssl, TLS1_VERSION);
    SSL_set_max_proto_version(h->ssl, TLS1_1_VERSION);
    expect_failed(h, &responses, "TLS handshake failed: ");
    weir_call_unref(call);
}

static void a_server_that_answers_garbage_is_unavailable(void **state)
{
    struct hand *h = *state;
    static const char garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    weir_call *call;
    weir_stream responses = be_server(h, &call);

    assert_false(give(h, (const uint8_t *)garbage, sizeof garbage - 1));
    expect_failed(h, &responses, "TLS handshake failed: wrong version number");
    weir_call_unref(call);
}

/* By an alert that is no failure: the reason is this end's own. */
static void a_server_that_closes_while_it_shakes_hands_is_unavailable(void **state)
{
    struct hand *h = *state;
    static const char close_notify[] = "\x15\3\3\0\2\1";
    weir_call *call;
    weir_stream responses = be_server(h, &call);

    assert_false(give(h, (const uint8_t *)close_notify, sizeof close_notify));
    expect_failed(h, &responses, "the peer closed it during the TLS handshake");
    weir_call_unref(call);
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *size,
                     const unsigned char *in, unsigned in_size, void *self)
{
    (void)ssl, (void)self;
    assert_int_equal(in_size, 3);
    assert_memory_equal(in, "\2h2", 3);
    *out = in + 1;
    *size = 2;
    return SSL_TLSEXT_ERR_OK;
}

/* A frame of this type behind the client's preface. */
static bool has_sent(const struct hand *h, int type)
{
    for (size_t at = 24; at + 9 <= h->read_size;) {
        const uint8_t *frame = (const uint8_t *)h->read + at;

        if (frame[3] == type)
            return true;
        at += 9 + ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]);
    }
    return false;
}

static void a_client_asks_for_its_server_by_name_and_for_h2(void **state)
{
    struct hand *h = *state;
    weir_call *call;
    weir_stream responses;

    SSL_CTX_set_alpn_select_cb(h->context, choose_h2, NULL);
    responses = be_server(h, &call);
    settle(h);
    assert_true(SSL_is_init_finished(h->ssl));
    assert_string_equal(SSL_get_servername(h->ssl, TLSEXT_NAMETYPE_host_name), "server");
    assert_true(h->read_size > 24);
    assert_memory_equal(h->read, "PRI * HTTP/2.0", 14);
    assert_true(has_sent(h, 1)); /* HEADERS: the call does not wait for the server's SETTINGS */
    weir_stream_release(&responses);
    weir_call_unref(call);
}

/* The next server that the client connects to: by hand, too. */
static void be_another_server(struct hand *h)
{
    SSL_free(h->ssl);
    open_ssl(h);
    SSL_set_accept_state(h->ssl);
    h->read_size = 0;
    h->closed = false;
}

/* As a proxy does that has nobody behind it. */
static void a_server_that_says_goodbye_before_its_hello_is_tried_again(void **state)
{
    static const char hello[] = "\0\0\0\4\0\0\0\0";
    struct hand *h = *state;
    weir_call *call;
    weir_stream responses;

    h->waits = true;
    SSL_CTX_set_alpn_select_cb(h->context, choose_h2, NULL);
    responses = be_server(h, &call);
    settle(h);
    (void)SSL_shutdown(h->ssl);
    settle(h);
    assert_true(h->closed);
    assert_true(weir_connection_done(h->connection));
    weir_connection_eof(h->connection, NULL);
    assert_false(weir_connection_done(h->connection));
    be_another_server(h);
    now += WEIR_SECONDS(1);
    settle(h);
    assert_int_equal(SSL_write(h->ssl, hello, sizeof hello), sizeof hello);
    settle(h);
    assert_true(has_sent(h, 1)); /* HEADERS: the call was kept */
    weir_stream_release(&responses);
    weir_call_unref(call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HAND_TEST(a_client_of_http2_is_served),
        HAND_TEST(a_client_without_alpn_is_refused),
        HAND_TEST(a_client_of_http1_alone_is_refused),
        HAND_TEST(h2_may_be_one_offer_of_many),
        HAND_TEST(tls_below_1_2_is_refused),
        HAND_TEST(suites_with_cbc_are_refused),
        HAND_TEST(anonymous_suites_are_refused),
        HAND_TEST(suites_without_ephemeral_keys_are_refused),
        HAND_TEST(tls_1_2_with_aead_is_served),
        HAND_TEST(a_renegotiation_is_refused),
        HAND_TEST(garbage_instead_of_a_handshake_is_answered_and_let_go),
        HAND_TEST(a_record_that_was_tampered_with_ends_the_connection),
        HAND_TEST(close_notify_is_answered_and_ends_the_connection),
        HAND_TEST(a_flood_of_key_updates_is_not_read_on_before_it_was_looked_at),
        HAND_TEST(a_flood_of_key_updates_ends_the_connection_with_a_reason),
        HAND_TEST(a_server_without_alpn_is_refused),
        HAND_TEST(a_server_below_1_2_is_refused),
        HAND_TEST(a_server_that_answers_garbage_is_unavailable),
        HAND_TEST(a_server_that_closes_while_it_shakes_hands_is_unavailable),
        HAND_TEST(a_client_asks_for_its_server_by_name_and_for_h2),
        HAND_TEST(a_server_that_says_goodbye_before_its_hello_is_tried_again),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}
