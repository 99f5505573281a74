/* SPDX-License-Identifier: MIT */
/*
 * names.c - names of C, as protobuf-c has them.
 *
 * Letters are those of ASCII whatever the locale is: output depends on nothing but the input.
 */
#include "names.h"

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_word(char c)
{
    return is_upper(c) || is_lower(c) || (c >= '0' && c <= '9');
}

static char to_upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static char to_lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

char *name_camel(const char *name)
{
    char *result = keep(strlen(name) + 1);
    char *out = result;
    bool capital = true;

    for (; *name != '\0'; name++) {
        if (*name != '_')
            *out++ = capital ? to_upper(*name) : *name;
        capital = *name == '_';
    }
    return result;
}

/* An underscore where a capital follows something else, then each letter through `change`. */
static char *separate(const char *name, char (*change)(char c))
{
    char *result = keep(2 * strlen(name) + 1);
    char *out = result;
    bool was_upper = true;

    for (; *name != '\0'; name++) {
        if (is_upper(*name) && !was_upper)
            *out++ = '_';
        *out++ = change(*name);
        was_upper = is_upper(*name);
    }
    return result;
}

char *name_upper(const char *name)
{
    return separate(name, to_upper);
}

char *name_lower(const char *name)
{
    return separate(name, to_lower);
}

/* The parts, each through `change`, with `__` between them. */
static char *join(const char *full_name, char *(*change)(const char *name))
{
    char *result = keep_copy("", 0);

    while (*full_name != '\0') {
        size_t size = strcspn(full_name, ".");

        if (size != 0)
            result = keep_format("%s%s%s", result, *result != '\0' ? "__" : "",
                                 change(keep_copy(full_name, size)));
        full_name += size + (full_name[size] == '.');
    }
    return result;
}

char *full_name_type(const char *full_name)
{
    return join(full_name, name_camel);
}

char *full_name_upper(const char *full_name)
{
    return join(full_name, name_upper);
}

char *full_name_lower(const char *full_name)
{
    return join(full_name, name_lower);
}

/* Sorted: what protobuf-c avoids, words of C++ too, and `restrict`, with which no C compiles. */
static const char *const reserved[] = {
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "compl",
    "const",
    "const_cast",
    "continue",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "not",
    "not_eq",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
};

static int compare_words(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

char *name_member(const char *name)
{
    char *result = keep_copy(name, strlen(name));

    for (char *c = result; *c != '\0'; c++)
        *c = to_lower(*c);
    if (bsearch(result, reserved, sizeof reserved / sizeof *reserved, sizeof *reserved,
                compare_words) == NULL)
        return result;
    return keep_format("%s_", result);
}

char *path_stem(const char *path)
{
    static const char *const endings[] = {".protodevel", ".proto"};
    size_t size = strlen(path);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);

        if (size > ending && strcmp(path + size - ending, endings[i]) == 0)
            return keep_copy(path, size - ending);
    }
    return keep_copy(path, size);
}

char *path_macro(const char *path)
{
    char *result = keep(3 * strlen(path) + 1);
    char *out = result;

    for (; *path != '\0'; path++) {
        if (is_word(*path))
            *out++ = *path;
        else
            out += sprintf(out, "_%x", (unsigned char)*path);
    }
    return result;
}

char *path_object(const char *path)
{
    const char *stem = path_stem(path);
    char *result = keep(3 * strlen(stem) + 2);
    char *out = result;

    if (*stem >= '0' && *stem <= '9')
        *out++ = '_';
    for (; *stem != '\0'; stem++) {
        if (*stem == '/')
            out += sprintf(out, "__");
        else if (is_word(*stem) || *stem == '_')
            *out++ = *stem;
        else
            out += sprintf(out, "_%x", (unsigned char)*stem);
    }
    return result;
}
