/* EventJSONFilter: an EventFilter on what lies at a path in JSON data. */
#include "actors/filter.h"

#include "event/jsonevent.h"
#include "event/lookup.h"

typedef struct {
    CpsFilter base;
    PyObject *json_scope; /* owned tuple of steps, or None */
} CpsJsonFilter;

/* What a scoped value stands for: text is parsed. Steals `value` (may be NULL). New, or NULL with an exception set. */
static PyObject *
jsonfilter_parse(CpsState *state, PyObject *value)
{
    if (value != NULL && (PyUnicode_Check(value) || PyBytes_Check(value))) {
        Py_SETREF(value, cps_json_value(state, value));
    }
    return value;
}

static int
jsonfilter_visit_item(CpsJsonFilter *self, PyObject *item, CpsFilterVisit visit, void *context)
{
    PyObject *scope = self->json_scope;
    PyObject *value = scope != NULL && PyTuple_Check(scope) ? cps_lookup_item(item, scope) : Py_NewRef(item);
    int result = value == NULL ? -1 : visit(value, context);

    Py_XDECREF(value);
    return result;
}

/* Of a list each item, else the value itself. */
static int
jsonfilter_candidates(CpsFilter *op, PyObject *event, PyObject *scope, bool to_read, CpsFilterVisit visit,
                      void *context)
{
    CpsJsonFilter *self = (CpsJsonFilter *)op;
    PyObject *value = jsonfilter_parse(op->state, cps_filter_scoped(op, event, scope, to_read));
    int result = 0;

    if (value == NULL) {
        return -1;
    }
    if (!PyList_Check(value)) {
        result = jsonfilter_visit_item(self, value, visit, context);
    }
    else {
        for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(value); i++) {
            PyObject *item = Py_NewRef(PyList_GET_ITEM(value, i));

            result = jsonfilter_visit_item(self, item, visit, context);
            Py_DECREF(item);
        }
    }
    Py_DECREF(value);
    return result;
}

static const CpsFilterOps jsonfilter_ops;

static PyObject *
jsonfilter_get_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_filter_iterate(op, &jsonfilter_ops, args, kwargs);
}

static const CpsFilterOps jsonfilter_ops = {.candidates = jsonfilter_candidates,
                                            .get_value = _PyCFunction_CAST(jsonfilter_get_value)};

static PyObject *
jsonfilter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return cps_filter_new(type, &jsonfilter_ops);
}

static int
jsonfilter_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"json_scope", "value_regexes", "outbox_names", "event_scope", "next_filter", NULL};
    CpsJsonFilter *self = (CpsJsonFilter *)op;
    PyObject *json_scope = Py_None, *regexes = NULL, *outboxes = NULL, *scope = NULL, *next = NULL; /* borrowed */
    PyObject *steps;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOO:EventJSONFilter", names, &json_scope, &regexes, &outboxes,
                                     &scope, &next)) {
        return -1;
    }
    if (json_scope == Py_None) {
        steps = Py_NewRef(Py_None);
    }
    else if (PyList_Check(json_scope)) {
        steps = PyList_AsTuple(json_scope);
    }
    else {
        steps = cps_filter_steps(json_scope, "json_scope");
    }
    if (steps == NULL) {
        return -1;
    }
    Py_XSETREF(self->json_scope, steps);
    return cps_filter_configure(&self->base, regexes, outboxes, scope, next);
}

static int
jsonfilter_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsJsonFilter *)op)->json_scope);
    return cps_filter_traverse(op, visit, arg);
}

static int
jsonfilter_clear(PyObject *op)
{
    Py_CLEAR(((CpsJsonFilter *)op)->json_scope);
    return cps_filter_clear(op);
}

static void
jsonfilter_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsJsonFilter *)op)->json_scope);
    cps_filter_dealloc(op);
}

PyDoc_STRVAR(jsonfilter_doc,
             "EventJSONFilter(json_scope=None, value_regexes='.*', outbox_names=[], event_scope=('data',),\n"
             "                next_filter=None)\n--\n\n"
             "An EventFilter on a value inside JSON data.\n\n"
             "json_scope: str (one step), or a tuple or list of steps: keys of dicts, indexes of lists. None: the\n"
             "    scoped value itself.\n\n"
             "The value at event_scope is parsed when it is text. Of a list each item is tried.\n"
             "The other arguments are those of EventFilter.");

static PyMethodDef jsonfilter_methods[] = {CPS_FILTER_GET_VALUE(jsonfilter_get_value), {NULL}};

static PyMemberDef jsonfilter_members[] = {
    {"json_scope", T_OBJECT, offsetof(CpsJsonFilter, json_scope), 0, "Steps inside the data (tuple), or None."},
    {NULL},
};

static PyType_Slot jsonfilter_slots[] = {
    {Py_tp_doc, (void *)jsonfilter_doc},   {Py_tp_new, jsonfilter_new},         {Py_tp_init, jsonfilter_init},
    {Py_tp_traverse, jsonfilter_traverse}, {Py_tp_clear, jsonfilter_clear},     {Py_tp_dealloc, jsonfilter_dealloc},
    {Py_tp_methods, jsonfilter_methods},   {Py_tp_members, jsonfilter_members}, {0, NULL},
};

static PyType_Spec jsonfilter_spec = {
    .name = "compysition.actors.eventrouter.EventJSONFilter",
    .basicsize = sizeof(CpsJsonFilter),
    .flags = CPS_FILTER_FLAGS,
    .slots = jsonfilter_slots,
};

int
cps_jsonfilter_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.EventJSONFilter, &jsonfilter_spec, (PyObject *)state->types.EventFilter);
}
