/* SPDX-License-Identifier: MIT */
/*
 * session.c - one end of one TLS connection, on OpenSSL and without a socket.
 *
 * OpenSSL reads from what was fed last, which it copies record by record, and writes into the
 * output of its user. A BIO of our own is both, so nothing is buffered twice.
 */
#include "tls/session.h"

#include "base/alloc.h"
#include "tls/credentials.h"
#include "tls/peer.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

#define REASON_SIZE 240

struct tls_session {
    weir_tls *credentials;
    SSL *ssl;
    struct output *out;
    const uint8_t *in;
    size_t in_size;
    struct tls_memory *memory; /* client; may be NULL */
    unsigned generation;
    const char *refused;  /* why we refused the peer, where OpenSSL does not know */
    const char *name;     /* client: whom it asked for; the user's */
    unsigned key_updates; /* of the peer, that nobody took yet */
    bool out_of_memory;
    char reason[REASON_SIZE];
};

/* ---- bytes ---- */

static int bio_read(BIO *bio, char *data, int size)
{
    struct tls_session *s = BIO_get_data(bio);
    size_t taken = s->in_size < (size_t)size ? s->in_size : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (taken == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(data, s->in, taken);
    s->in += taken;
    s->in_size -= taken;
    return (int)taken;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    struct tls_session *s = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (!output_prepare(s->out, (size_t)size)) {
        s->out_of_memory = true;
        return -1;
    }
    output_write(s->out, data, (size_t)size);
    return size;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_session_bio(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "weir");

    if (method == NULL)
        return NULL;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

/* ---- what all sessions of a context have in common ---- */

static const uint8_t alpn_h2[] = {2, 'h', '2'};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *offered, unsigned offered_size, void *self)
{
    struct tls_session *s = SSL_get_app_data(ssl);

    (void)self;
    for (unsigned at = 0; at < offered_size; at += 1u + offered[at]) {
        if (offered_size - at >= sizeof alpn_h2 &&
            memcmp(offered + at, alpn_h2, sizeof alpn_h2) == 0) {
            *out = offered + at + 1;
            *out_size = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    s->refused = "the client does not offer HTTP/2 (ALPN h2)";
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Without ALPN nobody would be asked to choose. */
static int greet_client(SSL *ssl, int *alert, void *self)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    const unsigned char *extension;
    size_t size;

    (void)self;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &extension, &size) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    s->refused = "the client does not offer HTTP/2 (no ALPN)";
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/* A client's session can be resumed from now on. Returns 1: the reference is kept. */
static int remember(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *s = SSL_get_app_data(ssl);

    if (s->memory == NULL || !SSL_SESSION_is_resumable(session))
        return 0;
    tls_memory_clear(s->memory);
    s->memory->session = session;
    s->memory->generation = s->generation;
    return 1;
}

/* Each record and handshake message passes here. */
static void on_message(int written, int version, int type, const void *data, size_t size, SSL *ssl,
                       void *self)
{
    struct tls_session *s = SSL_get_app_data(ssl);

    (void)version, (void)self;
    if (!written && type == SSL3_RT_HANDSHAKE && size != 0 &&
        *(const uint8_t *)data == SSL3_MT_KEY_UPDATE)
        s->key_updates++;
}

void tls_session_prepare(SSL_CTX *context)
{
    static const uint8_t ours[] = "weir";

    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_client_hello_cb(context, greet_client, NULL);
    SSL_CTX_set_msg_callback(context, on_message);
    /* Servers keep no sessions, their tickets do. */
    SSL_CTX_set_session_id_context(context, ours, sizeof ours - 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, remember);
}

void tls_memory_clear(struct tls_memory *memory)
{
    SSL_SESSION_free(memory->session);
    *memory = (struct tls_memory){0};
}

/* ---- life ---- */

void tls_session_free(struct tls_session *s)
{
    if (s == NULL)
        return;
    /* OpenSSL takes a session that was not closed for one that failed, and forbids to resume it. */
    if (s->ssl != NULL)
        SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
    weir_tls_unref(s->credentials);
    mem_free(s);
}

static bool open_ssl(struct tls_session *s, const struct tls_context *context)
{
    BIO *bio;

    s->ssl = SSL_new(context->ssl);
    bio = s->ssl != NULL ? BIO_new(s->credentials->bio) : NULL;
    if (bio == NULL)
        return false;
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_app_data(s->ssl, s);
    return true;
}

static struct tls_session *session_create(weir_tls *tls, struct output *out,
                                          struct tls_context *context)
{
    struct tls_session *s = mem_zalloc(sizeof *s);
    bool opened;

    if (s == NULL)
        return NULL;
    s->credentials = weir_tls_ref(tls);
    s->out = out;
    *context = tls_context_of(tls);
    s->generation = context->generation;
    opened = open_ssl(s, context);
    SSL_CTX_free(context->ssl); /* the SSL has a reference of its own */
    if (opened)
        return s;
    ERR_clear_error();
    tls_session_free(s);
    return NULL;
}

struct tls_session *tls_accept(weir_tls *tls, struct output *out)
{
    static const int modes[] = {
        [WEIR_TLS_ANY_CLIENT] = SSL_VERIFY_NONE,
        [WEIR_TLS_ASK_CLIENT] = SSL_VERIFY_PEER,
        [WEIR_TLS_VERIFY_CLIENT] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    struct tls_context context;
    struct tls_session *s = session_create(tls, out, &context);

    if (s == NULL)
        return NULL;
    SSL_set_verify(s->ssl, modes[context.clients], NULL);
    SSL_set_accept_state(s->ssl);
    return s;
}

/* A certificate must be for this host, or this address; a host is asked for by name, too (SNI). */
static bool expect_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;

    ERR_clear_error();
    if (is_address)
        return true;
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* A ticket of TLS 1.3 is used once, so that nobody can tell two connections to be of one client. */
static void resume(struct tls_session *s)
{
    struct tls_memory *memory = s->memory;

    if (memory == NULL || memory->session == NULL)
        return;
    if (memory->generation == s->generation) {
        SSL_set_session(s->ssl, memory->session);
        if (SSL_SESSION_get_protocol_version(memory->session) < TLS1_3_VERSION)
            return;
    }
    tls_memory_clear(memory);
}

struct tls_session *tls_connect(weir_tls *tls, const char *name, struct tls_memory *memory,
                                struct output *out)
{
    struct tls_context context;
    struct tls_session *s = session_create(tls, out, &context);

    if (s == NULL)
        return NULL;
    s->memory = memory;
    s->name = name;
    SSL_set_verify(s->ssl, context.accept_any_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (!expect_name(s->ssl, name) || SSL_set_alpn_protos(s->ssl, alpn_h2, sizeof alpn_h2) != 0) {
        ERR_clear_error();
        tls_session_free(s);
        return NULL;
    }
    resume(s);
    SSL_set_connect_state(s->ssl);
    return s;
}

/* ---- failures ---- */

/* What is wrong with the peer's certificate; NULL: nothing, or it is not that. */
static const char *verify_failure(const struct tls_session *s)
{
    long result = SSL_get_verify_result(s->ssl);

    if (result == X509_V_OK ||
        ERR_GET_REASON(ERR_peek_last_error()) != SSL_R_CERTIFICATE_VERIFY_FAILED)
        return NULL;
    return X509_verify_cert_error_string(result);
}

static enum tls_result fail(struct tls_session *s)
{
    const char *verify = verify_failure(s);
    const char *reason = tls_last_reason();

    if (s->out_of_memory)
        reason = "out of memory";
    else if (s->refused != NULL)
        reason = s->refused;
    if (verify != NULL && !SSL_is_server(s->ssl))
        snprintf(s->reason, sizeof s->reason, "the certificate of %.100s: %s", s->name, verify);
    else
        snprintf(s->reason, sizeof s->reason, "%s", verify != NULL ? verify : reason);
    return TLS_FAILED;
}

/* What `result` of an operation means. */
static enum tls_result judge(struct tls_session *s, int result)
{
    switch (SSL_get_error(s->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        return fail(s);
    }
}

const char *tls_reason(const struct tls_session *s)
{
    return s->reason;
}

/* ---- moving ---- */

void tls_feed(struct tls_session *s, const uint8_t *data, size_t size)
{
    s->in = data;
    s->in_size = size;
}

static bool speaks_h2(const struct tls_session *s)
{
    const unsigned char *chosen;
    unsigned size;

    SSL_get0_alpn_selected(s->ssl, &chosen, &size);
    return size == 2 && memcmp(chosen, alpn_h2 + 1, 2) == 0;
}

enum tls_result tls_handshake(struct tls_session *s)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(s->ssl);
    if (result != 1)
        return judge(s, result);
    if (speaks_h2(s))
        return TLS_DONE;
    s->refused = "the server does not speak HTTP/2 over TLS (no ALPN h2)";
    (void)SSL_shutdown(s->ssl);
    return fail(s);
}

enum tls_result tls_read(struct tls_session *s, uint8_t *plain, size_t size, size_t *got)
{
    int result;

    ERR_clear_error();
    result = SSL_read_ex(s->ssl, plain, size, got);
    return result == 1 ? TLS_DONE : judge(s, result);
}

unsigned tls_take_key_updates(struct tls_session *s)
{
    unsigned taken = s->key_updates;

    s->key_updates = 0;
    return taken;
}

bool tls_write(struct tls_session *s, const uint8_t *plain, size_t size)
{
    size_t written;

    ERR_clear_error();
    if (SSL_write_ex(s->ssl, plain, size, &written) == 1)
        return true;
    fail(s);
    return false;
}

void tls_close(struct tls_session *s)
{
    ERR_clear_error();
    (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
}

bool tls_peer(const struct tls_session *s, weir_bytes *out)
{
    bool described = peer_describe(s->ssl, out);

    ERR_clear_error();
    return described;
}
