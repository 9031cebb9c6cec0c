#include "net/zmqrepr.h"

#include <stdio.h>
#include <string.h>

char *
cps_bytes_repr(const void *bytes, size_t length, char *text, size_t size)
{
    enum { LONGEST = 5 }; /* of one byte, with NUL */
    const unsigned char *at = bytes;
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        bool plain = at[i] >= ' ' && at[i] <= '~' && at[i] != '\'' && at[i] != '\\';

        if (size - used < LONGEST + sizeof("...")) {
            memcpy(text + used, "...", sizeof("..."));
            return text;
        }
        used += (size_t)snprintf(text + used, size - used, plain ? "%c" : "\\x%02x", at[i]);
    }
    text[used] = '\0';
    return text;
}

char *
cps_zmq_repr(CpsZmqMessage *message, char text[CPS_ZMQ_REPR_SIZE])
{
    enum { FRAMES = 6, FRAME_SIZE = CPS_ZMQ_REPR_SIZE / FRAMES - 8 };
    char shown[FRAME_SIZE];
    size_t used = 1;

    text[0] = '[';
    for (size_t i = 0; i < message->count && i < FRAMES; i++) {
        size_t length;
        const char *bytes = cps_zmq_bytes(message, i, &length);

        used += (size_t)snprintf(text + used, CPS_ZMQ_REPR_SIZE - used, "%sb'%s'", i == 0 ? "" : ", ",
                                 cps_bytes_repr(bytes, length, shown, sizeof(shown)));
    }
    (void)snprintf(text + used, CPS_ZMQ_REPR_SIZE - used, "%s]",
                   message->count > FRAMES || message->too_long ? ", ..." : "");
    return text;
}
