#include "event/payload.h"

#include "xml/lxml.h"

/* The cycle collector learns of the payload only when its value may take part in a cycle: Python code must
 * have had it in its hands for that, or it is of a kind that nobody looked into. */
static CpsPayload *
payload_create(CpsState *state, PyObject *value, CpsDataKind kind, bool exposed)
{
    CpsPayload *payload = PyObject_GC_New(CpsPayload, state->types.Payload);

    if (payload == NULL) {
        return NULL;
    }
    payload->value = Py_NewRef(value);
    payload->document = NULL;
    payload->kind = kind;
    payload->exposed = exposed;
    payload->indented = false;
    if (exposed || kind == CPS_DATA_OBJECT) {
        PyObject_GC_Track(payload);
    }
    return payload;
}

static int
payload_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((CpsPayload *)self)->value);
    return 0;
}

/* The value is never NULL, so that every user of a payload may rely on it. */
static int
payload_clear(PyObject *self)
{
    CpsPayload *payload = (CpsPayload *)self;

    cps_xml_document_unref(&payload->document);
    Py_SETREF(payload->value, Py_NewRef(Py_None));
    return 0;
}

static void
payload_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    cps_xml_document_unref(&((CpsPayload *)self)->document);
    Py_DECREF(((CpsPayload *)self)->value);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyType_Slot payload_slots[] = {
    {Py_tp_traverse, payload_traverse},
    {Py_tp_clear, payload_clear},
    {Py_tp_dealloc, payload_dealloc},
    {0, NULL},
};

static PyType_Spec payload_spec = {
    .name = "compysition._core._Payload",
    .basicsize = sizeof(CpsPayload),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = payload_slots,
};

int
cps_payload_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.Payload, &payload_spec, NULL);
}

/* ---- payloads ---- */

CpsPayload *
cps_payload_new(CpsState *state, PyObject *value, CpsDataKind kind)
{
    bool immutable = cps_immutable(value);

    return payload_create(state, value, immutable ? CPS_DATA_VALUE : kind, !immutable);
}

CpsPayload *
cps_payload_private(CpsState *state, PyObject *value, CpsDataKind kind)
{
    return payload_create(state, value, cps_immutable(value) ? CPS_DATA_VALUE : kind, false);
}

CpsPayload *
cps_payload_from_document(CpsState *state, CpsXmlDocument **document_p)
{
    CpsPayload *payload = payload_create(state, Py_None, CPS_DATA_XML, false);

    if (payload == NULL) {
        cps_xml_document_unref(document_p);
        return NULL;
    }
    payload->document = *document_p;
    *document_p = NULL;
    return payload;
}

/* ---- XML ---- */

/* Whether who has the payload is the only one who can read its document. */
static bool
exclusive(CpsPayload *payload)
{
    return Py_REFCNT(payload) == 1 && (payload->document == NULL || payload->document->references == 1);
}

/* The document of a payload that has one, or an element that nobody changes. New, or NULL. */
static CpsXmlDocument *
settled_document(CpsState *state, CpsPayload *payload)
{
    CpsXmlDocument *document;

    if (payload->document != NULL) {
        return cps_xml_document_ref(payload->document);
    }
    if (payload->value == Py_None) {
        /* the code of an element class asks for it while lxml makes the element */
        PyErr_SetString(PyExc_RuntimeError, "the data of the event is just becoming an element");
        return NULL;
    }
    document = cps_lxml_document(state, payload->value);
    if (document != NULL && payload->document == NULL && !payload->exposed) {
        payload->document = cps_xml_document_ref(document);
    }
    return document;
}

CpsXmlDocument *
cps_payload_document(CpsState *state, CpsPayload *payload)
{
    CpsXmlDocument *document;

    if (payload->kind != CPS_DATA_XML) {
        return NULL;
    }
    Py_INCREF(payload); /* lxml may let other threads run, which change the event */
    document = cps_payload_settle(payload) ? settled_document(state, payload) : cps_lxml_copy(state, payload->value);
    Py_DECREF(payload);
    return document;
}

static void
set_exposed(CpsPayload *payload)
{
    payload->exposed = true;
    if (!PyObject_GC_IsTracked((PyObject *)payload)) {
        PyObject_GC_Track(payload);
    }
}

/* Make the element of a payload that nobody else can read, when it has none, and leave it alone there. Returns 0, or -1 with an
 * exception set. */
static int
keep_element(CpsState *state, CpsPayload *payload)
{
    PyObject *element;

    if (payload->value == Py_None) {
        element = cps_lxml_element(state, &payload->document);
        if (element == NULL) {
            return -1;
        }
        Py_SETREF(payload->value, element);
    }
    cps_xml_document_unref(&payload->document);
    set_exposed(payload);
    return 0;
}

/* A copy (which may be NULL) has the same text. */
static CpsPayload *
keep_form(CpsPayload *copy, const CpsPayload *payload)
{
    if (copy != NULL) {
        copy->indented = payload->indented;
    }
    return copy;
}

/* A payload with a copy, as an element, of what others read. New, or NULL. */
static CpsPayload *
copy_element(CpsState *state, CpsPayload *payload)
{
    CpsXmlDocument *document = cps_payload_document(state, payload);
    PyObject *element = document == NULL ? NULL : cps_lxml_element(state, &document);
    CpsPayload *copy = element == NULL ? NULL : cps_payload_new(state, element, CPS_DATA_XML);

    Py_XDECREF(element);
    cps_xml_document_unref(&document);
    return keep_form(copy, payload);
}

static PyObject *
expose_element(CpsState *state, CpsPayload **payload_p)
{
    CpsPayload *payload = *payload_p, *copy = NULL;
    bool alone = exclusive(payload);
    PyObject *element = NULL;

    if (payload->exposed) {
        return Py_NewRef(payload->value);
    }
    Py_INCREF(payload); /* lxml may run other code, which drops it */
    if (!alone) {
        copy = copy_element(state, payload);
        element = copy == NULL ? NULL : Py_NewRef(copy->value);
    }
    else if (keep_element(state, payload) == 0) {
        element = Py_NewRef(payload->value);
    }
    if (copy != NULL) {
        Py_XSETREF(*payload_p, copy);
    }
    Py_DECREF(payload);
    return element;
}

/* ---- sharing and exposing ---- */

static CpsPayload *
snapshot_document(CpsState *state, CpsPayload *payload)
{
    PyObject *element = Py_NewRef(payload->value); /* lxml may let other threads run, which drop it */
    CpsXmlDocument *document = cps_lxml_copy(state, element);

    Py_DECREF(element);
    return document == NULL ? NULL : keep_form(cps_payload_from_document(state, &document), payload);
}

/* A copy of a payload that is no XML. New, or NULL. */
static CpsPayload *
payload_snapshot(CpsState *state, CpsPayload *payload, CpsCopyScope *scope)
{
    PyObject *original = Py_NewRef(payload->value); /* copying may run code that drops the payload */
    CpsDataKind kind = (CpsDataKind)payload->kind;
    PyObject *value = kind == CPS_DATA_JSON ? cps_json_copy(state, original) : cps_deepcopy_in(state, original, scope);
    CpsPayload *snapshot = value == NULL ? NULL : payload_create(state, value, kind, false);

    Py_XDECREF(value);
    Py_DECREF(original);
    return snapshot;
}

bool
cps_payload_settle(CpsPayload *payload)
{
    if (payload->exposed &&
        (payload->kind == CPS_DATA_XML ? cps_lxml_private(cps_state_of((PyObject *)payload), payload->value)
                                       : cps_private(payload->value, payload->kind == CPS_DATA_JSON))) {
        payload->exposed = false;
    }
    return !payload->exposed;
}

CpsPayload *
cps_payload_share_in(CpsState *state, CpsPayload *payload, CpsCopyScope *scope)
{
    if (cps_payload_settle(payload)) {
        return (CpsPayload *)Py_NewRef(payload);
    }
    return payload->kind == CPS_DATA_XML ? snapshot_document(state, payload) : payload_snapshot(state, payload, scope);
}

CpsPayload *
cps_payload_share(CpsState *state, CpsPayload *payload)
{
    return cps_payload_share_in(state, payload, NULL);
}

PyObject *
cps_payload_expose(CpsState *state, CpsPayload **payload_p)
{
    CpsPayload *payload = *payload_p;

    if (payload->kind == CPS_DATA_XML) {
        return expose_element(state, payload_p);
    }
    if (payload->kind != CPS_DATA_VALUE && !payload->exposed) {
        if (Py_REFCNT(payload) > 1) {
            payload = payload_snapshot(state, payload, NULL);
            if (payload == NULL) {
                return NULL;
            }
            Py_SETREF(*payload_p, payload);
        }
        set_exposed(payload);
    }
    return Py_NewRef(payload->value);
}

CpsPayload *
cps_payload_alias(CpsState *state, CpsPayload **payload_p)
{
    PyObject *value = cps_payload_expose(state, payload_p);
    CpsPayload *alias;

    if (value == NULL) {
        return NULL;
    }
    alias = payload_create(state, value, (CpsDataKind)(*payload_p)->kind, (*payload_p)->kind != CPS_DATA_VALUE);
    Py_DECREF(value);
    return keep_form(alias, *payload_p);
}
