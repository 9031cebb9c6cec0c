/* The diagram of a director: a text in blockdiag's language that grows with each registration and connection; and what
 * compysition/picture.py draws a picture from. */
#include "flow/director.h"

#include <string.h>

/* --- the text ------------------------------------------------------------------------------------------------------------- */

/* Whether blockdiag reads `name` as one identifier: a plain word, and none of its own. */
static bool
is_plain(PyObject *name)
{
    static const char *const taken[] = {"blockdiag", "class", "diagram", "edge", "graph", "group", "node", "plugin"};
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);

    for (size_t i = 0; i < Py_ARRAY_LENGTH(taken); i++) {
        if (PyUnicode_CompareWithASCIIString(name, taken[i]) == 0) {
            return false;
        }
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(name, i);
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!is_letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return length > 0;
}

/* `text` as a string of the language: in quotes, with those inside and backslashes escaped. New, or NULL. */
static PyObject *
quoted(PyObject *text)
{
    PyObject *slashes = PyObject_CallMethod(text, "replace", "ss", "\\", "\\\\");
    PyObject *inner = slashes == NULL ? NULL : PyObject_CallMethod(slashes, "replace", "ss", "\"", "\\\"");
    PyObject *result = inner == NULL ? NULL : PyUnicode_FromFormat("\"%U\"", inner);

    Py_XDECREF(slashes);
    Py_XDECREF(inner);
    return result;
}

/* The name of an actor as the language wants it. New, or NULL. */
static PyObject *
identifier(const CpsActor *actor)
{
    PyObject *name = PyObject_Str(actor->name), *result;

    if (name == NULL || is_plain(name)) {
        return name;
    }
    result = quoted(name);
    Py_DECREF(name);
    return result;
}

/* Append to the diagram. Takes `text`, which may be NULL. Returns 0 or -1. */
static int
append(CpsDirector *self, PyObject *text)
{
    if (text == NULL) {
        return -1;
    }
    if (self->diagram_closed) { /* it was written before: open it again */
        Py_ssize_t length = PyUnicode_GET_LENGTH(self->blockdiag_out);

        Py_SETREF(self->blockdiag_out, PyUnicode_Substring(self->blockdiag_out, 0, length - 2));
        self->diagram_closed = false;
    }
    if (self->blockdiag_out != NULL) {
        PyUnicode_Append(&self->blockdiag_out, text);
    }
    Py_DECREF(text);
    return self->blockdiag_out == NULL ? -1 : 0;
}

/* The items of blockdiag_config: key = "value", ... New, or NULL. */
static PyObject *
config_text(PyObject *config)
{
    PyObject *text = PyUnicode_FromString(""), *key, *value; /* key and value: borrowed */
    Py_ssize_t position = 0;

    while (text != NULL && PyDict_Next(config, &position, &key, &value)) {
        PyObject *string = PyObject_Str(value), *item = string == NULL ? NULL : quoted(string);
        const char *separator = PyUnicode_GET_LENGTH(text) == 0 ? "" : ", ";

        Py_XDECREF(string);
        if (item == NULL) {
            Py_CLEAR(text);
            break;
        }
        Py_SETREF(text, PyUnicode_FromFormat("%U%s%S = %U", text, separator, key, item));
        Py_DECREF(item);
    }
    return text;
}

int
cps_picture_add_actor(CpsDirector *self, CpsActor *actor)
{
    PyObject *name, *config, *line = NULL;

    if (self->blockdiag_out == NULL) {
        return 0;
    }
    name = identifier(actor);
    config = config_text(actor->blockdiag_config);
    if (name != NULL && config != NULL) {
        line = PyUnicode_FromFormat("%U [%U]\n", name, config);
    }
    Py_XDECREF(name);
    Py_XDECREF(config);
    return append(self, line);
}

int
cps_picture_add_connection(CpsDirector *self, CpsActor *source, CpsActor *destination)
{
    PyObject *from, *to, *line = NULL;

    if (self->blockdiag_out == NULL) {
        return 0;
    }
    from = identifier(source);
    to = identifier(destination);
    if (from != NULL && to != NULL) {
        line = PyUnicode_FromFormat("%U -> %U;\n", from, to);
    }
    Py_XDECREF(from);
    Py_XDECREF(to);
    return append(self, line);
}

/* --- what the picture shows ----------------------------------------------------------------------------------------------- */

/* Append (source, outbox, destination, inbox, kind) for each reader of a queue. Returns 0 or -1. */
static int
add_arrows(PyObject *arrows, const CpsActor *source, PyObject *outbox, CpsQueue *queue, const char *kind)
{
    for (CpsLink *link = cps_list_first(&queue->inboxes); link != NULL; link = cps_list_after(&queue->inboxes, link)) {
        CpsInbox *inbox = CPS_CONTAINER(link, CpsInbox, queue_link);
        PyObject *arrow = Py_BuildValue("(OOOOs)", source->name, outbox, inbox->actor->name, inbox->key, kind);

        if (arrow == NULL || PyList_Append(arrows, arrow) < 0) {
            Py_XDECREF(arrow);
            return -1;
        }
        Py_DECREF(arrow);
    }
    return 0;
}

static int
add_pool_arrows(PyObject *arrows, const CpsActor *source, PyObject *pool, const char *kind)
{
    PyObject *name, *queue; /* borrowed: no Python code runs here */
    Py_ssize_t position = 0;

    while (PyDict_Next(pool, &position, &name, &queue)) {
        PyObject *also;

        if (!PyObject_TypeCheck(queue, source->state->types.Queue)) {
            continue; /* a stand-in of the script's own */
        }
        if (add_arrows(arrows, source, name, (CpsQueue *)queue, kind) < 0) {
            return -1;
        }
        also = ((CpsQueue *)queue)->also;
        for (Py_ssize_t i = 0; also != NULL && i < PyList_GET_SIZE(also); i++) {
            if (add_arrows(arrows, source, name, (CpsQueue *)PyList_GET_ITEM(also, i), kind) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Append (name, blockdiag_config) to nodes, and the actor's arrows. Returns 0 or -1. */
static int
describe_actor(const CpsActor *actor, PyObject *nodes, PyObject *arrows)
{
    PyObject *node = PyTuple_Pack(2, actor->name, actor->blockdiag_config);
    int result = node == NULL ? -1 : PyList_Append(nodes, node);

    Py_XDECREF(node);
    if (result < 0 || add_pool_arrows(arrows, actor, (PyObject *)actor->pool->outbound, "outbound") < 0 ||
        add_pool_arrows(arrows, actor, (PyObject *)actor->pool->error, "error") < 0) {
        return -1;
    }
    return add_pool_arrows(arrows, actor, (PyObject *)actor->pool->logs, "log");
}

/* (nodes, arrows, name of the log actor, name of the error actor), the arguments of picture.describe. New, or NULL. */
static PyObject *
description(CpsDirector *self)
{
    PyObject *actors = cps_director_all_actors(self), *nodes = PyList_New(0);
    PyObject *arrows = PyList_New(0), *result = NULL;
    bool failed = actors == NULL || nodes == NULL || arrows == NULL;

    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(actors); i++) {
        failed = describe_actor((CpsActor *)PyList_GET_ITEM(actors, i), nodes, arrows) < 0;
    }
    if (!failed) {
        result = Py_BuildValue("(OOOO)", nodes, arrows, self->log_actor->name, self->error_actor->name);
    }
    Py_XDECREF(actors);
    Py_XDECREF(nodes);
    Py_XDECREF(arrows);
    return result;
}

/* --- writing -------------------------------------------------------------------------------------------------------------- */

/* The text with its last brace. Returns 0 or -1. */
static int
close_diagram(CpsDirector *self)
{
    if (self->blockdiag_out == NULL) { /* switched on since: begin now */
        self->blockdiag_out = PyUnicode_FromString("diagram admin {\n");
    }
    if (!self->diagram_closed && append(self, PyUnicode_FromString("\n}")) < 0) {
        return -1;
    }
    self->diagram_closed = true;
    return 0;
}

PyObject *
cps_picture_finalize(PyObject *op, PyObject *unused)
{
    CpsDirector *self = (CpsDirector *)op;
    PyObject *graph, *module, *message = NULL;

    if (self->error_actor == NULL || close_diagram(self) < 0) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    graph = description(self);
    module = PyImport_ImportModule("compysition.picture");
    if (graph != NULL && module != NULL) {
        message =
            PyObject_CallMethod(module, "write", "OOOO", self->blockdiag_dir, self->name, self->blockdiag_out, graph);
    }
    Py_XDECREF(graph);
    Py_XDECREF(module);
    if (message == NULL) {
        return NULL;
    }
    if (PyUnicode_Check(message)) {
        cps_log_message(self->logger, CPS_LOG_INFO, NULL, message);
    }
    Py_DECREF(message);
    Py_RETURN_NONE;
}
