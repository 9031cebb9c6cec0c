/* From an error to a response: JSON or XML, as the client takes it. */
#include "actors/httpserver.h"

#include "event/event.h"
#include "event/format.h"
#include "event/httpstatus.h"
#include "http/accept.h"

/* --- classes of responses -------------------------------------------------------------------------------------------------------- */

static PyTypeObject *
class_for(CpsState *state, CpsMediaType type)
{
    switch (type) {
    case CPS_MEDIA_JSON:
    case CPS_MEDIA_JSON_SCHEMA:
    case CPS_MEDIA_NONE:
        return state->types.JSONHttpEvent;
    case CPS_MEDIA_XML:
    case CPS_MEDIA_XML_SCHEMA:
    case CPS_MEDIA_TEXT_XML:
    case CPS_MEDIA_HTML:
        return state->types.XMLHttpEvent;
    case CPS_MEDIA_ANY:
    case CPS_MEDIA_TEXT:
        break;
    }
    return state->types.HttpEvent;
}

PyTypeObject *
cps_class_accepted(CpsState *state, PyObject *accept)
{
    Py_ssize_t length;
    const char *name = PyUnicode_Check(accept) ? PyUnicode_AsUTF8AndSize(accept, &length) : NULL;

    if (name == NULL) {
        PyErr_Clear();
        return state->types.HttpEvent;
    }
    return class_for(state, length == 0 ? CPS_MEDIA_NONE : cps_media_type_named(name, (size_t)length));
}

PyObject *
cps_error_event(CpsState *state, PyTypeObject *event_class, PyObject *error, PyObject *like)
{
    PyObject *event = PyObject_CallNoArgs((PyObject *)event_class);
    PyObject *const kept[] = {state->names.status, state->names.headers};

    if (event == NULL || PyObject_SetAttr(event, state->names.error, error) < 0) {
        Py_XDECREF(event);
        return NULL;
    }
    for (size_t i = 0; like != NULL && i < Py_ARRAY_LENGTH(kept); i++) {
        PyObject *value;
        int found = PyObject_GetOptionalAttr(like, kept[i], &value);

        if (found > 0) {
            found = PyObject_SetAttr(event, kept[i], value);
            Py_DECREF(value);
        }
        if (found < 0) {
            Py_CLEAR(event);
            break;
        }
    }
    return event;
}

/* --- errors ---------------------------------------------------------------------------------------------------------------------------- */

/* The answer of last resort: nothing else could be made of it. */
static void
respond_with_page(CpsHTTPServer *self, CpsHttpExchange *exchange)
{
    static const char text[] = "The response could not be made";

    PyErr_WriteUnraisable((PyObject *)self);
    cps_http_answer_page(exchange, 500, text, sizeof(text) - 1, NULL);
}

/* Returns 0, or -1 with an exception set. */
static int
set_status_code(CpsState *state, PyObject *event, int code)
{
    PyObject *status = Py_BuildValue("(is)", code, cps_http_reason(code));
    PyObject *headers = NULL;
    int result = status == NULL ? -1 : PyObject_SetAttr(event, state->names.status, status);

    if (result == 0 && code == 503) {
        headers = Py_BuildValue("{ss}", "Retry-After", "1");
        result = headers == NULL ? -1 : PyObject_SetAttr(event, state->names.headers, headers);
    }
    Py_XDECREF(status);
    Py_XDECREF(headers);
    return result;
}

/* Errors of the server are JSON or XML, as the client accepts it, else as its request was. Borrowed. */
static PyTypeObject *
class_of_errors(CpsState *state, PyTypeObject *event_class, PyObject *accept)
{
    PyTypeObject *wanted = accept == NULL ? state->types.HttpEvent : cps_class_accepted(state, accept);

    if (wanted != state->types.HttpEvent) {
        return wanted;
    }
    return cps_format_of(state, event_class) == CPS_FORMAT_XML ? state->types.XMLHttpEvent : state->types.JSONHttpEvent;
}

void
cps_httpserver_respond_error(CpsHTTPServer *self, CpsHttpExchange *exchange, PyTypeObject *event_class,
                             PyObject *accept, PyObject *error, int code)
{
    CpsState *state = self->base.state;
    PyObject *event = cps_error_event(state, class_of_errors(state, event_class, accept), error, NULL);

    if (event == NULL || (code != 0 && set_status_code(state, event, code) < 0) ||
        cps_httpserver_respond_as_it_is(self, exchange, event) < 0) {
        respond_with_page(self, exchange);
    }
    Py_XDECREF(event);
}

/* What is said for an answer that does not come. New exception, or NULL with one set. */
static PyObject *
end_as_error(CpsState *state, int code)
{
    static const struct {
        int code;
        CpsErrorKind kind;
        const char *text;
    } ends[] = {
        {504, CPS_ACTOR_TIMEOUT, "No answer came in time"},
        {503, CPS_SERVICE_UNAVAILABLE, "The server is stopping"},
        {500, CPS_EXCEPTION, "The request ended without an answer"},
    };
    size_t i = 0;

    while (ends[i].code != code && i < Py_ARRAY_LENGTH(ends) - 1) {
        i++;
    }
    return PyObject_CallFunction(state->errors[ends[i].kind], "s", ends[i].text);
}

/* The answer is the error of an event that took the error path, and nothing came of it. Returns whether it is given. */
static bool
give_up_with_error(CpsHTTPServer *self, CpsResponder *responder)
{
    CpsState *state = self->base.state;
    PyObject *failed = responder->error, *event; /* failed: borrowed */
    int status;

    if (failed == NULL || ((CpsEvent *)failed)->error == NULL) {
        return false;
    }
    event = cps_error_event(state, class_of_errors(state, Py_TYPE(failed), responder->accept),
                            ((CpsEvent *)failed)->error, failed);
    status = event == NULL ? -1 : cps_httpserver_respond_as_it_is(self, responder->exchange, event);
    Py_XDECREF(event);
    if (status < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    return status == 0;
}

void
cps_httpserver_give_up(CpsHTTPServer *self, CpsResponder *responder, int code)
{
    PyObject *error;

    if (code != 500 || !give_up_with_error(self, responder)) {
        error = end_as_error(self->base.state, code);
        if (error == NULL) {
            respond_with_page(self, responder->exchange);
        }
        else {
            cps_httpserver_respond_error(self, responder->exchange, responder->event_class, responder->accept, error,
                                         code);
            Py_DECREF(error);
        }
    }
    cps_responder_free(responder);
}
