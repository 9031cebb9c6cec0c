/* FlowController: passes every event on, unchanged. */
#include "actors/actors.h"

static int
flowcontroller_consume(CpsActor *self, CpsInbox *inbox, PyObject *event)
{
    return cps_actor_send(self, event);
}

static const CpsActorOps flowcontroller_ops = {.consume = flowcontroller_consume};

static int
flowcontroller_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_actor_init((CpsActor *)self, &flowcontroller_ops, args, kwargs);
}

PyDoc_STRVAR(flowcontroller_doc, "FlowController(name, *args, **kwargs)\n--\n\n"
                                 "Send every event to all outboxes.\n\n"
                                 "In: Event. Out: Event. Further arguments are those of Actor.");

static PyMethodDef flowcontroller_methods[] = {CPS_CONSUME_METHOD, {NULL}};
static PyMemberDef flowcontroller_members[] = {CPS_ACTOR_MEMBERS, {NULL}};
static PyGetSetDef flowcontroller_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot flowcontroller_slots[] = {
    {Py_tp_doc, (void *)flowcontroller_doc},
    {Py_tp_init, flowcontroller_init},
    {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},
    {Py_tp_dealloc, cps_actor_dealloc},
    {Py_tp_methods, flowcontroller_methods},
    {Py_tp_members, flowcontroller_members},
    {Py_tp_getset, flowcontroller_getset},
    {0, NULL},
};

static PyType_Spec flowcontroller_spec = {
    .name = "compysition.actors.flowcontroller.FlowController",
    .basicsize = sizeof(CpsActor),
    .flags = CPS_ACTOR_FLAGS,
    .slots = flowcontroller_slots,
};

int
cps_flowcontroller_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.FlowController, &flowcontroller_spec, (PyObject *)state->types.Actor);
}
