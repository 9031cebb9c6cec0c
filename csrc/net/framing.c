#include "net/framing.h"

int
cps_frame_append_head(CpsBuffer *buffer, uint32_t length)
{
    const unsigned char head[CPS_FRAME_HEAD] = {(unsigned char)(length >> 24), (unsigned char)(length >> 16),
                                                (unsigned char)(length >> 8), (unsigned char)length};

    return cps_buffer_append(buffer, head, sizeof(head));
}

uint32_t
cps_frame_length(const char *head)
{
    const unsigned char *bytes = (const unsigned char *)head;

    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

bool
cps_frames_next(CpsFrames *frames, const char **bytes, size_t *length)
{
    if (frames->at == frames->bytes.length) {
        cps_buffer_free(&frames->bytes);
        frames->at = 0;
        return false;
    }
    *length = cps_frame_length(frames->bytes.bytes + frames->at);
    *bytes = frames->bytes.bytes + frames->at + CPS_FRAME_HEAD;
    frames->at += CPS_FRAME_HEAD + *length;
    return true;
}

/* Find the end of the frames that are complete. */
static void
framing_scan(CpsFraming *framing)
{
    while (framing->bytes.length - framing->whole >= CPS_FRAME_HEAD) {
        uint32_t length = cps_frame_length(framing->bytes.bytes + framing->whole);

        if (length > framing->limit) {
            framing->refused = true;
            framing->refused_length = length;
            framing->bytes.length = framing->whole;
            return;
        }
        if (framing->bytes.length - framing->whole - CPS_FRAME_HEAD < length) {
            return;
        }
        framing->whole += CPS_FRAME_HEAD + length;
    }
}

int
cps_framing_feed(CpsFraming *framing, const char *bytes, size_t length)
{
    if (framing->refused) {
        return 0;
    }
    if (cps_buffer_append(&framing->bytes, bytes, length) < 0) {
        return -1;
    }
    framing_scan(framing);
    return 0;
}

int
cps_framing_take(CpsFraming *framing, CpsFrames *frames)
{
    CpsBuffer rest = {0};

    if (cps_buffer_append(&rest, framing->bytes.bytes + framing->whole, framing->bytes.length - framing->whole) < 0) {
        return -1;
    }
    framing->bytes.length = framing->whole;
    cps_buffer_move(&frames->bytes, &framing->bytes);
    frames->at = 0;
    framing->bytes = rest;
    framing->whole = 0;
    return 0;
}
