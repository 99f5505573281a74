/* SPDX-License-Identifier: MIT */
#include "tls/secure_pair.h"

struct certificate ca, other_ca, server, other_server, client, foreign_client, expired, early,
    elsewhere;

int make_certificates(void **state)
{
    (void)state;
    ca = authority_make("weir test root");
    other_ca = authority_make("another root");
    server = certificate_make(&ca, "weir server", "DNS:server,IP:127.0.0.1,IP:::1", 0, 1);
    other_server = certificate_make(&ca, "new server", "DNS:server,IP:127.0.0.1", 0, 1);
    expired = certificate_make(&ca, "old server", "DNS:server", -2, -1);
    early = certificate_make(&ca, "early server", "DNS:server", 1, 2);
    elsewhere = certificate_make(&ca, "server", "DNS:elsewhere", 0, 1);
    client = certificate_make(
        &ca, "a client", "URI:spiffe://weir/client,DNS:client.test,email:a@weir.test,IP:10.0.0.1",
        0, 1);
    foreign_client = certificate_make(&other_ca, "a foreign client", NULL, 0, 1);
    return 0;
}

int clear_certificates(void **state)
{
    struct certificate *all[] = {&ca,           &other_ca, &server,
                                 &other_server, &client,   &foreign_client,
                                 &expired,      &early,    &elsewhere};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        certificate_clear(all[i]);
    return 0;
}

/* ---- a pair over TLS ---- */

struct pair *secure_pair_create(weir_tls *of_server, weir_tls *of_channel)
{
    const weir_channel_options channel = {.tls = of_channel};
    struct pair *p = pair_create(NULL, &channel);

    weir_tls_unref(of_channel);
    p->tls = of_server;
    return p;
}

void secure_pair_free(struct pair *p)
{
    weir_tls *tls = p->tls;

    pair_free(p);
    weir_tls_unref(tls);
}

static int setup(void **state, bool one_byte)
{
    struct pair *p;

    now = WEIR_SECONDS(1000);
    memory_install();
    p = secure_pair_create(credentials_make(&server, NULL), credentials_make(NULL, &ca));
    p->one_byte = one_byte;
    *state = p;
    return 0;
}

int secure_setup_whole(void **state)
{
    return setup(state, false);
}

int secure_setup_bytes(void **state)
{
    return setup(state, true);
}

int secure_teardown(void **state)
{
    secure_pair_free(*state);
    return memory_held() != 0;
}

int own_setup(void **state)
{
    (void)state;
    now = WEIR_SECONDS(1000);
    memory_install();
    return 0;
}

int own_teardown(void **state)
{
    (void)state;
    return memory_held() != 0;
}

void expect_echo(struct pair *p, struct reader *r)
{
    pair_call(p, r, "/t.T/Echo", text("hello"));
    pair_settle(p);
    expect_text(r, "hello");
    expect_end(r);
}

void expect_works(struct pair *p)
{
    struct reader r;

    expect_echo(p, &r);
    reader_clear(&r);
}
