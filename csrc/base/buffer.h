/* buffer.h: bytes that grow at the end. Plain C; the caller owns the struct. */
#ifndef CPS_BASE_BUFFER_H
#define CPS_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A zero-filled buffer is an empty one. */
typedef struct {
    char *bytes;
    size_t length, capacity;
} CpsBuffer;

static inline void
cps_buffer_free(CpsBuffer *buffer)
{
    free(buffer->bytes);
    *buffer = (CpsBuffer){0};
}

/* Room for `more` bytes past the length. Returns 0, or -1 when out of memory; the buffer is as before then. */
static inline int
cps_buffer_reserve(CpsBuffer *buffer, size_t more)
{
    enum { FIRST_CAPACITY = 256 };
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    char *bytes;

    if (buffer->capacity - buffer->length >= more) {
        return 0;
    }
    if (more > SIZE_MAX / 2 - buffer->length) {
        return -1;
    }
    while (capacity - buffer->length < more) {
        capacity *= 2;
    }
    bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL) {
        return -1;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

/* Returns 0, or -1 when out of memory. `length` 0 is fine with any `bytes`. */
static inline int
cps_buffer_append(CpsBuffer *buffer, const void *bytes, size_t length)
{
    if (cps_buffer_reserve(buffer, length) < 0) {
        return -1;
    }
    if (length > 0) {
        memcpy(buffer->bytes + buffer->length, bytes, length);
        buffer->length += length;
    }
    return 0;
}

/* Take out the first `count` bytes. */
static inline void
cps_buffer_drop(CpsBuffer *buffer, size_t count)
{
    buffer->length -= count;
    memmove(buffer->bytes, buffer->bytes + count, buffer->length);
}

/* The bytes go to `target`, whatever it had before is freed; `buffer` is empty then. */
static inline void
cps_buffer_move(CpsBuffer *target, CpsBuffer *buffer)
{
    free(target->bytes);
    *target = *buffer;
    *buffer = (CpsBuffer){0};
}

/* `buffer` was used and is not needed any more: its memory, unless that is much, is kept in `scratch` for the next one. */
static inline void
cps_buffer_recycle(CpsBuffer *scratch, CpsBuffer *buffer)
{
    enum { LARGE = 65536 };

    if (buffer->capacity > LARGE) {
        cps_buffer_free(buffer);
    }
    buffer->length = 0;
    cps_buffer_move(scratch, buffer);
}

#endif
