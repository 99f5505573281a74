/* SPDX-License-Identifier: MIT */
/*
 * log.h - events on their way to the user's function: only so many, and only what can be printed.
 */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <weir/log.h>

/* Of each kind and loop: so many at once, then so many a second. */
#define LOG_BURST 20
#define LOG_PER_SECOND 10
#define LOG_TEXT_MAX 200

/* What may still be told of one kind. */
struct log_bucket {
    bool used; /* else it is full */
    unsigned left;
    uint64_t since; /* when the last one came in */
    uint64_t missed;
};

/* One server or channel on one loop. The zero value, with `log`, is ready. */
struct logger {
    weir_log log;
    struct log_bucket buckets[WEIR_LOG_KINDS];
};

/* An event as it was found: texts may hold anything. */
struct log_fact {
    weir_log_kind kind;
    weir_log_level level;
    uint64_t connection;
    bool client;
    bool tls;
    weir_slice peer;
    weir_slice reason;
    weir_slice method;
    weir_slice debug;
    uint32_t error;
    weir_code code;
};

/* Room for a text, its end marks and NUL. */
#define LOG_TEXT_SIZE (LOG_TEXT_MAX + 8)

/* Only printable ASCII, at most so much of it. */
void log_escape(char out[LOG_TEXT_SIZE], weir_slice text);

/* NULL, or nobody listens: nothing happens. On the loop's thread. */
void logger_tell(struct logger *logger, uint64_t now, const struct log_fact *fact);

weir_slice log_text(const char *text);

#endif
