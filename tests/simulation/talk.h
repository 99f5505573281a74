/* SPDX-License-Identifier: MIT */
/*
 * talk.h - one simulated call, both ends of it, and what may become of it.
 *
 * A talk knows the codes with which it may end because something was done to it. A call to which
 * nothing was done ends as its plan says, complete to the last message.
 */
#ifndef SIMULATION_TALK_H
#define SIMULATION_TALK_H

#include "simulation/message.h"
#include "simulation/model.h"
#include "simulation/network.h"

enum { TALKS_MAX = 64 };

/* Bytes of a flow that were made and that nobody has taken yet. */
struct account {
    uint64_t given, taken;
    uint32_t taken_numbers;
    uint64_t limit; /* what may be under way; UINT64_MAX: nobody says */
};

/* A stream that makes messages. */
struct source {
    struct actor alarm;
    struct talk *talk;
    struct account *account;
    struct lane lane;
    uint32_t next, end;
    weir_code code;
    weir_waker waker;
    struct dice dice;
    uint64_t paused_until;
    bool pausing;
    bool paused_last; /* a message comes between two pauses */
    bool made, released;
};

/* Who reads a stream. */
struct reader {
    struct actor actor;
    struct talk *talk;
    const struct pace *pace;
    weir_stream stream;
    weir_task *task;
    struct dice dice;
    struct model models[2]; /* of what the client made, and of what the server made */
    bool reads[2];
    uint64_t stalled_until;
    uint32_t messages;
    bool client;
    bool open, over;
    bool released;
    weir_pipe *pipe; /* what it reads is written there */
    weir_bytes held;
    bool holds;
};

struct talk {
    uint16_t id;
    struct plan plan;
    struct route *route;
    struct actor starter;
    weir_call *call, *server_call;
    struct lane lanes[2];
    struct account accounts[2];
    struct source sources[2][2];
    struct reader client, server;
    struct model folded;   /* what a fold must find */
    uint32_t may_end_with; /* a bit for each code */
    bool started, over, served;
    bool memory; /* it ran out meanwhile */
    bool responses_made, responses_over;
    weir_waker gate; /* of responses that wait until the requests were made */
    uint64_t started_at, jumps;
    uint64_t luck; /* of its own dice */
};

/* Where the plans of calls are told; NULL: nowhere. */
extern FILE *talks_told;

extern struct talk talks[TALKS_MAX];
extern unsigned talk_count;

void talks_start(uint64_t seed, const struct cuts *cuts);
bool talks_are_over(void);

/* All is quiet: each must have come to its end, and nothing of it may be left. */
void talks_check_end(void);
void talks_clear(void);

/* The calls on this route may be lost, cancelled, refused. */
void talks_trouble(const struct route *route);

/* An allocation failed. */
void talks_run_short(void);

/* The clock jumped. */
void talks_jumped(uint64_t ns);

void talk_may_end_with(struct talk *talk, weir_code code);
bool talk_is_live(const struct talk *talk);
struct talk *talk_of_method(const char *method);

/* What a reader saw at the end. */
void talk_client_ended(struct talk *talk, weir_code code, const weir_status *status);
void talk_server_ended(struct talk *talk, weir_code code);

/* ---- source.c ---- */

/* The messages that one side makes, as a stream. */
weir_stream source_stream(struct talk *talk, enum side side);
void source_clear(struct source *source);

/* The message of this number was taken; so were, or will be dropped, those before it. */
void account_take(struct account *account, const struct lane *lane, uint32_t number);

/* ---- stages.c ---- */

/* `stream` through all stages. */
weir_stream stages_apply(const struct stages *stages, weir_stream stream);

/* Bytes that they may hold of messages of that size. */
uint64_t stages_hold(const struct stages *stages, uint32_t max_size);
bool stages_end_early(const struct stages *stages);

/* Some messages that were made are never under way. */
bool stages_thin_out(const struct stages *stages);

/* ---- reader.c ---- */

void reader_start(struct reader *reader, struct talk *talk, bool client, weir_stream stream);
void reader_release(struct reader *reader);
void reader_clear(struct reader *reader);

#endif
