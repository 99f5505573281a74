/* SPDX-License-Identifier: MIT */
/*
 * test_unix_sockets.c - paths, abstract names, and the processes at their other ends.
 */
#include "uv/echo.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A folder for one test's socket. */
struct place {
    char folder[32];
    char path[40];
    char address[48];
};

static struct place make_place(void)
{
    struct place place = {.folder = "/tmp/weir-unix-XXXXXX"};

    assert_non_null(mkdtemp(place.folder));
    snprintf(place.path, sizeof place.path, "%s/s", place.folder);
    snprintf(place.address, sizeof place.address, "unix:%s", place.path);
    return place;
}

/* Fails when something is left in it. */
static void remove_place(const struct place *place)
{
    assert_int_equal(rmdir(place->folder), 0);
}

/* A name that no other test, nor another run of this one, has. */
static const char *abstract_address(char address[64])
{
    snprintf(address, 64, "unix-abstract:weir-test-%ld", (long)getpid());
    return address;
}

static weir_server *serve(const char *address)
{
    weir_server *server = echo_server(NULL, NULL);

    echo_listen(server, address, NULL);
    echo_start(server);
    return server;
}

/* Listens by hand. */
static int bind_by_hand(const char *path, int type)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    strcpy(un.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    return fd;
}

/* ---- abstract names ---- */

static void an_abstract_name_is_served(void **state)
{
    char address[64];
    weir_server *server = serve(abstract_address(address));

    (void)state;
    echo_expect(address);
    weir_server_free(server);
    server = serve(address); /* nothing of it stays */
    echo_expect(address);
    weir_server_free(server);
}

static void an_abstract_name_that_is_taken_is_refused(void **state)
{
    char address[64];
    weir_server *server = serve(abstract_address(address)), *second = echo_server(NULL, NULL);

    (void)state;
    assert_int_equal(weir_server_listen(second, address, NULL, NULL), WEIR_UNAVAILABLE);
    weir_server_free(second);
    echo_expect(address);
    weir_server_free(server);
}

static void expect_no_target(const char *target)
{
    weir_channel *channel;

    assert_int_equal(weir_channel_create(target, NULL, &channel, NULL), WEIR_INVALID_ARGUMENT);
    assert_null(channel);
}

static void expect_no_address(const char *address)
{
    weir_server *server = echo_server(NULL, NULL);

    assert_int_equal(weir_server_listen(server, address, NULL, NULL), WEIR_INVALID_ARGUMENT);
    weir_server_free(server);
}

static void names_and_paths_have_1_to_107_bytes(void **state)
{
    static const char *const schemes[] = {"unix:", "unix-abstract:"};
    char text[160];
    weir_channel *channel;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_no_target(schemes[i]);
        expect_no_address(schemes[i]);
        snprintf(text, sizeof text, "%s%0108d", schemes[i], 0);
        expect_no_target(text);
        expect_no_address(text);
        text[strlen(text) - 1] = '\0';
        assert_int_equal(weir_channel_create(text, NULL, &channel, NULL), WEIR_OK);
        weir_channel_unref(channel);
    }
}

/* ---- paths ---- */

static void a_socket_nobody_listens_on_is_replaced(void **state)
{
    struct place place = make_place();
    weir_server *server;

    (void)state;
    close(bind_by_hand(place.path, SOCK_STREAM)); /* a server that was killed */
    server = serve(place.address);
    echo_expect(place.address);
    weir_server_free(server);
    remove_place(&place);
}

static void a_socket_in_use_is_left_alone(void **state)
{
    struct place place = make_place();
    weir_server *server = serve(place.address), *second = echo_server(NULL, NULL);
    weir_status why = {0};

    (void)state;
    assert_int_equal(weir_server_listen(second, place.address, NULL, &why), WEIR_UNAVAILABLE);
    assert_non_null(memmem(why.message.data, why.message.size, "in use", 6));
    weir_status_clear(&why);
    weir_server_free(second);
    echo_expect(place.address);
    weir_server_free(server);
    remove_place(&place);
}

static void expect_refused_and_kept(const struct place *place, mode_t type)
{
    weir_server *server = echo_server(NULL, NULL);
    struct stat found;

    assert_int_equal(weir_server_listen(server, place->address, NULL, NULL), WEIR_UNAVAILABLE);
    weir_server_free(server);
    assert_int_equal(lstat(place->path, &found), 0);
    assert_int_equal(found.st_mode & S_IFMT, type);
    unlink(place->path);
}

static void what_is_no_stale_socket_is_left_alone(void **state)
{
    struct place place = make_place();
    int fd = open(place.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    (void)state;
    close(fd);
    expect_refused_and_kept(&place, S_IFREG);
    assert_int_equal(symlink("/nowhere/else", place.path), 0);
    expect_refused_and_kept(&place, S_IFLNK);
    fd = bind_by_hand(place.path, SOCK_DGRAM);
    expect_refused_and_kept(&place, S_IFSOCK);
    close(fd);
    remove_place(&place);
}

static void a_socket_that_took_over_the_path_is_not_removed(void **state)
{
    struct place place = make_place();
    weir_server *server = serve(place.address), *second;

    (void)state;
    assert_int_equal(unlink(place.path), 0);
    second = serve(place.address);
    weir_server_free(server);
    echo_expect(place.address);
    weir_server_free(second);
    remove_place(&place);
}

/* ---- who is at the other end ---- */

static void expect_this_process(const weir_peer_credentials *credentials)
{
    assert_true(credentials->known);
    assert_int_equal(credentials->uid, geteuid());
    assert_int_equal(credentials->gid, getegid());
    assert_int_equal(credentials->pid, getpid());
}

static void a_handler_is_told_who_the_client_is(void **state)
{
    char address[64];
    struct echo_peer seen = {.address = "?"};
    weir_server *server = echo_server(NULL, &seen);

    (void)state;
    echo_listen(server, abstract_address(address), NULL);
    echo_start(server);
    echo_expect(address);
    weir_server_free(server);
    expect_this_process(&seen.credentials);
    assert_string_equal(seen.address, "unix:");
}

static void a_client_is_told_who_the_server_is(void **state)
{
    struct place place = make_place();
    weir_server *server = serve(place.address);
    weir_channel *channel = echo_channel(place.address);
    weir_call *call = weir_call_create("/t.T/Echo");
    weir_bytes reply;

    (void)state;
    assert_false(weir_call_peer(call)->credentials.known);
    assert_int_equal(
        weir_channel_unary(channel, call, weir_bytes_copy_string("hello"), &reply, NULL), WEIR_OK);
    expect_this_process(&weir_call_peer(call)->credentials);
    assert_string_equal(weir_call_peer(call)->address, place.address);
    weir_bytes_unref(&reply);
    weir_call_unref(call);
    weir_channel_unref(channel);
    weir_server_free(server);
    remove_place(&place);
}

static void nobody_is_known_over_tcp(void **state)
{
    struct echo_peer seen = {.credentials.known = true};
    weir_server *server = echo_server(NULL, &seen);
    uint16_t port;

    (void)state;
    echo_listen(server, "127.0.0.1:0", &port);
    echo_start(server);
    echo_expect_port(port);
    weir_server_free(server);
    assert_false(seen.credentials.known);
    assert_int_equal(seen.credentials.uid, 0);
}

/* Another process connects, as another user where this one may become that. */
static void another_process_is_told_from_this_one(void **state)
{
    enum { OTHER = 65534 };
    char address[64];
    struct echo_peer seen = {.address = ""};
    weir_server *server = echo_server(NULL, &seen);
    bool may_change = geteuid() == 0;
    int status;
    pid_t child;

    (void)state;
    echo_listen(server, abstract_address(address), NULL);
    child = fork(); /* before there are threads */
    if (child == 0) {
        if (may_change && (setgid(OTHER) != 0 || setuid(OTHER) != 0))
            _exit(2);
        weir_channel *channel = echo_channel(address);
        _exit(echo_call(channel) == WEIR_OK ? 0 : 1);
    }
    echo_start(server);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    weir_server_free(server);
    assert_int_equal(seen.credentials.pid, child);
    assert_int_equal(seen.credentials.uid, may_change ? OTHER : geteuid());
    assert_int_equal(seen.credentials.gid, may_change ? OTHER : getegid());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_abstract_name_is_served),
        cmocka_unit_test(an_abstract_name_that_is_taken_is_refused),
        cmocka_unit_test(names_and_paths_have_1_to_107_bytes),
        cmocka_unit_test(a_socket_nobody_listens_on_is_replaced),
        cmocka_unit_test(a_socket_in_use_is_left_alone),
        cmocka_unit_test(what_is_no_stale_socket_is_left_alone),
        cmocka_unit_test(a_socket_that_took_over_the_path_is_not_removed),
        cmocka_unit_test(another_process_is_told_from_this_one),
        cmocka_unit_test(a_handler_is_told_who_the_client_is),
        cmocka_unit_test(a_client_is_told_who_the_server_is),
        cmocka_unit_test(nobody_is_known_over_tcp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
