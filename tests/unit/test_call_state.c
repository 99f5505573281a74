/* SPDX-License-Identifier: MIT */
/*
 * test_call_state.c - the claims of call/state.h: some by example, the invariants for all events in
 * all orders.
 */
#include "call/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct call_state server(void)
{
    struct call_state state;

    call_state_init(&state, CALL_SERVER);
    return state;
}

/* A client whose request left. */
static struct call_state client(void)
{
    struct call_state state;

    call_state_init(&state, CALL_CLIENT);
    assert_int_equal(call_step(&state, CALL_SEND_HEADERS_NOW), 0);
    return state;
}

/* ---- server ---- */

static void a_servers_usual_call(void **state)
{
    struct call_state s = server();

    (void)state;
    assert_int_equal(call_step(&s, CALL_IN_END), CALL_FINISH_IN);
    assert_int_equal(call_step(&s, CALL_SEND_HEADERS_NOW), CALL_SEND_HEADERS);
    assert_int_equal(call_step(&s, CALL_OUT_END),
                     CALL_FIX_STATUS | CALL_ABORT_IN | CALL_SEND_TRAILERS);
    assert_int_equal(call_step(&s, CALL_TRAILERS_SENT), 0);
    assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
}

static void headers_are_held_back_until_the_first_message(void **state)
{
    struct call_state s = server();

    (void)state;
    assert_int_equal(call_step(&s, CALL_IN_END) & CALL_SEND_HEADERS, 0);
    assert_int_equal(call_step(&s, CALL_SEND_HEADERS_NOW), CALL_SEND_HEADERS);
    assert_int_equal(call_step(&s, CALL_SEND_HEADERS_NOW), 0);
}

static void a_response_without_messages_is_trailers_only(void **state)
{
    struct call_state s = server();

    (void)state;
    assert_int_equal(call_step(&s, CALL_OUT_ERROR),
                     CALL_FIX_STATUS | CALL_ABORT_IN | CALL_SEND_TRAILERS_ONLY);
    assert_int_equal(call_step(&s, CALL_SEND_HEADERS_NOW), 0);
}

static void after_early_trailers_the_server_resets_with_no_error(void **state)
{
    struct call_state s = server();

    (void)state;
    call_step(&s, CALL_SEND_HEADERS_NOW);
    assert_int_equal(call_step(&s, CALL_OUT_END) & CALL_RESET_NO_ERROR, 0);
    assert_int_equal(call_step(&s, CALL_TRAILERS_SENT), CALL_RESET_NO_ERROR);
    assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
}

static void a_client_that_half_closes_before_the_trailers_left_is_not_reset(void **state)
{
    struct call_state s = server();

    (void)state;
    call_step(&s, CALL_OUT_END);
    assert_int_equal(call_step(&s, CALL_IN_END), 0);
    assert_int_equal(call_step(&s, CALL_TRAILERS_SENT), 0);
}

static void a_fault_fixes_the_status_and_the_handler_still_ends_the_call(void **state)
{
    struct call_state s = server();

    (void)state;
    assert_int_equal(call_step(&s, CALL_FAULT), CALL_FIX_STATUS | CALL_FINISH_IN);
    assert_int_equal(call_step(&s, CALL_IN_END), 0);
    assert_int_equal(call_step(&s, CALL_SEND_HEADERS_NOW), CALL_SEND_HEADERS);
    assert_int_equal(call_step(&s, CALL_OUT_END), CALL_ABORT_IN | CALL_SEND_TRAILERS);
    assert_int_equal(call_step(&s, CALL_TRAILERS_SENT), 0);
}

static void a_fault_that_is_found_behind_the_requests_end_fixes_the_status(void **state)
{
    struct call_state s = server();

    (void)state;
    call_step(&s, CALL_IN_END);
    assert_int_equal(call_step(&s, CALL_FAULT), CALL_FIX_STATUS);
    assert_int_equal(call_step(&s, CALL_OUT_END), CALL_ABORT_IN | CALL_SEND_TRAILERS_ONLY);
    assert_int_equal(call_step(&s, CALL_FAULT), 0);
}

static void cancel_and_deadline_send_trailers_between_messages(void **state)
{
    static const enum call_event events[] = {CALL_CANCEL, CALL_DEADLINE};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct call_state s = server();

        call_step(&s, CALL_IN_END);
        assert_int_equal(call_step(&s, events[i]), CALL_FIX_STATUS | CALL_ABORT_IN |
                                                       CALL_RELEASE_OUT | CALL_SEND_TRAILERS_ONLY);
        s = server();
        call_step(&s, CALL_SEND_HEADERS_NOW);
        assert_int_equal(call_step(&s, events[i]),
                         CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT | CALL_SEND_TRAILERS);
    }
}

static void cancel_and_deadline_reset_where_a_message_is_cut_in_half(void **state)
{
    static const enum call_event events[] = {CALL_CANCEL, CALL_DEADLINE};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct call_state s = server();

        call_step(&s, CALL_SEND_HEADERS_NOW);
        s.message_cut = true;
        assert_int_equal(call_step(&s, events[i]),
                         CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT | CALL_RESET_CANCEL);
        assert_int_equal(call_step(&s, CALL_TRAILERS_SENT), 0);
        assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
    }
}

static void a_cancel_after_the_responses_ended_does_nothing(void **state)
{
    struct call_state s = server();

    (void)state;
    call_step(&s, CALL_OUT_END);
    assert_int_equal(call_step(&s, CALL_CANCEL), 0);
    assert_int_equal(call_step(&s, CALL_DEADLINE), 0);
}

static void the_clients_reset_ends_both_streams_at_once_and_nothing_is_sent(void **state)
{
    struct call_state s = server();

    (void)state;
    call_step(&s, CALL_IN_END);
    call_step(&s, CALL_SEND_HEADERS_NOW);
    assert_int_equal(call_step(&s, CALL_RESET), CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT);
    assert_int_equal(call_step(&s, CALL_OUT_END), 0);
    assert_int_equal(call_step(&s, CALL_CANCEL), 0);
    assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
}

static void a_lost_connection_ends_both_streams_and_the_call(void **state)
{
    struct call_state s = server();

    (void)state;
    assert_int_equal(call_step(&s, CALL_LOST),
                     CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT | CALL_DONE);
    assert_int_equal(call_step(&s, CALL_CLOSED), 0);
    s = client();
    assert_int_equal(call_step(&s, CALL_LOST),
                     CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT | CALL_DONE);
    assert_int_equal(call_step(&s, CALL_CLOSED), 0);
}

/* ---- client ---- */

static void a_clients_usual_call(void **state)
{
    struct call_state s = client();

    (void)state;
    assert_int_equal(call_step(&s, CALL_OUT_END), CALL_HALF_CLOSE);
    assert_int_equal(call_step(&s, CALL_TRAILERS_SENT), 0);
    assert_int_equal(call_step(&s, CALL_TRAILERS_IN), CALL_FIX_STATUS | CALL_FINISH_IN);
    assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
}

static void trailers_before_the_half_close_left_reset_with_no_error(void **state)
{
    struct call_state s = client();

    (void)state;
    assert_int_equal(call_step(&s, CALL_TRAILERS_IN),
                     CALL_FIX_STATUS | CALL_FINISH_IN | CALL_RELEASE_OUT | CALL_RESET_NO_ERROR);
    s = client();
    call_step(&s, CALL_OUT_END);
    assert_int_equal(call_step(&s, CALL_TRAILERS_IN),
                     CALL_FIX_STATUS | CALL_FINISH_IN | CALL_RESET_NO_ERROR);
}

static void an_error_of_the_requests_is_the_status_and_resets_with_cancel(void **state)
{
    struct call_state s = client();

    (void)state;
    assert_int_equal(call_step(&s, CALL_OUT_ERROR),
                     CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RESET_CANCEL);
    assert_int_equal(call_step(&s, CALL_TRAILERS_IN), 0);
}

static void a_clients_cancel_and_deadline_reset_with_cancel(void **state)
{
    static const enum call_event events[] = {CALL_CANCEL, CALL_DEADLINE};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct call_state s = client();

        assert_int_equal(call_step(&s, events[i]),
                         CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT | CALL_RESET_CANCEL);
        assert_int_equal(call_step(&s, CALL_TRAILERS_IN), 0);
        assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
    }
}

static void a_call_that_never_left_is_done_with_its_cancel(void **state)
{
    static const enum call_event events[] = {CALL_CANCEL, CALL_DEADLINE, CALL_LOST};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct call_state s;

        call_state_init(&s, CALL_CLIENT);
        assert_int_equal(call_step(&s, events[i]),
                         CALL_FIX_STATUS | CALL_ABORT_IN | CALL_RELEASE_OUT | CALL_DONE);
    }
}

static void a_fault_in_the_response_resets_and_keeps_the_messages_before_it(void **state)
{
    struct call_state s = client();

    (void)state;
    assert_int_equal(call_step(&s, CALL_FAULT),
                     CALL_FIX_STATUS | CALL_FINISH_IN | CALL_RELEASE_OUT | CALL_RESET_CANCEL);
    assert_int_equal(call_step(&s, CALL_TRAILERS_IN), 0);
    assert_int_equal(call_step(&s, CALL_RESET), 0);
}

static void the_servers_reset_keeps_the_messages_before_it(void **state)
{
    struct call_state s = client();

    (void)state;
    assert_int_equal(call_step(&s, CALL_RESET),
                     CALL_FIX_STATUS | CALL_FINISH_IN | CALL_RELEASE_OUT);
    assert_int_equal(call_step(&s, CALL_CLOSED), CALL_DONE);
    s = client();
    assert_int_equal(call_step(&s, CALL_CLOSED),
                     CALL_FIX_STATUS | CALL_FINISH_IN | CALL_RELEASE_OUT | CALL_DONE);
}

static void a_complete_response_survives_what_comes_later(void **state)
{
    static const enum call_event events[] = {CALL_CANCEL, CALL_DEADLINE, CALL_RESET, CALL_FAULT,
                                             CALL_OUT_ERROR};

    (void)state;
    for (int i = 0; i < 5; i++) {
        struct call_state s = client();

        call_step(&s, CALL_TRAILERS_IN);
        assert_int_equal(call_step(&s, events[i]), 0);
        assert_int_equal(call_step(&s, CALL_LOST), CALL_DONE);
    }
}

/* ---- all events in all orders ---- */

enum { DEPTH = 6 };

#define ENDS (CALL_SEND_TRAILERS | CALL_SEND_TRAILERS_ONLY | CALL_HALF_CLOSE)
#define RESETS (CALL_RESET_NO_ERROR | CALL_RESET_CANCEL)
#define SENDS (CALL_SEND_HEADERS | ENDS | RESETS)

/* What an observer saw of a call so far. */
struct seen {
    unsigned actions; /* all of them */
    bool out_ended;
    bool wire_over;
};

static bool at_most_one(unsigned bits)
{
    return (bits & (bits - 1)) == 0;
}

static void check_once(const struct seen *seen, unsigned actions)
{
    assert_int_equal(seen->actions & actions, 0);
    assert_true(at_most_one((seen->actions | actions) & ENDS));
    assert_true(at_most_one((seen->actions | actions) & RESETS));
    if (seen->actions & CALL_ABORT_IN)
        assert_int_equal(actions & CALL_FINISH_IN, 0);
    assert_true(at_most_one(actions & (CALL_ABORT_IN | CALL_FINISH_IN)));
    if (seen->out_ended)
        assert_int_equal(actions & CALL_RELEASE_OUT, 0);
}

static void check_sends(const struct call_state *before, const struct seen *seen,
                        enum call_event event, unsigned actions)
{
    if (seen->wire_over || (seen->actions & RESETS))
        assert_int_equal(actions & SENDS, 0);
    if (seen->actions & ENDS)
        assert_int_equal(actions & (SENDS & ~RESETS), 0);
    if (actions & CALL_SEND_TRAILERS)
        assert_true(seen->actions & CALL_SEND_HEADERS);
    if (actions & CALL_SEND_TRAILERS_ONLY)
        assert_false(seen->actions & CALL_SEND_HEADERS);
    if (before->message_cut && event != CALL_OUT_END && event != CALL_OUT_ERROR)
        assert_int_equal(actions & (CALL_SEND_TRAILERS | CALL_SEND_TRAILERS_ONLY), 0);
    if (before->client)
        assert_int_equal(
            actions & (CALL_SEND_HEADERS | CALL_SEND_TRAILERS | CALL_SEND_TRAILERS_ONLY), 0);
    else
        assert_int_equal(actions & CALL_HALF_CLOSE, 0);
    /* The status is known before it is sent or shown. */
    if (actions & (CALL_SEND_TRAILERS | CALL_SEND_TRAILERS_ONLY | CALL_ABORT_IN | RESETS))
        assert_true((seen->actions | actions) & CALL_FIX_STATUS);
}

static void check_end(const struct seen *seen, unsigned actions)
{
    unsigned all = seen->actions | actions;

    if (seen->actions & CALL_DONE)
        assert_int_equal(actions, 0);
    if (actions & CALL_DONE) {
        assert_true(all & CALL_FIX_STATUS);
        assert_true(all & (CALL_ABORT_IN | CALL_FINISH_IN));
        assert_true(seen->out_ended || (all & CALL_RELEASE_OUT));
    }
}

static unsigned step(struct call_state *state, struct seen *seen, enum call_event event)
{
    struct call_state before = *state;
    unsigned actions = call_step(state, event);

    if (event == CALL_OUT_END || event == CALL_OUT_ERROR)
        seen->out_ended = true;
    check_once(seen, actions);
    check_sends(&before, seen, event, actions);
    check_end(seen, actions);
    seen->actions |= actions;
    seen->out_ended |= (actions & CALL_RELEASE_OUT) != 0;
    seen->wire_over |= event == CALL_LOST || event == CALL_CLOSED ||
                       (event == CALL_RESET && (!state->client || state->headers_sent));
    return actions;
}

static void explore(struct call_state state, struct seen seen, int depth)
{
    static const enum call_event last[] = {CALL_CLOSED, CALL_LOST};

    for (int i = 0; i < 2; i++) {
        struct call_state end = state;
        struct seen end_seen = seen;

        step(&end, &end_seen, last[i]);
        assert_true(end_seen.actions & CALL_DONE);
    }
    if (depth == DEPTH)
        return;
    for (int event = 0; event < CALL_EVENT_COUNT; event++) {
        for (int cut = 0; cut <= (event == CALL_CANCEL || event == CALL_DEADLINE); cut++) {
            struct call_state next = state;
            struct seen next_seen = seen;

            next.message_cut = cut && next.headers_sent;
            step(&next, &next_seen, (enum call_event)event);
            next.message_cut = false;
            explore(next, next_seen, depth + 1);
        }
    }
}

static void a_server_keeps_the_rules_whatever_happens(void **state)
{
    (void)state;
    explore(server(), (struct seen){0}, 0);
}

static void a_client_keeps_the_rules_whatever_happens(void **state)
{
    struct call_state fresh;

    (void)state;
    call_state_init(&fresh, CALL_CLIENT);
    explore(fresh, (struct seen){0}, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_servers_usual_call),
        cmocka_unit_test(headers_are_held_back_until_the_first_message),
        cmocka_unit_test(a_response_without_messages_is_trailers_only),
        cmocka_unit_test(after_early_trailers_the_server_resets_with_no_error),
        cmocka_unit_test(a_client_that_half_closes_before_the_trailers_left_is_not_reset),
        cmocka_unit_test(a_fault_fixes_the_status_and_the_handler_still_ends_the_call),
        cmocka_unit_test(a_fault_that_is_found_behind_the_requests_end_fixes_the_status),
        cmocka_unit_test(cancel_and_deadline_send_trailers_between_messages),
        cmocka_unit_test(cancel_and_deadline_reset_where_a_message_is_cut_in_half),
        cmocka_unit_test(a_cancel_after_the_responses_ended_does_nothing),
        cmocka_unit_test(the_clients_reset_ends_both_streams_at_once_and_nothing_is_sent),
        cmocka_unit_test(a_lost_connection_ends_both_streams_and_the_call),
        cmocka_unit_test(a_clients_usual_call),
        cmocka_unit_test(trailers_before_the_half_close_left_reset_with_no_error),
        cmocka_unit_test(an_error_of_the_requests_is_the_status_and_resets_with_cancel),
        cmocka_unit_test(a_clients_cancel_and_deadline_reset_with_cancel),
        cmocka_unit_test(a_call_that_never_left_is_done_with_its_cancel),
        cmocka_unit_test(a_fault_in_the_response_resets_and_keeps_the_messages_before_it),
        cmocka_unit_test(the_servers_reset_keeps_the_messages_before_it),
        cmocka_unit_test(a_complete_response_survives_what_comes_later),
        cmocka_unit_test(a_server_keeps_the_rules_whatever_happens),
        cmocka_unit_test(a_client_keeps_the_rules_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
