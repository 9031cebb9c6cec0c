/* EventFilter: matches events by regexes on a value in them. */
#include "actors/filter.h"

#include "event/lookup.h"

/* Whether a method is that of the built-in type: `plain` tells that no subclass overrides it, and the instance must not either. */
static bool
filter_has_plain(CpsFilter *self, bool plain, PyObject *name)
{
    return plain && (self->dict == NULL || PyDict_Contains(self->dict, name) == 0);
}

/* --- patterns --------------------------------------------------------------------------------------------------------------- */

PyObject *
cps_filter_list(PyObject *value)
{
    PyObject *list;

    if (value == NULL) {
        return PyList_New(0);
    }
    if (PyList_Check(value) || PyTuple_Check(value)) {
        return PySequence_List(value);
    }
    list = PyList_New(1);
    if (list != NULL) {
        PyList_SET_ITEM(list, 0, Py_NewRef(value));
    }
    return list;
}

/* re.compile(regex); bytes are UTF-8. New, or NULL with an exception set. */
static PyObject *
filter_compile(CpsState *state, PyObject *regex)
{
    PyObject *compile = cps_import(&state->re_compile, "re", "compile"); /* borrowed */
    PyObject *text, *pattern;

    if (compile == NULL) {
        return NULL;
    }
    text = PyBytes_Check(regex) ? PyUnicode_FromEncodedObject(regex, "utf-8", "strict") : Py_NewRef(regex);
    pattern = text == NULL ? NULL : PyObject_CallOneArg(compile, text);
    Py_XDECREF(text);
    return pattern;
}

/* Put the compiled patterns in the place of the regexes. New list, or NULL with an exception set. */
static PyObject *
filter_compile_all(CpsState *state, PyObject *value_regexes)
{
    PyObject *patterns = cps_filter_list(value_regexes);

    for (Py_ssize_t i = 0; patterns != NULL && i < PyList_GET_SIZE(patterns); i++) {
        PyObject *pattern = filter_compile(state, PyList_GET_ITEM(patterns, i));

        if (pattern == NULL) {
            Py_CLEAR(patterns);
        }
        else {
            (void)PyList_SetItem(patterns, i, pattern); /* steals, and cannot fail here */
        }
    }
    return patterns;
}

/* EventFilter.parse_value_regexes. */
static PyObject *
filter_parse_value_regexes(PyObject *op, PyObject *value_regexes)
{
    CpsFilter *self = (CpsFilter *)op;
    PyObject *patterns = filter_compile_all(self->state, value_regexes);

    if (patterns != NULL) {
        Py_XSETREF(self->value_regexes, Py_NewRef(patterns));
    }
    return patterns;
}

PyObject *
cps_filter_parse_regexes(CpsFilter *self, PyObject *value_regexes)
{
    CpsState *state = self->state;
    PyObject *list, *patterns;

    if (filter_has_plain(self, self->plain_regexes, state->names.parse_value_regexes)) {
        return filter_compile_all(state, value_regexes);
    }
    list = cps_filter_list(value_regexes);
    patterns =
        list == NULL ? NULL : PyObject_CallMethodOneArg((PyObject *)self, state->names.parse_value_regexes, list);
    Py_XDECREF(list);
    if (patterns == Py_None) { /* it has stored them itself */
        Py_SETREF(patterns, PySequence_List(self->value_regexes == NULL ? Py_None : self->value_regexes));
    }
    else if (patterns != NULL && !PyList_Check(patterns)) {
        Py_SETREF(patterns, PySequence_List(patterns));
    }
    return patterns;
}

/* --- matching ---------------------------------------------------------------------------------------------------------------- */

/* What the regexes are tried on. New str, or NULL with an exception set. */
static PyObject *
search_text(PyObject *value)
{
    return PyBytes_Check(value) ? PyUnicode_FromEncodedObject(value, "utf-8", "replace") : PyObject_Str(value);
}

/* The method search of each regex. New tuple, or NULL with an exception set. */
static PyObject *
bind_searches(CpsState *state, PyObject *regexes)
{
    PyObject *searches;

    if (regexes == NULL || !PyList_Check(regexes)) {
        PyErr_SetString(PyExc_TypeError, "value_regexes must be a list");
        return NULL;
    }
    searches = PySequence_Tuple(regexes);
    for (Py_ssize_t i = 0; searches != NULL && i < PyTuple_GET_SIZE(searches); i++) {
        PyObject *regex = PyTuple_GET_ITEM(searches, i);
        PyObject *method = PyObject_GetAttr(regex, state->names.search);

        if (method == NULL) {
            Py_CLEAR(searches);
        }
        else {
            PyTuple_SET_ITEM(searches, i, method);
            Py_DECREF(regex);
        }
    }
    return searches;
}

/* A CpsFilterVisit: whether one of the searches finds something in the value. */
static int
search_value(PyObject *value, void *searches)
{
    PyObject *text;
    int found = 0;

    if (value == Py_None || (text = search_text(value)) == NULL) {
        return value == Py_None ? 0 : -1;
    }
    for (Py_ssize_t i = 0; found == 0 && i < PyTuple_GET_SIZE((PyObject *)searches); i++) {
        PyObject *match = PyObject_CallOneArg(PyTuple_GET_ITEM((PyObject *)searches, i), text);

        found = match == NULL ? -1 : match != Py_None;
        Py_XDECREF(match);
    }
    Py_DECREF(text);
    return found;
}

/* Visit what an overridden _get_value yields. As CpsFilterOps.candidates. */
static int
filter_visit_overridden(CpsFilter *self, PyObject *event, CpsFilterVisit visit, void *context)
{
    PyObject *arguments[] = {(PyObject *)self, event, self->event_scope == NULL ? Py_None : self->event_scope};
    PyObject *values =
        PyObject_VectorcallMethod(self->state->names._get_value, arguments, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    PyObject *iterator = values == NULL ? NULL : PyObject_GetIter(values);
    PyObject *value;
    int result = iterator == NULL ? -1 : 0;

    Py_XDECREF(values);
    while (result == 0 && (value = PyIter_Next(iterator)) != NULL) {
        result = visit(value, context);
        Py_DECREF(value);
    }
    Py_XDECREF(iterator);
    return result == 0 && PyErr_Occurred() ? -1 : result;
}

/* Whether a regex is found in a candidate. 1, 0, or -1 with an exception set. */
static int
filter_search(CpsFilter *self, PyObject *event)
{
    PyObject *regexes, *searches;
    int found;

    if (self->ops->regexes == NULL) {
        searches = bind_searches(self->state, self->value_regexes);
    }
    else {
        regexes = self->ops->regexes(self, event);
        searches = regexes == NULL ? NULL : bind_searches(self->state, regexes);
        Py_XDECREF(regexes);
    }
    if (searches == NULL) {
        return -1;
    }
    found = self->event_scope != NULL && filter_has_plain(self, self->plain_values, self->state->names._get_value)
                ? self->ops->candidates(self, event, self->event_scope, true, search_value, searches)
                : filter_visit_overridden(self, event, search_value, searches);
    Py_DECREF(searches);
    return found;
}

/* Replace the exception that is set by a plain Exception that tells what was tried, unless it is none that an event can have, or tells
 * of a chain without an end. */
static void
filter_explain(void)
{
    PyObject *cause, *error;

    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_RecursionError)) {
        return;
    }
    cause = PyErr_GetRaisedException();
    PyErr_Format(PyExc_Exception, "Error in attempting to apply regex patterns: %S", cause);
    error = PyErr_GetRaisedException();
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);    /* steals */
}

/* EventFilter.matches. */
static int
filter_matches(CpsFilter *self, PyObject *event)
{
    int found = filter_search(self, event);
    PyObject *next;

    if (found < 0) {
        filter_explain();
    }
    if (found <= 0 || self->next_filter == NULL || self->next_filter == Py_None) {
        return found;
    }
    if (Py_EnterRecursiveCall(" in a chain of filters")) {
        return -1;
    }
    next = Py_NewRef(self->next_filter);
    found = cps_filter_matches(self->state, next, event);
    if (cps_filter_check(self->state, next) && ((CpsFilter *)next)->trouble != NULL) {
        Py_XSETREF(self->trouble, ((CpsFilter *)next)->trouble);
        ((CpsFilter *)next)->trouble = NULL;
    }
    Py_DECREF(next);
    Py_LeaveRecursiveCall();
    return found;
}

int
cps_filter_matches(CpsState *state, PyObject *filter, PyObject *event)
{
    PyObject *result;
    int matches;

    if (cps_filter_check(state, filter) &&
        filter_has_plain((CpsFilter *)filter, ((CpsFilter *)filter)->plain_matches, state->names.matches)) {
        return filter_matches((CpsFilter *)filter, event);
    }
    result = PyObject_CallMethodOneArg(filter, state->names.matches, event);
    matches = result == NULL ? -1 : PyObject_IsTrue(result);
    Py_XDECREF(result);
    return matches;
}

static PyObject *
filter_matches_method(PyObject *op, PyObject *event)
{
    int matches = filter_matches((CpsFilter *)op, event);

    return matches < 0 ? NULL : PyBool_FromLong(matches);
}

/* --- candidates --------------------------------------------------------------------------------------------------------------- */

PyObject *
cps_filter_scoped(CpsFilter *self, PyObject *event, PyObject *scope, bool to_read)
{
    if (!PyTuple_Check(scope)) {
        return cps_lookup(event, scope);
    }
    return to_read ? cps_lookup_to_read(self->state, event, scope) : cps_lookup(event, scope);
}

static int
filter_candidates(CpsFilter *self, PyObject *event, PyObject *scope, bool to_read, CpsFilterVisit visit, void *context)
{
    PyObject *value = cps_filter_scoped(self, event, scope, to_read);
    int result = value == NULL ? -1 : visit(value, context);

    Py_XDECREF(value);
    return result;
}

/* A CpsFilterVisit. */
static int
filter_collect(PyObject *value, void *values)
{
    return PyList_Append(values, value);
}

PyObject *
cps_filter_iterate(PyObject *op, const CpsFilterOps *ops, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"event", "event_scope", NULL};
    PyObject *event, *scope; /* borrowed */
    PyObject *values, *iterator;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:_get_value", names, &event, &scope)) {
        return NULL;
    }
    values = PyList_New(0);
    if (values != NULL && ops->candidates((CpsFilter *)op, event, scope, false, filter_collect, values) < 0) {
        Py_CLEAR(values);
    }
    iterator = values == NULL ? NULL : PyObject_GetIter(values);
    Py_XDECREF(values);
    return iterator;
}

static const CpsFilterOps filter_ops;

static PyObject *
filter_get_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_filter_iterate(op, &filter_ops, args, kwargs);
}

static const CpsFilterOps filter_ops = {.candidates = filter_candidates,
                                        .get_value = _PyCFunction_CAST(filter_get_value)};

/* --- the type ---------------------------------------------------------------------------------------------------------------- */

PyObject *
cps_filter_steps(PyObject *value, const char *name)
{
    if (PyUnicode_Check(value)) {
        return PyTuple_Pack(1, value);
    }
    if (PyTuple_Check(value)) {
        return PySequence_Tuple(value);
    }
    PyErr_Format(PyExc_TypeError, "The defined %s must be either type str or tuple(str)", name);
    return NULL;
}

/* Without arguments of its own it matches nothing, so that a subclass may do without the constructor. */
PyObject *
cps_filter_new(PyTypeObject *type, const CpsFilterOps *ops)
{
    CpsFilter *self = (CpsFilter *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    self->state = cps_state_of_type(type);
    self->ops = ops;
    self->value_regexes = PyList_New(0);
    self->outbox_names = PyList_New(0);
    self->outboxes = PyList_New(0);
    self->event_scope = PyTuple_Pack(1, self->state->names.data);
    self->next_filter = Py_NewRef(Py_None);
    if (self->value_regexes == NULL || self->outbox_names == NULL || self->outboxes == NULL ||
        self->event_scope == NULL) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    self->plain_matches = cps_method_is(type, self->state->names.matches, filter_matches_method);
    self->plain_regexes = cps_method_is(type, self->state->names.parse_value_regexes, filter_parse_value_regexes);
    self->plain_values = cps_method_is(type, self->state->names._get_value, ops->get_value);
    return (PyObject *)self;
}

static PyObject *
filter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return cps_filter_new(type, &filter_ops);
}

static PyObject *
filter_set_next_filter(PyObject *op, PyObject *filter)
{
    CpsFilter *self = (CpsFilter *)op;

    if (filter != Py_None && !cps_filter_check(self->state, filter)) {
        PyErr_SetString(PyExc_TypeError, "The provided filter is not a valid EventFilter type");
        return NULL;
    }
    Py_XSETREF(self->next_filter, Py_NewRef(filter));
    Py_RETURN_NONE;
}

/* Give the next filter to set_next_filter, overridden or not. Returns 0, or -1 with an exception set. */
static int
filter_take_next(CpsFilter *self, PyObject *next_filter)
{
    PyObject *result;

    if (next_filter == NULL || next_filter == Py_None) {
        return 0;
    }
    result = PyObject_CallMethodOneArg((PyObject *)self, self->state->names.set_next_filter, next_filter);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_filter_configure(CpsFilter *self, PyObject *value_regexes, PyObject *outbox_names, PyObject *event_scope,
                     PyObject *next_filter)
{
    PyObject *any = PyUnicode_FromString(".*");
    PyObject *patterns =
        any == NULL ? NULL : cps_filter_parse_regexes(self, value_regexes == NULL ? any : value_regexes);
    PyObject *names = patterns == NULL ? NULL : cps_filter_list(outbox_names);
    PyObject *scope = names == NULL         ? NULL
                      : event_scope == NULL ? PyTuple_Pack(1, self->state->names.data)
                                            : cps_filter_steps(event_scope, "event_scope");

    Py_XDECREF(any);
    if (scope == NULL) {
        Py_XDECREF(patterns);
        Py_XDECREF(names);
        return -1;
    }
    Py_XSETREF(self->value_regexes, patterns);
    Py_XSETREF(self->outbox_names, names);
    Py_XSETREF(self->event_scope, scope);
    return filter_take_next(self, next_filter);
}

static int
filter_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value_regexes", "outbox_names", "event_scope", "next_filter", NULL};
    PyObject *regexes = NULL, *outboxes = NULL, *scope = NULL, *next = NULL; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOO:EventFilter", names, &regexes, &outboxes, &scope, &next)) {
        return -1;
    }
    return cps_filter_configure((CpsFilter *)op, regexes, outboxes, scope, next);
}

PyObject *
cps_filter_new_for(CpsState *state, PyObject *regex, PyObject *outbox_name, PyObject *scope)
{
    return PyObject_CallFunctionObjArgs((PyObject *)state->types.EventFilter, regex, outbox_name, scope, NULL);
}

int
cps_filter_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsFilter *self = (CpsFilter *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->value_regexes);
    Py_VISIT(self->outbox_names);
    Py_VISIT(self->outboxes);
    Py_VISIT(self->event_scope);
    Py_VISIT(self->next_filter);
    return 0;
}

int
cps_filter_clear(PyObject *op)
{
    CpsFilter *self = (CpsFilter *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->value_regexes);
    Py_CLEAR(self->outbox_names);
    Py_CLEAR(self->outboxes);
    Py_CLEAR(self->event_scope);
    Py_CLEAR(self->next_filter);
    Py_CLEAR(self->trouble);
    return 0;
}

void
cps_filter_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)cps_filter_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(filter_doc,
             "EventFilter(value_regexes='.*', outbox_names=[], event_scope=('data',), next_filter=None)\n--\n\n"
             "Matches an event when a regex is found in a value of it. A router sends the events that match to the\n"
             "outboxes.\n\n"
             "value_regexes: str, or a list of them: searched for in str() of the value.\n"
             "outbox_names: str, or a list of them: the router's outboxes. Without any, the router discards what\n"
             "    matches.\n"
             "event_scope: str, or a tuple of steps from the event to the value: attributes, keys of dicts,\n"
             "    indexes of lists. A value that is missing or None matches nothing. Else TypeError.\n"
             "next_filter: EventFilter that must match, too.\n\n"
             "Subclasses may replace matches, _get_value, parse_value_regexes and set_next_filter.");

PyDoc_STRVAR(matches_doc, "matches($self, event, /)\n--\n\n"
                          "Whether the event is for this filter (bool). Raises Exception when that cannot be told.");

PyDoc_STRVAR(set_next_filter_doc, "set_next_filter($self, filter, /)\n--\n\n"
                                  "The filter that must match, too; None for no further one. Else TypeError.");

PyDoc_STRVAR(parse_value_regexes_doc, "parse_value_regexes($self, value_regexes, /)\n--\n\n"
                                      "Compile one regex or a list of them, store them as value_regexes, and return\n"
                                      "that list. Raises re.error for one that is no regex.");

static PyMethodDef filter_methods[] = {
    {"matches", filter_matches_method, METH_O, matches_doc},
    {"set_next_filter", filter_set_next_filter, METH_O, set_next_filter_doc},
    {"parse_value_regexes", filter_parse_value_regexes, METH_O, parse_value_regexes_doc},
    CPS_FILTER_GET_VALUE(filter_get_value),
    {NULL},
};

static PyMemberDef filter_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsFilter, dict), READONLY, NULL},
    {"value_regexes", T_OBJECT_EX, offsetof(CpsFilter, value_regexes), 0, "Compiled patterns (list)."},
    {"outbox_names", T_OBJECT_EX, offsetof(CpsFilter, outbox_names), 0, "Names of the router's outboxes (list)."},
    {"outboxes", T_OBJECT_EX, offsetof(CpsFilter, outboxes), 0,
     "The queues of these names (list), set when a router with this filter starts."},
    {"event_scope", T_OBJECT_EX, offsetof(CpsFilter, event_scope), 0, "Steps to the value (tuple)."},
    {"next_filter", T_OBJECT_EX, offsetof(CpsFilter, next_filter), 0, "The filter that must match, too, or None."},
    {NULL},
};

static PyGetSetDef filter_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot filter_slots[] = {
    {Py_tp_doc, (void *)filter_doc}, {Py_tp_new, filter_new},
    {Py_tp_init, filter_init},       {Py_tp_traverse, cps_filter_traverse},
    {Py_tp_clear, cps_filter_clear}, {Py_tp_dealloc, cps_filter_dealloc},
    {Py_tp_methods, filter_methods}, {Py_tp_members, filter_members},
    {Py_tp_getset, filter_getset},   {0, NULL},
};

static PyType_Spec filter_spec = {
    .name = "compysition.actors.eventrouter.EventFilter",
    .basicsize = sizeof(CpsFilter),
    .flags = CPS_FILTER_FLAGS,
    .slots = filter_slots,
};

int
cps_filter_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.EventFilter, &filter_spec, NULL);
}
