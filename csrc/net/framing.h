/* framing.h: messages in a stream of bytes, each after its length: 4 bytes, big-endian. Plain C; knows no socket. */
#ifndef CPS_NET_FRAMING_H
#define CPS_NET_FRAMING_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { CPS_FRAME_HEAD = 4 };

/* Add a frame's head. Returns 0, or -1 when out of memory. */
int cps_frame_append_head(CpsBuffer *buffer, uint32_t length);

/* The length of the message whose head that is. */
uint32_t cps_frame_length(const char *head);

/* Whole frames, which are read one after the other. Zero-filled: none. */
typedef struct {
    CpsBuffer bytes;
    size_t at; /* where the next one begins */
} CpsFrames;

/* The next message: *bytes is borrowed from the frames. Returns false when there is none, and the memory is freed. */
bool cps_frames_next(CpsFrames *frames, const char **bytes, size_t *length);

/* What comes from a peer, in any pieces. Zero-filled but for the limit: nothing has come. */
typedef struct {
    size_t limit;    /* of a message; more is refused before memory is taken for it */
    CpsBuffer bytes; /* frames, the last of which may not be complete */
    size_t whole;    /* bytes of those that are */
    bool refused;    /* after them came the head of a message that is too long: nothing more is kept */
    uint32_t refused_length;
} CpsFraming;

/* Returns 0, or -1 when out of memory. */
int cps_framing_feed(CpsFraming *framing, const char *bytes, size_t length);

/* Move the frames that are complete to `frames`, which has none left. Returns 0, or -1 when out of memory. */
int cps_framing_take(CpsFraming *framing, CpsFrames *frames);

#endif
