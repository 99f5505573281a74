/* SPDX-License-Identifier: MIT */
/*
 * secure.c - a connected socket of weir-load, with or without TLS.
 */
#include "secure.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

static SSL_CTX *make_context(void)
{
    static const unsigned char h2[] = "\x02h2";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        return NULL;
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_alpn_protos(context, h2, sizeof h2 - 1) == 0)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* False: it failed. */
static bool wait_for(SSL *tls, int result)
{
    int error = SSL_get_error(tls, result);
    struct pollfd fd = {.fd = SSL_get_fd(tls)};

    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return false;
    fd.events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    return poll(&fd, 1, 10000) == 1;
}

SSL *secure_connect(int fd, const char **why)
{
    static SSL_CTX *context;
    SSL *tls = NULL;
    int result;

    if (context == NULL)
        context = make_context();
    if (context != NULL)
        tls = SSL_new(context);
    *why = "out of memory";
    if (tls == NULL || SSL_set_fd(tls, fd) != 1) {
        SSL_free(tls);
        return NULL;
    }
    while ((result = SSL_connect(tls)) != 1) {
        if (wait_for(tls, result))
            continue;
        *why = "the TLS handshake failed";
        SSL_free(tls);
        return NULL;
    }
    return tls;
}

void secure_close(SSL *tls)
{
    SSL_free(tls);
}

/* As read() and write() would have it. */
static ssize_t result_of(SSL *tls, int result)
{
    int error;

    if (result > 0)
        return result;
    error = SSL_get_error(tls, result);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
}

ssize_t secure_read(SSL *tls, int fd, void *data, size_t size)
{
    if (tls == NULL)
        return read(fd, data, size);
    return result_of(tls, SSL_read(tls, data, (int)size));
}

ssize_t secure_write(SSL *tls, int fd, const void *data, size_t size)
{
    if (tls == NULL)
        return write(fd, data, size);
    return result_of(tls, SSL_write(tls, data, (int)size));
}

bool secure_pending(const SSL *tls)
{
    return tls != NULL && SSL_pending(tls) > 0;
}
