/* SPDX-License-Identifier: MIT */
/*
 * test_trust.c - whom the two ends of a connection accept, resume, and know by name.
 */
#include "tls/secure_pair.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool was_resumed(struct pair *p)
{
    struct reader r;
    bool resumed;

    expect_echo(p, &r);
    resumed = weir_call_peer(r.call)->tls->resumed;
    reader_clear(&r);
    return resumed;
}

/* A call fails with UNAVAILABLE and a reason that has this in it. */
static void expect_refused(struct pair *p, const char *reason)
{
    struct reader r;

    pair_call(p, &r, "/t.T/Echo", text("hello"));
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    if (strstr(r.why, reason) == NULL)
        fail_msg("'%s' is not in '%s'", reason, r.why);
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
}

static void expect_pair_refused(weir_tls *of_server, weir_tls *of_channel, const char *reason)
{
    struct pair *p = secure_pair_create(of_server, of_channel);

    expect_refused(p, reason);
    secure_pair_free(p);
}

/* ---- who is not accepted ---- */

static void a_server_of_an_unknown_root_is_refused(void **state)
{
    (void)state;
    expect_pair_refused(credentials_make(&server, NULL), credentials_make(NULL, &other_ca),
                        "the certificate of server: unable to get local issuer certificate");
}

static void the_systems_roots_do_not_know_the_tests_server(void **state)
{
    (void)state;
    expect_pair_refused(credentials_make(&server, NULL), credentials_make(NULL, NULL),
                        "the certificate of server: ");
}

static void a_server_of_another_name_is_refused(void **state)
{
    (void)state;
    expect_pair_refused(credentials_make(&elsewhere, NULL), credentials_make(NULL, &ca),
                        "the certificate of server: hostname mismatch");
}

static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    expect_pair_refused(credentials_make(&expired, NULL), credentials_make(NULL, &ca),
                        "certificate has expired");
}

static void a_certificate_of_the_future_is_refused(void **state)
{
    (void)state;
    expect_pair_refused(credentials_make(&early, NULL), credentials_make(NULL, &ca),
                        "certificate is not yet valid");
}

static weir_tls *channel_credentials(const char *server_name)
{
    weir_tls_options options = certificate_options(NULL, &ca);
    weir_tls *tls;

    options.server_name = server_name;
    assert_int_equal(weir_tls_create(&options, &tls, NULL), WEIR_OK);
    return tls;
}

static void the_name_to_expect_can_be_given(void **state)
{
    static const char *const good[] = {"server", "127.0.0.1", "::1"};
    static const char *const bad[] = {"127.0.0.2", "::2", "server.test", "weir server", "erver"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct pair *p =
            secure_pair_create(credentials_make(&server, NULL), channel_credentials(good[i]));

        expect_works(p);
        secure_pair_free(p);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_pair_refused(credentials_make(&server, NULL), channel_credentials(bad[i]),
                            "mismatch");
}

static void the_insecure_switch_takes_any_server_and_verifies_nobody(void **state)
{
    weir_tls_options options = {.insecure_accept_any_server = true};
    struct pair *p;
    struct reader r;
    weir_tls *tls;

    (void)state;
    assert_int_equal(weir_tls_create(&options, &tls, NULL), WEIR_OK);
    p = secure_pair_create(credentials_make(&expired, NULL), tls);
    expect_echo(p, &r);
    assert_false(weir_call_peer(r.call)->tls->verified);
    assert_string_equal(weir_call_peer(r.call)->tls->subject, "");
    reader_clear(&r);
    secure_pair_free(p);
}

static void a_plain_client_of_a_tls_server_is_unavailable(void **state)
{
    struct pair *p = pair_create(NULL, NULL);

    (void)state;
    p->tls = credentials_make(&server, NULL);
    expect_refused(p, "connection lost");
    secure_pair_free(p);
}

static void a_tls_client_of_a_plain_server_is_told_so(void **state)
{
    (void)state;
    expect_pair_refused(NULL, credentials_make(NULL, &ca), "TLS handshake failed: ");
}

/* ---- clients that are verified ---- */

static weir_tls *server_credentials(weir_tls_clients clients)
{
    weir_tls_options options = certificate_options(&server, &ca);
    weir_tls *tls;

    options.clients = clients;
    assert_int_equal(weir_tls_create(&options, &tls, NULL), WEIR_OK);
    return tls;
}

static void expect_client(struct pair *p, const char *subject)
{
    struct served *served = &p->service.served[0];
    const weir_tls_peer *peer;
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", text("x"));
    pair_settle(p);
    peer = weir_call_peer(served->call)->tls;
    assert_string_equal(peer->subject, subject);
    assert_int_equal(peer->verified, subject[0] != '\0');
    reader_clear(&r);
    pair_settle(p);
}

static void a_verified_client_is_known_by_name(void **state)
{
    static const char *const names[] = {"URI:spiffe://weir/client", "DNS:client.test",
                                        "email:a@weir.test", "IP:10.0.0.1"};
    struct pair *p = secure_pair_create(server_credentials(WEIR_TLS_VERIFY_CLIENT),
                                        credentials_make(&client, &ca));
    const weir_tls_peer *peer;
    X509 *certificate;
    const uint8_t *der;

    (void)state;
    expect_client(p, "CN=a client");
    peer = weir_call_peer(p->service.served[0].call)->tls;
    assert_int_equal(peer->name_count, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_string_equal(peer->names[i], names[i]);
    der = peer->certificate.data;
    certificate = d2i_X509(NULL, &der, (long)peer->certificate.size);
    assert_int_equal(X509_cmp(certificate, client.x509), 0);
    X509_free(certificate);
    secure_pair_free(p);
}

static void a_client_without_the_certificate_it_needs_is_refused(void **state)
{
    (void)state;
    expect_pair_refused(server_credentials(WEIR_TLS_VERIFY_CLIENT), credentials_make(NULL, &ca),
                        "certificate required");
}

static void a_client_of_an_unknown_root_is_refused_also_where_none_is_fine(void **state)
{
    (void)state;
    for (int mode = WEIR_TLS_ASK_CLIENT; mode <= WEIR_TLS_VERIFY_CLIENT; mode++)
        expect_pair_refused(server_credentials(mode), credentials_make(&foreign_client, &ca),
                            "unknown ca");
}

static void where_a_certificate_is_only_asked_for_none_is_fine(void **state)
{
    struct pair *p =
        secure_pair_create(server_credentials(WEIR_TLS_ASK_CLIENT), credentials_make(NULL, &ca));

    (void)state;
    expect_client(p, "");
    secure_pair_free(p);
    p = secure_pair_create(server_credentials(WEIR_TLS_ASK_CLIENT), credentials_make(&client, &ca));
    expect_client(p, "CN=a client");
    secure_pair_free(p);
}

static void where_nobody_asks_a_certificate_is_not_shown(void **state)
{
    struct pair *p =
        secure_pair_create(server_credentials(WEIR_TLS_ANY_CLIENT), credentials_make(&client, &ca));

    (void)state;
    expect_client(p, "");
    secure_pair_free(p);
}

/* ---- resumption and reload ---- */

static void the_next_connection_resumes_the_session(void **state)
{
    struct pair *p = *state;

    assert_false(was_resumed(p));
    for (int i = 0; i < 5; i++) {
        pair_cut(p);
        assert_true(was_resumed(p));
    }
    assert_int_equal(p->connects, 6);
}

static void a_resumed_client_is_still_known_by_name(void **state)
{
    struct pair *p = secure_pair_create(server_credentials(WEIR_TLS_VERIFY_CLIENT),
                                        credentials_make(&client, &ca));

    (void)state;
    expect_works(p);
    pair_cut(p);
    expect_client(p, "CN=a client");
    assert_true(weir_call_peer(p->service.served[0].call)->tls->resumed);
    secure_pair_free(p);
}

static void expect_server(struct pair *p, const char *subject, bool resumed)
{
    struct reader r;

    expect_echo(p, &r);
    assert_string_equal(weir_call_peer(r.call)->tls->subject, subject);
    assert_int_equal(weir_call_peer(r.call)->tls->resumed, resumed);
    reader_clear(&r);
}

static void a_reloaded_server_shows_its_new_certificate_to_new_connections(void **state)
{
    struct pair *p = *state;
    weir_tls_options options = certificate_options(&other_server, NULL);

    expect_server(p, "CN=weir server", false);
    assert_int_equal(weir_tls_reload(p->tls, &options, NULL), WEIR_OK);
    expect_server(p, "CN=weir server", false);
    assert_int_equal(p->connects, 1);
    pair_cut(p);
    expect_server(p, "CN=new server", false);
    pair_cut(p);
    expect_server(p, "CN=new server", true);
}

static void a_reloaded_channel_trusts_its_new_roots_and_resumes_nothing_older(void **state)
{
    weir_tls_options options = certificate_options(NULL, &other_ca);
    weir_tls *tls = credentials_make(NULL, &ca);
    struct pair *p = secure_pair_create(credentials_make(&server, NULL), weir_tls_ref(tls));

    (void)state;
    expect_works(p);
    assert_int_equal(weir_tls_reload(tls, &options, NULL), WEIR_OK);
    expect_works(p);
    pair_cut(p);
    expect_refused(p, "unable to get local issuer certificate");
    secure_pair_free(p);
    weir_tls_unref(tls);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
    struct pair *p = *state;
    weir_tls_options mixed = certificate_options(&other_server, NULL);
    const weir_tls_options none = {0};

    mixed.key = server.key_pem;
    assert_int_equal(weir_tls_reload(p->tls, &mixed, NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_tls_reload(p->tls, &none, NULL), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_tls_reload(p->tls, NULL, NULL), WEIR_INVALID_ARGUMENT);
    expect_server(p, "CN=weir server", false);
    pair_cut(p);
    expect_server(p, "CN=weir server", true);
}

static void overwrite(const char *name, weir_slice pem)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(pem.data, 1, pem.size, file), pem.size);
    assert_int_equal(fclose(file), 0);
}

static void a_reload_without_options_reads_the_same_files_again(void **state)
{
    char certificate_file[64], key_file[64], ca_file[64];
    weir_tls_options options = {
        .certificate_file = certificate_file, .key_file = key_file, .ca_file = ca_file};
    struct pair *p;
    weir_tls *tls;

    (void)state;
    certificate_write(server.pem, certificate_file);
    certificate_write(server.key_pem, key_file);
    certificate_write(ca.pem, ca_file);
    assert_int_equal(weir_tls_create(&options, &tls, NULL), WEIR_OK);
    p = secure_pair_create(tls, weir_tls_ref(tls)); /* one for both ends */
    expect_server(p, "CN=weir server", false);
    overwrite(certificate_file, other_server.pem);
    assert_int_equal(weir_tls_reload(tls, NULL, NULL), WEIR_INVALID_ARGUMENT);
    overwrite(key_file, other_server.key_pem);
    assert_int_equal(weir_tls_reload(tls, NULL, NULL), WEIR_OK);
    pair_cut(p);
    expect_server(p, "CN=new server", false);
    secure_pair_free(p);
    unlink(certificate_file);
    unlink(key_file);
    unlink(ca_file);
}

static void a_call_that_waits_survives_handshakes_that_fail(void **state)
{
    weir_tls_options good = certificate_options(&server, NULL);
    struct pair *p =
        secure_pair_create(credentials_make(&expired, NULL), credentials_make(NULL, &ca));
    weir_call *call = weir_call_create("/t.T/Echo");
    struct reader r;

    (void)state;
    weir_call_set_wait_for_ready(call, true);
    pair_make(p, &r, call, text("hello"));
    pair_settle(p);
    pair_advance(p, WEIR_SECONDS(4));
    assert_int_equal(p->connects, 3);
    expect_pending(&r);
    assert_int_equal(weir_tls_reload(p->tls, &good, NULL), WEIR_OK);
    pair_advance(p, WEIR_SECONDS(4));
    assert_int_equal(p->connects, 4);
    expect_text(&r, "hello");
    expect_end(&r);
    reader_clear(&r);
    secure_pair_free(p);
}

/* ---- credentials that are none ---- */

static void expect_wrong(const weir_tls_options *options, const char *reason)
{
    weir_status why = {0};
    weir_tls *tls;

    assert_int_equal(weir_tls_create(options, &tls, &why), WEIR_INVALID_ARGUMENT);
    assert_null(tls);
    if (strstr((const char *)why.message.data, reason) == NULL)
        fail_msg("'%s' is not in '%s'", reason, (const char *)why.message.data);
    weir_status_clear(&why);
}

static void wrong_credentials_are_refused_with_what_is_wrong(void **state)
{
    const weir_slice junk = {(const uint8_t *)"junk", 4};
    weir_slice cut = {server.pem.data, server.pem.size - 40};
    weir_tls_options options;

    (void)state;
    options = (weir_tls_options){.certificate = server.pem};
    expect_wrong(&options, "one of them is missing");
    options = (weir_tls_options){.key = server.key_pem};
    expect_wrong(&options, "one of them is missing");
    options = (weir_tls_options){.certificate = server.pem, .key = client.key_pem};
    expect_wrong(&options, "key in memory: key values mismatch");
    options = (weir_tls_options){.certificate = junk, .key = server.key_pem};
    expect_wrong(&options, "certificate in memory: no PEM certificate in it");
    options = (weir_tls_options){.certificate = cut, .key = server.key_pem};
    expect_wrong(&options, "certificate in memory: bad end line");
    options = (weir_tls_options){.certificate = server.pem, .key = junk};
    expect_wrong(&options, "key in memory: no PEM private key in it");
    options = (weir_tls_options){.ca = junk};
    expect_wrong(&options, "CA in memory: no PEM certificate in it");
    options = (weir_tls_options){.ca_file = "/nonexistent/ca.pem"};
    expect_wrong(&options, "CA file '/nonexistent/ca.pem': No such file or directory");
    options = (weir_tls_options){.ca_file = "/"};
    expect_wrong(&options, "CA file '/': Is a directory");
    options = certificate_options(&server, NULL);
    options.clients = WEIR_TLS_VERIFY_CLIENT;
    expect_wrong(&options, "needs the CA");
}

static void a_server_needs_a_certificate(void **state)
{
    struct pair *p = *state;
    weir_tls *tls = credentials_make(NULL, &ca);
    weir_connection *c;

    assert_int_equal(weir_server_accept_tls(p->server, p->loop, tls, "x:1", &c, NULL),
                     WEIR_INVALID_ARGUMENT);
    assert_null(c);
    weir_tls_unref(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(a_server_of_an_unknown_root_is_refused),
        OWN_TEST(the_systems_roots_do_not_know_the_tests_server),
        OWN_TEST(a_server_of_another_name_is_refused),
        OWN_TEST(an_expired_certificate_is_refused),
        OWN_TEST(a_certificate_of_the_future_is_refused),
        OWN_TEST(the_name_to_expect_can_be_given),
        OWN_TEST(the_insecure_switch_takes_any_server_and_verifies_nobody),
        OWN_TEST(a_plain_client_of_a_tls_server_is_unavailable),
        OWN_TEST(a_tls_client_of_a_plain_server_is_told_so),
        OWN_TEST(a_verified_client_is_known_by_name),
        OWN_TEST(a_client_without_the_certificate_it_needs_is_refused),
        OWN_TEST(a_client_of_an_unknown_root_is_refused_also_where_none_is_fine),
        OWN_TEST(where_a_certificate_is_only_asked_for_none_is_fine),
        OWN_TEST(where_nobody_asks_a_certificate_is_not_shown),
        TLS_TEST(the_next_connection_resumes_the_session),
        OWN_TEST(a_resumed_client_is_still_known_by_name),
        TLS_TEST(a_reloaded_server_shows_its_new_certificate_to_new_connections),
        OWN_TEST(a_reloaded_channel_trusts_its_new_roots_and_resumes_nothing_older),
        TLS_TEST(a_reload_that_fails_changes_nothing),
        OWN_TEST(a_reload_without_options_reads_the_same_files_again),
        OWN_TEST(a_call_that_waits_survives_handshakes_that_fail),
        OWN_TEST(wrong_credentials_are_refused_with_what_is_wrong),
        TLS_TEST(a_server_needs_a_certificate),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}
