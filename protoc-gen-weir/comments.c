/* SPDX-License-Identifier: MIT */
/*
 * comments.c - comments of the .proto file, as comments of C.
 *
 * A comment's text is the user's: it may hold the marks that open and close a comment in C, and
 * control characters, and must not change what the compiler or a reader sees of the code after it.
 */
#include "comments.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

static int compare_paths(const int32_t *a, size_t a_depth, const int32_t *b, size_t b_depth)
{
    for (size_t i = 0; i < a_depth && i < b_depth; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return (a_depth > b_depth) - (a_depth < b_depth);
}

static int compare_locations(const void *a, const void *b)
{
    const Google__Protobuf__SourceCodeInfo__Location *const *x = a, *const *y = b;

    return compare_paths((*x)->path, (*x)->n_path, (*y)->path, (*y)->n_path);
}

struct comments comments_of(const Google__Protobuf__FileDescriptorProto *file)
{
    const Google__Protobuf__SourceCodeInfo *info = file->source_code_info;
    struct comments comments = {0};

    if (info == NULL || info->n_location == 0)
        return comments;
    comments.locations = keep_array(info->n_location, sizeof *comments.locations);
    for (size_t i = 0; i < info->n_location; i++)
        if (info->location[i]->leading_comments != NULL ||
            info->location[i]->trailing_comments != NULL)
            comments.locations[comments.count++] = info->location[i];
    qsort(comments.locations, comments.count, sizeof *comments.locations, compare_locations);
    return comments;
}

struct comment comment_at(const struct comments *comments, const int32_t *path, size_t depth)
{
    size_t low = 0, high = comments->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const Google__Protobuf__SourceCodeInfo__Location *at = comments->locations[middle];
        int order = compare_paths(at->path, at->n_path, path, depth);

        if (order == 0)
            return (struct comment){at->leading_comments, at->trailing_comments};
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct comment){0};
}

/* U+202A to U+202E and U+2066 to U+2069, which reorder the text that a reader sees. */
static bool reorders(const char *text, size_t size)
{
    const unsigned char *c = (const unsigned char *)text;

    return size >= 3 && c[0] == 0xe2 &&
           ((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
            (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

/* A line with nothing in it that C or a terminal takes for more than text. */
static char *plain(const char *line, size_t size)
{
    char *result = keep(2 * size + 1);
    char *out = result;
    char before = '\0';

    for (size_t i = 0; i < size; i++) {
        if (reorders(line + i, size - i)) {
            i += 2;
            continue;
        }
        if ((before == '*' && line[i] == '/') || (before == '/' && line[i] == '*'))
            *out++ = ' ';
        before = (unsigned char)line[i] < ' ' || line[i] == 0x7f ? ' ' : line[i];
        *out++ = before;
    }
    while (out > result && (out[-1] == ' ' || out[-1] == '\\'))
        out--; /* a backslash at the end would splice lines */
    *out = '\0';
    return result;
}

static size_t text_size(const char *text)
{
    size_t size = strlen(text);

    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        size--;
    return size;
}

void print_comment_lines(struct printer *printer, const char *text)
{
    size_t rest = text_size(text);

    while (rest > 0) {
        const char *newline = memchr(text, '\n', rest);
        size_t size = newline != NULL ? (size_t)(newline - text) : rest;
        char *line = plain(text, size);

        print(printer, " *%s%s\n", *line == '\0' || *line == ' ' ? "" : " ", line);
        text += size;
        rest -= size;
        if (newline != NULL) {
            text++;
            rest--;
        }
    }
}

/* One line stands on the line of its marks. */
static void print_text_comment(struct printer *printer, const char *text)
{
    if (text == NULL || text_size(text) == 0)
        return;
    if (memchr(text, '\n', text_size(text)) == NULL) {
        const char *line = plain(text, text_size(text));

        print(printer, "/*%s%s */\n", *line == ' ' ? "" : " ", line);
        return;
    }
    print(printer, "/*\n");
    print_comment_lines(printer, text);
    print(printer, " */\n");
}

void print_comment(struct printer *printer, const struct comment *comment)
{
    print_text_comment(printer, comment->leading);
    print_text_comment(printer, comment->trailing);
}
