/* The extension module compysition._core: its definition, its state, and the order of its set-up. */
#include "module.h"

#include "actors/actors.h"
#include "actors/zmqsecurity.h"
#include "event/event.h"
#include "event/payload.h"
#include "flow/actor.h"
#include "flow/director.h"
#include "flow/threads.h"
#include "http/parse.h"
#include "http/probes.h"
#include "http/routes.h"
#include "loop/fiber.h"
#include "loop/wait.h"
#include "loop/worker.h"
#include "wire/wire.h"
#include "xml/fetchprobe.h"

#include <string.h>

int
cps_add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyObject *bases)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, bases);
    const char *dot;

    if (type == NULL) {
        return -1;
    }
    *slot = type; /* the state owns it */
    dot = strrchr(spec->name, '.');
    return dot[1] == '_' ? 0 : PyModule_AddObjectRef(module, dot + 1, (PyObject *)type);
}

int
cps_dict_set_new(PyObject *dict, PyObject *key, PyObject *value)
{
    int status = value == NULL ? -1 : PyDict_SetItem(dict, key, value);

    Py_XDECREF(value);
    return status;
}

PyObject *
cps_import(PyObject **cache, const char *name, const char *attribute)
{
    PyObject *module, *value;

    if (*cache != NULL) {
        return *cache;
    }
    module = PyImport_ImportModule(name);
    if (module == NULL) {
        return NULL;
    }
    value = PyObject_GetAttrString(module, attribute);
    Py_DECREF(module);
    *cache = value; /* the state owns it */
    return value;
}

bool
cps_method_is(PyTypeObject *type, PyObject *name, PyCFunction function)
{
    PyObject *method = PyObject_GetAttr((PyObject *)type, name);
    bool same = method != NULL && Py_IS_TYPE(method, &PyMethodDescr_Type) &&
                ((PyMethodDescrObject *)method)->d_method->ml_meth == function;

    Py_XDECREF(method);
    return same;
}

static int
names_setup(CpsState *state)
{
#define CPS_INTERN(name)                                   \
    state->names.name = PyUnicode_InternFromString(#name); \
    if (state->names.name == NULL) {                       \
        return -1;                                         \
    }
    CPS_NAMES(CPS_INTERN)
#undef CPS_INTERN
    state->consume_kwnames = PyTuple_Pack(2, state->names.origin, state->names.origin_queue);
    return state->consume_kwnames == NULL ? -1 : 0;
}

static int
module_exec(PyObject *module)
{
    CpsState *state = PyModule_GetState(module);

    if (names_setup(state) < 0 || cps_errors_setup(module, state) < 0 || cps_payload_setup(module, state) < 0 ||
        cps_event_setup(module, state) < 0 || cps_fiber_setup(module, state) < 0 ||
        cps_worker_setup(module, state) < 0 || cps_runtime_setup(module, state) < 0 ||
        cps_wait_setup(module, state) < 0 || cps_queue_setup(module, state) < 0 || cps_pool_setup(module, state) < 0 ||
        cps_logger_setup(module, state) < 0 || cps_threads_setup(module, state) < 0 ||
        cps_actor_setup(module, state) < 0 || cps_actors_setup(module, state) < 0 ||
        cps_director_setup(module, state) < 0 || cps_routes_setup(module, state) < 0 || cps_parse_setup(module) < 0 ||
        cps_wire_setup(module, state) < 0 || cps_zmq_keys_setup(module) < 0 || cps_http_probes_setup(module) < 0 ||
        cps_fetch_probe_setup(module) < 0) {
        return -1;
    }
    return 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    CpsState *state = PyModule_GetState(module);

    for (int i = 0; i < CPS_ERROR_COUNT; i++) {
        Py_VISIT(state->errors[i]);
    }
#define CPS_VISIT_TYPE(name) Py_VISIT(state->types.name);
    CPS_TYPES(CPS_VISIT_TYPE)
#undef CPS_VISIT_TYPE
#define CPS_VISIT(name) Py_VISIT(state->name);
    CPS_OBJECTS(CPS_VISIT)
#undef CPS_VISIT
    return 0;
}

static int
module_clear(PyObject *module)
{
    CpsState *state = PyModule_GetState(module);

    for (int i = 0; i < CPS_ERROR_COUNT; i++) {
        Py_CLEAR(state->errors[i]);
    }
#define CPS_CLEAR_TYPE(name) Py_CLEAR(state->types.name);
    CPS_TYPES(CPS_CLEAR_TYPE)
#undef CPS_CLEAR_TYPE
#define CPS_CLEAR_NAME(name) Py_CLEAR(state->names.name);
    CPS_NAMES(CPS_CLEAR_NAME)
#undef CPS_CLEAR_NAME
#define CPS_CLEAR(name) Py_CLEAR(state->name);
    CPS_OBJECTS(CPS_CLEAR)
#undef CPS_CLEAR
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
    cps_events_free_all(PyModule_GetState(module));
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    /* greenlet has static types, one set for the whole process */
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

PyModuleDef cps_module = {
    PyModuleDef_HEAD_INIT,      .m_name = "compysition._core", .m_doc = "The C core of compysition.",
    .m_size = sizeof(CpsState), .m_slots = module_slots,       .m_traverse = module_traverse,
    .m_clear = module_clear,    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&cps_module);
}
