/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tls.c - any peer of a TLS connection, while it shakes hands and afterwards.
 *
 * The peer is a real one whose flights are cut, changed, repeated and lost; it shows certificates
 * that are good, wrong or of the fuzzer's making, and sends records that nobody would. Or the bytes
 * are credentials. Whoever is not to be trusted gets no request and none answered; what is held is
 * bounded; a call ends when its channel goes. In the end all memory is back.
 */
#include "tls_peer.h"

#include "conn/support/memory.h"

#include <openssl/err.h>

/* OpenSSL's own memory is not weir's: this is what lies between it and the connection. */
#define HELD_MAX ((size_t)1024 * 1024)
#define FLIGHTS_MAX 16

/* ---- credentials ---- */

/* Where two bytes say, bytes of the input instead. */
static weir_slice spoil(struct input *input, const weir_slice *pem)
{
    uint8_t *copy = copy_of(pem->data, pem->size);

    for (unsigned count = input_byte(input) % 8; count != 0; count--) {
        size_t at = input_number(input, 2) % pem->size;
        weir_slice by = input_take(input, input_byte(input) % 8);

        for (size_t i = 0; i < by.size && at + i < pem->size; i++)
            copy[at + i] = by.data[i];
    }
    return (weir_slice){copy, pem->size - input_byte(input) % 4};
}

static void make_credentials(struct input *input)
{
    weir_slice certificate = spoil(input, &server.pem), key = spoil(input, &server.key_pem);
    weir_slice roots = spoil(input, &ca.pem);
    const weir_tls_options options = {.certificate = certificate, .key = key, .ca = roots};
    weir_tls *tls = NULL;
    weir_status why = {0};
    weir_code code = weir_tls_create(&options, &tls, &why);

    must(code == WEIR_OK ? tls != NULL : code == WEIR_INVALID_ARGUMENT && why.message.size != 0);
    weir_status_clear(&why);
    weir_tls_unref(tls);
    free((void *)certificate.data);
    free((void *)key.data);
    free((void *)roots.data);
}

/* ---- what a peer does ---- */

/* HTTP/2 of a client with a request of Unary, and of a server with a response. */
static const uint8_t request[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                 "\0\0\0\4\0\0\0\0\0"
                                 "\0\0\64\1\4\0\0\0\1"
                                 "\203\206"
                                 "\4\12/t.T/Unary"
                                 "\1\4host"
                                 "\17\20\20application/grpc"
                                 "\0\2te\10trailers"
                                 "\0\0\6\0\1\0\0\0\1\0\0\0\0\1x";
static const uint8_t response[] = "\0\0\0\4\0\0\0\0\0"
                                  "\0\0\43\1\5\0\0\0\1"
                                  "\210"
                                  "\17\20\20application/grpc"
                                  "\0\13grpc-status\1"
                                  "5";

static void write_plain(struct tls_peer *peer, const uint8_t *data, size_t size)
{
    if (peer->ssl == NULL || !SSL_is_init_finished(peer->ssl) || size == 0)
        return;
    (void)SSL_write(peer->ssl, data, (int)size);
    ERR_clear_error();
}

static void speak(struct tls_peer *peer)
{
    unsigned kind = input_byte(&peer->input) % 4;
    weir_slice bytes;

    if (kind < 2 && peer->server != NULL) {
        write_plain(peer, request, sizeof request - 1);
    } else if (kind < 2) {
        write_plain(peer, response, sizeof response - 1);
    } else {
        bytes = input_slice(&peer->input);
        write_plain(peer, bytes.data, bytes.size);
    }
}

/* Something is done to what waits to be sent. */
static void harm(struct tls_peer *peer)
{
    unsigned kind = input_byte(&peer->input), number = (unsigned)input_number(&peer->input, 2);
    uint8_t *data;
    size_t size = tls_peer_waiting(peer, &data);

    if (size == 0)
        return;
    switch (kind % 8) {
    case 0:
    case 1:
        tls_peer_send(peer, number % size);
        break;
    case 2:
    case 3:
        data[number % size] ^= (uint8_t)(1 + kind / 8);
        break;
    case 4:
        tls_peer_give(peer, data, size); /* and once more later */
        break;
    case 5:
        tls_peer_give(peer, data + number % size, size - number % size);
        break;
    case 6:
        tls_peer_drop(peer);
        break;
    default:
        data[number % (size < 8 ? size : 8)] = input_byte(&peer->input);
    }
}

/* A record that says it is of this kind and size. */
static void send_record(struct tls_peer *peer)
{
    static const uint8_t kinds[] = {20, 21, 22, 23, 24, 0};
    unsigned bits = input_byte(&peer->input);
    weir_slice body = input_slice(&peer->input);
    size_t size = bits & 0x80 ? input_number(&peer->input, 2) : body.size;
    uint8_t header[5] = {kinds[bits % COUNT_OF(kinds)], 3, bits & 0x40 ? bits % 5 : 3,
                         (uint8_t)(size >> 8), (uint8_t)size};

    tls_peer_give(peer, header, sizeof header);
    tls_peer_give(peer, body.data, body.size);
}

static void change_keys(struct tls_peer *peer)
{
    unsigned count = input_byte(&peer->input) % 32;

    if (peer->ssl == NULL || !SSL_is_init_finished(peer->ssl))
        return;
    if (SSL_version(peer->ssl) == TLS1_2_VERSION)
        (void)SSL_renegotiate(peer->ssl);
    else
        while (count-- != 0 && SSL_key_update(peer->ssl, count % 2) == 1)
            (void)SSL_do_handshake(peer->ssl);
    ERR_clear_error();
}

static void end(struct tls_peer *peer)
{
    unsigned kind = input_byte(&peer->input);

    if (peer->ssl != NULL && kind < 128)
        (void)SSL_shutdown(peer->ssl);
    else if (kind < 192)
        tls_peer_cut(peer);
    else if (peer->connection != NULL)
        weir_connection_shutdown(peer->connection, WEIR_SECONDS(kind % 4));
    ERR_clear_error();
}

/* Up to half a minute, each timer at its own time. */
static void pass_time(struct tls_peer *peer)
{
    uint64_t until = now + WEIR_MILLISECONDS(UINT64_C(1) << input_byte(&peer->input) % 16);

    tls_peer_settle(peer);
    while (weir_loop_wakeup(peer->loop) <= until) {
        now = weir_loop_wakeup(peer->loop);
        tls_peer_settle(peer);
    }
    now = until;
}

static void change(struct tls_peer *peer)
{
    unsigned kind = input_byte(&peer->input);

    if (kind < 64)
        peer->one_byte = !peer->one_byte;
    else if (kind < 128)
        peer->deaf = !peer->deaf;
    else
        memory_fail_at(input_byte(&peer->input));
}

static void step(struct tls_peer *peer)
{
    weir_slice bytes;

    switch (input_byte(&peer->input) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        harm(peer);
        break;
    case 4:
        send_record(peer);
        break;
    case 5:
        bytes = input_slice(&peer->input);
        tls_peer_give(peer, bytes.data, bytes.size);
        break;
    case 6:
    case 7:
        speak(peer);
        break;
    case 8:
        change_keys(peer);
        break;
    case 9:
        end(peer);
        break;
    case 10:
        pass_time(peer);
        break;
    case 11:
        change(peer);
        break;
    case 12:
        tls_peer_settle(peer);
        break;
    default: /* a flight each way */
        tls_peer_send(peer, SIZE_MAX);
    }
    (void)tls_peer_turn(peer);
    tls_peer_step(peer);
}

/* ---- what must hold ---- */

static weir_tls_clients asks(unsigned how)
{
    return (weir_tls_clients)(how / 16 % 3);
}

static bool accepts_any(unsigned how)
{
    return (how & 0x80) != 0;
}

/* Whether weir may talk with this peer at all. */
static bool is_welcome(const struct tls_peer *peer, unsigned how)
{
    if (tls_peer_is_trusted(peer))
        return true;
    if (peer->channel != NULL)
        return accepts_any(how);
    return asks(how) == WEIR_TLS_ANY_CLIENT ||
           (asks(how) == WEIR_TLS_ASK_CLIENT && peer->identity == ANONYMOUS);
}

static void must_be_left_alone(const struct tls_peer *peer)
{
    must(peer->service.unary_calls == 0);
    must(peer->channel == NULL || peer->heard == 0);
}

static void must_end(struct tls_peer *peer)
{
    if (peer->channel == NULL)
        return;
    weir_channel_unref(peer->channel);
    peer->channel = NULL;
    tls_peer_settle(peer);
    (void)reader_skim(&peer->responses);
    must(peer->responses.over);
}

static void converse(struct tls_peer *peer, unsigned how)
{
    bool welcome = is_welcome(peer, how);

    while (peer->input.size != 0) {
        step(peer);
        must(memory_held() <= HELD_MAX);
    }
    memory_fail_at(SIZE_MAX);
    peer->deaf = false;
    tls_peer_settle(peer);
    if (!welcome)
        must_be_left_alone(peer);
    tls_peer_cut(peer);
    must_end(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool prepared;
    struct tls_peer peer = {.input = {data, size}};
    unsigned bits = input_byte(&peer.input), how = input_byte(&peer.input);
    size_t held;

    if (!prepared) {
        memory_install();
        tls_peer_prepare();
        prepared = true;
    }
    held = memory_held();
    now = WEIR_SECONDS(1000);
    if (bits % 16 == 15) {
        make_credentials(&peer.input);
        must(memory_held() == held);
        return 0;
    }
    peer.identity = (enum identity)(how % IDENTITIES);
    peer.tls_1_2 = bits & 2;
    /* Its session is that of somebody who was trusted. */
    peer.resumes = bits & 4 && peer.identity == GOOD;
    if (bits & 1)
        tls_peer_of_client(&peer, accepts_any(how));
    else
        tls_peer_of_server(&peer, asks(how));
    converse(&peer, how);
    tls_peer_clear(&peer);
    must(memory_held() == held);
    return 0;
}
