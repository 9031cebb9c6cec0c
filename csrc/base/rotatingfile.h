/* rotatingfile.h: a file that records are appended to, and that makes way for a new one when it has grown. Plain C; no Python, no
 * libuv, so that it can be used in a thread of the pool. One user at a time. */
#ifndef CPS_BASE_ROTATINGFILE_H
#define CPS_BASE_ROTATINGFILE_H

#include <stddef.h>

typedef struct {
    char *path;          /* owned */
    int fd;              /* -1 while it is not open */
    long long size;      /* bytes in it, as far as known */
    long long max_bytes; /* a file does not grow to that size; 0: no limit */
    int backup_count;    /* old files that are kept, as <path>.1 (the youngest) and so on; 0: never rotated */
} CpsRotatingFile;

/* Records to append, one after the other; record i ends before bytes[ends[i]]. */
typedef struct {
    char *bytes;
    size_t length, capacity;
    size_t *ends;
    size_t count, ends_capacity;
} CpsRecords;

/* Add a record. Returns 0, or -1 when out of memory (nothing was added then). */
int cps_records_add(CpsRecords *records, const char *bytes, size_t length);

static inline void
cps_records_empty(CpsRecords *records)
{
    records->length = records->count = 0;
}

void cps_records_free(CpsRecords *records);

/* Nothing is opened yet; `path` is copied. Returns 0, or -1 when out of memory. */
int cps_rotating_file_init(CpsRotatingFile *file, const char *path, long long max_bytes, int backup_count);

/* Close it and free what it owns. */
void cps_rotating_file_free(CpsRotatingFile *file);

/* Append the records: opens the file (again, when another process has moved it away), makes its directories, rotates. A file
 * that cannot be rotated grows on. Returns 0, or the negative errno of what failed last; *written is how many records are in
 * the file in any case. */
int cps_rotating_file_write(CpsRotatingFile *file, const CpsRecords *records, size_t *written);

#endif
