/* SPDX-License-Identifier: MIT */
/*
 * fuzz_framing.c - any bytes, in any pieces, as length-prefixed messages, deflated ones among them.
 *
 * The input is a program that appends, takes, discards and ends. A model that keeps all bytes in
 * one piece says what must come out. Some messages are kept for a while: what comes after must not
 * write over them.
 */
#include "fuzz.h"

#include "conn/support/memory.h"
#include "framing/compression.h"
#include "framing/prefix.h"
#include "framing/reader.h"

enum {
    SENT_MAX = 256 * 1024,
    KEPT_MAX = 4,
    INFLATED_MAX = 64 * 1024,
    ZLIB_HOLDS = 64 * 1024,
    DEFLATED_MAX = 8
};

struct kept {
    weir_bytes message;
    size_t at; /* in what was sent */
};

struct run {
    struct frame_reader reader;
    size_t max_size;
    bool negotiated;
    bool failed, ended, discards;
    bool starved; /* an allocation failed: the model knows no more */
    uint8_t *sent;
    size_t size, whole, taken; /* of that: all, whole messages, those taken */
    uint64_t appended, credited;
    struct kept kept[KEPT_MAX];
    unsigned takes;
    struct deflater *deflater;
    unsigned deflated;
};

/* ---- the model ---- */

static bool is_refused(const struct run *run, const uint8_t *prefix)
{
    return prefix_flag(prefix) > 1 || (prefix_flag(prefix) == 1 && !run->negotiated) ||
           prefix_length(prefix) > run->max_size;
}

static void scan(struct run *run)
{
    while (!run->failed && run->size - run->whole >= PREFIX_SIZE) {
        const uint8_t *prefix = run->sent + run->whole;
        size_t size = PREFIX_SIZE + (size_t)prefix_length(prefix);

        run->failed = is_refused(run, prefix);
        if (run->failed || size > run->size - run->whole)
            return;
        run->whole += size;
    }
}

static void check(struct run *run)
{
    size_t waits = run->size - run->taken;

    run->credited += frame_reader_credit(&run->reader);
    if (run->starved)
        return;
    must(frame_reader_has_message(&run->reader) == (!run->discards && run->taken < run->whole));
    must(run->credited <= run->appended);
    if (!frame_reader_has_message(&run->reader))
        must(run->credited == run->appended);
    must(frame_reader_held(&run->reader) <= (size_t)48 * 1024 + 3 * waits);
}

/* ---- in ---- */

static void append(struct run *run, const uint8_t *data, size_t size)
{
    bool over = run->failed || run->ended || run->discards;
    uint8_t *copy;
    weir_code code;

    if (size > SENT_MAX - run->size)
        return;
    copy = copy_of(data, size);
    if (!over && size != 0) {
        memcpy(run->sent + run->size, data, size);
        run->size += size;
        scan(run);
    }
    run->appended += size;
    code = frame_reader_append(&run->reader, copy, size, NULL);
    run->starved |= memory_failed();
    if (!run->starved)
        must((code != WEIR_OK) == (run->failed && !over));
    free(copy);
    check(run);
}

static void append_message(struct run *run, unsigned flag, const uint8_t *data, size_t size)
{
    uint8_t prefix[PREFIX_SIZE];

    prefix_write(prefix, flag, (uint32_t)size);
    append(run, prefix, sizeof prefix);
    append(run, data, size);
}

static void append_large(struct run *run, struct input *input)
{
    size_t size = input_number(input, 2), piece = (size_t)input_byte(input) * 64 + 1 + size / 128;
    uint8_t *message = calloc(1, PREFIX_SIZE + size);

    must(message != NULL);
    prefix_write(message, 0, (uint32_t)size);
    memset(message + PREFIX_SIZE, (int)size, size);
    for (size_t at = 0; at < PREFIX_SIZE + size; at += piece) {
        size_t left = PREFIX_SIZE + size - at;

        append(run, message + at, left < piece ? left : piece);
    }
    free(message);
}

/* ---- compression ---- */

static weir_compression kind_of(unsigned bit)
{
    return compression_known(bit & 1 ? WEIR_GZIP : WEIR_DEFLATE);
}

static void inflate(weir_compression kind, const weir_bytes *message, size_t max_size)
{
    weir_bytes plain = {0};
    size_t before = memory_held();

    memory_reset_peak();
    if (compression_inflate(kind, message, max_size, NULL, &plain, NULL) == WEIR_OK)
        must(plain.size <= max_size);
    must(memory_peak() - before <= 3 * max_size + ZLIB_HOLDS);
    weir_bytes_unref(&plain);
}

/* What was deflated is inflated to what it was. */
static void must_inflate(weir_compression kind, const weir_bytes *packed, const weir_bytes *plain)
{
    weir_bytes again = {0};
    weir_code code = compression_inflate(kind, packed, plain->size, NULL, &again, NULL);

    if (!memory_failed())
        must(code == WEIR_OK && weir_bytes_equal(&again, plain));
    weir_bytes_unref(&again);
    if (plain->size != 0)
        must(compression_inflate(kind, packed, plain->size - 1, NULL, &again, NULL) ==
             WEIR_RESOURCE_EXHAUSTED);
}

static weir_bytes repeated(weir_slice slice, size_t times)
{
    weir_builder builder = {0};

    for (size_t i = 0; i < times; i++)
        weir_builder_append(&builder, slice.data, slice.size);
    return weir_builder_finish(&builder);
}

/* Appends a deflated message, of which a byte may be another; `bits` says what and where. */
static void append_deflated(struct run *run, struct input *input)
{
    unsigned bits = input_byte(input), flip = input_byte(input);
    weir_bytes plain = repeated(input_slice(input), 1 + bits / 4), packed = {0};
    uint8_t *data;

    if (run->deflater == NULL && run->deflated++ < DEFLATED_MAX)
        run->deflater = deflater_create();
    if (run->deflater != NULL && run->deflated++ < DEFLATED_MAX &&
        deflater_run(run->deflater, kind_of(bits), &plain, &packed)) {
        must(packed.size < plain.size);
        must_inflate(kind_of(bits), &packed, &plain);
        data = copy_of(packed.data, packed.size);
        data[flip % packed.size] ^= (uint8_t)(bits & 2 ? flip : 0);
        append_message(run, 1, data, packed.size);
        free(data);
    }
    weir_bytes_unref(&plain);
    weir_bytes_unref(&packed);
}

/* ---- out ---- */

static void drop(struct run *run, struct kept *kept)
{
    const weir_bytes *message = &kept->message;

    if (message->size != 0 && !run->starved)
        must(memcmp(message->data, run->sent + kept->at, message->size) == 0);
    weir_bytes_unref(&kept->message);
}

static bool take(struct run *run)
{
    struct kept *kept = &run->kept[run->takes++ % KEPT_MAX];
    const uint8_t *prefix = run->sent + run->taken;
    unsigned flag;

    drop(run, kept);
    if (!frame_reader_take(&run->reader, &kept->message, &flag))
        return false;
    if (flag == 1)
        inflate(kind_of(run->takes), &kept->message, INFLATED_MAX);
    if (!run->starved) {
        must(run->taken < run->whole);
        must(flag == prefix_flag(prefix) && kept->message.size == prefix_length(prefix));
        kept->at = run->taken + PREFIX_SIZE;
        run->taken += PREFIX_SIZE + kept->message.size;
    }
    check(run);
    return true;
}

static void end(struct run *run)
{
    bool inside = !run->failed && !run->discards && run->size != run->whole;

    if (run->ended)
        return;
    run->ended = true;
    must((frame_reader_end(&run->reader, NULL) == WEIR_INTERNAL) == inside || run->starved);
    check(run);
}

static void discard(struct run *run)
{
    run->discards = true;
    frame_reader_discard(&run->reader);
    check(run);
}

static void step(struct run *run, struct input *input)
{
    unsigned kind = input_byte(input);
    weir_slice slice;

    switch (kind % 10) {
    case 0:
    case 1:
        slice = input_slice(input);
        append(run, slice.data, slice.size);
        break;
    case 2:
    case 3:
        slice = input_slice(input);
        append_message(run, kind / 10 & 1, slice.data, slice.size);
        break;
    case 4:
        append_large(run, input);
        break;
    case 5:
        append_deflated(run, input);
        break;
    case 6:
        take(run);
        break;
    case 7:
        while (take(run))
            ;
        break;
    case 8:
        memory_fail_at(input_byte(input));
        break;
    default:
        (input_byte(input) & 7) == 0 ? discard(run) : end(run);
    }
    run->starved |= memory_failed();
}

static void finish(struct run *run)
{
    memory_fail_at(SIZE_MAX);
    while (take(run))
        ;
    for (unsigned i = 0; i < KEPT_MAX; i++)
        drop(run, &run->kept[i]);
    frame_reader_clear(&run->reader);
    must(frame_reader_held(&run->reader) == 0);
    deflater_free(run->deflater);
    must(memory_held() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t sizes[] = {0, 16, 1000, INFLATED_MAX};
    static uint8_t sent[SENT_MAX];
    struct input input = {data, size};
    unsigned options = input_byte(&input);
    struct run run = {.sent = sent, .max_size = sizes[options & 3], .negotiated = options & 4};

    memory_install();
    compression_parse_list((weir_slice){data, size});
    frame_reader_init(&run.reader, run.max_size, run.negotiated);
    while (input.size != 0)
        step(&run, &input);
    finish(&run);
    return 0;
}
