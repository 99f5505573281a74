/* SPDX-License-Identifier: MIT */
/*
 * values.c - a field's values in C.
 *
 * Defaults are in the descriptor as text: numbers in decimal and shortest form, bytes with the
 * escapes of C, a string as it is.
 */
#include "values.h"

#include "memory.h"

#include <stdio.h>
#include <string.h>

const char *type_macro(const struct field *field)
{
    if (field->kind == KIND_BYTES)
        return "BYTES"; /* a string may be held as bytes */
    switch (field->type) {
    case TYPE(DOUBLE):
        return "DOUBLE";
    case TYPE(FLOAT):
        return "FLOAT";
    case TYPE(INT64):
        return "INT64";
    case TYPE(UINT64):
        return "UINT64";
    case TYPE(INT32):
        return "INT32";
    case TYPE(FIXED64):
        return "FIXED64";
    case TYPE(FIXED32):
        return "FIXED32";
    case TYPE(BOOL):
        return "BOOL";
    case TYPE(UINT32):
        return "UINT32";
    case TYPE(SFIXED32):
        return "SFIXED32";
    case TYPE(SFIXED64):
        return "SFIXED64";
    case TYPE(SINT32):
        return "SINT32";
    case TYPE(SINT64):
        return "SINT64";
    case TYPE(STRING):
        return "STRING";
    case TYPE(ENUM):
        return "ENUM";
    default:
        return "MESSAGE";
    }
}

static const char *scalar_type(field_type type)
{
    switch (type) {
    case TYPE(DOUBLE):
        return "double";
    case TYPE(FLOAT):
        return "float";
    case TYPE(INT64):
    case TYPE(SINT64):
    case TYPE(SFIXED64):
        return "int64_t";
    case TYPE(UINT64):
    case TYPE(FIXED64):
        return "uint64_t";
    case TYPE(UINT32):
    case TYPE(FIXED32):
        return "uint32_t";
    case TYPE(BOOL):
        return "protobuf_c_boolean";
    default:
        return "int32_t";
    }
}

const char *value_type(const struct field *field)
{
    switch (field->kind) {
    case KIND_ENUM:
        return field->enumeration->names.type;
    case KIND_STRING:
        return field->owner->file->options.const_strings ? "const char *" : "char *";
    case KIND_BYTES:
        return "ProtobufCBinaryData";
    case KIND_MESSAGE:
        return keep_format("%s *", field->message->names.type);
    default:
        return scalar_type(field->type);
    }
}

const char *value_declaration(const struct field *field)
{
    const char *type = value_type(field);

    return keep_format("%s%s%s", type, type[strlen(type) - 1] == '*' ? "" : " ",
                       field->label == LABEL_REPEATED ? "*" : "");
}

/* ---- defaults ---- */

static const char *integer(const struct field *field)
{
    const char *text = field->default_text;

    switch (field->type) {
    case TYPE(INT64):
    case TYPE(SINT64):
    case TYPE(SFIXED64):
        /* The least number has no literal: a minus is an operator. */
        return strcmp(text, "-9223372036854775808") == 0 ? "INT64_MIN"
                                                         : keep_format("INT64_C(%s)", text);
    case TYPE(UINT64):
    case TYPE(FIXED64):
        return keep_format("UINT64_C(%s)", text);
    case TYPE(UINT32):
    case TYPE(FIXED32):
        return keep_format("%su", text);
    case TYPE(BOOL):
        return strcmp(text, "true") == 0 ? "1" : "0";
    default:
        return strcmp(text, "-2147483648") == 0 ? "INT32_MIN" : text;
    }
}

static bool is_infinite_or_nan(const char *text)
{
    return strstr(text, "inf") != NULL || strstr(text, "nan") != NULL;
}

static const char *floating(const struct field *field)
{
    const char *text = field->default_text;
    bool is_float = field->type == TYPE(FLOAT);

    if (strstr(text, "nan") != NULL)
        return is_float ? "NAN" : "(double)NAN";
    if (strstr(text, "inf") != NULL)
        return keep_format("%s%sINFINITY", is_float ? "" : "(double)", *text == '-' ? "-" : "");
    return keep_format("%s%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "",
                       is_float ? "f" : "");
}

static const char *enumerator(const struct field *field)
{
    const struct enumeration *enumeration = field->enumeration;

    for (size_t i = 0; field->default_text != NULL && i < enumeration->value_count; i++)
        if (strcmp(enumeration->values[i].proto, field->default_text) == 0)
            return enumeration->values[i].name;
    return enumeration->value_count != 0 ? enumeration->values[0].name : "0";
}

static const char *string_initializer(const struct field *field)
{
    const char *type = value_type(field);

    if (field->default_text != NULL)
        return keep_format("%s__default_value", field->lower);
    return field->label == LABEL_NONE ? keep_format("(%s)protobuf_c_empty_string", type) : "NULL";
}

const char *value_initializer(const struct field *field)
{
    const char *text = field->default_text;

    switch (field->kind) {
    case KIND_STRING:
        return string_initializer(field);
    case KIND_BYTES:
        return text != NULL ? keep_format("{ %zu, %s__default_value_data }",
                                          default_bytes(field).size, field->lower)
                            : "{ 0, NULL }";
    case KIND_ENUM:
        return enumerator(field);
    case KIND_MESSAGE:
        return "NULL";
    default:
        if (text == NULL)
            return "0";
        return field->type == TYPE(FLOAT) || field->type == TYPE(DOUBLE) ? floating(field)
                                                                         : integer(field);
    }
}

bool needs_math(const struct field *field)
{
    return field->default_text != NULL &&
           (field->type == TYPE(FLOAT) || field->type == TYPE(DOUBLE)) &&
           is_infinite_or_nan(field->default_text);
}

/* protobuf-c gives the elements of a repeated string of proto3 a default, too. */
const char *default_address(const struct field *field)
{
    if (field->default_text != NULL)
        return keep_format("&%s__default_value", field->lower);
    if (field->kind == KIND_STRING && field->owner->file->proto3 && field->label != LABEL_OPTIONAL)
        return "&protobuf_c_empty_string";
    return "NULL";
}

/* ---- bytes ---- */

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The character that follows a backslash at *at, and *at behind it. */
static char unescape(const char **at)
{
    static const char names[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
    const char *name;
    unsigned value = 0;

    if (is_octal(**at)) {
        for (unsigned digits = 0; digits < 3 && is_octal(**at); digits++)
            value = value * 8 + (unsigned)(*(*at)++ - '0');
        return (char)value;
    }
    name = memchr(names, **at, sizeof names - 1);
    return name != NULL ? ((*at)++, values[name - names]) : *(*at)++;
}

struct bytes default_bytes(const struct field *field)
{
    const char *text = field->default_text;
    char *data;
    size_t size = 0;

    if (field->type != TYPE(BYTES))
        return (struct bytes){text, strlen(text)};
    data = keep(strlen(text) + 1);
    while (*text != '\0') {
        if (*text == '\\' && text[1] != '\0') {
            text++;
            data[size++] = unescape(&text);
        } else {
            data[size++] = *text++;
        }
    }
    return (struct bytes){data, size};
}

const char *literal(struct bytes bytes)
{
    char *result = keep(4 * bytes.size + 3);
    char *out = result;

    *out++ = '"';
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        /* Always three digits, so that no digit behind them counts; `?` could begin a trigraph. */
        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '?')
            out += sprintf(out, "\\%03o", c);
        else
            *out++ = (char)c;
    }
    *out++ = '"';
    *out = '\0';
    return result;
}
