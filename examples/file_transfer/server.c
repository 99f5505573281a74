/* SPDX-License-Identifier: MIT */
/*
 * server.c - stores and gives out the files of one directory: server ADDRESS DIRECTORY.
 *
 * Files block, so these are plain functions on the server's pool: a transfer is a loop that reads
 * here and writes there. It goes as fast as the slower end, and holds one piece.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/example.h"
#include "files.weir.h"
#include "store.h"
#include "sum.h"

enum { PIECE = 64 * 1024 };

/* ---- upload ---- */

struct upload {
    struct incoming file;
    struct sum *sum;
    uint64_t size;
    bool begun;
    bool whole; /* the sum came, and was right */
};

static weir_code take_data(struct upload *upload, const ProtobufCBinaryData *data, weir_status *why)
{
    if (!upload->begun)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "data before the name");
    upload->size += data->len;
    if (!sum_add(upload->sum, data->data, data->len))
        return weir_fail(why, WEIR_INTERNAL, "SHA-256 failed");
    return store_write(&upload->file, data->data, data->len, why);
}

static weir_code take_sum(struct upload *upload, const ProtobufCBinaryData *sum, weir_status *why)
{
    if (!upload->begun)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "a sum before the name");
    upload->whole = sum_is(upload->sum, sum->data, sum->len);
    return upload->whole ? WEIR_OK : weir_fail(why, WEIR_DATA_LOSS, "another SHA-256 than sent");
}

static weir_code take_part(struct upload *upload, int directory,
                           const FileTransfer__UploadPart *part, weir_status *why)
{
    if (upload->whole)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "something after the sum");
    switch (part->part_case) {
    case FILE_TRANSFER__UPLOAD_PART__PART_NAME:
        if (upload->begun)
            return weir_fail(why, WEIR_FAILED_PRECONDITION, "a second name");
        upload->begun = true;
        return store_begin(directory, part->name, &upload->file, why);
    case FILE_TRANSFER__UPLOAD_PART__PART_DATA:
        return take_data(upload, &part->data, why);
    case FILE_TRANSFER__UPLOAD_PART__PART_SHA256:
        return take_sum(upload, &part->sha256, why);
    default:
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "a part of no known kind");
    }
}

static weir_code receive(struct upload *upload, int directory, FileTransfer__Files__Upload_Io *io,
                         weir_status *why)
{
    const FileTransfer__UploadPart *part;
    weir_code code = WEIR_OK;
    weir_poll poll = WEIR_END;

    while (code == WEIR_OK &&
           (poll = file_transfer__files__upload__read_request(io, &part, why)) == WEIR_READY)
        code = take_part(upload, directory, part, why);
    if (code != WEIR_OK || poll == WEIR_ERROR)
        return why->code;
    if (!upload->whole)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "the upload ended before its sum");
    return store_keep(&upload->file, why);
}

static weir_code upload(void *self, weir_call *call, FileTransfer__Files__Upload_Io *io,
                        FileTransfer__Receipt *response, weir_status *why)
{
    const int *directory = self;
    struct upload upload = {.file = {.fd = -1}, .sum = sum_create()};
    weir_code code;

    (void)call;
    if (upload.sum == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    code = receive(&upload, *directory, io, why);
    response->size = upload.size;
    store_abandon(&upload.file);
    sum_free(upload.sum);
    return code;
}

/* ---- download ---- */

static weir_code send_size(FileTransfer__Files__Download_Io *io, uint64_t size)
{
    FileTransfer__DownloadPart part = FILE_TRANSFER__DOWNLOAD_PART__INIT;

    part.part_case = FILE_TRANSFER__DOWNLOAD_PART__PART_SIZE;
    part.size = size;
    return file_transfer__files__download__write_response(io, &part);
}

static weir_code send_sum(FileTransfer__Files__Download_Io *io, struct sum *sum, weir_status *why)
{
    FileTransfer__DownloadPart part = FILE_TRANSFER__DOWNLOAD_PART__INIT;
    uint8_t bytes[SUM_SIZE];

    if (!sum_finish(sum, bytes))
        return weir_fail(why, WEIR_INTERNAL, "SHA-256 failed");
    part.part_case = FILE_TRANSFER__DOWNLOAD_PART__PART_SHA256;
    part.sha256 = (ProtobufCBinaryData){SUM_SIZE, bytes};
    return file_transfer__files__download__write_response(io, &part);
}

/* The write waits until the client has room, so no more than a piece is ever read ahead. */
static weir_code send_data(FileTransfer__Files__Download_Io *io, int fd, struct sum *sum,
                           weir_status *why)
{
    FileTransfer__DownloadPart part = FILE_TRANSFER__DOWNLOAD_PART__INIT;
    uint8_t piece[PIECE];
    weir_code code = WEIR_OK;
    ssize_t got = 0;

    part.part_case = FILE_TRANSFER__DOWNLOAD_PART__PART_DATA;
    while (code == WEIR_OK && (got = read(fd, piece, sizeof piece)) > 0) {
        part.data = (ProtobufCBinaryData){(size_t)got, piece};
        if (!sum_add(sum, piece, (size_t)got))
            return weir_fail(why, WEIR_INTERNAL, "SHA-256 failed");
        code = file_transfer__files__download__write_response(io, &part);
    }
    if (got < 0)
        return weir_fail(why, WEIR_DATA_LOSS, "the file cannot be read: %s", strerror(errno));
    return code;
}

static weir_code download(void *self, weir_call *call, const FileTransfer__Request *request,
                          FileTransfer__Files__Download_Io *io, weir_status *why)
{
    const int *directory = self;
    struct sum *sum;
    uint64_t size;
    int fd;
    weir_code code = store_read(*directory, request->name, &fd, &size, why);

    (void)call;
    if (code != WEIR_OK)
        return code;
    sum = sum_create();
    if (sum == NULL)
        code = weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    if (code == WEIR_OK)
        code = send_size(io, size);
    if (code == WEIR_OK)
        code = send_data(io, fd, sum, why);
    if (code == WEIR_OK)
        code = send_sum(io, sum, why);
    sum_free(sum);
    close(fd);
    return code;
}

int main(int argc, char **argv)
{
    weir_server *server = NULL;
    weir_status why = {0};
    int directory = -1;
    weir_code code;

    if (argc != 3)
        return fprintf(stderr, "usage: server ADDRESS DIRECTORY\n"), 2;
    code = store_open(argv[2], &directory, &why);
    if (code == WEIR_OK)
        code = weir_server_create(NULL, &server, &why);
    if (code == WEIR_OK)
        code = file_transfer__files__upload__handle(server, upload, &directory, &why);
    if (code == WEIR_OK)
        code = file_transfer__files__download__handle(server, download, &directory, &why);
    if (code == WEIR_OK)
        code = example_serve(server, argv[1], &why);
    weir_server_free(server);
    if (directory >= 0)
        close(directory);
    return example_end(code, &why);
}
