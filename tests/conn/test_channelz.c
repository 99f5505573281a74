/* SPDX-License-Identifier: MIT */
/*
 * test_channelz.c - what can be seen of connections from elsewhere, in memory.
 */
#include <weir/channelz.h>

#include "conn/support/pair.h"

#include <string.h>

#include "grpc/channelz/v1/channelz.weir.h"

static weir_connection_info connection_of_server(struct pair *pair)
{
    weir_connection_info info;

    assert_int_equal(weir_server_connections(pair->server, 0, &info, 1), 1);
    return info;
}

static weir_connection_info connection_of_channel(struct pair *pair)
{
    weir_connection_info info;

    assert_int_equal(weir_channel_connections(pair->channel, 0, &info, 1), 1);
    return info;
}

static void make_call(struct pair *pair, const char *method, weir_stream requests)
{
    struct reader reader;

    pair_call(pair, &reader, method, requests);
    pair_settle(pair);
    reader_skim(&reader);
    reader_clear(&reader);
    pair_settle(pair);
}

static void a_connection_shows_its_streams_and_messages_at_both_ends(void **state)
{
    struct pair *pair = *state;
    weir_connection_info server, client;

    make_call(pair, "/t.T/Unary", text("x"));
    make_call(pair, "/t.T/Fail", text("x"));
    pair_advance(pair, WEIR_SECONDS(1));
    make_call(pair, "/t.T/Unary", text("x"));
    server = connection_of_server(pair);
    client = connection_of_channel(pair);
    assert_int_equal(server.number, 1);
    assert_int_equal(server.state, WEIR_CONNECTION_READY);
    assert_int_equal(server.streams_started, 3);
    assert_int_equal(server.streams_succeeded, 3); /* one with an error status, in good order */
    assert_int_equal(server.streams_failed, 0);
    assert_int_equal(server.messages_sent, 2);
    assert_true(server.messages_received >= 2);
    assert_int_equal(server.last_stream_ns, now);
    assert_int_equal(server.last_sent_ns, now);
    assert_int_equal(client.state, WEIR_CONNECTION_READY);
    assert_int_equal(client.streams_succeeded, 3);
    assert_int_equal(client.messages_received, 2);
    assert_int_equal(client.last_stream_ns, now);
    assert_string_equal(client.peer, "server:1");
    assert_true(client.send_window > 0 && client.receive_window > 0);
}

static void calls_are_counted_by_how_they_ended(void **state)
{
    struct pair *pair = *state;
    struct reader running;
    weir_calls_info server, client;

    make_call(pair, "/t.T/Unary", text("x"));
    make_call(pair, "/t.T/Fail", text("x"));
    pair_call(pair, &running, "/t.T/Hand", text("x"));
    pair_settle(pair);
    weir_server_calls(pair->server, &server);
    weir_channel_calls(pair->channel, &client);
    assert_int_equal(server.started, 3);
    assert_int_equal(server.succeeded, 1);
    assert_int_equal(server.failed, 1);
    assert_int_equal(client.started, 3);
    assert_int_equal(client.succeeded, 1);
    assert_int_equal(client.failed, 1);
    assert_int_equal(client.last_ns, now);
    reader_clear(&running); /* a cancel: the stream is reset */
    pair_settle(pair);
    assert_int_equal(connection_of_server(pair).streams_failed, 1);
    pair_cut(pair);
    weir_server_calls(pair->server, &server);
    assert_int_equal(weir_server_connections(pair->server, 0, NULL, 0), 0);
    assert_int_equal(server.started, 3); /* those of connections that are gone stay */
    assert_int_equal(server.failed, 2);
}

static void a_channel_shows_whether_it_is_connected(void **state)
{
    struct pair *pair = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    weir_connection_info info;
    struct reader reader;

    assert_string_equal(weir_channel_target(pair->channel), "dns:///server:1");
    assert_int_equal(weir_channel_connections(pair->channel, 0, &info, 1), 0);
    pair->refuses = true;
    weir_call_set_wait_for_ready(call, true);
    pair_make(pair, &reader, call, text("x"));
    pair_settle(pair);
    assert_int_equal(connection_of_channel(pair).state, WEIR_CONNECTION_FAILED);
    pair->refuses = false;
    pair_advance(pair, WEIR_SECONDS(2));
    assert_int_equal(connection_of_channel(pair).state, WEIR_CONNECTION_READY);
    reader_clear(&reader);
}

static void connections_come_in_the_order_of_their_numbers(void **state)
{
    struct pair *pair = *state;
    weir_connection *all[5];
    weir_connection_info found[5];

    for (int i = 0; i < 5; i++)
        assert_int_equal(weir_server_accept(pair->server, pair->loop, "peer:1", &all[i], NULL),
                         WEIR_OK);
    weir_connection_set_local_address(all[3], "here:1");
    weir_connection_free(all[2]);
    assert_int_equal(weir_server_connections(pair->server, 2, found, 2), 2);
    assert_int_equal(found[0].number, 2);
    assert_int_equal(found[1].number, 4);
    assert_string_equal(found[1].local, "here:1");
    assert_string_equal(found[1].peer, "peer:1");
    assert_int_equal(weir_server_connections(pair->server, 5, found, 5), 1);
    assert_int_equal(weir_server_connections(pair->server, 6, found, 5), 0);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            weir_connection_free(all[i]);
}

static void what_was_removed_is_not_shown_and_holds_nothing(void **state)
{
    struct pair *pair = *state;
    weir_channelz *channelz;
    size_t held;

    assert_int_equal(weir_channelz_create(&channelz, NULL), WEIR_OK);
    held = memory_held();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_channelz_add_server(channelz, pair->server, "s", NULL), WEIR_OK);
        assert_int_equal(weir_channelz_add_channel(channelz, pair->channel, NULL), WEIR_OK);
        weir_channelz_remove_server(channelz, pair->server);
        weir_channelz_remove_server(channelz, pair->server);
        weir_channelz_remove_channel(channelz, pair->channel);
        assert_int_equal(memory_held(), held);
    }
    assert_int_equal(weir_channelz_add_server(channelz, pair->server, "s", NULL), WEIR_OK);
    weir_channelz_unref(channelz);
}

/* ---- the service ---- */

/* The one reply to this request, unpacked into the arena. */
static void *ask(struct pair *pair, weir_arena *arena, const weir_method *method,
                 const void *request)
{
    struct reader reader;
    weir_bytes data;
    weir_item item;
    void *response;

    assert_int_equal(weir_message_pack(method->request, request, &data, NULL), WEIR_OK);
    pair_call(pair, &reader, method->path, weir_stream_once(data));
    pair_settle(pair);
    assert_int_equal(reader_poll(&reader, &item), WEIR_READY);
    assert_int_equal(weir_message_unpack(method->response, arena, &item.message, &response, NULL),
                     WEIR_OK);
    weir_item_clear(&item);
    reader_clear(&reader);
    return response;
}

static void a_channel_leads_to_its_subchannel_and_that_to_its_socket(void **state)
{
    struct pair *pair = *state;
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_channelz *channelz;
    Grpc__Channelz__V1__GetTopChannelsRequest top = {0};
    Grpc__Channelz__V1__GetTopChannelsResponse *channels;
    Grpc__Channelz__V1__GetSubchannelRequest below = {0};
    Grpc__Channelz__V1__Subchannel *subchannel;
    Grpc__Channelz__V1__GetSocketRequest last = {0};
    Grpc__Channelz__V1__Socket *socket;

    assert_int_equal(weir_channelz_create(&channelz, NULL), WEIR_OK);
    assert_int_equal(weir_channelz_serve(pair->server, channelz, NULL), WEIR_OK);
    assert_int_equal(weir_channelz_add_server(channelz, pair->server, "s", NULL), WEIR_OK);
    assert_int_equal(weir_channelz_add_channel(channelz, pair->channel, NULL), WEIR_OK);
    grpc__channelz__v1__get_top_channels_request__init(&top);
    grpc__channelz__v1__get_subchannel_request__init(&below);
    grpc__channelz__v1__get_socket_request__init(&last);

    channels = ask(pair, arena, &grpc__channelz__v1__channelz__get_top_channels__method, &top);
    assert_int_equal(channels->n_channel, 1);
    assert_true(channels->end);
    assert_int_equal(channels->channel[0]->ref->channel_id, 2);
    assert_string_equal(channels->channel[0]->data->target, "dns:///server:1");
    assert_int_equal(channels->channel[0]->data->state->state,
                     GRPC__CHANNELZ__V1__CHANNEL_CONNECTIVITY_STATE__STATE__READY);
    assert_int_equal(channels->channel[0]->data->calls_started, 1); /* this one */
    assert_int_equal(channels->channel[0]->n_subchannel_ref, 1);

    below.subchannel_id = channels->channel[0]->subchannel_ref[0]->subchannel_id;
    subchannel = ((Grpc__Channelz__V1__GetSubchannelResponse *)ask(
                      pair, arena, &grpc__channelz__v1__channelz__get_subchannel__method, &below))
                     ->subchannel;
    assert_int_equal(subchannel->ref->subchannel_id, below.subchannel_id);
    assert_int_equal(subchannel->n_socket_ref, 1);

    last.socket_id = subchannel->socket_ref[0]->socket_id;
    socket = ((Grpc__Channelz__V1__GetSocketResponse *)ask(
                  pair, arena, &grpc__channelz__v1__channelz__get_socket__method, &last))
                 ->socket;
    assert_int_equal(socket->ref->socket_id, last.socket_id);
    assert_int_equal(socket->data->streams_started, 3);
    assert_non_null(socket->data->last_local_stream_created_timestamp);
    assert_null(socket->data->last_remote_stream_created_timestamp);
    assert_int_equal(socket->remote->address_case,
                     GRPC__CHANNELZ__V1__ADDRESS__ADDRESS_OTHER_ADDRESS);
    assert_string_equal(socket->remote->other_address->name, "server:1");
    weir_arena_free(arena);
    weir_channelz_unref(channelz);
}

static void a_server_is_found_by_its_id(void **state)
{
    struct pair *pair = *state;
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_channelz *channelz;
    Grpc__Channelz__V1__GetServerRequest request;
    Grpc__Channelz__V1__Server *found;

    assert_int_equal(weir_channelz_create(&channelz, NULL), WEIR_OK);
    assert_int_equal(weir_channelz_serve(pair->server, channelz, NULL), WEIR_OK);
    assert_int_equal(weir_channelz_add_channel(channelz, pair->channel, NULL), WEIR_OK);
    assert_int_equal(weir_channelz_add_server(channelz, pair->server, "s", NULL), WEIR_OK);
    grpc__channelz__v1__get_server_request__init(&request);
    request.server_id = 2;
    found = ((Grpc__Channelz__V1__GetServerResponse *)ask(
                 pair, arena, &grpc__channelz__v1__channelz__get_server__method, &request))
                ->server;
    assert_int_equal(found->ref->server_id, 2);
    assert_string_equal(found->ref->name, "s");
    assert_int_equal(found->data->calls_started, 1); /* this one */
    weir_arena_free(arena);
    weir_channelz_unref(channelz);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_connection_shows_its_streams_and_messages_at_both_ends),
        PAIR_TEST(calls_are_counted_by_how_they_ended),
        PAIR_TEST(a_channel_shows_whether_it_is_connected),
        PAIR_TEST(connections_come_in_the_order_of_their_numbers),
        PAIR_TEST(a_channel_leads_to_its_subchannel_and_that_to_its_socket),
        PAIR_TEST(a_server_is_found_by_its_id),
        PAIR_TEST(what_was_removed_is_not_shown_and_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
