/* SPDX-License-Identifier: MIT */
/*
 * test_files.c - no path leaves the directory, and only regular files are opened.
 *
 * The directory is made below a directory that holds a file too, so that there is something to
 * reach by leaving it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "files.h"

static char top[] = "/tmp/weir-files-XXXXXX";
static int directory;

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int result;

    strcpy(address.sun_path, name);
    result = bind(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return result;
}

static int set_up(void **state)
{
    char outside[64];

    (void)state;
    if (mkdtemp(top) == NULL || chdir(top) != 0)
        return -1;
    write_file("secret", "secret");
    if (mkdir("dir", 0700) != 0 || chdir("dir") != 0 || mkdir("sub", 0700) != 0)
        return -1;
    write_file("file", "hello");
    write_file("empty", "");
    write_file("sub/inner", "inner");
    snprintf(outside, sizeof outside, "%s/secret", top);
    if (symlink("file", "link") != 0 || symlink("../secret", "link-out") != 0 ||
        symlink(outside, "link-absolute") != 0 || symlink("loop", "loop") != 0 ||
        symlink("..", "sub/up") != 0 || symlink("../..", "sub/out") != 0 ||
        symlink("/proc/self/fd/0", "magic") != 0 || mkfifo("fifo", 0600) != 0 ||
        make_socket("socket") != 0)
        return -1;
    directory = files_open_directory(".");
    return directory >= 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    close(directory);
    return chdir("/") == 0 ? nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

static void assert_opens(const char *path, uint64_t expected)
{
    weir_status why = {0};
    uint64_t size;
    int fd;

    assert_int_equal(files_open(directory, path, &fd, &size, &why), WEIR_OK);
    assert_int_equal(size, expected);
    close(fd);
}

static void assert_refused(const char *path, weir_code code)
{
    weir_status why = {0};
    uint64_t size;
    char message[512];
    int fd;

    assert_int_equal(files_open(directory, path, &fd, &size, &why), code);
    assert_int_equal(why.code, code);
    snprintf(message, sizeof message, "%.*s", (int)why.message.size,
             (const char *)why.message.data);
    assert_true(strlen(message) > 0);
    if (strstr(path, top) == NULL)
        assert_null(strstr(message, top)); /* where the directory is, is nobody's business */
    weir_status_clear(&why);
}

static void files_below_the_directory_open(void **state)
{
    (void)state;
    assert_opens("file", 5);
    assert_opens("./file", 5);
    assert_opens("empty", 0);
    assert_opens("sub/inner", 5);
    assert_opens("sub/../file", 5);
    assert_opens("link", 5);
    assert_opens("sub/up/file", 5);
}

static void no_path_leaves_the_directory(void **state)
{
    char absolute[64];

    (void)state;
    snprintf(absolute, sizeof absolute, "%s/dir/file", top);
    assert_refused("../secret", WEIR_PERMISSION_DENIED);
    assert_refused("sub/../../secret", WEIR_PERMISSION_DENIED);
    assert_refused("../dir/file", WEIR_PERMISSION_DENIED);
    assert_refused("/etc/passwd", WEIR_PERMISSION_DENIED);
    assert_refused(absolute, WEIR_PERMISSION_DENIED);
    assert_refused("link-out", WEIR_PERMISSION_DENIED);
    assert_refused("link-absolute", WEIR_PERMISSION_DENIED);
    assert_refused("sub/out/secret", WEIR_PERMISSION_DENIED);
    assert_refused("magic", WEIR_PERMISSION_DENIED);
    assert_refused("loop", WEIR_PERMISSION_DENIED);
}

static void only_regular_files_open_and_a_fifo_does_not_block(void **state)
{
    (void)state;
    assert_refused(".", WEIR_FAILED_PRECONDITION);
    assert_refused("sub", WEIR_FAILED_PRECONDITION);
    assert_refused("fifo", WEIR_FAILED_PRECONDITION);
    assert_refused("socket", WEIR_FAILED_PRECONDITION);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_refused("nothing", WEIR_NOT_FOUND);
    assert_refused("nothing/at/all", WEIR_NOT_FOUND);
    assert_refused("file/inner", WEIR_NOT_FOUND);
}

static void a_name_too_long_is_an_invalid_argument(void **state)
{
    char name[300];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_refused(name, WEIR_INVALID_ARGUMENT);
}

static void without_a_directory_there_are_no_files(void **state)
{
    weir_status why = {0};
    uint64_t size;
    int fd;

    (void)state;
    assert_int_equal(files_open(-1, "file", &fd, &size, &why), WEIR_FAILED_PRECONDITION);
    assert_non_null(memmem(why.message.data, why.message.size, "--dir", 5));
    weir_status_clear(&why);
}

static weir_code copy_path(const char *text)
{
    weir_status why = {0};
    char *path = NULL;
    weir_code code = files_copy_path(text, &path, &why);

    if (code == WEIR_OK)
        assert_string_equal(path, text);
    free(path);
    weir_status_clear(&why);
    return code;
}

static void paths_that_no_file_can_have_are_invalid(void **state)
{
    char *huge = calloc(1, 100000);

    (void)state;
    assert_non_null(huge);
    memset(huge, 'x', 99999);
    assert_int_equal(copy_path("file"), WEIR_OK);
    assert_int_equal(copy_path(""), WEIR_INVALID_ARGUMENT);
    assert_int_equal(copy_path(huge), WEIR_INVALID_ARGUMENT);
    assert_int_equal(copy_path("file\xff"), WEIR_INTERNAL); /* no string of a message */
    free(huge);
}

static void a_read_ends_where_the_file_ends(void **state)
{
    weir_status why = {0};
    uint8_t data[16];
    uint64_t size;
    size_t got;
    int fd;

    (void)state;
    assert_int_equal(files_open(directory, "file", &fd, &size, &why), WEIR_OK);
    assert_int_equal(files_read(fd, 1, data, 3, &got, &why), WEIR_OK);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "ell", 3);
    assert_int_equal(files_read(fd, 3, data, sizeof data, &got, &why), WEIR_OK);
    assert_int_equal(got, 2);
    assert_int_equal(files_read(fd, 100, data, sizeof data, &got, &why), WEIR_OK);
    assert_int_equal(got, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_below_the_directory_open),
        cmocka_unit_test(no_path_leaves_the_directory),
        cmocka_unit_test(only_regular_files_open_and_a_fifo_does_not_block),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_name_too_long_is_an_invalid_argument),
        cmocka_unit_test(without_a_directory_there_are_no_files),
        cmocka_unit_test(paths_that_no_file_can_have_are_invalid),
        cmocka_unit_test(a_read_ends_where_the_file_ends),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
