/* SPDX-License-Identifier: MIT */
/*
 * options.c - what the user asked for.
 *
 * protobuf-c's options are unknown fields of the options in a descriptor: the plugin knows only
 * what protobuf itself defines. They are few and plain, so they are read by hand.
 */
#include "options.h"

#include "memory.h"

#include <string.h>

#define EXTENSION 1019

static bool is(const char *text, size_t size, const char *word)
{
    return strlen(word) == size && memcmp(text, word, size) == 0;
}

const char *options_parse(const char *parameter, struct options *out)
{
    *out = (struct options){.messages = true};
    for (const char *at = parameter != NULL ? parameter : ""; *at != '\0';) {
        size_t size = strcspn(at, ",");

        if (is(at, size, "messages=weir"))
            out->messages = true;
        else if (is(at, size, "messages=protobuf-c"))
            out->messages = false;
        else if (size != 0)
            return keep_format("unknown option '%.*s'; there is messages=weir (the default) and "
                               "messages=protobuf-c",
                               (int)size, at);
        at += size + (at[size] == ',');
    }
    return NULL;
}

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* 0 where there is no more, which then ends the reading. */
static uint64_t read_varint(struct reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; reader->at < reader->end && shift < 64; shift += 7) {
        uint8_t byte = *reader->at++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    reader->at = reader->end;
    return 0;
}

static struct reader read_piece(struct reader *reader)
{
    uint64_t size = read_varint(reader);
    struct reader piece = {reader->at, reader->at};

    if (size > (uint64_t)(reader->end - reader->at))
        size = (uint64_t)(reader->end - reader->at);
    piece.end = reader->at += size;
    return piece;
}

struct option {
    uint64_t number;
    uint64_t value;
    struct reader text;
};

/* The next field that is a number or a text; anything else is not one of protobuf-c's options. */
static bool next_option(struct reader *reader, struct option *out)
{
    uint64_t tag = read_varint(reader);

    *out = (struct option){.number = tag >> 3};
    if (tag == 0 || ((tag & 7) != 0 && (tag & 7) != 2))
        return false;
    if ((tag & 7) == 0)
        out->value = read_varint(reader);
    else
        out->text = read_piece(reader);
    return true;
}

/* Each piece of the extension, also where it comes in several, as protoc writes them. */
static bool next_extension(const ProtobufCMessage *options, unsigned *i, struct reader *out)
{
    while (options != NULL && *i < options->n_unknown_fields) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[(*i)++];

        if (field->tag == EXTENSION && field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            *out = (struct reader){field->data, field->data + field->len};
            *out = read_piece(out);
            return true;
        }
    }
    return false;
}

static const char *text_of(const struct option *option)
{
    return keep_copy((const char *)option->text.at, (size_t)(option->text.end - option->text.at));
}

struct file_options file_options_of(const Google__Protobuf__FileOptions *options)
{
    struct file_options result = {0};
    struct reader piece;
    struct option option;

    for (unsigned i = 0; next_extension((const ProtobufCMessage *)options, &i, &piece);) {
        while (next_option(&piece, &option)) {
            switch (option.number) {
            case 1:
                result.no_generate = option.value != 0;
                break;
            case 4:
                result.const_strings = option.value != 0;
                break;
            case 5:
                result.use_oneof_field_name = option.value != 0;
                break;
            case 6:
                result.c_package = text_of(&option);
                break;
            }
        }
    }
    return result;
}

const char *base_name_of(const Google__Protobuf__MessageOptions *options)
{
    const char *result = "base";
    struct reader piece;
    struct option option;

    for (unsigned i = 0; next_extension((const ProtobufCMessage *)options, &i, &piece);)
        while (next_option(&piece, &option))
            if (option.number == 3)
                result = text_of(&option);
    return result;
}

bool string_as_bytes(const Google__Protobuf__FieldOptions *options)
{
    bool result = false;
    struct reader piece;
    struct option option;

    for (unsigned i = 0; next_extension((const ProtobufCMessage *)options, &i, &piece);)
        while (next_option(&piece, &option))
            if (option.number == 1)
                result = option.value != 0;
    return result;
}
