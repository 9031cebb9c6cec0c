/* The actors that a director knows: registration, and what they share with it. */
#include "flow/director.h"

#include "flow/bind.h"

int
cps_director_forward_records(CpsDirector *self, CpsLogger *logger, PyObject *name)
{
    PyObject *logging, *path, *target = NULL;

    if (self->log_base == NULL) {
        return 0;
    }
    logging = PyImport_ImportModule("logging");
    path = PyUnicode_FromFormat("%U.%S", self->log_base, name);
    if (logging != NULL && path != NULL) {
        target = PyObject_CallMethod(logging, "getLogger", "O", path);
    }
    Py_XDECREF(logging);
    Py_XDECREF(path);
    if (target == NULL) {
        return -1;
    }
    Py_XSETREF(logger->forward, target);
    return 0;
}

/* The log level and where records go besides. Returns 0 or -1. */
static int
apply_log_settings(CpsDirector *self, CpsActor *actor)
{
    actor->logger->level = self->log_level;
    return cps_director_forward_records(self, actor->logger, actor->name);
}

/* Events that the actor makes count for the director. */
static void
share_ledger(CpsDirector *self, CpsActor *actor)
{
    if (actor->ledger != self->ledger) {
        CpsLedger *old = actor->ledger;

        self->ledger->refs++;
        actor->ledger = self->ledger;
        cps_ledger_unref(old);
    }
}

int
cps_director_adopt(CpsDirector *self, CpsActor *actor)
{
    PyObject *old = PyDict_GetItemWithError(self->actors, actor->name); /* borrowed */

    if (old == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (old != NULL && old != (PyObject *)actor) {
        cps_log(self->logger, CPS_LOG_WARNING, NULL,
                "Actor '%S' is registered again: the earlier one of that name will not be started", actor->name);
    }
    share_ledger(self, actor);
    if (apply_log_settings(self, actor) < 0 || PyDict_SetItem(self->actors, actor->name, (PyObject *)actor) < 0) {
        return -1;
    }
    return cps_picture_add_actor(self, actor);
}

/* The keywords that every actor gets, unless the call has them itself. Returns 0 or -1. */
static int
add_keywords(CpsDirector *self, PyObject *kwargs)
{
    PyObject *size = PyLong_FromSsize_t(self->size);
    int result = size != NULL && PyDict_SetDefault(kwargs, self->state->names.size, size) != NULL ? 0 : -1;

    Py_XDECREF(size);
    if (result == 0 && self->concurrency != NULL && PyDict_GetItemString(kwargs, "concurrency") == NULL) {
        result = PyDict_SetItemString(kwargs, "concurrency", self->concurrency);
    }
    return result;
}

/* `factory`(name, *extra, size=<the director's>, **kwargs); `args` is (factory, *extra), `kwargs` is changed. New, or NULL. */
static PyObject *
build_actor(CpsDirector *self, PyObject *name, PyObject *args, PyObject *kwargs)
{
    PyObject *first = PyTuple_Pack(1, name);
    PyObject *extra = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    PyObject *call_args = first && extra ? PySequence_Concat(first, extra) : NULL;
    PyObject *actor = NULL;

    if (call_args != NULL && add_keywords(self, kwargs) == 0) {
        actor = PyObject_Call(PyTuple_GET_ITEM(args, 0), call_args, kwargs);
    }
    Py_XDECREF(first);
    Py_XDECREF(extra);
    Py_XDECREF(call_args);
    return actor;
}

/* The actor that the arguments (actor, name=None, *args, **kwargs) of a register method stand for. New, or NULL. */
static CpsActor *
actor_from_arguments(CpsDirector *self, const char *method, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"actor", "name"};
    PyObject *values[2], *rest_args, *rest_kwargs, *actor;

    if (cps_bind(method, args, kwargs, names, 2, 1, values, &rest_args, &rest_kwargs) < 0) {
        return NULL;
    }
    if (cps_actor_check(self->state, values[0])) {
        actor = Py_NewRef(values[0]);
    }
    else if (PyCallable_Check(values[0])) {
        actor = build_actor(self, values[1] == NULL ? Py_None : values[1], rest_args, rest_kwargs);
    }
    else {
        actor = cps_raise(self->state, CPS_SETUP_ERROR, "Argument 'actor' must be an Actor class or an Actor, not %R",
                          values[0]);
    }
    if (actor != NULL && !cps_actor_check(self->state, actor)) {
        cps_raise(self->state, CPS_SETUP_ERROR, "Argument 'actor' made %R, which is no Actor", actor);
        Py_CLEAR(actor);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return (CpsActor *)actor;
}

PyObject *
cps_director_register_actor(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsDirector *self = (CpsDirector *)op;
    CpsActor *actor = actor_from_arguments(self, "register_actor", args, kwargs);

    if (actor != NULL && cps_director_adopt(self, actor) < 0) {
        Py_CLEAR(actor);
    }
    return (PyObject *)actor;
}

int
cps_director_set_log_actor(CpsDirector *self, CpsActor *actor)
{
    Py_XSETREF(self->log_actor, (CpsActor *)Py_NewRef(actor));
    return apply_log_settings(self, actor); /* not the ledger: records are no events of the flow */
}

int
cps_director_set_error_actor(CpsDirector *self, CpsActor *actor)
{
    Py_XSETREF(self->error_actor, (CpsActor *)Py_NewRef(actor));
    share_ledger(self, actor);
    return apply_log_settings(self, actor);
}

PyObject *
cps_director_register_log_actor(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsDirector *self = (CpsDirector *)op;
    CpsActor *actor = actor_from_arguments(self, "register_log_actor", args, kwargs);

    if (actor != NULL && cps_director_set_log_actor(self, actor) < 0) {
        Py_CLEAR(actor);
    }
    return (PyObject *)actor;
}

PyObject *
cps_director_register_error_actor(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsDirector *self = (CpsDirector *)op;
    CpsActor *actor = actor_from_arguments(self, "register_error_actor", args, kwargs);

    if (actor != NULL && cps_director_set_error_actor(self, actor) < 0) {
        Py_CLEAR(actor);
    }
    return (PyObject *)actor;
}

PyObject *
cps_director_register_metric_actor(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return (PyObject *)actor_from_arguments((CpsDirector *)op, "register_metric_actor", args, kwargs);
}

/* Whether `actor` (may be NULL) has that name. 1, 0, or -1. */
static int
actor_is_named(CpsActor *actor, PyObject *name)
{
    return actor == NULL ? 0 : PyObject_RichCompareBool(actor->name, name, Py_EQ);
}

PyObject *
cps_director_find_actor(CpsDirector *self, PyObject *name)
{
    CpsActor *defaults[] = {self->log_actor, self->error_actor}; /* borrowed */
    PyObject *actor;
    int found = PyDict_GetItemRef(self->actors, name, &actor);

    if (found != 0) {
        return actor;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(defaults); i++) {
        found = actor_is_named(defaults[i], name);
        if (found != 0) {
            return found < 0 ? NULL : Py_NewRef((PyObject *)defaults[i]);
        }
    }
    Py_RETURN_NONE;
}

PyObject *
cps_director_get_actor(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", NULL};
    PyObject *name; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:get_actor", keywords, &name)) {
        return NULL;
    }
    return cps_director_find_actor((CpsDirector *)op, name);
}

PyObject *
cps_director_all_actors(CpsDirector *self)
{
    PyObject *defaults[] = {(PyObject *)self->log_actor, (PyObject *)self->error_actor};
    PyObject *list = PyList_New(0), *actor; /* borrowed */
    Py_ssize_t position = 0;

    while (list != NULL && PyDict_Next(self->actors, &position, NULL, &actor)) {
        if (actor != defaults[0] && actor != defaults[1] && cps_actor_check(self->state, actor) &&
            PyList_Append(list, actor) < 0) {
            Py_CLEAR(list);
        }
    }
    for (size_t i = 0; list != NULL && i < Py_ARRAY_LENGTH(defaults); i++) {
        if (defaults[i] != NULL && PyList_Append(list, defaults[i]) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}
