/* SPDX-License-Identifier: MIT */
/*
 * log.c - events on their way to the user's function: only so many, and only what can be printed.
 *
 * What a peer can cause is bounded here, in one place, so that no event can be added that is not.
 */
#include "log/log.h"

#include "base/clock.h"

#include <string.h>

const char *weir_log_name(weir_log_kind kind)
{
    static const char *const names[WEIR_LOG_KINDS] = {
        "connection_opened", "connection_failed",  "connection_closed", "connection_cut",
        "tls_failed",        "goaway_sent",        "goaway_received",   "call_limited",
        "accept_failed",     "connection_refused",
    };

    return (unsigned)kind < WEIR_LOG_KINDS ? names[kind] : "unknown";
}

weir_slice log_text(const char *text)
{
    return (weir_slice){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

/* One byte as it is written; how long that is. */
static size_t escape_byte(char out[4], uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";

    if (byte >= ' ' && byte <= '~' && byte != '\\') {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '\\';
    out[1] = byte == '\\' ? '\\' : 'x';
    out[2] = digits[byte >> 4];
    out[3] = digits[byte & 15];
    return byte == '\\' ? 2 : 4;
}

void log_escape(char out[LOG_TEXT_SIZE], weir_slice text)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        char escaped[4];
        size_t more = escape_byte(escaped, text.data[i]);

        if (size + more > LOG_TEXT_MAX) {
            memcpy(out + size, "...", 3);
            size += 3;
            break;
        }
        memcpy(out + size, escaped, more);
        size += more;
    }
    out[size] = '\0';
}

/* One comes in every interval, up to the burst. */
static void refill(struct log_bucket *bucket, uint64_t now)
{
    const uint64_t interval = NS_PER_SECOND / LOG_PER_SECOND;
    uint64_t came = now > bucket->since ? (now - bucket->since) / interval : 0;

    if (!bucket->used || came >= LOG_BURST - bucket->left) {
        bucket->left = LOG_BURST;
        bucket->since = now;
    } else {
        bucket->left += (unsigned)came;
        bucket->since += came * interval;
    }
    bucket->used = true;
}

static bool may_tell(struct log_bucket *bucket, uint64_t now)
{
    refill(bucket, now);
    if (bucket->left == 0) {
        bucket->missed++;
        return false;
    }
    bucket->left--;
    return true;
}

void logger_tell(struct logger *logger, uint64_t now, const struct log_fact *fact)
{
    char peer[LOG_TEXT_SIZE], reason[LOG_TEXT_SIZE], method[LOG_TEXT_SIZE], debug[LOG_TEXT_SIZE];
    const weir_log_event event = {
        .kind = fact->kind,
        .level = fact->level,
        .now_ns = now,
        .connection = fact->connection,
        .client = fact->client,
        .tls = fact->tls,
        .peer = peer,
        .reason = reason,
        .method = method,
        .debug = debug,
        .error = fact->error,
        .code = fact->code,
        .missed = logger != NULL ? logger->buckets[fact->kind].missed : 0,
    };

    if (logger == NULL || logger->log.tell == NULL || fact->level < logger->log.level ||
        !may_tell(&logger->buckets[fact->kind], now))
        return;
    log_escape(peer, fact->peer);
    log_escape(reason, fact->reason);
    log_escape(method, fact->method);
    log_escape(debug, fact->debug);
    logger->buckets[fact->kind].missed = 0;
    logger->log.tell(logger->log.self, &event);
}
