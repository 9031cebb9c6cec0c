#include "event/payload.h"

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
    payload->kind = kind;
    payload->exposed = exposed;
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
    Py_SETREF(((CpsPayload *)self)->value, Py_NewRef(Py_None));
    return 0;
}

static void
payload_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
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

CpsPayload *
cps_payload_new(CpsState *state, PyObject *value, bool json)
{
    if (cps_immutable(value)) {
        return payload_create(state, value, CPS_DATA_VALUE, false);
    }
    return payload_create(state, value, json ? CPS_DATA_JSON : CPS_DATA_OBJECT, true);
}

/* A copy of `payload` that nobody else has. New, or NULL. */
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
    if (payload->exposed && cps_private(payload->value, payload->kind == CPS_DATA_JSON)) {
        payload->exposed = false;
    }
    return !payload->exposed;
}

CpsPayload *
cps_payload_share_in(CpsState *state, CpsPayload *payload, CpsCopyScope *scope)
{
    return cps_payload_settle(payload) ? (CpsPayload *)Py_NewRef(payload) : payload_snapshot(state, payload, scope);
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

    if (payload->kind != CPS_DATA_VALUE && !payload->exposed) {
        if (Py_REFCNT(payload) > 1) {
            payload = payload_snapshot(state, payload, NULL);
            if (payload == NULL) {
                return NULL;
            }
            Py_SETREF(*payload_p, payload);
        }
        payload->exposed = true;
        if (!PyObject_GC_IsTracked((PyObject *)payload)) {
            PyObject_GC_Track(payload);
        }
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
    return alias;
}
