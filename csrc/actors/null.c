/* Null: where events end. */
#include "actors/actors.h"

static int
null_consume(CpsActor *self, CpsInbox *inbox, PyObject *event)
{
    return 0;
}

static const CpsActorOps null_ops = {.consume = null_consume, .may_end = true};

static int
null_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_actor_init((CpsActor *)self, &null_ops, args, kwargs);
}

PyDoc_STRVAR(null_doc, "Null(name, *args, **kwargs)\n--\n\n"
                       "Discard every event; nothing is logged.\n\n"
                       "In: Event. Out: nothing. Further arguments are those of Actor.");

static PyMethodDef null_methods[] = {CPS_CONSUME_METHOD, {NULL}};
static PyMemberDef null_members[] = {CPS_ACTOR_MEMBERS, {NULL}};
static PyGetSetDef null_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot null_slots[] = {
    {Py_tp_doc, (void *)null_doc},
    {Py_tp_init, null_init},
    {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},
    {Py_tp_dealloc, cps_actor_dealloc},
    {Py_tp_methods, null_methods},
    {Py_tp_members, null_members},
    {Py_tp_getset, null_getset},
    {0, NULL},
};

static PyType_Spec null_spec = {
    .name = "compysition.actors.null.Null",
    .basicsize = sizeof(CpsActor),
    .flags = CPS_ACTOR_FLAGS,
    .slots = null_slots,
};

int
cps_null_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.Null, &null_spec, (PyObject *)state->types.Actor);
}
