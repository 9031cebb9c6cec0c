/* How a director connects queues: the forms that a source and its destinations may have, and the names that follow. */
#include "flow/director.h"

#include "flow/bind.h"
#include "flow/graph.h"

#include <string.h>

/* The three kinds of queues, by the actor's method that connects them. */
typedef struct {
    const char *method;
    const char *prefix; /* of the inbox's name */
    size_t pool;        /* offset of the source's pool in CpsQueuePool */
    bool fans_out;      /* one outbox may feed several actors */
} Kind;

static const Kind kinds[] = {
    {"connect_queue", "", offsetof(CpsQueuePool, outbound), true},
    {"connect_error_queue", "error_", offsetof(CpsQueuePool, error), true},
    {"connect_log_queue", "log_", offsetof(CpsQueuePool, logs), false},
};

static const char *const on_full_names[] = {"block", "drop_new", "drop_old", "fail"};

/* One call of a connect method, taken apart. */
typedef struct {
    CpsDirector *director; /* borrowed */
    PyObject *method;      /* owned: name of the source's method */
    const Kind *kind;      /* NULL when that is a method of the script's own */
    CpsActor *source;      /* owned */
    PyObject *names;       /* owned list: of outboxes; [None] when not given */
    PyObject *ends;        /* owned list of (actor, name or None) */
    PyObject *args;        /* owned tuple: further arguments of the method */
    PyObject *kwargs;      /* owned dict: the same */
    int on_full;           /* CpsOnFull, or -1: not given */
} Call;

static void
call_clear(Call *call)
{
    Py_CLEAR(call->method);
    Py_CLEAR(call->source);
    Py_CLEAR(call->names);
    Py_CLEAR(call->ends);
    Py_CLEAR(call->args);
    Py_CLEAR(call->kwargs);
}

/* --- ends ----------------------------------------------------------------------------------------------------------------- */

/* "actor" or "actor.queue", as releases up to 1.0.64 had it: (actor, name or None). New, or NULL. */
static PyObject *
end_from_text(CpsDirector *self, PyObject *text, const char *argument)
{
    PyObject *actor = cps_director_find_actor(self, text), *parts, *end = NULL;

    if (actor == NULL || actor != Py_None) {
        end = actor == NULL ? NULL : PyTuple_Pack(2, actor, Py_None);
        Py_XDECREF(actor);
        return end;
    }
    Py_DECREF(actor);
    parts = PyObject_CallMethod(text, "rpartition", "s", ".");
    if (parts == NULL) {
        return NULL;
    }
    actor = cps_director_find_actor(self, PyTuple_GET_ITEM(parts, 0));
    if (actor == Py_None) {
        cps_raise(self->state, CPS_SETUP_ERROR, "Argument '%s': no actor is registered for %R", argument, text);
    }
    else if (actor != NULL) {
        end = PyTuple_Pack(2, actor, PyTuple_GET_ITEM(parts, 2));
    }
    Py_XDECREF(actor);
    Py_DECREF(parts);
    return end;
}

/* An actor that nobody registered is used all the same: when its name is free, the director starts and stops it. */
static int
adopt_unknown(CpsDirector *self, CpsActor *actor)
{
    if (actor == self->log_actor || actor == self->error_actor ||
        PyDict_GetItemWithError(self->actors, actor->name) != NULL) {
        return 0;
    }
    return PyErr_Occurred() ? -1 : cps_director_adopt(self, actor);
}

/* One end of a connection as a tuple (actor, name, list of names or None). New, or NULL with SetupError naming `argument`. */
static PyObject *
end_from_argument(CpsDirector *self, PyObject *value, const char *argument)
{
    PyObject *actor = value, *name = Py_None;

    if (PyUnicode_Check(value)) {
        return end_from_text(self, value, argument);
    }
    if (PyTuple_Check(value) && PyTuple_GET_SIZE(value) == 2) {
        actor = PyTuple_GET_ITEM(value, 0);
        name = PyTuple_GET_ITEM(value, 1);
    }
    if (!cps_actor_check(self->state, actor)) {
        return cps_raise(self->state, CPS_SETUP_ERROR, "Argument '%s' must be an Actor or (Actor, queue name), not %R",
                         argument, value);
    }
    return adopt_unknown(self, (CpsActor *)actor) < 0 ? NULL : PyTuple_Pack(2, actor, name);
}

/* Fill in source and names. Returns 0 or -1. */
static int
take_source(Call *call, PyObject *value)
{
    PyObject *end = end_from_argument(call->director, value, "source"), *name;

    if (end == NULL) {
        return -1;
    }
    call->source = (CpsActor *)Py_NewRef(PyTuple_GET_ITEM(end, 0));
    name = PyTuple_GET_ITEM(end, 1);
    call->names = PyList_Check(name) ? Py_NewRef(name) : Py_BuildValue("[O]", name);
    Py_DECREF(end);
    return call->names == NULL ? -1 : 0;
}

static int
take_destination(Call *call, PyObject *value)
{
    CpsState *state = call->director->state;
    PyObject *end = end_from_argument(call->director, value, "destinations");
    int result = -1;

    if (end != NULL && PyList_Check(PyTuple_GET_ITEM(end, 1))) {
        cps_raise(state, CPS_SETUP_ERROR,
                  "Argument 'destinations': %R has a list of queue names, which only a source may", value);
    }
    else if (end != NULL) {
        result = PyList_Append(call->ends, end);
    }
    Py_XDECREF(end);
    return result;
}

static int
take_destinations(Call *call, PyObject *value)
{
    call->ends = PyList_New(0);
    if (call->ends == NULL) {
        return -1;
    }
    if (!PyList_Check(value)) {
        return take_destination(call, value);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++) {
        if (take_destination(call, PyList_GET_ITEM(value, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- connecting ----------------------------------------------------------------------------------------------------------- */

/* The source's queue of that name in the pool of this kind. Borrowed, or NULL without an exception. */
static CpsQueue *
connected_queue(const Call *call, PyObject *name)
{
    PyObject *pool, *queue;

    if (call->kind == NULL) {
        return NULL;
    }
    pool = *(PyObject **)((char *)call->source->pool + call->kind->pool);
    queue = PyDict_GetItemWithError(pool, name);
    if (queue == NULL || !PyObject_TypeCheck(queue, call->director->state->types.Queue)) {
        PyErr_Clear(); /* an unhashable name was refused by the actor before */
        return NULL;
    }
    return (CpsQueue *)queue;
}

/* Let the source's own method connect the queue. Returns 0 or -1. */
static int
call_method(const Call *call, PyObject *source_name, CpsActor *destination, PyObject *name)
{
    PyObject *method = PyObject_GetAttr((PyObject *)call->source, call->method), *result = NULL;
    PyObject *kwargs = PyDict_Copy(call->kwargs);

    if (method != NULL && kwargs != NULL && PyDict_SetItemString(kwargs, "source_queue_name", source_name) == 0 &&
        PyDict_SetItemString(kwargs, "destination", (PyObject *)destination) == 0 &&
        PyDict_SetItemString(kwargs, "destination_queue_name", name) == 0) {
        result = PyObject_Call(method, call->args, kwargs);
    }
    Py_XDECREF(method);
    Py_XDECREF(kwargs);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Let `destination` consume a queue of its own, under `key`, that gets a copy of all that is sent to `first`. Returns the queue
 * (borrowed from `first`), or NULL. */
static CpsQueue *
add_copy_queue(const Call *call, CpsQueue *first, CpsActor *destination, PyObject *key)
{
    CpsState *state = call->director->state;
    PyObject *queue = cps_queue_new(state, first->name, call->source->size);
    int result = -1;

    if (first->also == NULL) {
        first->also = PyList_New(0);
    }
    if (queue != NULL && first->also != NULL && cps_register_consumer(destination, key, queue) == 0) {
        result = PyList_Append(first->also, queue);
    }
    Py_XDECREF(queue);
    return result < 0 ? NULL : (CpsQueue *)queue;
}

/* The named outbox `first` feeds one more actor. Returns as add_copy_queue. */
static CpsQueue *
fan_out(const Call *call, CpsQueue *first, CpsActor *destination, PyObject *name)
{
    PyObject *key = PyUnicode_FromFormat("%s%S", call->kind->prefix, name);
    CpsQueue *queue = NULL;
    int taken = key == NULL ? -1 : PyDict_Contains((PyObject *)destination->pool->inbound, key);

    if (taken > 0) {
        cps_raise(call->director->state, CPS_QUEUE_CONNECTED, "Inbound queue %S on %S is already connected", key,
                  destination->name);
    }
    if (taken == 0) {
        queue = add_copy_queue(call, first, destination, key);
    }
    if (queue != NULL) {
        cps_log(call->source->logger, CPS_LOG_INFO, NULL, "Connected queue '%S' to '%S.%S'", first->name,
                destination->name, key);
    }
    Py_XDECREF(key);
    return queue;
}

/* Connect the outbox called `source_name` (None: not given) to one end. `first` is what earlier ends of this call made of that
 * outbox, when it may feed several actors, or NULL; *queue_p becomes what was connected. Returns 0 or -1. */
static int
connect_end(const Call *call, PyObject *source_name, PyObject *end, CpsQueue *first, CpsQueue **queue_p)
{
    CpsActor *destination = (CpsActor *)PyTuple_GET_ITEM(end, 0);
    PyObject *name = PyTuple_GET_ITEM(end, 1);

    if (name == Py_None) {
        name = source_name != Py_None ? source_name : call->source->name;
    }
    if (source_name == Py_None) {
        source_name = destination->name;
    }
    if (first != NULL) {
        *queue_p = fan_out(call, first, destination, name);
        if (*queue_p == NULL) {
            return -1;
        }
    }
    else {
        if (call_method(call, source_name, destination, name) < 0) {
            return -1;
        }
        *queue_p = connected_queue(call, source_name);
    }
    if (call->on_full >= 0 && *queue_p != NULL) {
        (*queue_p)->on_full = (uint8_t)call->on_full;
    }
    return cps_picture_add_connection(call->director, call->source, destination);
}

/* Whether further ends get copies from the outbox that the first end made, instead of QueueConnected. 1, 0 or -1. */
static int
call_fans_out(const Call *call)
{
    PyObject *check = PyDict_GetItemString(call->kwargs, "check_existing"); /* borrowed */

    if (call->kind == NULL || !call->kind->fans_out || PyTuple_GET_SIZE(call->args) > 0) {
        return 0;
    }
    return check == NULL ? 1 : PyObject_IsTrue(check);
}

static int
connect_outbox(const Call *call, PyObject *source_name)
{
    int copies = source_name == Py_None ? 0 : call_fans_out(call);
    CpsQueue *first = NULL, *queue;

    for (Py_ssize_t i = 0; copies >= 0 && i < PyList_GET_SIZE(call->ends); i++) {
        PyObject *end = PyList_GET_ITEM(call->ends, i);

        if (connect_end(call, source_name, end, first, &queue) < 0) {
            return -1;
        }
        if (copies && first == NULL) {
            first = queue; /* the source's pool owns it */
        }
    }
    return copies < 0 ? -1 : 0;
}

static int
connect_all(const Call *call)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(call->names); i++) {
        if (connect_outbox(call, PyList_GET_ITEM(call->names, i)) < 0) {
            return -1;
        }
    }
    return call->director->phase == CPS_DIRECTOR_RUNNING ? cps_director_mark_cycles(call->director) : 0;
}

/* --- arguments ------------------------------------------------------------------------------------------------------------ */

/* Take out on_full. Returns 0 or -1. */
static int
take_on_full(Call *call)
{
    PyObject *value = cps_pop_keyword(call->kwargs, "on_full");

    call->on_full = -1;
    if (value == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(on_full_names); i++) {
        if (PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, on_full_names[i]) == 0) {
            call->on_full = (int)i;
        }
    }
    if (call->on_full < 0) {
        PyErr_Format(PyExc_ValueError, "on_full must be 'block', 'drop_new', 'drop_old' or 'fail', not %R", value);
    }
    Py_DECREF(value);
    return call->on_full < 0 ? -1 : 0;
}

/* Take out error_queue, which release 1.1 had, and find the kind of the method. Returns 0 or -1. */
static int
take_kind(Call *call, PyObject *method)
{
    PyObject *errors = cps_pop_keyword(call->kwargs, "error_queue");
    int is_error = errors == NULL ? 0 : PyObject_IsTrue(errors);

    Py_XDECREF(errors);
    if (is_error < 0 || PyErr_Occurred()) {
        return -1;
    }
    call->method = is_error ? PyUnicode_FromString("connect_error_queue") : Py_NewRef(method);
    for (size_t i = 0; call->method != NULL && i < Py_ARRAY_LENGTH(kinds); i++) {
        if (PyUnicode_Check(call->method) && PyUnicode_CompareWithASCIIString(call->method, kinds[i].method) == 0) {
            call->kind = &kinds[i];
        }
    }
    return call->method == NULL ? -1 : 0;
}

/* Take the call apart; the first three of the bound `values` are source, destinations and the name of the method. */
static int
call_fill(Call *call, PyObject *const *values, PyObject *rest_args)
{
    call->args = PyTuple_GetSlice(rest_args, 1, PyTuple_GET_SIZE(rest_args));
    if (call->args == NULL || take_on_full(call) < 0 || take_kind(call, values[2]) < 0) {
        return -1;
    }
    return take_source(call, values[0]) < 0 ? -1 : take_destinations(call, values[1]);
}

/* The keywords, with `destination` spelt as connect_queue spells it. New, or NULL. */
static PyObject *
plural_keywords(PyObject *kwargs)
{
    PyObject *plural = kwargs == NULL ? PyDict_New() : PyDict_Copy(kwargs), *value;

    if (plural == NULL) {
        return NULL;
    }
    value = cps_pop_keyword(plural, "destination");
    if (value != NULL && PyDict_SetItemString(plural, "destinations", value) < 0) {
        Py_CLEAR(plural);
    }
    Py_XDECREF(value);
    return plural;
}

/* The body of the connect methods. The first two, or with connect_queue three, arguments are bound here; `kind` is what the
 * method connects unless its third says otherwise. */
static PyObject *
connect_by_arguments(PyObject *self, const Kind *kind, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"source", "destinations", "connect_function"};
    Py_ssize_t count = kind == &kinds[0] ? 3 : 2;
    PyObject *values[3] = {NULL}, *rest_args = NULL, *default_method;
    Call call = {.director = (CpsDirector *)self};
    int result = -1;

    kwargs = plural_keywords(kwargs);
    default_method = PyUnicode_FromString(kind->method);
    if (kwargs != NULL && default_method != NULL &&
        cps_bind(kind->method, args, kwargs, names, count, 2, values, &rest_args, &call.kwargs) == 0) {
        values[2] = values[2] == NULL ? default_method : values[2];
        result = call_fill(&call, values, rest_args) < 0 ? -1 : connect_all(&call);
    }
    call_clear(&call);
    Py_XDECREF(rest_args);
    Py_XDECREF(kwargs);
    Py_XDECREF(default_method);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
cps_director_connect_queue(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return connect_by_arguments(self, &kinds[0], args, kwargs);
}

PyObject *
cps_director_connect_error_queue(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return connect_by_arguments(self, &kinds[1], args, kwargs);
}

PyObject *
cps_director_connect_log_queue(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return connect_by_arguments(self, &kinds[2], args, kwargs);
}

/* --- what start() connects ------------------------------------------------------------------------------------------------ */

/* director.connect_error_queue(actor, error_actor) when the actor has no error queue. A failure is printed. */
static void
connect_default_errors(CpsDirector *self, CpsActor *actor)
{
    PyObject *result;

    if (PyDict_GET_SIZE((PyObject *)actor->pool->error) > 0) {
        return;
    }
    result = PyObject_CallMethod((PyObject *)self, "connect_error_queue", "OO", actor, self->error_actor);
    if (result == NULL) {
        PyObject *exc = PyErr_GetRaisedException();

        PySys_FormatStdout("Unable to connect the error queue of '%S': %S\n", actor->name, exc);
        Py_XDECREF(exc);
        return;
    }
    actor->default_errors = true;
    Py_DECREF(result);
}

/* Let the log actor have the actor's records, on the queue that all actors share. Returns 0 or -1. */
static int
connect_default_logs(CpsDirector *self, CpsActor *actor)
{
    PyObject *method = PyObject_GetAttrString((PyObject *)actor, "connect_log_queue");
    PyObject *args = PyTuple_New(0), *result = NULL;
    PyObject *kwargs = Py_BuildValue("{s:s,s:O,s:s,s:O}", "source_queue_name", "logs", "destination", self->log_actor,
                                     "destination_queue_name", "inbox", "check_existing", Py_False);

    if (method != NULL && args != NULL && kwargs != NULL) {
        result = PyObject_Call(method, args, kwargs);
    }
    Py_XDECREF(method);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The director's own records go the same way. Returns 0 or -1. */
static int
connect_own_logs(CpsDirector *self)
{
    PyObject *name = PyUnicode_FromString("logs"), *added = NULL;
    PyObject *queue; /* borrowed */

    if (name == NULL) {
        return -1;
    }
    queue = PyDict_GetItemString((PyObject *)self->log_actor->pool->inbound, "log_inbox");
    if (queue != NULL && PyDict_GetItemWithError((PyObject *)self->pool->logs, name) != queue) {
        added = cps_pool_add(self->state, self->pool->logs, name, queue);
        Py_XDECREF(added);
    }
    Py_DECREF(name);
    return PyErr_Occurred() ? -1 : 0;
}

int
cps_director_connect_defaults(CpsDirector *self)
{
    PyObject *actors = cps_director_all_actors(self);
    int result = actors == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(actors); i++) {
        CpsActor *actor = (CpsActor *)PyList_GET_ITEM(actors, i);

        if (actor != self->log_actor && actor != self->error_actor) {
            connect_default_errors(self, actor);
        }
        result = connect_default_logs(self, actor);
    }
    Py_XDECREF(actors);
    return result < 0 ? -1 : connect_own_logs(self);
}

int
cps_director_mark_cycles(CpsDirector *self)
{
    PyObject *actors = cps_director_all_actors(self);
    int result;

    if (actors == NULL) {
        return -1;
    }
    result = cps_graph_mark(actors, self->size > 0 ? self->size : PY_SSIZE_T_MAX);
    Py_DECREF(actors);
    return result;
}
