/* MatchedEvent, MatchedJSONEvent and MatchedXMLEvent. The data of a held event is asked for when somebody wants to see it: XML that
 * only C code joins never becomes an lxml element. */
#include "actors/matched.h"

#include "actors/actors.h"
#include "actors/schedule.h"
#include "event/event.h"
#include "event/format.h"
#include "event/xmldata.h"
#include "xml/dict.h"
#include "xml/lxml.h"
#include "xml/text.h"

bool
cps_matched_is_plain(CpsState *state, PyObject *matched)
{
    return Py_IS_TYPE(matched, state->types.MatchedEvent) || Py_IS_TYPE(matched, state->types.MatchedJSONEvent) ||
           Py_IS_TYPE(matched, state->types.MatchedXMLEvent);
}

/* --- parts ---------------------------------------------------------------------------------------------------------------- */

int
cps_matched_hold(CpsMatchedEvent *self, PyObject *inbox, PyObject *event)
{
    CpsLineage *lineage = ((CpsEvent *)event)->lineage;
    CpsMatchedPart *parts = self->parts;

    if (PyMem_Resize(parts, CpsMatchedPart, self->part_count + 1) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (lineage != NULL) {
        cps_lineage_hold(cps_lineage_ref(lineage));
    }
    parts[self->part_count++] = (CpsMatchedPart){Py_NewRef(inbox), Py_NewRef(event), lineage};
    self->parts = parts;
    return 0;
}

void
cps_matched_unhold(CpsMatchedEvent *self)
{
    CpsMatchedPart part;

    if (self->part_count == 0) {
        return;
    }
    part = self->parts[--self->part_count];
    if (part.lineage != NULL) {
        cps_lineage_release(part.lineage);
        cps_lineage_unref(part.lineage);
    }
    Py_DECREF(part.inbox);
    Py_DECREF(part.event);
}

void
cps_matched_release(CpsMatchedEvent *self)
{
    Py_CLEAR(self->reported);
    while (self->part_count > 0) {
        cps_matched_unhold(self);
    }
    PyMem_Free(self->parts);
    self->parts = NULL;
}

/* The event that came from `inbox`. Borrowed, or NULL. */
static PyObject *
matched_event_of(const CpsMatchedEvent *self, PyObject *inbox)
{
    for (Py_ssize_t i = 0; i < self->part_count; i++) {
        if (self->parts[i].inbox == inbox) {
            return self->parts[i].event;
        }
    }
    return NULL;
}

/* --- reports -------------------------------------------------------------------------------------------------------------- */

/* Put `value` under an inbox that has none. Returns 0, or -1 with an exception set. */
static int
matched_set(CpsMatchedEvent *self, CpsState *state, PyObject *inbox, PyObject *value)
{
    PyObject *old;

    if (self->reported == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "MatchedEvent.__init__() was not called");
        return -1;
    }
    old = PyDict_GetItemWithError(self->reported, inbox); /* borrowed */
    if (old != NULL && old != state->not_given) {
        cps_raise(state, CPS_RESOURCE_CONFLICT, "Inbox %S already reported for event. Ignoring", inbox);
    }
    return PyErr_Occurred() ? -1 : PyDict_SetItem(self->reported, inbox, value);
}

int
cps_matched_report(CpsMatchedEvent *self, CpsState *state, PyObject *inbox)
{
    return matched_set(self, state, inbox, inbox);
}

bool
cps_matched_complete(const CpsMatchedEvent *self, const CpsState *state)
{
    PyObject *value; /* borrowed */
    Py_ssize_t position = 0;

    while (self->reported != NULL && PyDict_Next(self->reported, &position, NULL, &value)) {
        if (value == state->not_given) {
            return false;
        }
    }
    return true;
}

/* Put the data of held events into self->reported. Returns 0, or -1 with an exception set. */
static int
matched_show(CpsMatchedEvent *self, CpsState *state)
{
    PyObject *inboxes = self->reported == NULL ? NULL : PyDict_Keys(self->reported);
    int status = inboxes == NULL ? -1 : 0;

    if (self->reported == NULL) {
        PyErr_SetString(PyExc_AttributeError, "inboxes_reported");
    }
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(inboxes); i++) {
        PyObject *inbox = PyList_GET_ITEM(inboxes, i);
        PyObject *event = matched_event_of(self, inbox);

        if (event != NULL && PyDict_GetItemWithError(self->reported, inbox) == inbox) {
            PyObject *data = PyObject_GetAttr(event, state->names.data);

            status = data == NULL ? -1 : PyDict_SetItem(self->reported, inbox, data);
            Py_XDECREF(data);
        }
    }
    Py_XDECREF(inboxes);
    return status;
}

/* The data that was reported, in the order of the inboxes. New list, or NULL with an exception set. */
static PyObject *
matched_values(CpsMatchedEvent *self, CpsState *state)
{
    PyObject *values = matched_show(self, state) < 0 ? NULL : PyList_New(0), *value;
    Py_ssize_t position = 0;

    while (values != NULL && PyDict_Next(self->reported, &position, NULL, &value)) {
        if (value != state->not_given && PyList_Append(values, value) < 0) {
            Py_CLEAR(values);
        }
    }
    return values;
}

/* --- joined JSON ---------------------------------------------------------------------------------------------------------- */

static int
json_add(CpsState *state, PyObject *whole, PyObject *value)
{
    if (PyDict_Check(whole) && PyDict_Check(value)) {
        return PyDict_Update(whole, value);
    }
    if (PyList_Check(whole) && PyList_Check(value)) {
        return PyList_SetSlice(whole, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, value);
    }
    cps_raise(state, CPS_MALFORMED_EVENT_DATA, "Data of type '%s' cannot be joined to a '%s'", Py_TYPE(value)->tp_name,
              Py_TYPE(whole)->tp_name);
    return -1;
}

/* All dicts in one, or all lists in one. New, or NULL with an exception set. */
static PyObject *
json_joined(CpsMatchedEvent *self, CpsState *state)
{
    PyObject *values = matched_values(self, state), *whole = NULL;

    if (values == NULL) {
        return NULL;
    }
    whole = PyList_GET_SIZE(values) > 0 && PyList_Check(PyList_GET_ITEM(values, 0)) ? PyList_New(0) : PyDict_New();
    for (Py_ssize_t i = 0; whole != NULL && i < PyList_GET_SIZE(values); i++) {
        if (json_add(state, whole, PyList_GET_ITEM(values, i)) < 0) {
            Py_CLEAR(whole);
        }
    }
    Py_DECREF(values);
    return whole;
}

/* --- joined XML ----------------------------------------------------------------------------------------------------------- */

/* What was reported under `inbox`, to be read. New, or NULL with an exception set. */
static CpsXmlDocument *
xml_document_of(CpsMatchedEvent *self, CpsState *state, PyObject *inbox, PyObject *value)
{
    PyObject *event = value == inbox ? matched_event_of(self, inbox) : NULL; /* borrowed */

    if (event != NULL) {
        return cps_event_document(state, event);
    }
    if (cps_lxml_is_element(value)) {
        return cps_lxml_document(state, value);
    }
    cps_raise(state, CPS_MALFORMED_EVENT_DATA, "Data of type '%s' is not XML", Py_TYPE(value)->tp_name);
    return NULL;
}

/* Append a copy. Returns 0, or -1 with an exception set. */
static int
xml_add(CpsMatchedEvent *self, CpsState *state, CpsXmlDocument *whole, PyObject *inbox, PyObject *value)
{
    CpsXmlDocument *part = xml_document_of(self, state, inbox, value);
    bool too_deep;
    int status;

    if (part == NULL) {
        return -1;
    }
    status = cps_xml_document_append(whole, cps_xml_document_root(part), &too_deep);
    cps_xml_document_unref(&part);
    if (status < 0) {
        cps_xml_raise_copy(too_deep);
    }
    return status;
}

/* An element named key with all the others in it. New, or NULL with an exception set. */
static CpsXmlDocument *
xml_joined_document(CpsMatchedEvent *self, CpsState *state)
{
    PyObject *items = self->reported == NULL ? PyList_New(0) : PyDict_Items(self->reported);
    CpsXmlDocument *whole = items == NULL ? NULL : cps_xml_from_item(state, cps_field(self->key), Py_None, true);

    for (Py_ssize_t i = 0; whole != NULL && i < PyList_GET_SIZE(items); i++) {
        PyObject *inbox = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0);
        PyObject *value = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1);

        if (value != state->not_given && xml_add(self, state, whole, inbox, value) < 0) {
            cps_xml_document_unref(&whole);
        }
    }
    Py_XDECREF(items);
    return whole;
}

/* The same as an lxml element. New, or NULL with an exception set. */
static PyObject *
xml_joined(CpsMatchedEvent *self, CpsState *state)
{
    CpsXmlDocument *whole = xml_joined_document(self, state);
    PyObject *element = whole == NULL ? NULL : cps_lxml_element(state, &whole);

    cps_xml_document_unref(&whole);
    return element;
}

/* --- the joined data of an event ------------------------------------------------------------------------------------------ */

static int
fill_with_document(CpsMatchedEvent *self, CpsState *state, PyObject *event)
{
    CpsXmlDocument *whole = xml_joined_document(self, state);

    return whole == NULL ? -1 : cps_event_set_document(state, event, &whole);
}

static int
fill_with_json(CpsMatchedEvent *self, CpsState *state, PyObject *event)
{
    PyObject *whole = json_joined(self, state);
    int status = whole == NULL ? -1 : cps_event_store_data(state, event, whole);

    Py_XDECREF(whole);
    return status;
}

int
cps_matched_fill(CpsMatchedEvent *self, CpsState *state, PyObject *event)
{
    PyObject *joined;
    int status;

    if (Py_IS_TYPE(self, state->types.MatchedXMLEvent) && cps_format_is(state, event, state->xml_conversions)) {
        return fill_with_document(self, state, event);
    }
    if (Py_IS_TYPE(self, state->types.MatchedJSONEvent) && cps_format_is(state, event, state->json_conversions)) {
        return fill_with_json(self, state, event);
    }
    joined = PyObject_GetAttr((PyObject *)self, state->names.joined);
    status = joined == NULL ? -1 : PyObject_SetAttr(event, state->names.data, joined);
    Py_XDECREF(joined);
    return status;
}

/* --- Python --------------------------------------------------------------------------------------------------------------- */

static PyObject *
matched_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    CpsMatchedEvent *self = (CpsMatchedEvent *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->created_us = (int64_t)(cps_schedule_wall() * 1e6);
        self->arrived = uv_hrtime();
    }
    return (PyObject *)self;
}

static int
matched_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"inboxes", "key", NULL};
    CpsMatchedEvent *self = (CpsMatchedEvent *)op;
    CpsState *state = cps_state_of(op);
    PyObject *inboxes, *key = Py_None; /* borrowed */
    PyObject *list;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:MatchedEvent", names, &inboxes, &key)) {
        return -1;
    }
    list = PySequence_List(inboxes);
    Py_XSETREF(self->reported, list == NULL ? NULL : PyDict_New());
    for (Py_ssize_t i = 0; self->reported != NULL && i < PyList_GET_SIZE(list); i++) {
        if (PyDict_SetItem(self->reported, PyList_GET_ITEM(list, i), state->not_given) < 0) {
            Py_CLEAR(self->reported);
        }
    }
    Py_XDECREF(list);
    Py_XSETREF(self->key, key == Py_None ? PyUnicode_FromString("joined_root") : Py_NewRef(key));
    return self->reported == NULL || self->key == NULL ? -1 : 0;
}

static int
matched_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsMatchedEvent *self = (CpsMatchedEvent *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->key);
    Py_VISIT(self->reported);
    for (Py_ssize_t i = 0; i < self->part_count; i++) {
        Py_VISIT(self->parts[i].inbox);
        Py_VISIT(self->parts[i].event);
    }
    return 0;
}

static int
matched_clear(PyObject *op)
{
    CpsMatchedEvent *self = (CpsMatchedEvent *)op;

    Py_CLEAR(self->key);
    cps_matched_release(self);
    return 0;
}

static void
matched_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)matched_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
matched_report_inbox(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"inbox", "data", NULL};
    PyObject *inbox, *data; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:report_inbox", names, &inbox, &data) ||
        matched_set((CpsMatchedEvent *)op, cps_state_of(op), inbox, data) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
matched_all_inboxes_reported(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(cps_matched_complete((CpsMatchedEvent *)op, cps_state_of(op)));
}

static PyObject *
matched_get_inboxes_reported(PyObject *op, void *Py_UNUSED(closure))
{
    CpsMatchedEvent *self = (CpsMatchedEvent *)op;

    return matched_show(self, cps_state_of(op)) < 0 ? NULL : Py_NewRef(self->reported);
}

static PyObject *
matched_get_created(PyObject *op, void *Py_UNUSED(closure))
{
    return cps_event_datetime(cps_state_of(op), ((CpsMatchedEvent *)op)->created_us);
}

static PyObject *
matched_get_joined(PyObject *op, void *Py_UNUSED(closure))
{
    return matched_values((CpsMatchedEvent *)op, cps_state_of(op));
}

static PyObject *
json_get_joined(PyObject *op, void *Py_UNUSED(closure))
{
    return json_joined((CpsMatchedEvent *)op, cps_state_of(op));
}

static PyObject *
xml_get_joined(PyObject *op, void *Py_UNUSED(closure))
{
    return xml_joined((CpsMatchedEvent *)op, cps_state_of(op));
}

static PyMethodDef matched_methods[] = {
    {"report_inbox", _PyCFunction_CAST(matched_report_inbox), METH_VARARGS | METH_KEYWORDS,
     "report_inbox($self, inbox, data)\n--\n\n"
     "Note what came from an inbox. Raises ResourceConflict when it has reported already."},
    {"all_inboxes_reported", matched_all_inboxes_reported, METH_NOARGS,
     "all_inboxes_reported($self, /)\n--\n\nWhether something came from each inbox (bool)."},
    {NULL},
};

static PyMemberDef matched_members[] = {
    {"key", T_OBJECT, offsetof(CpsMatchedEvent, key), 0, "The name of what is joined (str)."},
    {NULL},
};

static PyGetSetDef matched_getset[] = {
    {"created", matched_get_created, NULL, "When the first event came (datetime)."},
    {"inboxes_reported", matched_get_inboxes_reported, NULL,
     "dict: inbox -> data, in the order of the inboxes; -> compysition.event.DEFAULT while nothing came."},
    {"joined", matched_get_joined, NULL, "The data from all inboxes (list)."},
    {NULL},
};

PyDoc_STRVAR(matched_doc, "MatchedEvent(inboxes, key=None)\n--\n\n"
                          "What a join has got of one event.\n\n"
                          "inboxes: iterable of those that are waited for. key: str, 'joined_root' by default.");

static PyType_Slot matched_slots[] = {
    {Py_tp_doc, (void *)matched_doc}, {Py_tp_new, matched_new},
    {Py_tp_init, matched_init},       {Py_tp_traverse, matched_traverse},
    {Py_tp_clear, matched_clear},     {Py_tp_dealloc, matched_dealloc},
    {Py_tp_methods, matched_methods}, {Py_tp_members, matched_members},
    {Py_tp_getset, matched_getset},   {0, NULL},
};

enum { MATCHED_FLAGS = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE };

static PyGetSetDef json_getset[] = {
    {"joined", json_get_joined, NULL, "One dict of all dicts, where later inboxes win, or one list of all lists."},
    {NULL},
};

static PyType_Slot json_slots[] = {
    {Py_tp_doc, "A MatchedEvent whose data is JSON."},
    {Py_tp_traverse, matched_traverse},
    {Py_tp_clear, matched_clear},
    {Py_tp_dealloc, matched_dealloc},
    {Py_tp_getset, json_getset},
    {0, NULL},
};

static PyType_Spec json_spec = {
    .name = "compysition.actors.eventjoin.MatchedJSONEvent",
    .basicsize = sizeof(CpsMatchedEvent),
    .flags = MATCHED_FLAGS,
    .slots = json_slots,
};

static PyGetSetDef xml_getset[] = {
    {"joined", xml_get_joined, NULL, "An element named key with copies of all root elements in it."},
    {NULL},
};

static PyType_Slot xml_slots[] = {
    {Py_tp_doc, "A MatchedEvent whose data is XML."},
    {Py_tp_traverse, matched_traverse},
    {Py_tp_clear, matched_clear},
    {Py_tp_dealloc, matched_dealloc},
    {Py_tp_getset, xml_getset},
    {0, NULL},
};

static PyType_Spec xml_spec = {
    .name = "compysition.actors.eventjoin.MatchedXMLEvent",
    .basicsize = sizeof(CpsMatchedEvent),
    .flags = MATCHED_FLAGS,
    .slots = xml_slots,
};

static PyType_Spec matched_spec = {
    .name = "compysition.actors.eventjoin.MatchedEvent",
    .basicsize = sizeof(CpsMatchedEvent),
    .flags = MATCHED_FLAGS,
    .slots = matched_slots,
};

int
cps_matched_setup(PyObject *module, CpsState *state)
{
    PyObject *base;

    if (cps_add_type(module, &state->types.MatchedEvent, &matched_spec, NULL) < 0) {
        return -1;
    }
    base = (PyObject *)state->types.MatchedEvent;
    return cps_add_type(module, &state->types.MatchedJSONEvent, &json_spec, base) < 0
               ? -1
               : cps_add_type(module, &state->types.MatchedXMLEvent, &xml_spec, base);
}
