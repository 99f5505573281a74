/* SPDX-License-Identifier: MIT */
/*
 * messages_source.c - x.pb-c.c, in the order of what needs what.
 */
#include "emit.h"

static void emit_each(struct printer *p, struct message *const *messages, size_t count,
                      void (*emit)(struct printer *p, const struct message *message))
{
    for (size_t i = 0; i < count; i++) {
        emit_each(p, messages[i]->messages, messages[i]->message_count, emit);
        emit(p, messages[i]);
    }
}

static void emit_enums(struct printer *p, const struct message *message)
{
    for (size_t i = 0; i < message->enum_count; i++)
        emit_enum_descriptor(p, message->enums[i]);
}

static void emit_functions(struct printer *p, const struct message *message)
{
    const char *type = message->names.type, *lower = message->names.lower;

    print(p, "/* ---- %s ---- */\n\n", message->names.full);
    print(p, "void %s__init(%s *message)\n{\n", lower, type);
    print(p, "    static const %s init_value = %s__INIT;\n\n", type, message->names.upper);
    print(p, "    *message = init_value;\n}\n\n");
    emit_pack(p, message);
    emit_unpack(p, message);
}

void emit_messages_source(struct printer *p, const struct file *file)
{
    print(p, "/* Made by protoc-gen-weir of %s; changes are lost when it is made again. */\n\n",
          file->path);
    print(p, "/* This file itself may use what is deprecated. */\n"
             "#ifndef PROTOBUF_C__NO_DEPRECATED\n"
             "#define PROTOBUF_C__NO_DEPRECATED\n"
             "#endif\n\n");
    print(p, "#include \"%s.pb-c.h\"\n\n#include <weir/protobuf.h>\n\n#include <assert.h>\n\n",
          file->stem);
    emit_each(p, file->messages, file->message_count, emit_functions);
    emit_each(p, file->messages, file->message_count, emit_enums);
    for (size_t i = 0; i < file->enum_count; i++)
        emit_enum_descriptor(p, file->enums[i]);
    emit_each(p, file->messages, file->message_count, emit_descriptors);
}
