/* SPDX-License-Identifier: MIT */
/*
 * tls_peer.c - OpenSSL by hand against one end of weir.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the method of random numbers */
#include "tls_peer.h"

#include "blocks.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { SLICES = 8, RECORDS_MAX = 64 };

/* ---- the same random numbers for each input ---- */

static uint64_t random_state;

static int next_bytes(unsigned char *out, int size)
{
    for (int i = 0; i < size; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = (unsigned char)(random_state >> 56);
    }
    return 1;
}

static int is_seeded(void)
{
    return 1;
}

static RAND_METHOD random_method = {
    .bytes = next_bytes, .pseudorand = next_bytes, .status = is_seeded};

/* ---- once for all ---- */

static weir_tls *servers[3], *clients[2];
static SSL_CTX *context;
/* A peer's sessions with each of the servers, and of each version of TLS. */
static SSL_SESSION *sessions[3][2];

static weir_tls *server_credentials(weir_tls_clients of_clients)
{
    weir_tls_options options = certificate_options(&server, &ca);
    weir_tls *tls;

    options.clients = of_clients;
    must(weir_tls_create(&options, &tls, NULL) == WEIR_OK);
    return tls;
}

static weir_tls *client_credentials(bool accept_any)
{
    weir_tls_options options = certificate_options(&client, &ca);
    weir_tls *tls;

    options.insecure_accept_any_server = accept_any;
    must(weir_tls_create(&options, &tls, NULL) == WEIR_OK);
    return tls;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **place = SSL_get_app_data(ssl);

    if (place == NULL || *place != NULL)
        return 0;
    *place = session;
    return 1;
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *size,
                     const unsigned char *offered, unsigned offered_size, void *self)
{
    (void)ssl, (void)offered, (void)offered_size, (void)self;
    *out = (const unsigned char *)"h2";
    *size = 2;
    return SSL_TLSEXT_ERR_OK;
}

static void make_context(void)
{
    context = SSL_CTX_new(TLS_method());
    must(context != NULL);
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
    SSL_CTX_sess_set_new_cb(context, keep_session);
}

static void meet_server(weir_tls_clients of_clients, bool tls_1_2)
{
    struct tls_peer peer = {.identity = GOOD, .tls_1_2 = tls_1_2};

    tls_peer_of_server(&peer, of_clients);
    SSL_set_app_data(peer.ssl, &sessions[of_clients][tls_1_2]);
    tls_peer_settle(&peer);
    must(SSL_is_init_finished(peer.ssl) && sessions[of_clients][tls_1_2] != NULL);
    tls_peer_clear(&peer);
}

void tls_peer_prepare(void)
{
    now = WEIR_SECONDS(1000);
    must(CRYPTO_set_mem_functions(blocks_alloc, blocks_resize, blocks_free) == 1);
    RAND_set_rand_method(&random_method);
    make_certificates(NULL);
    make_context();
    for (int of_clients = 0; of_clients < 3; of_clients++)
        servers[of_clients] = server_credentials((weir_tls_clients)of_clients);
    for (int accept_any = 0; accept_any < 2; accept_any++)
        clients[accept_any] = client_credentials(accept_any != 0);
    for (int of_clients = 0; of_clients < 3; of_clients++) {
        meet_server((weir_tls_clients)of_clients, false);
        meet_server((weir_tls_clients)of_clients, true);
    }
}

/* ---- a certificate of the fuzzer's ---- */

static const int name_kinds[] = {GEN_DNS, GEN_EMAIL, GEN_URI, GEN_IPADD};

static GENERAL_NAME *make_name(struct input *input)
{
    int kind = name_kinds[input_byte(input) % COUNT_OF(name_kinds)];
    weir_slice text = input_take(input, input_byte(input) % 32);
    ASN1_STRING *value = kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();

    must(name != NULL && value != NULL && ASN1_STRING_set(value, text.data, (int)text.size) == 1);
    GENERAL_NAME_set0_value(name, kind, value);
    return name;
}

static GENERAL_NAME *name_of_server(void)
{
    ASN1_STRING *value = ASN1_IA5STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();

    must(name != NULL && value != NULL && ASN1_STRING_set(value, "server", 6) == 1);
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    return name;
}

/* Any subject and any names, the server's among them, signed by whom weir trusts. */
static void make_certificate(struct tls_peer *peer)
{
    unsigned count = input_byte(&peer->input) % 8;
    weir_slice subject = input_take(&peer->input, input_byte(&peer->input) % 32);
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    X509 *x509 = X509_dup(server.x509);
    X509_NAME *name = X509_NAME_new();

    must(names != NULL && x509 != NULL && name != NULL);
    (void)X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING, subject.data, (int)subject.size,
                                     -1, 0);
    X509_set_subject_name(x509, name);
    X509_NAME_free(name);
    sk_GENERAL_NAME_push(names, name_of_server());
    while (count-- != 0)
        sk_GENERAL_NAME_push(names, make_name(&peer->input));
    must(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE) == 1);
    GENERAL_NAMES_free(names);
    must(X509_sign(x509, ca.key, EVP_sha256()) > 0);
    peer->made = (struct certificate){.x509 = x509, .key = server.key};
}

static const struct certificate *shown(const struct tls_peer *peer)
{
    bool as_client = peer->server != NULL;

    switch (peer->identity) {
    case GOOD:
        return as_client ? &client : &server;
    case FOREIGN:
        return &foreign_client;
    case EXPIRED:
        return &expired;
    case ELSEWHERE:
        return as_client ? &early : &elsewhere;
    case MADE:
        return &peer->made;
    default:
        return NULL;
    }
}

bool tls_peer_is_trusted(const struct tls_peer *peer)
{
    return peer->identity == GOOD || peer->identity == MADE;
}

/* ---- life ---- */

static void open_ssl(struct tls_peer *peer)
{
    const struct certificate *certificate;

    if (peer->identity == MADE && peer->made.x509 == NULL)
        make_certificate(peer);
    certificate = shown(peer);
    peer->ssl = SSL_new(context);
    must(peer->ssl != NULL);
    SSL_set_bio(peer->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (certificate != NULL) {
        SSL_use_certificate(peer->ssl, certificate->x509);
        SSL_use_PrivateKey(peer->ssl, certificate->key);
    }
    if (peer->tls_1_2)
        SSL_set_max_proto_version(peer->ssl, TLS1_2_VERSION);
}

static void create_loop(struct tls_peer *peer)
{
    weir_loop_options options = {.transport = &peer->transport};

    random_state = 1;
    must(weir_loop_create(&options, &peer->loop, NULL) == WEIR_OK);
}

void tls_peer_of_server(struct tls_peer *peer, weir_tls_clients of_clients)
{
    weir_server_options options = {0};

    create_loop(peer);
    options.loop = peer->loop;
    must(weir_server_create(&options, &peer->server, NULL) == WEIR_OK);
    service_add(&peer->service, peer->server);
    must(weir_server_accept_tls(peer->server, peer->loop, servers[of_clients], "peer:1",
                                &peer->connection, NULL) == WEIR_OK);
    weir_connection_set_driver(peer->connection, peer);
    open_ssl(peer);
    if (peer->resumes)
        SSL_set_session(peer->ssl, sessions[of_clients][peer->tls_1_2]);
    SSL_set_alpn_protos(peer->ssl, (const unsigned char *)"\2h2", 3);
    SSL_set_connect_state(peer->ssl);
}

/* A call that was not sent may move to another connection: the peer forgets the one before. */
static void on_connect(void *self, weir_connection *connection, const char *address)
{
    struct tls_peer *peer = self;

    if (peer->connection != NULL) {
        weir_connection_eof(connection, "connection refused");
        return;
    }
    SSL_free(peer->ssl);
    open_ssl(peer);
    SSL_set_accept_state(peer->ssl);
    peer->connection = connection;
    weir_connection_set_driver(connection, peer);
    weir_connection_open(connection, address);
}

void tls_peer_of_client(struct tls_peer *peer, bool accept_any)
{
    weir_channel_options options = {.tls = clients[accept_any]};
    weir_call *call;

    create_loop(peer);
    peer->transport = (weir_transport){on_connect, peer};
    options.loop = peer->loop;
    must(weir_channel_create("server:1", &options, &peer->channel, NULL) == WEIR_OK);
    call = weir_call_create("/t.T/Unary");
    must(call != NULL);
    reader_init(&peer->responses, weir_channel_call(peer->channel, call, weir_stream_empty()),
                call);
    weir_call_unref(call);
}

static void free_connection(struct tls_peer *peer)
{
    weir_connection_eof(peer->connection, "cut");
    weir_connection_set_driver(peer->connection, NULL);
    if (weir_connection_done(peer->connection))
        weir_connection_free(peer->connection);
    peer->connection = NULL;
}

static void take_names(struct tls_peer *peer)
{
    weir_connection *connection;

    while ((connection = weir_loop_next(peer->loop)) != NULL) {
        if (weir_connection_driver(connection) == NULL && weir_connection_done(connection))
            weir_connection_free(connection);
    }
}

void tls_peer_clear(struct tls_peer *peer)
{
    service_clear(&peer->service);
    reader_clear(&peer->responses);
    weir_channel_unref(peer->channel);
    weir_loop_turn(peer->loop, now);
    if (peer->connection != NULL)
        free_connection(peer);
    weir_loop_turn(peer->loop, now);
    take_names(peer);
    weir_server_free(peer->server);
    weir_loop_turn(peer->loop, now);
    weir_loop_free(peer->loop);
    SSL_free(peer->ssl);
    X509_free(peer->made.x509);
}

/* ---- moving ---- */

/* One that answers and answers is no peer to wait for. */
void tls_peer_step(struct tls_peer *peer)
{
    char plain[4096];
    int size;

    if (peer->ssl == NULL || peer->records++ > RECORDS_MAX)
        return;
    if (!SSL_is_init_finished(peer->ssl))
        (void)SSL_do_handshake(peer->ssl);
    while (SSL_is_init_finished(peer->ssl) && (size = SSL_read(peer->ssl, plain, sizeof plain)) > 0)
        peer->heard += (size_t)size;
    ERR_clear_error();
}

size_t tls_peer_waiting(struct tls_peer *peer, uint8_t **data)
{
    char *bytes = NULL;
    long size = peer->ssl != NULL ? BIO_get_mem_data(SSL_get_wbio(peer->ssl), &bytes) : 0;

    *data = (uint8_t *)bytes;
    return size > 0 ? (size_t)size : 0;
}

void tls_peer_give(struct tls_peer *peer, const uint8_t *data, size_t size)
{
    uint8_t *copy = copy_of(data, size);

    for (size_t at = 0; at < size && peer->connection != NULL;) {
        size_t piece = peer->one_byte ? 1 : size - at;

        if (!weir_connection_wants_input(peer->connection) ||
            weir_connection_input(peer->connection, copy + at, piece) != WEIR_OK)
            break;
        at += piece;
    }
    free(copy);
}

void tls_peer_send(struct tls_peer *peer, size_t size)
{
    uint8_t *waiting, *copy;
    size_t all = tls_peer_waiting(peer, &waiting);

    if (all == 0)
        return;
    size = size < all ? size : all;
    copy = copy_of(waiting, size);
    must(BIO_read(SSL_get_wbio(peer->ssl), copy, (int)size) == (int)size);
    tls_peer_give(peer, copy, size);
    free(copy);
}

void tls_peer_drop(struct tls_peer *peer)
{
    if (peer->ssl != NULL)
        (void)BIO_reset(SSL_get_wbio(peer->ssl));
}

static bool listen_to(struct tls_peer *peer)
{
    weir_slice slices[SLICES];
    size_t count, size = 0;

    if (peer->connection == NULL || peer->deaf)
        return false;
    count = weir_connection_output(peer->connection, slices, SLICES);
    for (size_t i = 0; i < count; i++) {
        (void)BIO_write(SSL_get_rbio(peer->ssl), slices[i].data, (int)slices[i].size);
        size += slices[i].size;
    }
    weir_connection_output_done(peer->connection, size);
    return size != 0;
}

bool tls_peer_turn(struct tls_peer *peer)
{
    bool moved;

    weir_loop_turn(peer->loop, now);
    take_names(peer);
    moved = listen_to(peer);
    if (peer->connection != NULL && weir_connection_done(peer->connection)) {
        free_connection(peer);
        moved = true;
    }
    return moved || weir_loop_wakeup(peer->loop) <= now;
}

void tls_peer_settle(struct tls_peer *peer)
{
    bool moved = true;

    while (moved) {
        uint8_t *data;

        moved = tls_peer_turn(peer);
        tls_peer_step(peer);
        if (tls_peer_waiting(peer, &data) != 0) {
            tls_peer_send(peer, SIZE_MAX);
            moved = true;
        }
    }
}

void tls_peer_cut(struct tls_peer *peer)
{
    if (peer->connection == NULL)
        return;
    free_connection(peer);
    tls_peer_settle(peer);
}
