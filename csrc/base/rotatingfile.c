#include "base/rotatingfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- records -------------------------------------------------------------------------------------------------------------- */

/* Make room for `more` items after `used` ones. Returns 0, or -1 when out of memory. */
static int
records_reserve(void **items, size_t *capacity, size_t used, size_t more, size_t item_size)
{
    size_t wanted = *capacity == 0 ? 64 : *capacity;
    void *grown;

    while (wanted < used + more) {
        wanted *= 2;
    }
    if (wanted == *capacity) {
        return 0;
    }
    grown = realloc(*items, wanted * item_size);
    if (grown == NULL) {
        return -1;
    }
    *items = grown;
    *capacity = wanted;
    return 0;
}

int
cps_records_add(CpsRecords *records, const char *bytes, size_t length)
{
    if (records_reserve((void **)&records->bytes, &records->capacity, records->length, length, 1) < 0 ||
        records_reserve((void **)&records->ends, &records->ends_capacity, records->count, 1, sizeof(*records->ends)) <
            0) {
        return -1;
    }
    memcpy(records->bytes + records->length, bytes, length);
    records->length += length;
    records->ends[records->count++] = records->length;
    return 0;
}

void
cps_records_free(CpsRecords *records)
{
    free(records->bytes);
    free(records->ends);
    *records = (CpsRecords){0};
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

int
cps_rotating_file_init(CpsRotatingFile *file, const char *path, long long max_bytes, int backup_count)
{
    *file = (CpsRotatingFile){.path = strdup(path), .fd = -1, .max_bytes = max_bytes, .backup_count = backup_count};
    return file->path == NULL ? -1 : 0;
}

static void
file_close(CpsRotatingFile *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}

void
cps_rotating_file_free(CpsRotatingFile *file)
{
    file_close(file);
    free(file->path);
    file->path = NULL;
}

/* Make the directories above the file. Returns 0, or a negative errno. */
static int
file_make_directories(const CpsRotatingFile *file)
{
    char *path = strdup(file->path);
    int result = path == NULL ? -ENOMEM : 0;

    for (char *slash = path == NULL ? NULL : strchr(path + 1, '/'); slash != NULL && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0777) < 0 && errno != EEXIST) {
            result = -errno;
        }
        *slash = '/';
    }
    free(path);
    return result;
}

static int
file_try_open(CpsRotatingFile *file)
{
    file->fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    return file->fd < 0 ? -errno : 0;
}

/* Returns 0, or a negative errno. */
static int
file_open(CpsRotatingFile *file)
{
    struct stat status;
    int result = file_try_open(file);

    if (result == -ENOENT) {
        result = file_make_directories(file);
        result = result < 0 ? result : file_try_open(file);
    }
    if (result == 0) {
        file->size = fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : 0;
    }
    return result;
}

/* Whether the open file still is what the path names; learns its size. */
static bool
file_is_in_place(CpsRotatingFile *file)
{
    struct stat named, opened;

    if (file->fd < 0 || stat(file->path, &named) < 0 || fstat(file->fd, &opened) < 0 || named.st_ino != opened.st_ino ||
        named.st_dev != opened.st_dev) {
        return false;
    }
    file->size = S_ISREG(opened.st_mode) ? opened.st_size : 0;
    return true;
}

/* --- rotating ------------------------------------------------------------------------------------------------------------- */

/* Rename <path>.<from> (0: <path>) to <path>.<from + 1>. Returns 0, also when there is no such file, or a negative errno. */
static int
file_rename_backup(const CpsRotatingFile *file, int from)
{
    char old[PATH_MAX], new[PATH_MAX];
    int length = from == 0 ? snprintf(old, sizeof(old), "%s", file->path)
                           : snprintf(old, sizeof(old), "%s.%d", file->path, from);

    if (length >= PATH_MAX || snprintf(new, sizeof(new), "%s.%d", file->path, from + 1) >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    return rename(old, new) < 0 && errno != ENOENT ? -errno : 0;
}

/* Returns 0, or a negative errno; the file is open in any case unless it cannot be opened. */
static int
file_rotate(CpsRotatingFile *file)
{
    int failure = 0, result;

    for (int i = file->backup_count - 1; i >= 0 && failure == 0; i--) {
        failure = file_rename_backup(file, i);
    }
    file_close(file);
    result = file_open(file);
    return result < 0 ? result : failure;
}

/* Whether `more` bytes are too many for the file as it is. */
static bool
file_is_full(const CpsRotatingFile *file, size_t more)
{
    return file->max_bytes > 0 && file->backup_count > 0 && file->size + (long long)more >= file->max_bytes;
}

/* --- writing -------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or a negative errno. */
static int
file_write_bytes(CpsRotatingFile *file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(file->fd, bytes, length);

        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        if (count > 0) {
            file->size += count;
            bytes += count;
            length -= (size_t)count;
        }
    }
    return 0;
}

static size_t
records_start(const CpsRecords *records, size_t index)
{
    return index == 0 ? 0 : records->ends[index - 1];
}

/* How many records from `first` on fit into the file; at least one. */
static size_t
file_fitting(const CpsRotatingFile *file, const CpsRecords *records, size_t first)
{
    size_t start = records_start(records, first);
    size_t end = first + 1;

    while (end < records->count && !file_is_full(file, records->ends[end] - start)) {
        end++;
    }
    return end - first;
}

int
cps_rotating_file_write(CpsRotatingFile *file, const CpsRecords *records, size_t *written)
{
    int failure = 0, result = 0;
    size_t next = 0;

    if (!file_is_in_place(file)) {
        file_close(file);
        result = file_open(file);
    }
    while (result == 0 && next < records->count) {
        size_t start = records_start(records, next), fitting;

        if (failure == 0 && file->size > 0 && file_is_full(file, records->ends[next] - start)) {
            failure = file_rotate(file);
            if (file->fd < 0) {
                break;
            }
        }
        fitting = file_fitting(file, records, next);
        result = file_write_bytes(file, records->bytes + start, records->ends[next + fitting - 1] - start);
        next += result == 0 ? fitting : 0;
    }
    *written = next;
    return result < 0 ? result : failure;
}
