#include "actors/httpreply.h"

#include "event/event.h"
#include "event/format.h"
#include "event/httpstatus.h"
#include "http/contenttype.h"

#include <string.h>
#include <strings.h>

/* --- headers --------------------------------------------------------------------------------------------------------------------- */

/* The last header of that name. Returns whether there is one. */
static bool
reply_find(const CpsHttpTransfer *transfer, const char *name, CpsResponseField *found)
{
    CpsResponseField field;
    size_t offset = 0;
    bool any = false;

    while (cps_http_transfer_next_field(transfer, &offset, &field)) {
        if (field.name_length == strlen(name) && strncasecmp(field.name, name, field.name_length) == 0) {
            *found = field;
            any = true;
        }
    }
    return any;
}

/* New, or NULL with an exception set. */
static PyObject *
reply_name(const CpsResponseField *field)
{
    PyObject *text = PyUnicode_DecodeLatin1(field->name, (Py_ssize_t)field->name_length, NULL);
    PyObject *lower = text == NULL ? NULL : PyObject_CallMethod(text, "lower", NULL);

    Py_XDECREF(text);
    return lower;
}

/* headers[name] = value; that of a repeated header is appended, after a comma. Returns 0, or -1 with an exception set. */
static int
reply_add(PyObject *headers, PyObject *name, const CpsResponseField *field)
{
    PyObject *before, *value = PyUnicode_DecodeLatin1(field->value, (Py_ssize_t)field->value_length, NULL);
    int status = value == NULL ? -1 : PyDict_GetItemRef(headers, name, &before);

    if (status > 0) {
        Py_SETREF(value, PyUnicode_FromFormat("%U, %U", before, value));
        Py_DECREF(before);
    }
    status = status < 0 || value == NULL ? -1 : PyDict_SetItem(headers, name, value);
    Py_XDECREF(value);
    return status;
}

/* New dict, or NULL with an exception set. */
static PyObject *
reply_headers(const CpsHttpTransfer *transfer, PyObject *keep)
{
    PyObject *headers = PyDict_New();
    CpsResponseField field;
    size_t offset = 0;

    while (headers != NULL && cps_http_transfer_next_field(transfer, &offset, &field)) {
        PyObject *name = reply_name(&field);
        int kept = name == NULL ? -1 : keep == Py_None ? 1 : PySequence_Contains(keep, name);

        if (kept < 0 || (kept > 0 && reply_add(headers, name, &field) < 0)) {
            Py_CLEAR(headers);
        }
        Py_XDECREF(name);
    }
    return headers;
}

int
cps_http_reply_describe(PyObject *event, const CpsHttpTransfer *transfer, PyObject *keep)
{
    PyObject *headers = reply_headers(transfer, keep);
    PyObject *status = headers == NULL ? NULL : PyLong_FromLong(transfer->status);
    int result = status == NULL || PyObject_SetAttrString(event, "response_status", status) < 0
                     ? -1
                     : PyObject_SetAttrString(event, "response_headers", headers);

    Py_XDECREF(headers);
    Py_XDECREF(status);
    return result;
}

/* --- content --------------------------------------------------------------------------------------------------------------------- */

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* The class of event for content of that type. Borrowed. */
static PyTypeObject *
reply_class(CpsState *state, const CpsHttpTransfer *transfer, const CpsContentType *content)
{
    const char *type = content->type;

    if (transfer->content.length == 0) {
        return state->types.HttpEvent;
    }
    if (strcmp(type, "application/json") == 0 || ends_with(type, "+json")) {
        return state->types.JSONHttpEvent;
    }
    if (strcmp(type, "application/xml") == 0 || strcmp(type, "text/xml") == 0 || ends_with(type, "+xml")) {
        return state->types.XMLHttpEvent;
    }
    return state->types.HttpEvent;
}

/* Whether content of that type is text, when it can be decoded. */
static bool
reply_is_text(const CpsContentType *content)
{
    return content->type[0] == '\0' || strncmp(content->type, "text/", 5) == 0 || content->charset[0] != '\0' ||
           strcmp(content->type, "application/javascript") == 0 ||
           strcmp(content->type, "application/x-www-form-urlencoded") == 0;
}

/* New, or NULL with LookupError or UnicodeDecodeError set. */
static PyObject *
reply_decode(const CpsBuffer *bytes, const CpsContentType *content)
{
    return PyUnicode_Decode(bytes->bytes, (Py_ssize_t)bytes->length,
                            content->charset[0] == '\0' ? "utf-8" : content->charset, NULL);
}

/* str or bytes. New, or NULL with an exception set. */
static PyObject *
reply_plain(const CpsBuffer *bytes, const CpsContentType *content)
{
    PyObject *text = NULL;

    if (bytes->length == 0) {
        return Py_NewRef(Py_None);
    }
    if (reply_is_text(content)) {
        text = reply_decode(bytes, content);
        if (text == NULL &&
            (PyErr_ExceptionMatches(PyExc_LookupError) || PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))) {
            PyErr_Clear(); /* it is not what it says */
        }
    }
    return text != NULL || PyErr_Occurred() ? text : PyBytes_FromStringAndSize(bytes->bytes, (Py_ssize_t)bytes->length);
}

/* What is assigned to the event's data. XML says its encoding itself, unless the header does. New, or NULL with an exception set. */
static PyObject *
reply_data(CpsState *state, PyTypeObject *type, const CpsHttpTransfer *transfer, const CpsContentType *content)
{
    if (type == state->types.HttpEvent) {
        return reply_plain(&transfer->content, content);
    }
    if (type == state->types.XMLHttpEvent && content->charset[0] == '\0') {
        return PyBytes_FromStringAndSize(transfer->content.bytes, (Py_ssize_t)transfer->content.length);
    }
    return reply_decode(&transfer->content, content);
}

/* The exception that is set says why the content is not what its type says. */
static void
reply_refuse(CpsState *state, const CpsContentType *content, const char *host)
{
    if (PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        cps_raise_from(state, CPS_BAD_GATEWAY, "%s: the response is not the %s that it claims to be", host,
                       content->type);
    }
}

/* Returns 0, or -1 with an exception set. */
static int
reply_set_data(CpsState *state, PyObject *reply, const CpsHttpTransfer *transfer, const CpsContentType *content,
               const char *host)
{
    PyObject *data = reply_data(state, Py_TYPE(reply), transfer, content);
    int status = data == NULL ? -1 : cps_event_assign_data(state, reply, data);

    Py_XDECREF(data);
    if (status < 0) {
        reply_refuse(state, content, host);
    }
    return status;
}

/* event.status = (code, reason). Returns 0, or -1 with an exception set. */
static int
reply_set_status(CpsState *state, PyObject *reply, const CpsHttpTransfer *transfer)
{
    size_t length;
    const char *reason = cps_http_transfer_reason(transfer, &length);
    PyObject *text = length == 0 ? NULL : PyUnicode_DecodeLatin1(reason, (Py_ssize_t)length, NULL);
    PyObject *status = text == NULL ? PyLong_FromLong(transfer->status) : Py_BuildValue("(iO)", transfer->status, text);
    int result = status == NULL ? -1 : PyObject_SetAttr(reply, state->names.status, status);

    Py_XDECREF(text);
    Py_XDECREF(status);
    return result;
}

PyObject *
cps_http_reply(CpsState *state, PyObject *event, const CpsHttpTransfer *transfer, PyObject *keep, const char *host)
{
    CpsResponseField field = {0};
    CpsContentType content;
    PyObject *reply;

    (void)reply_find(transfer, "Content-Type", &field);
    cps_content_type_read(&content, field.value, field.value_length);
    reply = cps_event_recast(state, event, reply_class(state, transfer, &content));
    if (reply != NULL &&
        (reply_set_data(state, reply, transfer, &content, host) < 0 || reply_set_status(state, reply, transfer) < 0 ||
         cps_http_reply_describe(reply, transfer, keep) < 0)) {
        Py_CLEAR(reply);
    }
    return reply;
}
