/* errors.h: the exception classes of the public interface, and the translators of foreign errors. */
#ifndef CPS_ERRORS_H
#define CPS_ERRORS_H

#include "compat.h"

/* Index into CpsState.errors. The table in errors.c has the names and the meanings. */
typedef enum {
    CPS_EXCEPTION, /* CompysitionException, the base */
    CPS_QUEUE_EMPTY,
    CPS_QUEUE_FULL,
    CPS_QUEUE_CONNECTED,
    CPS_SETUP_ERROR,
    CPS_RESERVED_NAME,
    CPS_ACTOR_INIT_FAILURE,
    CPS_INVALID_EVENT_CONVERSION,
    CPS_INVALID_EVENT_DATA_MODIFICATION,
    CPS_INVALID_ACTOR_OUTPUT,
    CPS_INVALID_ACTOR_INPUT,
    CPS_RESOURCE_NOT_MODIFIED,
    CPS_MALFORMED_EVENT_DATA,
    CPS_UNAUTHORIZED_EVENT,
    CPS_FORBIDDEN_EVENT,
    CPS_RESOURCE_NOT_FOUND,
    CPS_EVENT_COMMAND_NOT_ALLOWED,
    CPS_ACTOR_TIMEOUT,
    CPS_RESOURCE_CONFLICT,
    CPS_RESOURCE_GONE,
    CPS_UNPROCESSABLE_EVENT_DATA,
    CPS_EVENT_RATE_EXCEEDED,
    CPS_SERVICE_UNAVAILABLE,
    CPS_EVENT_ATTRIBUTE_ERROR,
    CPS_BAD_GATEWAY,
    CPS_GATEWAY_TIMEOUT,
    CPS_ERROR_COUNT
} CpsErrorKind;

struct CpsState;

/* Create the classes and add them to the module. Returns 0, or -1 with an exception set. */
int cps_errors_setup(PyObject *module, struct CpsState *state);

/* Raise the error of that kind; the message is formatted as by PyUnicode_FromFormat. Returns NULL always,
 * so that callers can return it. */
CPS_COLD PyObject *cps_raise(struct CpsState *state, CpsErrorKind kind, const char *format, ...);

/* The same, with the exception that is set now as its cause. Returns NULL always. */
CPS_COLD PyObject *cps_raise_from(struct CpsState *state, CpsErrorKind kind, const char *format, ...);

/* Raise OSError (with errno) for a negative libuv code; `what` names the failed operation. Returns NULL. */
PyObject *cps_raise_uv(const char *what, int code);

/* Whether `exc` (borrowed) is an instance of the error of that kind. */
bool cps_error_is(struct CpsState *state, PyObject *exc, CpsErrorKind kind);

#endif
