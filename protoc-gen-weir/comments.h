/* SPDX-License-Identifier: MIT */
/*
 * comments.h - comments of the .proto file, as comments of C.
 *
 * A path leads to an element in its file: numbers of fields of descriptor.proto and indices in
 * turns, {4, 0, 2, 1} for the second field of the first message.
 */
#ifndef COMMENTS_H
#define COMMENTS_H

#include "printer.h"

#include <google/protobuf/descriptor.pb-c.h>

/* The zero value has no comments. */
struct comment {
    const char *leading;
    const char *trailing;
};

/* A file's comments, sorted by path. */
struct comments {
    Google__Protobuf__SourceCodeInfo__Location **locations;
    size_t count;
};

struct comments comments_of(const Google__Protobuf__FileDescriptorProto *file);
struct comment comment_at(const struct comments *comments, const int32_t *path, size_t depth);

/* Prints both, each as a comment of its own; nothing where there is none. */
void print_comment(struct printer *printer, const struct comment *comment);

/* The lines of a comment's text, to go on with the comment that is open: ` * line` each. */
void print_comment_lines(struct printer *printer, const char *text);

#endif
