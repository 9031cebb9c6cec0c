/* See parse.h. */
#include "http/parse.h"
#include "net/httpparser.h"

/* Bytes that a slice has; new, or NULL with an exception set. */
static PyObject *
slice_bytes(const CpsHttpRequest *request, CpsSlice slice)
{
    return PyBytes_FromStringAndSize(cps_slice(request, slice), slice.length);
}

/* [(name, value), ...]; new, or NULL with an exception set. */
static PyObject *
list_fields(const CpsHttpRequest *request)
{
    PyObject *list = PyList_New(request->field_count);

    for (uint32_t index = 0; list != NULL && index < request->field_count; index++) {
        const CpsHttpField *field = &request->fields[index];
        PyObject *pair = Py_BuildValue("(NN)", slice_bytes(request, field->name), slice_bytes(request, field->value));

        if (pair == NULL) {
            Py_CLEAR(list);
        }
        else {
            PyList_SET_ITEM(list, index, pair);
        }
    }
    return list;
}

/* A tuple of what the request has; new, or NULL with an exception set. */
static PyObject *
describe(const CpsHttpRequest *request)
{
    return Py_BuildValue("(NNNNNiONN)", slice_bytes(request, request->method), slice_bytes(request, request->target),
                         slice_bytes(request, request->path), slice_bytes(request, request->query),
                         slice_bytes(request, request->authority), request->minor,
                         request->keep_alive ? Py_True : Py_False, list_fields(request),
                         PyBytes_FromStringAndSize(request->body.bytes, (Py_ssize_t)request->body.length));
}

/* Feed one piece, and append the requests that it completes to `list`. Returns what the parser said last, or -1 with an exception set. */
static int
feed_piece(CpsHttpParser *parser, const char *bytes, size_t length, PyObject *list)
{
    CpsHttpOutcome outcome;
    size_t used;

    do {
        outcome = cps_http_feed(parser, bytes, length, &used);
        bytes += used;
        length -= used;
        if (outcome == CPS_HTTP_COMPLETE) {
            CpsHttpRequest *request = cps_http_take(parser);
            PyObject *item = describe(request);
            int code = item == NULL ? -1 : PyList_Append(list, item);

            cps_http_request_free(request);
            Py_XDECREF(item);
            if (code < 0) {
                return -1;
            }
        }
    } while (outcome == CPS_HTTP_COMPLETE || outcome == CPS_HTTP_CONTINUE);
    return (int)outcome;
}

/* Feed `data` in pieces of the lengths that the bytes of `cuts` are, and then the rest. Each is copied into memory of its own, so that a
 * sanitizer sees a read beyond its end. Returns as feed_piece. */
static int
feed_all(CpsHttpParser *parser, const Py_buffer *data, const Py_buffer *cuts, PyObject *list)
{
    int outcome = CPS_HTTP_MORE;
    size_t length = (size_t)data->len;

    for (size_t done = 0, count, cut = 0; done < length && outcome == CPS_HTTP_MORE; done += count, cut++) {
        char *piece;

        count = cut < (size_t)cuts->len ? ((const uint8_t *)cuts->buf)[cut] : length;
        count = count < length - done ? count : length - done;
        piece = malloc(count > 0 ? count : 1);
        if (piece == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(piece, (const char *)data->buf + done, count);
        outcome = feed_piece(parser, piece, count, list);
        free(piece);
    }
    return outcome;
}

PyDoc_STRVAR(
    parse_http_doc,
    "_parse_http($module, data, cuts, limits, /)\n--\n\n"
    "Parse requests out of bytes, split into pieces of the lengths in the bytes cuts; the limits are those of\n"
    "target, head, fields and body. Return the requests, as tuples (method, target, path, query, authority,\n"
    "minor version, keep-alive, fields, body), the status and reason of a refusal or 0 and None, and whether\n"
    "a request is unfinished.");

static PyObject *
parse_http(PyObject *module, PyObject *args)
{
    PyObject *list, *result = NULL;
    CpsHttpParser parser;
    CpsHttpLimits limits;
    Py_buffer data, cuts;
    unsigned long long body_bytes;
    int outcome = -1;

    if (!PyArg_ParseTuple(args, "y*y*(IIIK)", &data, &cuts, &limits.target_bytes, &limits.head_bytes, &limits.fields,
                          &body_bytes)) {
        return NULL;
    }
    limits.body_bytes = body_bytes;
    cps_http_parser_init(&parser, &limits);
    list = PyList_New(0);
    if (list != NULL) {
        outcome = feed_all(&parser, &data, &cuts, list);
    }
    if (outcome >= 0) {
        result = Py_BuildValue("(OizO)", list, parser.status, parser.reason,
                               outcome == CPS_HTTP_MORE && cps_http_parser_busy(&parser) ? Py_True : Py_False);
    }
    Py_XDECREF(list);
    cps_http_parser_free(&parser);
    PyBuffer_Release(&data);
    PyBuffer_Release(&cuts);
    return result;
}

static PyMethodDef parse_functions[] = {
    {"_parse_http", parse_http, METH_VARARGS, parse_http_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_parse_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, parse_functions);
}
