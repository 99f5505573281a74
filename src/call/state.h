/* SPDX-License-Identifier: MIT */
/*
 * state.h - what ends a call: one event in, a set of actions out, and nothing else.
 *
 * The connection tells what happened and does what it is told. Invariants, for any events in any
 * order:
 *
 * - One status: CALL_FIX_STATUS is given once, with CALL_DONE at the latest; the event that got it
 *   brings the status of the call, and no later event changes it.
 * - Headers at most once; a half-close, trailers or Trailers-Only at most once; after those nothing
 *   but a reset, after a reset nothing, and nothing once the peer reset or the wire is gone.
 * - Both streams end: the incoming one with the first of ABORT_IN and FINISH_IN, and an ABORT_IN
 *   may overtake a FINISH_IN; the outgoing one by itself or with RELEASE_OUT.
 * - CALL_DONE is given once and last: every later event returns 0.
 *
 * What the events mean where they do not speak for themselves:
 *
 * OUT_END, OUT_ERROR: told when all messages polled before are on their way, so that trailers and
 * half-closes wait for no window. After them a server's cancel and deadline do nothing, since the
 * status is on its way, too.
 *
 * FAULT: told at the broken message, before the IN_END or TRAILERS_IN that may have shown it (which
 * is told, too); or when it is read, where only that shows it. On a server the handler sees the
 * error in its requests, after the messages before it, and ends its responses when it likes;
 * messages still go out, and the status sent then is the fault's, whatever the responses ended
 * with. On a client the response ends with the fault after the messages before it, and the call is
 * reset.
 *
 * RESET, CLOSED: a client keeps the messages that came before; for a server it is the client's
 * cancel, which ends both streams at once. RESET is followed by CLOSED, and may be left out.
 * LOST is not followed by anything.
 *
 * TRAILERS_IN: also what stands for trailers that are missing. After it a client's cancel, deadline
 * or lost connection takes nothing from the response. Releasing the responses is CANCEL.
 */
#ifndef CALL_STATE_H
#define CALL_STATE_H

#include <stdbool.h>

enum call_role { CALL_SERVER, CALL_CLIENT };

enum call_event {
    CALL_SEND_HEADERS_NOW, /* server: the first message, or explicit; client: the request left */
    CALL_OUT_END,          /* the local stream ended */
    CALL_OUT_ERROR,        /* the local stream ended with an error */
    CALL_TRAILERS_SENT,    /* our END_STREAM left: a server's trailers, a client's half-close */
    CALL_IN_END,           /* server: the client half-closed */
    CALL_TRAILERS_IN,      /* client: the final status came */
    CALL_FAULT,            /* the peer's messages are broken */
    CALL_RESET,            /* the peer's RST_STREAM */
    CALL_CANCEL,           /* a local cancel */
    CALL_DEADLINE,
    CALL_LOST,   /* the connection is gone */
    CALL_CLOSED, /* the HTTP/2 stream is closed, for whatever reason */
    CALL_EVENT_COUNT
};

/* To be done in the order of the bits. */
enum call_action {
    CALL_FIX_STATUS = 1 << 0,    /* the status of this event is the status of the call */
    CALL_ABORT_IN = 1 << 1,      /* the incoming stream ends now, what waits is dropped */
    CALL_FINISH_IN = 1 << 2,     /* ... after what waits: IN_END with END, others with status */
    CALL_RELEASE_OUT = 1 << 3,   /* release the local stream and its unsent message */
    CALL_SEND_HEADERS = 1 << 4,  /* server: the response's headers */
    CALL_SEND_TRAILERS = 1 << 5, /* server: the fixed status, END_STREAM */
    CALL_SEND_TRAILERS_ONLY = 1 << 6, /* server: the same as the only HEADERS frame */
    CALL_HALF_CLOSE = 1 << 7,         /* client: END_STREAM */
    CALL_RESET_NO_ERROR = 1 << 8,     /* RST_STREAM(NO_ERROR): all was said, do not go on */
    CALL_RESET_CANCEL = 1 << 9,       /* RST_STREAM(CANCEL) */
    CALL_DONE = 1 << 10               /* nothing more happens on the wire: forget the call */
};

struct call_state {
    bool client : 1;
    bool message_cut : 1; /* the driver's word: a message was sent in part, so no trailers now */
    bool headers_sent : 1;
    bool status_fixed : 1;
    bool in_finished : 1; /* FINISH_IN or ABORT_IN was given */
    bool in_aborted : 1;  /* ABORT_IN was given */
    bool out_ended : 1;   /* the local stream ended or was released */
    bool end_asked : 1;   /* trailers or a half-close were asked for */
    bool end_sent : 1;
    bool peer_ended : 1;
    bool wire_over : 1; /* reset by either side, or gone: nothing may be sent */
    bool done : 1;
};

static inline void call_state_init(struct call_state *state, enum call_role role)
{
    *state = (struct call_state){.client = role == CALL_CLIENT};
}

/* The actions that `event` asks for; 0 where it does not apply. */
unsigned call_step(struct call_state *state, enum call_event event);

#endif
