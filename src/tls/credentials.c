/* SPDX-License-Identifier: MIT */
/*
 * credentials.c - counted credentials, and their reload.
 *
 * A reload makes a whole new context and swaps it in. Sessions hold the one they began with, and
 * tickets are of one context, so nothing of the old one is resumed.
 */
#include "tls/credentials.h"

#include "base/alloc.h"
#include "tls/session.h"

#define HANDSHAKE_TIMEOUT_NS WEIR_SECONDS(10)

struct tls_context tls_context_of(weir_tls *tls)
{
    struct tls_context context;

    pthread_mutex_lock(&tls->lock);
    context = tls->context;
    SSL_CTX_up_ref(context.ssl);
    pthread_mutex_unlock(&tls->lock);
    return context;
}

/* ---- what a create or a reload makes ---- */

struct made {
    struct tls_context context;
    struct tls_files files;
};

static void made_clear(struct made *made)
{
    SSL_CTX_free(made->context.ssl);
    mem_free(made->files.certificate);
    mem_free(made->files.key);
    mem_free(made->files.ca);
}

static char *copy(const char *name, bool *failed)
{
    char *made = name != NULL ? mem_copy_string(name) : NULL;

    *failed |= name != NULL && made == NULL;
    return made;
}

static bool copy_files(const weir_tls_options *options, struct tls_files *out)
{
    bool failed = false;

    out->certificate = copy(options->certificate_file, &failed);
    out->key = copy(options->key_file, &failed);
    out->ca = copy(options->ca_file, &failed);
    out->incomplete = (out->certificate == NULL && options->certificate.data != NULL) ||
                      (out->key == NULL && options->key.data != NULL) ||
                      (out->ca == NULL && options->ca.data != NULL);
    return !failed;
}

static weir_code out_of_memory(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for TLS");
}

static weir_code make(const weir_tls_options *options, struct made *out, weir_status *why)
{
    weir_code code = tls_context_create(options, &out->context, why);

    if (code == WEIR_OK && !copy_files(options, &out->files))
        code = out_of_memory(why);
    if (code != WEIR_OK) {
        made_clear(out);
        return code;
    }
    tls_session_prepare(out->context.ssl);
    return WEIR_OK;
}

/* ---- life ---- */

static void destroy(weir_tls *tls)
{
    struct made made = {tls->context, tls->files};

    made_clear(&made);
    BIO_meth_free(tls->bio);
    mem_free(tls->server_name);
    pthread_mutex_destroy(&tls->lock);
    pthread_mutex_destroy(&tls->reloading);
    mem_free(tls);
}

static weir_code fill(weir_tls *tls, const weir_tls_options *options, weir_status *why)
{
    struct made made = {0};
    bool failed = false;
    weir_code code;

    tls->bio = tls_session_bio();
    tls->server_name = copy(options->server_name, &failed);
    tls->handshake_timeout_ns = options->handshake_timeout_ns;
    if (tls->handshake_timeout_ns == 0)
        tls->handshake_timeout_ns = HANDSHAKE_TIMEOUT_NS;
    if (tls->bio == NULL || failed)
        return out_of_memory(why);
    code = make(options, &made, why);
    if (code != WEIR_OK)
        return code;
    tls->context = made.context;
    tls->files = made.files;
    return WEIR_OK;
}

weir_code weir_tls_create(const weir_tls_options *options, weir_tls **out, weir_status *why)
{
    static const weir_tls_options defaults;
    weir_tls *tls = mem_zalloc(sizeof *tls);
    weir_code code;

    *out = NULL;
    if (tls == NULL)
        return out_of_memory(why);
    atomic_init(&tls->references, 1);
    pthread_mutex_init(&tls->lock, NULL);
    pthread_mutex_init(&tls->reloading, NULL);
    code = fill(tls, options != NULL ? options : &defaults, why);
    if (code != WEIR_OK)
        destroy(tls);
    else
        *out = tls;
    return code;
}

weir_tls *weir_tls_ref(weir_tls *tls)
{
    atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed);
    return tls;
}

void weir_tls_unref(weir_tls *tls)
{
    if (tls != NULL && atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) == 1)
        destroy(tls);
}

/* ---- what others ask ---- */

bool tls_can_serve(weir_tls *tls)
{
    bool can;

    pthread_mutex_lock(&tls->lock);
    can = tls->context.can_serve;
    pthread_mutex_unlock(&tls->lock);
    return can;
}

uint64_t tls_handshake_timeout_ns(const weir_tls *tls)
{
    return tls->handshake_timeout_ns;
}

const char *tls_server_name(const weir_tls *tls)
{
    return tls->server_name;
}

/* ---- reload ---- */

static void swap_in(weir_tls *tls, struct made *made)
{
    struct made old = {tls->context, tls->files};

    made->context.generation = old.context.generation + 1;
    pthread_mutex_lock(&tls->lock);
    tls->context = made->context;
    pthread_mutex_unlock(&tls->lock);
    tls->files = made->files;
    made_clear(&old);
}

static weir_code reload(weir_tls *tls, const weir_tls_options *options, weir_status *why)
{
    struct made made = {0};
    weir_code code = make(options, &made, why);

    if (code != WEIR_OK)
        return code;
    if (tls->context.can_serve && !made.context.can_serve) {
        made_clear(&made);
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "TLS: the credentials had a certificate, and need one");
    }
    swap_in(tls, &made);
    return WEIR_OK;
}

static weir_code reload_files(weir_tls *tls, weir_status *why)
{
    const weir_tls_options options = {
        .certificate_file = tls->files.certificate,
        .key_file = tls->files.key,
        .ca_file = tls->files.ca,
        .clients = tls->context.clients,
        .insecure_accept_any_server = tls->context.accept_any_server,
    };

    if (tls->files.incomplete)
        return weir_fail(why, WEIR_INVALID_ARGUMENT,
                         "TLS: the credentials came from memory, not from files");
    return reload(tls, &options, why);
}

weir_code weir_tls_reload(weir_tls *tls, const weir_tls_options *options, weir_status *why)
{
    weir_code code;

    pthread_mutex_lock(&tls->reloading);
    code = options != NULL ? reload(tls, options, why) : reload_files(tls, why);
    pthread_mutex_unlock(&tls->reloading);
    return code;
}
