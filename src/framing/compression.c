/* SPDX-License-Identifier: MIT */
/*
 * compression.c - gzip and deflate of single messages.
 *
 * A peer says how long the compressed message is and not how long the plain one, so the buffer it
 * is inflated into grows as bytes come out, at most twofold, and never past the limit.
 */
#include "framing/compression.h"

#include "base/alloc.h"
#include "base/budget.h"
#include "bytes/buffer.h"

#include <string.h>

static const struct {
    const char *name;
    int window_bits; /* as zlib wants it: 16 more for gzip's header and trailer */
} kinds[] = {
    [WEIR_IDENTITY] = {"identity", 0},
    [WEIR_GZIP] = {"gzip", 15 + 16},
    [WEIR_DEFLATE] = {"deflate", 15},
};

#ifdef WEIR_ZLIB
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };
const char compression_accepted[] = "identity,deflate,gzip";
#else
enum { KIND_COUNT = 1 };
const char compression_accepted[] = "identity";
#endif

const char *compression_name(weir_compression compression)
{
    return kinds[compression].name;
}

weir_compression compression_known(weir_compression compression)
{
    return (int)compression < (int)KIND_COUNT ? compression : WEIR_IDENTITY;
}

bool compression_parse(weir_slice name, weir_compression *out)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (name.size == strlen(kinds[i].name) &&
            memcmp(name.data, kinds[i].name, name.size) == 0) {
            *out = (weir_compression)i;
            return true;
        }
    }
    return false;
}

/* Cuts the first name off the list, without the spaces around it. */
static weir_slice next_name(weir_slice *names)
{
    const uint8_t *comma = names->size != 0 ? memchr(names->data, ',', names->size) : NULL;
    weir_slice name = {names->data, comma != NULL ? (size_t)(comma - names->data) : names->size};
    size_t used = name.size + (comma != NULL);

    names->data += used;
    names->size -= used;
    while (name.size != 0 && *name.data == ' ')
        name.data++, name.size--;
    while (name.size != 0 && name.data[name.size - 1] == ' ')
        name.size--;
    return name;
}

unsigned compression_parse_list(weir_slice names)
{
    unsigned set = 0;

    while (names.size != 0) {
        weir_compression compression;

        if (compression_parse(next_name(&names), &compression))
            set |= 1u << compression;
    }
    return set;
}

#ifdef WEIR_ZLIB
#include <zlib.h>

enum { FIRST_CAPACITY = 1024, SMALLEST = 32 };
/* What zlib takes to inflate a message. */
#define INFLATE_STATE ((size_t)44 * 1024)

static void *zlib_alloc(void *self, unsigned count, unsigned size)
{
    (void)self;
    return mem_zalloc((size_t)count * size);
}

static void zlib_free(void *self, void *memory)
{
    (void)self;
    mem_free(memory);
}

/* ---- inflate ---- */

/* What came out so far: a buffer that is resized as long as nobody shares it. */
struct plain {
    struct weir_buffer *buffer;
    size_t size;
    size_t capacity;
    struct call_budget *memory; /* may be NULL */
    size_t charged;
};

static void charge(struct plain *plain, size_t size)
{
    if (plain->memory != NULL)
        call_recharge(plain->memory, &plain->charged, size);
}

static weir_code out_of_memory(weir_status *why)
{
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a received message");
}

static bool grow(struct plain *plain, size_t max_size)
{
    size_t capacity = plain->capacity < FIRST_CAPACITY / 2 ? FIRST_CAPACITY : plain->capacity * 2;
    struct weir_buffer *buffer;

    if (capacity > max_size)
        capacity = max_size;
    if (plain->buffer == NULL)
        buffer = buffer_create(capacity);
    else
        buffer = mem_resize(plain->buffer, sizeof *buffer + capacity);
    if (buffer == NULL)
        return false;
    plain->buffer = buffer;
    plain->capacity = capacity;
    charge(plain, INFLATE_STATE + capacity);
    return true;
}

/* Goes on until the end, or until `size` bytes came out, which *size then counts. */
static int inflate_some(z_stream *z, uint8_t *out, size_t *size)
{
    unsigned room = *size < UINT32_MAX ? (unsigned)*size : UINT32_MAX;
    int result;

    z->next_out = out;
    z->avail_out = room;
    result = inflate(z, Z_NO_FLUSH);
    *size = room - z->avail_out;
    /* It stopped although there is room: the data ended too early. */
    return result == Z_OK && z->avail_out != 0 ? Z_BUF_ERROR : result;
}

/* Into the plain message; once that has its largest size, one byte more shows that it is passed. */
static int inflate_step(z_stream *z, struct plain *plain, size_t max_size, bool *passed)
{
    uint8_t spill;
    size_t size = plain->capacity - plain->size;
    int result;

    if (plain->size < max_size && size == 0) {
        if (!grow(plain, max_size))
            return Z_MEM_ERROR;
        size = plain->capacity - plain->size;
    }
    if (plain->size == max_size) {
        size = 1;
        result = inflate_some(z, &spill, &size);
        *passed = size != 0;
        return result;
    }
    result = inflate_some(z, buffer_data(plain->buffer) + plain->size, &size);
    plain->size += size;
    return result;
}

static weir_code inflate_all(z_stream *z, weir_compression compression, size_t max_size,
                             struct plain *plain, weir_status *why)
{
    bool passed = false;
    int result = Z_OK;

    while (result == Z_OK && !passed)
        result = inflate_step(z, plain, max_size, &passed);
    if (passed)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED,
                         "received message larger than max (%zu) when inflated", max_size);
    if (result == Z_MEM_ERROR)
        return out_of_memory(why);
    if (result != Z_STREAM_END || z->avail_in != 0)
        return weir_fail(why, WEIR_INTERNAL, "a received message is no %s",
                         kinds[compression].name);
    return WEIR_OK;
}

static weir_code inflate_with(z_stream *z, weir_compression compression, const weir_bytes *data,
                              size_t max_size, struct plain *plain, weir_status *why)
{
    weir_code code;

    if (inflateInit2(z, kinds[compression].window_bits) != Z_OK)
        return out_of_memory(why);
    z->next_in = (uint8_t *)data->data;
    z->avail_in = (unsigned)data->size;
    code = inflate_all(z, compression, max_size, plain, why);
    inflateEnd(z);
    return code;
}

weir_code compression_inflate(weir_compression compression, const weir_bytes *data, size_t max_size,
                              struct call_budget *memory, weir_bytes *out, weir_status *why)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    struct plain plain = {.memory = memory};
    weir_code code;

    *out = (weir_bytes){0};
    charge(&plain, INFLATE_STATE);
    code = inflate_with(&z, compression, data, max_size, &plain, why);
    charge(&plain, 0);
    if (code == WEIR_OK && plain.size != 0)
        *out = (weir_bytes){buffer_data(plain.buffer), plain.size, plain.buffer};
    else if (plain.buffer != NULL)
        buffer_unref(plain.buffer);
    return code;
}

/* ---- deflate ---- */

struct deflater {
    z_stream streams[KIND_COUNT];
    bool made[KIND_COUNT];
};

struct deflater *deflater_create(void)
{
    return mem_zalloc(sizeof(struct deflater));
}

void deflater_free(struct deflater *deflater)
{
    if (deflater == NULL)
        return;
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (deflater->made[i])
            deflateEnd(&deflater->streams[i]);
    mem_free(deflater);
}

/* The stream of this kind, ready for a new message; NULL when memory is out. */
static z_stream *fresh_stream(struct deflater *deflater, weir_compression compression)
{
    z_stream *z = &deflater->streams[compression];

    if (deflater->made[compression])
        return deflateReset(z) == Z_OK ? z : NULL;
    *z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
    deflater->made[compression] =
        deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kinds[compression].window_bits, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK;
    return deflater->made[compression] ? z : NULL;
}

/* Without the room behind the first `size` bytes, which may be most of it. */
static weir_bytes shrunk(const weir_bytes *bytes, size_t size)
{
    struct weir_buffer *buffer = mem_resize(bytes->buffer, sizeof *buffer + size);

    if (buffer == NULL)
        buffer = bytes->buffer;
    return (weir_bytes){buffer_data(buffer), size, buffer};
}

bool deflater_run(struct deflater *deflater, weir_compression compression, const weir_bytes *data,
                  weir_bytes *out)
{
    z_stream *z;
    uint8_t *memory;
    weir_bytes bytes;

    if (data->size < SMALLEST || data->size > UINT32_MAX)
        return false;
    z = fresh_stream(deflater, compression);
    if (z == NULL)
        return false;
    bytes = weir_bytes_new(data->size - 1, &memory);
    if (memory == NULL)
        return false;
    z->next_in = (uint8_t *)data->data;
    z->avail_in = (unsigned)data->size;
    z->next_out = memory;
    z->avail_out = (unsigned)(data->size - 1);
    if (deflate(z, Z_FINISH) != Z_STREAM_END) {
        weir_bytes_unref(&bytes);
        return false;
    }
    *out = shrunk(&bytes, bytes.size - z->avail_out);
    return true;
}
#else
weir_code compression_inflate(weir_compression compression, const weir_bytes *data, size_t max_size,
                              struct call_budget *memory, weir_bytes *out, weir_status *why)
{
    (void)data, (void)max_size, (void)memory;
    *out = (weir_bytes){0};
    return weir_fail(why, WEIR_INTERNAL, "%s is not built in", kinds[compression].name);
}

struct deflater *deflater_create(void)
{
    return NULL;
}

void deflater_free(struct deflater *deflater)
{
    (void)deflater;
}

bool deflater_run(struct deflater *deflater, weir_compression compression, const weir_bytes *data,
                  weir_bytes *out)
{
    (void)deflater, (void)compression, (void)data, (void)out;
    return false;
}
#endif
