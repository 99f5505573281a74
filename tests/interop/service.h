/* SPDX-License-Identifier: MIT */
/*
 * service.h - what the echo server's handlers, in three styles, have in common.
 *
 * The service, spoken by echo_server.c and by echo_server.py; messages are raw bytes:
 *
 *     Unary         answers with its request
 *     ServerStream  "COUNT SIZE": so many messages, the decimal index filled up with 'x' to SIZE
 *     ClientStream  answers "COUNT BYTES" of what came
 *     Bidi          sends each message back as it comes
 *     Sleep         reads and never answers; ends by deadline or cancellation alone
 *     Barrier       "N": answers, with the client's address, when N such calls are there at once
 *     Cancel        cancels itself at the first message
 *     Await         "started N" or "ended N": answers when so many Sleeps did; the answer is
 *                   "STARTED ENDED CANCELLED"
 *
 * Request metadata named echo-* comes back in the response metadata and in the trailers. A call
 * with weir-status CODE ends with that status (weir-status-message-bin, weir-status-details-bin)
 * after its messages, a Unary or ClientStream call instead of its answer.
 */
#ifndef INTEROP_SERVICE_H
#define INTEROP_SERVICE_H

#include <weir/weir.h>

#include <pthread.h>

/* Sends the echo-* metadata back. */
void reflect(weir_call *call);

/* The status that the request's metadata asks for. */
weir_status wanted_status(const weir_call *call);

/* The same in the way of functions that return a code. */
weir_code wanted_code(const weir_call *call, weir_status *why);

/* What a ServerStream request asks for; false when it is no such request. */
bool parse_count_size(const weir_bytes *request, uint64_t *count, size_t *size);
weir_bytes numbered_message(uint64_t index, size_t size);

/* A NUL-terminated copy of a short message. */
void copy_text(char *text, size_t size, const weir_bytes *message);

/* How many Sleeps there were; waiters are told by the condition. */
struct sleeps {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned started;
    unsigned ended;
    unsigned cancelled;
};
extern struct sleeps sleeps;
void sleep_started(void);
void sleep_ended(const weir_call *call);

/* Registers the methods below /weir.test.Echo/ in the stream style, below /weir.test.Blocking/ in
 * the blocking one, and with weir_unary /weir.test.Plain/Unary and Who, which says what TLS knows
 * of the caller. */
weir_code handle_streams(weir_server *server, weir_status *why);
weir_code handle_blocking(weir_server *server, weir_status *why);
weir_code handle_plain(weir_server *server, weir_status *why);

#endif
