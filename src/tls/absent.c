/* SPDX-License-Identifier: MIT */
/*
 * absent.c - stands in for the rest of the room where weir is built without OpenSSL (WEIR_TLS=OFF).
 *
 * Credentials cannot be made then, so nothing else is ever called.
 */
#include "tls/session.h"

static weir_code no_tls(weir_status *why)
{
    return weir_fail(why, WEIR_UNIMPLEMENTED, "weir was built without TLS");
}

weir_code weir_tls_create(const weir_tls_options *options, weir_tls **out, weir_status *why)
{
    (void)options;
    *out = NULL;
    return no_tls(why);
}

weir_code weir_tls_reload(weir_tls *tls, const weir_tls_options *options, weir_status *why)
{
    (void)tls, (void)options;
    return no_tls(why);
}

weir_tls *weir_tls_ref(weir_tls *tls)
{
    return tls;
}

void weir_tls_unref(weir_tls *tls)
{
    (void)tls;
}

bool tls_can_serve(weir_tls *tls)
{
    (void)tls;
    return false;
}

uint64_t tls_handshake_timeout_ns(const weir_tls *tls)
{
    (void)tls;
    return WEIR_NEVER;
}

const char *tls_server_name(const weir_tls *tls)
{
    (void)tls;
    return NULL;
}

struct tls_session *tls_accept(weir_tls *tls, struct output *out)
{
    (void)tls, (void)out;
    return NULL;
}

struct tls_session *tls_connect(weir_tls *tls, const char *name, struct tls_memory *memory,
                                struct output *out)
{
    (void)tls, (void)name, (void)memory, (void)out;
    return NULL;
}

void tls_session_free(struct tls_session *session)
{
    (void)session;
}

void tls_memory_clear(struct tls_memory *memory)
{
    (void)memory;
}

void tls_feed(struct tls_session *session, const uint8_t *data, size_t size)
{
    (void)session, (void)data, (void)size;
}

enum tls_result tls_handshake(struct tls_session *session)
{
    (void)session;
    return TLS_FAILED;
}

enum tls_result tls_read(struct tls_session *session, uint8_t *plain, size_t size, size_t *got)
{
    (void)session, (void)plain, (void)size, (void)got;
    return TLS_FAILED;
}

unsigned tls_take_key_updates(struct tls_session *session)
{
    (void)session;
    return 0;
}

bool tls_write(struct tls_session *session, const uint8_t *plain, size_t size)
{
    (void)session, (void)plain, (void)size;
    return false;
}

void tls_close(struct tls_session *session)
{
    (void)session;
}

const char *tls_reason(const struct tls_session *session)
{
    (void)session;
    return "weir was built without TLS";
}

bool tls_peer(const struct tls_session *session, weir_bytes *out)
{
    (void)session, (void)out;
    return false;
}
