/* SPDX-License-Identifier: MIT */
/*
 * client.c - client ADDRESS upload PATH, client ADDRESS download NAME (into the current directory).
 *
 * Neither end runs ahead of the other: an upload that the server does not read makes the write here
 * wait, a download that the disk does not take makes the server's write wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/example.h"
#include "files.weir.h"
#include "progress.h"
#include "store.h"
#include "sum.h"

enum { PIECE = 64 * 1024 };

static weir_code done(const char *verb, const uint8_t sum[SUM_SIZE])
{
    printf("%s, sha256 ", verb);
    for (int i = 0; i < SUM_SIZE; i++)
        printf("%02x", sum[i]);
    printf("\n");
    return WEIR_OK;
}

static weir_code no_sum(weir_status *why)
{
    return weir_fail(why, WEIR_INTERNAL, "SHA-256 failed");
}

/* ---- upload ---- */

/* Here and below CANCELLED is what a write says when the call is over: finishing it tells why. */
static weir_code send_data(FileTransfer__Files__Upload_Client *client, int fd, uint64_t size,
                           struct sum *sum, weir_status *why)
{
    FileTransfer__UploadPart part = FILE_TRANSFER__UPLOAD_PART__INIT;
    struct progress progress;
    uint8_t piece[PIECE];
    weir_code code = WEIR_OK;
    ssize_t got = 0;

    part.part_case = FILE_TRANSFER__UPLOAD_PART__PART_DATA;
    progress_begin(&progress, stderr, size);
    while (code == WEIR_OK && (got = read(fd, piece, sizeof piece)) > 0) {
        part.data = (ProtobufCBinaryData){(size_t)got, piece};
        code = sum_add(sum, piece, (size_t)got) ? WEIR_OK : no_sum(why);
        if (code == WEIR_OK)
            code = file_transfer__files__upload__write_request(client, &part);
        if (code == WEIR_OK)
            progress_add(&progress, (uint64_t)got);
    }
    progress_end(&progress);
    if (got < 0)
        return weir_fail(why, WEIR_DATA_LOSS, "cannot read: %s", strerror(errno));
    return code;
}

static weir_code send_file(FileTransfer__Files__Upload_Client *client, char *name, int fd,
                           uint64_t size, uint8_t result[SUM_SIZE], weir_status *why)
{
    FileTransfer__UploadPart first = FILE_TRANSFER__UPLOAD_PART__INIT, last = first;
    struct sum *sum = sum_create();
    weir_code code;

    if (sum == NULL)
        return no_sum(why);
    first.part_case = FILE_TRANSFER__UPLOAD_PART__PART_NAME;
    first.name = name;
    code = file_transfer__files__upload__write_request(client, &first);
    if (code == WEIR_OK)
        code = send_data(client, fd, size, sum, why);
    if (code == WEIR_OK && !sum_finish(sum, result))
        code = no_sum(why);
    sum_free(sum);
    if (code != WEIR_OK)
        return code;
    last.part_case = FILE_TRANSFER__UPLOAD_PART__PART_SHA256;
    last.sha256 = (ProtobufCBinaryData){SUM_SIZE, result};
    return file_transfer__files__upload__write_request(client, &last);
}

static weir_code upload_file(weir_channel *channel, char *name, int fd, uint64_t size,
                             weir_status *why)
{
    weir_call *call = weir_call_create(NULL);
    FileTransfer__Files__Upload_Client *client =
        file_transfer__files__upload__open(channel, call, why);
    FileTransfer__Receipt *receipt;
    uint8_t sum[SUM_SIZE];
    weir_code code = client == NULL ? why->code : send_file(client, name, fd, size, sum, why);

    if (client != NULL && (code == WEIR_OK || code == WEIR_CANCELLED))
        code = file_transfer__files__upload__finish(client, &receipt, why);
    else
        file_transfer__files__upload__close(client); /* cancels: the server keeps nothing */
    weir_call_unref(call);
    return code == WEIR_OK ? done("uploaded", sum) : code;
}

static weir_code upload(weir_channel *channel, char *path, weir_status *why)
{
    char *slash = strrchr(path, '/');
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    weir_code code;

    if (fd < 0 || fstat(fd, &status) != 0)
        code = weir_fail(why, WEIR_NOT_FOUND, "%s: %s", path, strerror(errno));
    else
        code = upload_file(channel, slash != NULL ? slash + 1 : path, fd, (uint64_t)status.st_size,
                           why);
    if (fd >= 0)
        close(fd);
    return code;
}

/* ---- download ---- */

struct download {
    struct incoming file;
    struct sum *sum;
    struct progress progress;
    uint8_t result[SUM_SIZE];
    bool begun, whole;
};

static weir_code take_part(struct download *download, const FileTransfer__DownloadPart *part,
                           weir_status *why)
{
    switch (part->part_case) {
    case FILE_TRANSFER__DOWNLOAD_PART__PART_SIZE:
        if (download->begun)
            break;
        download->begun = true;
        progress_begin(&download->progress, stderr, part->size);
        return WEIR_OK;
    case FILE_TRANSFER__DOWNLOAD_PART__PART_DATA:
        if (!download->begun || download->whole ||
            !sum_add(download->sum, part->data.data, part->data.len))
            break;
        progress_add(&download->progress, part->data.len);
        return store_write(&download->file, part->data.data, part->data.len, why);
    case FILE_TRANSFER__DOWNLOAD_PART__PART_SHA256:
        if (download->whole || !sum_finish(download->sum, download->result))
            break;
        download->whole = part->sha256.len == SUM_SIZE &&
                          memcmp(part->sha256.data, download->result, SUM_SIZE) == 0;
        if (!download->whole)
            return weir_fail(why, WEIR_DATA_LOSS, "another SHA-256 than sent");
        return WEIR_OK;
    default:
        break;
    }
    return weir_fail(why, WEIR_DATA_LOSS, "not the parts of a file");
}

static weir_code receive(struct download *download, FileTransfer__Files__Download_Client *client,
                         weir_status *why)
{
    const FileTransfer__DownloadPart *part;
    weir_code code = WEIR_OK;
    weir_poll poll = WEIR_END;

    while (code == WEIR_OK &&
           (poll = file_transfer__files__download__read_response(client, &part, why)) == WEIR_READY)
        code = take_part(download, part, why);
    if (download->begun)
        progress_end(&download->progress);
    if (code != WEIR_OK || poll == WEIR_ERROR)
        return why->code;
    return download->whole ? WEIR_OK : weir_fail(why, WEIR_DATA_LOSS, "no SHA-256 came");
}

static weir_code download_file(weir_channel *channel, char *name, struct download *download,
                               weir_status *why)
{
    FileTransfer__Request request = FILE_TRANSFER__REQUEST__INIT;
    weir_call *call = weir_call_create(NULL);
    FileTransfer__Files__Download_Client *client;
    weir_code code;

    request.name = name;
    client = file_transfer__files__download__open(channel, call, &request, why);
    code = client == NULL ? why->code : receive(download, client, why);
    file_transfer__files__download__close(client);
    weir_call_unref(call);
    return code;
}

static weir_code download(weir_channel *channel, char *name, weir_status *why)
{
    struct download download = {.sum = sum_create()};
    weir_code code = store_begin(AT_FDCWD, name, &download.file, why);

    if (code == WEIR_OK && download.sum == NULL)
        code = no_sum(why);
    if (code == WEIR_OK)
        code = download_file(channel, name, &download, why);
    if (code == WEIR_OK)
        code = store_keep(&download.file, why);
    store_abandon(&download.file);
    sum_free(download.sum);
    return code == WEIR_OK ? done("downloaded", download.result) : code;
}

int main(int argc, char **argv)
{
    weir_channel *channel = NULL;
    weir_status why = {0};
    weir_code code;
    bool up = argc == 4 && strcmp(argv[2], "upload") == 0;

    if (argc != 4 || (!up && strcmp(argv[2], "download") != 0))
        return fprintf(stderr, "usage: client ADDRESS upload PATH\n"
                               "       client ADDRESS download NAME\n"),
               2;
    code = weir_channel_create(argv[1], NULL, &channel, &why);
    if (code == WEIR_OK)
        code = up ? upload(channel, argv[3], &why) : download(channel, argv[3], &why);
    weir_channel_unref(channel);
    return example_end(code, &why);
}
