/* RedactedFileLogger: a FileLogger that blackens what matches its patterns. */
#include "actors/filelogger.h"

#include "actors/actors.h"

typedef struct {
    CpsFileLogger base;
    PyObject *patterns; /* owned list of compiled patterns */
} CpsRedactedFileLogger;

/* --- spans: a list of tuples (start, end) --------------------------------------------------------------------------------- */

/* Add the span of one group; group 0 is the whole match. One that is empty, or did not take part, adds nothing. Returns 0, or
 * -1 with an exception set. */
static int
spans_add_group(PyObject *spans, PyObject *match, Py_ssize_t group)
{
    PyObject *span = PyObject_CallMethod(match, "span", "n", group);
    Py_ssize_t start, end;
    int result = -1;

    if (span != NULL && PyArg_ParseTuple(span, "nn", &start, &end)) {
        result = start < end ? PyList_Append(spans, span) : 0;
    }
    Py_XDECREF(span);
    return result;
}

/* Add all groups of a match, or the whole of it when the pattern has none. Returns 0, or -1 with an exception set. */
static int
spans_add_match(PyObject *spans, PyObject *match, Py_ssize_t groups)
{
    int result = groups == 0 ? spans_add_group(spans, match, 0) : 0;

    for (Py_ssize_t i = 1; result == 0 && i <= groups; i++) {
        result = spans_add_group(spans, match, i);
    }
    return result;
}

/* How many groups the pattern has. -1 with an exception set. */
static Py_ssize_t
pattern_groups(PyObject *pattern)
{
    PyObject *groups = PyObject_GetAttrString(pattern, "groups");
    Py_ssize_t count = groups == NULL ? -1 : PyLong_AsSsize_t(groups);

    Py_XDECREF(groups);
    return count;
}

/* Add what the pattern finds in the message. Returns 0, or -1 with an exception set. */
static int
spans_add_matches(PyObject *spans, PyObject *pattern, PyObject *message)
{
    Py_ssize_t groups = pattern_groups(pattern);
    PyObject *matches, *match;
    int result = 0;

    matches = groups < 0 ? NULL : PyObject_CallMethod(pattern, "finditer", "O", message);
    if (matches == NULL) {
        return -1;
    }
    while (result == 0 && (match = PyIter_Next(matches)) != NULL) {
        result = spans_add_match(spans, match, groups);
        Py_DECREF(match);
    }
    Py_DECREF(matches);
    return PyErr_Occurred() ? -1 : result;
}

/* What a pattern finds in the message, in order. New list, or NULL with an exception set. */
static PyObject *
spans_find(PyObject *pattern, PyObject *message)
{
    PyObject *spans = PyList_New(0);

    if (spans != NULL && (spans_add_matches(spans, pattern, message) < 0 || PyList_Sort(spans) < 0)) {
        Py_CLEAR(spans);
    }
    return spans;
}

/* --- one message ---------------------------------------------------------------------------------------------------------- */

/* Add the message between two places to the pieces. Returns 0, or -1 with an exception set. */
static int
pieces_add(PyObject *pieces, PyObject *message, Py_ssize_t start, Py_ssize_t end)
{
    PyObject *text = PyUnicode_Substring(message, start, end);
    int result = text == NULL ? -1 : PyList_Append(pieces, text);

    Py_XDECREF(text);
    return result;
}

/* The pieces of the message that lie outside the spans; spans that overlap count as one. New list, or NULL with an exception set. */
static PyObject *
redact_split(PyObject *message, PyObject *spans)
{
    PyObject *pieces = PyList_New(0);
    Py_ssize_t done = 0, start, end;

    for (Py_ssize_t i = 0; pieces != NULL && i < PyList_GET_SIZE(spans); i++) {
        if (!PyArg_ParseTuple(PyList_GET_ITEM(spans, i), "nn", &start, &end) ||
            (start >= done && pieces_add(pieces, message, done, start) < 0)) {
            Py_CLEAR(pieces);
        }
        done = Py_MAX(done, end);
    }
    if (pieces != NULL && pieces_add(pieces, message, done, PyUnicode_GET_LENGTH(message)) < 0) {
        Py_CLEAR(pieces);
    }
    return pieces;
}

/* The message with REDACTED for everything that the pattern finds. New, or NULL with an exception set. */
static PyObject *
redact_pattern(PyObject *message, PyObject *pattern)
{
    PyObject *spans = spans_find(pattern, message);
    PyObject *pieces, *mark, *text = NULL;

    if (spans == NULL || PyList_GET_SIZE(spans) == 0) {
        text = spans == NULL ? NULL : Py_NewRef(message);
        Py_XDECREF(spans);
        return text;
    }
    pieces = redact_split(message, spans);
    mark = PyUnicode_FromString("REDACTED");
    if (pieces != NULL && mark != NULL) {
        text = PyUnicode_Join(mark, pieces);
    }
    Py_DECREF(spans);
    Py_XDECREF(pieces);
    Py_XDECREF(mark);
    return text;
}

static PyObject *
redact_edit(CpsFileLogger *logger, PyObject *message)
{
    PyObject *patterns = Py_NewRef(((CpsRedactedFileLogger *)logger)->patterns);
    PyObject *text = Py_NewRef(message);

    for (Py_ssize_t i = 0; text != NULL && i < PyList_GET_SIZE(patterns); i++) {
        Py_SETREF(text, redact_pattern(text, PyList_GET_ITEM(patterns, i)));
    }
    Py_DECREF(patterns);
    return text;
}

/* --- the type ------------------------------------------------------------------------------------------------------------- */

/* Compile the patterns: a list of str (or compiled ones), or a single one. New list, or NULL with an exception set. */
static PyObject *
redact_compile(CpsState *state, PyObject *patterns)
{
    PyObject *compile = cps_import(&state->re_compile, "re", "compile"); /* borrowed */
    PyObject *list = PyUnicode_Check(patterns) ? Py_BuildValue("[O]", patterns) : PySequence_List(patterns);

    if (compile == NULL) {
        Py_CLEAR(list);
    }
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *pattern = PyObject_CallOneArg(compile, PyList_GET_ITEM(list, i));

        if (pattern == NULL || PyList_SetItem(list, i, pattern) < 0) { /* steals */
            Py_CLEAR(list);
        }
    }
    return list;
}

static int
redact_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "patterns"};
    CpsRedactedFileLogger *self = (CpsRedactedFileLogger *)op;
    PyObject *values[2], *rest_args, *rest_kwargs, *patterns;
    int result;

    if (cps_bind("RedactedFileLogger", args, kwargs, names, 2, 2, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    patterns = redact_compile(self->base.base.state, values[1]);
    result = patterns == NULL ? -1 : cps_filelogger_init(&self->base, "RedactedFileLogger", rest_args, rest_kwargs);
    if (result == 0) {
        Py_XSETREF(self->patterns, Py_NewRef(patterns));
        self->base.edit = redact_edit;
    }
    Py_XDECREF(patterns);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
redact_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsRedactedFileLogger *)op)->patterns);
    return cps_filelogger_traverse(op, visit, arg);
}

static int
redact_clear(PyObject *op)
{
    Py_CLEAR(((CpsRedactedFileLogger *)op)->patterns);
    return cps_filelogger_clear(op);
}

static void
redact_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsRedactedFileLogger *)op)->patterns);
    cps_filelogger_dealloc(op);
}

PyDoc_STRVAR(redact_doc,
             "RedactedFileLogger(name, patterns, default_filename='compysition.log', level='INFO',\n"
             "                   directory='logs', maxBytes=20000000, backupCount=10, *args, **kwargs)\n--\n\n"
             "As FileLogger, with REDACTED in the place of what must not be in a log.\n\n"
             "In: LogEvent. Out: nothing.\n\n"
             "patterns: list of regular expressions (str or compiled), applied in order. In each match the text\n"
             "    of every group is replaced, or the whole match when the pattern has no group.\n\n"
             "Raises re.error for a pattern that is none.");

static PyMemberDef redact_members[] = {
    {"patterns", T_OBJECT, offsetof(CpsRedactedFileLogger, patterns), READONLY, "Compiled patterns (list)."},
    {NULL},
};

static PyType_Slot redact_slots[] = {
    {Py_tp_doc, (void *)redact_doc},
    {Py_tp_init, redact_init},
    {Py_tp_traverse, redact_traverse},
    {Py_tp_clear, redact_clear},
    {Py_tp_dealloc, redact_dealloc},
    {Py_tp_members, redact_members},
    {0, NULL},
};

static PyType_Spec redact_spec = {
    .name = "compysition.actors.redactedfilelogger.RedactedFileLogger",
    .basicsize = sizeof(CpsRedactedFileLogger),
    .flags = CPS_ACTOR_FLAGS,
    .slots = redact_slots,
};

int
cps_redact_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.RedactedFileLogger, &redact_spec, (PyObject *)state->types.FileLogger);
}
