/* rotatingfile: directories, rotation, files that are moved away, failures. */
#include "base/rotatingfile.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rotatingfile-XXXXXX";

/* A path in the folder; valid until the next call. */
static const char *
in_folder(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void
expect_content(const char *name, const char *expected)
{
    char content[256];
    FILE *file = fopen(in_folder(name), "r");
    size_t length;

    assert(file != NULL);
    length = fread(content, 1, sizeof(content), file);
    fclose(file);
    assert(length == strlen(expected) && memcmp(content, expected, length) == 0);
}

/* Append each of the texts, up to a NULL, as a record of one write. Returns what the write returned. */
static int
append(CpsRotatingFile *file, size_t expected, const char *const *texts)
{
    CpsRecords records = {0};
    size_t written;
    int result;

    for (size_t i = 0; texts[i] != NULL; i++) {
        assert(cps_records_add(&records, texts[i], strlen(texts[i])) == 0);
    }
    result = cps_rotating_file_write(file, &records, &written);
    assert(written == expected);
    cps_records_free(&records);
    return result;
}

static void
test_directories_are_made_and_content_stays(void)
{
    CpsRotatingFile file;

    for (int i = 0; i < 2; i++) {
        assert(cps_rotating_file_init(&file, in_folder("a/b/c.log"), 0, 0) == 0);
        assert(append(&file, 2, (const char *const[]){"one\n", "two\n", NULL}) == 0);
        cps_rotating_file_free(&file);
    }
    expect_content("a/b/c.log", "one\ntwo\none\ntwo\n");
}

static void
test_rotation_between_records(void)
{
    CpsRotatingFile file;

    assert(cps_rotating_file_init(&file, in_folder("r.log"), 10, 2) == 0);
    assert(append(&file, 5, (const char *const[]){"1234\n", "123\n", "a\n", "longer than a file\n", "z\n", NULL}) == 0);
    expect_content("r.log", "z\n");
    expect_content("r.log.1", "longer than a file\n");
    expect_content("r.log.2", "a\n");
    assert(access(in_folder("r.log.3"), F_OK) < 0);
    cps_rotating_file_free(&file);
}

static void
test_a_file_that_was_moved_away(void)
{
    CpsRotatingFile file;
    char moved[256];

    assert(cps_rotating_file_init(&file, in_folder("m.log"), 0, 0) == 0);
    assert(append(&file, 1, (const char *const[]){"one\n", NULL}) == 0);
    strcpy(moved, in_folder("moved"));
    assert(rename(in_folder("m.log"), moved) == 0);
    assert(append(&file, 1, (const char *const[]){"two\n", NULL}) == 0);
    expect_content("m.log", "two\n");
    cps_rotating_file_free(&file);
}

static void
test_what_cannot_be_opened_loses_records(void)
{
    CpsRotatingFile file;

    assert(cps_rotating_file_init(&file, in_folder("m.log/below/x.log"), 0, 0) == 0);
    assert(append(&file, 0, (const char *const[]){"one\n", "two\n", NULL}) == -ENOTDIR);
    cps_rotating_file_free(&file);
}

static void
test_what_cannot_be_renamed_grows(void)
{
    CpsRotatingFile file;

    assert(mkdir(in_folder("g.log.1"), 0777) == 0); /* a directory in the way */
    assert(cps_rotating_file_init(&file, in_folder("g.log"), 5, 1) == 0);
    assert(append(&file, 2, (const char *const[]){"one\n", "two\n", NULL}) == -EISDIR);
    expect_content("g.log", "one\ntwo\n");
    cps_rotating_file_free(&file);
}

int
main(void)
{
    char command[64];

    assert(mkdtemp(folder) != NULL);
    test_directories_are_made_and_content_stays();
    test_rotation_between_records();
    test_a_file_that_was_moved_away();
    test_what_cannot_be_opened_loses_records();
    test_what_cannot_be_renamed_grows();
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}
