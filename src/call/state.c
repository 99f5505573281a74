/* SPDX-License-Identifier: MIT */
/*
 * state.c - the life of a call, as pure steps.
 *
 * A server's call is over for the handler with the first of: its responses ended, a cancel, the
 * deadline, the client's reset, a lost connection. A client's call is over with its status. What
 * remains after that concerns the wire alone.
 */
#include "call/state.h"

static unsigned fix_status(struct call_state *state)
{
    if (state->status_fixed)
        return 0;
    state->status_fixed = true;
    return CALL_FIX_STATUS;
}

static unsigned abort_in(struct call_state *state)
{
    if (state->in_aborted)
        return 0;
    state->in_finished = state->in_aborted = true;
    return CALL_ABORT_IN;
}

static unsigned finish_in(struct call_state *state)
{
    if (state->in_finished)
        return 0;
    state->in_finished = true;
    return CALL_FINISH_IN;
}

static unsigned release_out(struct call_state *state)
{
    if (state->out_ended)
        return 0;
    state->out_ended = true;
    return CALL_RELEASE_OUT;
}

static unsigned end_both(struct call_state *state)
{
    return fix_status(state) | abort_in(state) | release_out(state);
}

static unsigned reset(struct call_state *state, unsigned how)
{
    if (state->wire_over)
        return 0;
    state->wire_over = true;
    return how;
}

static unsigned done(struct call_state *state)
{
    state->wire_over = true;
    state->done = true;
    return CALL_DONE;
}

/* ---- server ---- */

static unsigned send_headers(struct call_state *state)
{
    if (state->headers_sent || state->out_ended)
        return 0;
    state->headers_sent = true;
    return CALL_SEND_HEADERS;
}

static unsigned send_trailers(struct call_state *state)
{
    state->end_asked = true;
    return state->headers_sent ? CALL_SEND_TRAILERS : CALL_SEND_TRAILERS_ONLY;
}

/* The responses ended: so does the call, and nobody needs the rest of the requests. */
static unsigned server_out_ended(struct call_state *state)
{
    if (state->out_ended)
        return 0;
    state->out_ended = true;
    return fix_status(state) | abort_in(state) | send_trailers(state);
}

/* A cancel or the deadline. Trailers say more than a reset, but may not cut a message in half. */
static unsigned server_abort(struct call_state *state)
{
    unsigned actions;

    if (state->out_ended)
        return 0;
    actions = end_both(state);
    return actions | (state->message_cut ? reset(state, CALL_RESET_CANCEL) : send_trailers(state));
}

static unsigned server_end_sent(struct call_state *state)
{
    if (!state->end_asked || state->end_sent)
        return 0;
    state->end_sent = true;
    return state->peer_ended ? 0 : reset(state, CALL_RESET_NO_ERROR);
}

static unsigned server_step(struct call_state *state, enum call_event event)
{
    switch (event) {
    case CALL_SEND_HEADERS_NOW:
        return send_headers(state);
    case CALL_OUT_END:
    case CALL_OUT_ERROR:
        return server_out_ended(state);
    case CALL_TRAILERS_SENT:
        return server_end_sent(state);
    case CALL_IN_END:
        state->peer_ended = true;
        return finish_in(state);
    case CALL_FAULT:
        return fix_status(state) | finish_in(state);
    case CALL_CANCEL:
    case CALL_DEADLINE:
        return server_abort(state);
    case CALL_RESET:
        state->wire_over = true;
        return end_both(state);
    case CALL_LOST:
    case CALL_CLOSED:
        return end_both(state) | done(state);
    default:
        return 0;
    }
}

/* ---- client ---- */

/* The call is over before the server said so. One that never left has no HTTP/2 stream to close. */
static unsigned client_abort(struct call_state *state)
{
    unsigned actions;

    if (state->status_fixed)
        return 0;
    actions = end_both(state);
    return actions | (state->headers_sent ? reset(state, CALL_RESET_CANCEL) : done(state));
}

static unsigned client_out_error(struct call_state *state)
{
    if (state->out_ended)
        return 0;
    state->out_ended = true;
    return client_abort(state);
}

static unsigned client_out_end(struct call_state *state)
{
    if (state->out_ended)
        return 0;
    state->out_ended = true;
    state->end_asked = true;
    return CALL_HALF_CLOSE;
}

/* The response is over, and what came of it will be read. */
static unsigned client_finish(struct call_state *state)
{
    return fix_status(state) | finish_in(state) | release_out(state);
}

static unsigned client_trailers(struct call_state *state)
{
    unsigned actions = client_finish(state);

    return state->end_sent ? actions : actions | reset(state, CALL_RESET_NO_ERROR);
}

/* What the peer did to a call that it knows of and whose status is not fixed. */
static unsigned client_peer_step(struct call_state *state, enum call_event event)
{
    if (state->status_fixed || !state->headers_sent)
        return 0;
    switch (event) {
    case CALL_TRAILERS_IN:
        return client_trailers(state);
    case CALL_FAULT:
        return client_finish(state) | reset(state, CALL_RESET_CANCEL);
    default:
        state->wire_over = true;
        return client_finish(state);
    }
}

static unsigned client_step(struct call_state *state, enum call_event event)
{
    switch (event) {
    case CALL_SEND_HEADERS_NOW:
        state->headers_sent = true;
        return 0;
    case CALL_OUT_END:
        return client_out_end(state);
    case CALL_OUT_ERROR:
        return client_out_error(state);
    case CALL_TRAILERS_SENT:
        state->end_sent = state->end_asked;
        return 0;
    case CALL_TRAILERS_IN:
    case CALL_FAULT:
    case CALL_RESET:
        return client_peer_step(state, event);
    case CALL_CANCEL:
    case CALL_DEADLINE:
        return client_abort(state);
    case CALL_LOST:
        return (state->status_fixed ? 0 : end_both(state)) | done(state);
    case CALL_CLOSED:
        return (state->status_fixed ? 0 : client_finish(state)) | done(state);
    default:
        return 0;
    }
}

unsigned call_step(struct call_state *state, enum call_event event)
{
    if (state->done)
        return 0;
    return state->client ? client_step(state, event) : server_step(state, event);
}
