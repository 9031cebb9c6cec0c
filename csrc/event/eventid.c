#include "event/eventid.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { POOL_BYTES = 4096 };

/* Random bytes for the next ids, so that only one event in 256 costs a system call. Used with the GIL held. */
static struct {
    uint8_t bytes[POOL_BYTES];
    size_t left; /* of those, not used yet: the first ones */
} pool;

static void
pool_on_fork(void)
{
    pool.left = 0;
}

/* A signal may end it early, but not before it has given 256 bytes. Returns 0, or -1 with OSError set. */
static int
pool_fill(void)
{
    ssize_t got;

    do {
        got = getrandom(pool.bytes, POOL_BYTES, 0);
    } while (got < 0 && errno == EINTR);
    if (got < CPS_EVENT_ID_BYTES) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    pool.left = (size_t)got;
    return 0;
}

int
cps_event_id_setup(void)
{
    static bool registered;
    int err = registered ? 0 : pthread_atfork(NULL, NULL, pool_on_fork);

    if (err != 0) {
        errno = err;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    registered = true;
    return 0;
}

int
cps_event_id_new(uint8_t id[CPS_EVENT_ID_BYTES])
{
    if (pool.left < CPS_EVENT_ID_BYTES && pool_fill() < 0) {
        return -1;
    }
    pool.left -= CPS_EVENT_ID_BYTES;
    memcpy(id, pool.bytes + pool.left, CPS_EVENT_ID_BYTES);
    id[6] = (id[6] & 0x0f) | 0x40; /* version 4 */
    id[8] = (id[8] & 0x3f) | 0x80; /* the variant of RFC 9562 */
    return 0;
}

PyObject *
cps_event_id_hex(const uint8_t id[CPS_EVENT_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    PyObject *text = PyUnicode_New(2 * CPS_EVENT_ID_BYTES, 127);
    Py_UCS1 *out;

    if (text == NULL) {
        return NULL;
    }
    out = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < CPS_EVENT_ID_BYTES; i++) {
        *out++ = digits[id[i] >> 4];
        *out++ = digits[id[i] & 0x0f];
    }
    return text;
}

/* The value of a hex digit, or -1. */
static int
hex_value(Py_UCS1 digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool
cps_event_id_parse(PyObject *text, uint8_t id[CPS_EVENT_ID_BYTES])
{
    const Py_UCS1 *in;

    if (PyUnicode_GET_LENGTH(text) != 2 * CPS_EVENT_ID_BYTES || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) {
        return false;
    }
    in = PyUnicode_1BYTE_DATA(text);
    for (int i = 0; i < CPS_EVENT_ID_BYTES; i++, in += 2) {
        int high = hex_value(in[0]), low = hex_value(in[1]);

        if (high < 0 || low < 0) {
            return false;
        }
        id[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
