#include "flow/actor.h"

#include "event/event.h"
#include "flow/flag.h"
#include "flow/graph.h"
#include "flow/job.h"
#include "flow/threads.h"
#include "loop/fiber.h"
#include "loop/worker.h"
#include "overridden.h"

static const Py_ssize_t DEFAULT_CONCURRENCY = 1000; /* a blocked consume costs some 10 KiB */
static const double DRAIN_SECONDS = 10;             /* how long stop() of a single actor waits for what is queued */

/* --- helpers ---------------------------------------------------------------------------------------------------------------------------- */

int
cps_actor_parse_call(const char *method, PyObject *const *args, Py_ssize_t count, PyObject *kwnames,
                     const char *const *names, Py_ssize_t limit, PyObject **values)
{
    Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);

    for (Py_ssize_t i = 0; i < count && i < limit; i++) {
        values[i] = args[i];
    }
    for (Py_ssize_t k = 0; k < keywords; k++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, k);
        Py_ssize_t i = 0;

        while (i < limit && PyUnicode_CompareWithASCIIString(keyword, names[i]) != 0) {
            i++;
        }
        if (i == limit || values[i] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected or repeated argument '%U'", method, keyword);
            return -1;
        }
        values[i] = args[count + k];
    }
    if (count > limit || values[0] == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() takes 1 to %zd arguments, the first being '%s'", method, limit, names[0]);
        return -1;
    }
    return 0;
}

PyObject *
cps_actor_types(CpsActor *self, PyObject *cached, PyObject *name)
{
    PyObject *value, *types;

    if (cached != NULL) {
        return Py_NewRef(cached);
    }
    value = PyObject_GetAttr((PyObject *)self, name);
    if (value == NULL || PyTuple_Check(value)) {
        return value;
    }
    types = PyList_Check(value) ? PyList_AsTuple(value) : PyTuple_Pack(1, value);
    Py_DECREF(value);
    return types;
}

int
cps_actor_set_shape(CpsActor *self, const char *shape)
{
    PyObject *value = PyUnicode_FromString(shape);
    int status = value == NULL ? -1 : PyDict_SetItemString(self->blockdiag_config, "shape", value);

    Py_XDECREF(value);
    return status;
}

/* Call `method` without arguments if there is one; `old_name` is what releases before 1.1 called it. 1 called, 0 none, -1. */
static int
actor_call_hook(CpsActor *self, PyObject *method, PyObject *old_name)
{
    PyObject *hook, *result;

    if (PyObject_GetOptionalAttr((PyObject *)self, method, &hook) < 0 ||
        (hook == NULL && PyObject_GetOptionalAttr((PyObject *)self, old_name, &hook) < 0)) {
        return -1;
    }
    if (hook == NULL) {
        return 0;
    }
    cps_log(self->logger, CPS_LOG_DEBUG, NULL, "%S() found, executing", method);
    result = PyObject_CallNoArgs(hook);
    Py_DECREF(hook);
    Py_XDECREF(result);
    return result == NULL ? -1 : 1;
}

/* --- life -------------------------------------------------------------------------------------------------------------------------------- */

/* input and output become tuples, also for scripts that read them. Returns 0 or -1. */
static int
actor_fix_types(CpsActor *self)
{
    CpsState *state = self->state;
    PyObject *required;

    self->accepted = self->emitted = NULL;
    Py_CLEAR(self->input_types);
    Py_CLEAR(self->output_types);
    self->input_types = cps_actor_types(self, NULL, state->names.input);
    self->output_types = self->input_types == NULL ? NULL : cps_actor_types(self, NULL, state->names.output);
    if (self->output_types == NULL || PyTuple_GET_SIZE(self->input_types) == 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "an actor's input must name at least one event class");
        }
        return -1;
    }
    if (PyObject_SetAttr((PyObject *)self, state->names.input, self->input_types) < 0 ||
        PyObject_SetAttr((PyObject *)self, state->names.output, self->output_types) < 0 ||
        PyObject_GetOptionalAttr((PyObject *)self, state->names.REQUIRED_EVENT_ATTRIBUTES, &required) < 0) {
        return -1;
    }
    if (required == Py_None) {
        Py_CLEAR(required);
    }
    Py_XSETREF(self->required, required);
    return 0;
}

/* Whether the method is `function`: neither a subclass nor the instance overrides it. 1, 0, or -1. */
static int
actor_method_is(CpsActor *self, PyObject *name, PyCFunction function)
{
    PyObject *method = PyObject_GetAttr((PyObject *)self, name);
    bool same;

    if (method == NULL) {
        return -1;
    }
    same = PyCFunction_Check(method) && PyCFunction_GetFunction(method) == function &&
           PyCFunction_GetSelf(method) == (PyObject *)self;
    Py_DECREF(method);
    return same;
}

/* Find out which methods are to be called by name, because a script has overridden them. Returns 0 or -1. */
static int
actor_find_overrides(CpsActor *self)
{
    CpsState *state = self->state;
    int send = actor_method_is(self, state->names.send_event, _PyCFunction_CAST(cps_actor_send_event_method));
    int fail =
        send < 0 ? -1 : actor_method_is(self, state->names.send_error, _PyCFunction_CAST(cps_actor_send_error_method));
    int consume = 0;

    if (fail >= 0 && self->ops != NULL && self->ops->consume != NULL) {
        consume = actor_method_is(self, state->names.consume, _PyCFunction_CAST(cps_actor_consume_method));
    }
    if (fail < 0 || consume < 0) {
        return -1;
    }
    self->own_send = !send;
    self->own_fail = !fail;
    self->c_consume = consume;
    return 0;
}

static PyObject *
actor_start_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsActor *self = (CpsActor *)op;

    if (!self->initialised) {
        return PyErr_Format(PyExc_RuntimeError, "%.200s.__init__ has not called that of Actor", Py_TYPE(self)->tp_name);
    }
    if (self->started && !self->stopped) {
        Py_RETURN_NONE;
    }
    self->loop_ended = self->stopped = self->started = false;
    if (actor_fix_types(self) < 0 || actor_find_overrides(self) < 0 ||
        actor_call_hook(self, self->state->names.pre_hook, self->state->names.preHook) < 0) {
        return NULL;
    }
    self->rt = cps_runtime_get(self->state);
    if (self->rt == NULL) {
        return NULL;
    }
    cps_runtime_hold(self->rt);
    self->started = self->takes = true;
    if (self->ops != NULL && self->ops->start_source != NULL && self->ops->start_source(self) < 0) {
        self->started = false;
        cps_runtime_release(self->rt);
        self->rt = NULL;
        return NULL;
    }
    cps_log(self->logger, CPS_LOG_DEBUG, NULL, "Started with max queue size of %zd events", self->size);
    cps_actor_schedule(self);
    Py_RETURN_NONE;
}

void
cps_actor_end_loop(CpsActor *self)
{
    self->loop_ended = true;
    cps_wait_wake_all(&self->blockers);
    if (self->started && !self->stopped && self->ops != NULL && self->ops->stop_source != NULL) {
        self->ops->stop_source(self);
    }
}

static bool
actor_is_at_rest(void *context)
{
    return cps_actor_at_rest(context);
}

bool
cps_actor_give_up(CpsActor *self)
{
    return self->ops != NULL && self->ops->give_up != NULL && self->ops->give_up(self);
}

/* Wait until what is queued has been consumed, where the caller may block: not in a worker, which may itself be what the actor waits
 * for, nor in the hub. Returns 0 or -1. */
static int
actor_drain(CpsActor *self)
{
    PyObject *fiber;
    bool may_block;

    if (self->rt == NULL || self->rt != cps_runtime_peek() || cps_worker_current(self->rt) != NULL) {
        return 0;
    }
    fiber = cps_fiber_current();
    if (fiber == NULL) {
        return -1;
    }
    may_block = fiber != self->rt->hub;
    Py_DECREF(fiber);
    return may_block && cps_wait_until(self->state, &self->resters, actor_is_at_rest, self, DRAIN_SECONDS) < 0 ? -1 : 0;
}

static PyObject *
actor_stop_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsActor *self = (CpsActor *)op;
    int status;

    cps_actor_end_loop(self);
    if (self->stopped) {
        Py_RETURN_NONE;
    }
    if (actor_drain(self) < 0) {
        return NULL;
    }
    if (self->stopped) { /* by somebody else, meanwhile */
        Py_RETURN_NONE;
    }
    self->stopped = true;
    (void)cps_jobs_abandon(self);
    (void)cps_actor_unfinished(self, true);
    (void)cps_actor_give_up(self);
    status = actor_call_hook(self, self->state->names.post_hook, self->state->names.postHook);
    if (self->ops != NULL && self->ops->close != NULL) {
        self->ops->close(self);
    }
    if (self->rt != NULL) {
        cps_runtime_release(self->rt);
        self->rt = NULL;
    }
    if (status < 0) {
        return NULL;
    }
    cps_runtime_close_unused();
    Py_RETURN_NONE;
}

static int
actor_call(CpsActor *self, PyObject *method)
{
    PyObject *result = PyObject_CallMethodNoArgs((PyObject *)self, method);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_actor_start(CpsActor *self)
{
    return actor_call(self, self->state->names.start);
}

int
cps_actor_stop(CpsActor *self)
{
    return actor_call(self, self->state->names.stop);
}

static bool
actor_loop_has_ended(void *context)
{
    return ((CpsActor *)context)->loop_ended;
}

static PyObject *
actor_block(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsActor *self = (CpsActor *)op;

    return cps_wait_in(self->state, &self->blockers, actor_loop_has_ended, self, -1) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
actor_loop(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(!((CpsActor *)op)->loop_ended);
}

static PyObject *
actor_is_running(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(((CpsActor *)op)->started);
}

/* --- other methods ------------------------------------------------------------------------------------------------------------------------ */

/* What was given by the keyword `name`; `args` are the arguments after the positional ones. Borrowed, or NULL. */
static PyObject *
actor_keyword(PyObject *const *args, PyObject *kwnames, const char *name)
{
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), name) == 0) {
            return args[i];
        }
    }
    return NULL;
}

/* The inbox that a call of consume names by its queue. Borrowed, or NULL. */
static CpsInbox *
actor_origin(CpsActor *self, PyObject *const *args, PyObject *kwnames)
{
    PyObject *queue = actor_keyword(args, kwnames, "origin_queue");

    for (CpsLink *link = cps_list_first(&self->inboxes); link != NULL; link = cps_list_after(&self->inboxes, link)) {
        CpsInbox *inbox = CPS_CONTAINER(link, CpsInbox, actor_link);

        if ((PyObject *)inbox->queue == queue) {
            return inbox;
        }
    }
    return NULL;
}

PyObject *
cps_actor_consume_method(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    CpsActor *self = (CpsActor *)op;
    PyObject *event = count > 0 ? args[0] : actor_keyword(args, kwnames, "event"); /* borrowed */

    if (event == NULL || self->ops == NULL || self->ops->consume == NULL) {
        PyErr_SetString(PyExc_TypeError, "consume() needs an event");
        return NULL;
    }
    if (!cps_event_check(self->state, event)) {
        return PyErr_Format(PyExc_TypeError, "consume() takes an event, not %s", Py_TYPE(event)->tp_name);
    }
    return self->ops->consume(self, actor_origin(self, args + count, kwnames), event) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
actor_create_event(PyObject *op, PyObject *Py_UNUSED(args), PyObject *kwargs)
{
    CpsActor *self = (CpsActor *)op;
    PyObject *types = cps_actor_types(self, self->output_types, self->state->names.output);
    PyObject *no_args, *event = NULL;

    if (types == NULL) {
        return NULL;
    }
    no_args = PyTuple_New(0);
    if (PyTuple_GET_SIZE(types) != 1) {
        PyErr_SetString(PyExc_ValueError, "Unable to call create_event function with multiple output types defined");
    }
    else if (no_args != NULL) {
        event = PyObject_Call(PyTuple_GET_ITEM(types, 0), no_args, kwargs);
    }
    Py_XDECREF(no_args);
    Py_DECREF(types);
    return event;
}

static PyObject *
actor_register_consumer(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"queue_name", "queue", NULL};
    CpsActor *self = (CpsActor *)op;
    PyObject *name, *queue;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!:register_consumer", keywords, &name, self->state->types.Queue,
                                     &queue) ||
        PyDict_SetItem((PyObject *)self->pool->inbound, name, queue) < 0 ||
        cps_actor_add_inbox(self, name, (CpsQueue *)queue) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The one connect method behind three: reads (source_queue_name, destination, destination_queue_name, check_existing) in the order of
 * `keywords`, where `positions` tells which is which. */
static PyObject *
actor_connect(PyObject *op, PyObject *args, PyObject *kwargs, char **keywords, const int *positions, CpsQueueKind kind,
              const char *prefix)
{
    CpsActor *self = (CpsActor *)op;
    PyObject *values[3] = {NULL}; /* borrowed, by position */
    PyObject *source_name, *destination, *given, *key, *name;
    CpsQueue *queue;
    int check = 1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOp", keywords, &values[0], &values[1], &values[2], &check)) {
        return NULL;
    }
    source_name = values[positions[0]];
    destination = values[positions[1]];
    given = values[positions[2]];
    if (destination == NULL || !cps_actor_check(self->state, destination)) {
        return cps_raise(self->state, CPS_SETUP_ERROR, "destination must be an Actor, not %R",
                         destination == NULL ? Py_None : destination);
    }
    name = source_name == NULL ? PyUnicode_FromString("outbox") : Py_NewRef(source_name);
    key = given == NULL ? PyUnicode_FromFormat("%sinbox", prefix) : PyUnicode_FromFormat("%s%S", prefix, given);
    queue = name == NULL || key == NULL ? NULL : cps_connect(self, name, (CpsActor *)destination, key, kind, check);
    Py_XDECREF(name);
    Py_XDECREF(key);
    return queue == NULL ? NULL : Py_NewRef(Py_None);
}

static PyObject *
actor_connect_queue(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"source_queue_name", "destination", "destination_queue_name", "check_existing", NULL};
    static const int positions[] = {0, 1, 2};

    return actor_connect(op, args, kwargs, keywords, positions, CPS_KIND_OUTBOUND, "");
}

/* Up to 1.1 the order was (source_queue_name, destination, destination_queue_name): an actor in the second place tells. */
static PyObject *
actor_connect_other(PyObject *op, PyObject *args, PyObject *kwargs, CpsQueueKind kind, const char *prefix)
{
    static char *modern[] = {"destination_queue_name", "source_queue_name", "destination", "check_existing", NULL};
    static char *old[] = {"source_queue_name", "destination", "destination_queue_name", "check_existing", NULL};
    static const int modern_positions[] = {1, 2, 0};
    static const int old_positions[] = {0, 1, 2};
    bool is_old = PyTuple_GET_SIZE(args) >= 2 && cps_actor_check(((CpsActor *)op)->state, PyTuple_GET_ITEM(args, 1));

    return actor_connect(op, args, kwargs, is_old ? old : modern, is_old ? old_positions : modern_positions, kind,
                         prefix);
}

static PyObject *
actor_connect_error_queue(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return actor_connect_other(op, args, kwargs, CPS_KIND_ERROR, "error_");
}

static PyObject *
actor_connect_log_queue(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return actor_connect_other(op, args, kwargs, CPS_KIND_LOGS, "log_");
}

/* --- construction -------------------------------------------------------------------------------------------------------------------------- */

/* TypeError with a text that has the type's name in the place of %S. Returns NULL. */
static PyObject *
raise_about_type(PyTypeObject *type, const char *format)
{
    PyObject *name = PyType_GetName(type);

    if (name != NULL) {
        PyErr_Format(PyExc_TypeError, format, name);
        Py_DECREF(name);
    }
    return NULL;
}

/* As object.__new__, which refuses classes that abc holds for abstract. */
static PyObject *
actor_alloc(PyTypeObject *type)
{
    PyObject *no_args = PyTuple_New(0);
    PyObject *self = no_args == NULL ? NULL : PyBaseObject_Type.tp_new(type, no_args, NULL);

    Py_XDECREF(no_args);
    return self;
}

static int
actor_make_parts(CpsActor *self)
{
    CpsState *state = self->state;

    Py_XSETREF(self->pool, (CpsQueuePool *)cps_pool_new(state, self->size));
    if (self->pool == NULL) {
        return -1;
    }
    Py_XSETREF(self->logger, (CpsLogger *)cps_logger_new(state, self->name, self->pool->logs));
    if (self->logger == NULL) {
        return -1;
    }
    Py_XSETREF(self->threads, cps_threads_new(state, (PyObject *)self->logger));
    Py_XSETREF(self->blockdiag_config, PyDict_New());
    if (self->threads == NULL || self->blockdiag_config == NULL) {
        return -1;
    }
    return cps_actor_set_shape(self, "box");
}

/* It has all parts already, so that an actor whose class forgets Actor.__init__ does no harm. */
static PyObject *
actor_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    CpsState *state = cps_state_of_type(type);
    CpsActor *self;

    if (!PyObject_HasAttr((PyObject *)type, state->names.consume)) {
        return raise_about_type(
            type, "Can't instantiate abstract class %S without an implementation for abstract method 'consume'");
    }
    self = (CpsActor *)actor_alloc(type);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    cps_list_init(&self->inboxes);
    cps_list_init(&self->pending);
    cps_list_init(&self->blockers);
    cps_list_init(&self->resters);
    cps_list_init(&self->retries);
    cps_list_init(&self->jobs);
    self->name = Py_NewRef(Py_None);
    self->ledger = cps_ledger_new();
    if (self->ledger == NULL || actor_make_parts(self) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* A keyword of the constructor as a number; absent leaves *number alone. Returns 0 or -1. */
static int
actor_number(PyObject *kwargs, const char *keyword, PyObject *positional, Py_ssize_t *number)
{
    PyObject *value = positional != NULL ? positional : kwargs == NULL ? NULL : PyDict_GetItemString(kwargs, keyword);

    if (value == NULL || value == Py_None) {
        return 0;
    }
    *number = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (*number == -1 && PyErr_Occurred()) {
        return -1;
    }
    return 0;
}

static int
actor_flag(PyObject *kwargs, const char *keyword, PyObject *positional, bool *flag)
{
    PyObject *value = positional != NULL ? positional : kwargs == NULL ? NULL : PyDict_GetItemString(kwargs, keyword);
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);

    *flag = truth > 0;
    return truth < 0 ? -1 : 0;
}

static PyObject *
actor_positional(PyObject *args, Py_ssize_t index)
{
    return PyTuple_GET_SIZE(args) > index ? PyTuple_GET_ITEM(args, index) : NULL;
}

static int
actor_set_overridden(CpsActor *self)
{
    CpsState *state = self->state;
    PyObject *const names[] = {state->names.name,       state->names.size,    state->names.rescue,
                               state->names.max_rescue, state->names.pool,    state->names.blocking_consume,
                               state->names.logger,     state->names.threads, state->names.blockdiag_config};

    return cps_set_overridden((PyObject *)self, state->types.Actor, names, Py_ARRAY_LENGTH(names));
}

int
cps_actor_init(CpsActor *self, const CpsActorOps *ops, PyObject *args, PyObject *kwargs)
{
    PyObject *name = actor_positional(args, 0);
    Py_ssize_t max_rescue = 5;

    if (name == NULL && kwargs != NULL) {
        name = PyDict_GetItemString(kwargs, "name");
    }
    if (name == NULL) {
        raise_about_type(Py_TYPE(self), "%S() needs a name");
        return -1;
    }
    self->ops = ops;
    self->concurrency = DEFAULT_CONCURRENCY;
    Py_SETREF(self->name, Py_NewRef(name));
    if (actor_number(kwargs, "size", actor_positional(args, 1), &self->size) < 0 ||
        actor_flag(kwargs, "blocking_consume", actor_positional(args, 2), &self->blocking_consume) < 0 ||
        actor_flag(kwargs, "rescue", actor_positional(args, 3), &self->rescue) < 0 ||
        actor_number(kwargs, "max_rescue", actor_positional(args, 4), &max_rescue) < 0 ||
        actor_number(kwargs, "concurrency", NULL, &self->concurrency) < 0) {
        return -1;
    }
    if (self->concurrency < 0) {
        PyErr_SetString(PyExc_ValueError, "concurrency must not be negative");
        return -1;
    }
    self->max_rescue = (long)max_rescue;
    self->initialised = true;
    return actor_make_parts(self) < 0 ? -1 : actor_set_overridden(self);
}

static int
actor_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_actor_init((CpsActor *)op, NULL, args, kwargs);
}

int
cps_actor_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsActor *self = (CpsActor *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->name);
    Py_VISIT(self->pool);
    Py_VISIT(self->logger);
    Py_VISIT(self->threads);
    Py_VISIT(self->blockdiag_config);
    Py_VISIT(self->input_types);
    Py_VISIT(self->output_types);
    Py_VISIT(self->required);
    for (CpsLink *link = cps_list_first(&self->inboxes); link; link = cps_list_after(&self->inboxes, link)) {
        Py_VISIT(CPS_CONTAINER(link, CpsInbox, actor_link)->queue);
    }
    for (CpsLink *link = cps_list_first(&self->pending); link; link = cps_list_after(&self->pending, link)) {
        Py_VISIT(CPS_CONTAINER(link, CpsPending, actor_link)->queue);
        Py_VISIT(CPS_CONTAINER(link, CpsPending, actor_link)->event);
    }
    return 0;
}

int
cps_actor_clear(PyObject *op)
{
    CpsActor *self = (CpsActor *)op;
    CpsLink *link;

    cps_actor_purge_own(self);
    while ((link = cps_list_first(&self->inboxes)) != NULL) {
        cps_inbox_free(CPS_CONTAINER(link, CpsInbox, actor_link));
    }
    Py_CLEAR(self->dict);
    Py_CLEAR(self->name);
    Py_CLEAR(self->pool);
    Py_CLEAR(self->logger);
    Py_CLEAR(self->threads);
    Py_CLEAR(self->blockdiag_config);
    Py_CLEAR(self->input_types);
    Py_CLEAR(self->output_types);
    Py_CLEAR(self->required);
    return 0;
}

void
cps_actor_dealloc(PyObject *op)
{
    CpsActor *self = (CpsActor *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (self->rt != NULL) {
        cps_runtime_release(self->rt);
        self->rt = NULL;
    }
    (void)cps_actor_clear(op);
    cps_ledger_unref(self->ledger);
    cps_link_remove(&self->source_link);
    if (self->part != NULL) {
        cps_graph_part_unref(self->part);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- type ------------------------------------------------------------------------------------------------------------------------------------ */

#define ACTOR_KEYWORD_METHOD(name, function, doc) \
    {name, _PyCFunction_CAST(function), METH_VARARGS | METH_KEYWORDS, PyDoc_STR(doc)}

static PyMethodDef actor_methods[] = {
    {"send_event", _PyCFunction_CAST(cps_actor_send_event_method), METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("send_event($self, event, queues=None, check_output=True, queue=None)\n--\n\n"
               "Put a copy of an event on every outbound queue.\n\n"
               "queues: iterable (or dict) of Queue to use instead; queue: one Queue. check_output: raise\n"
               "InvalidActorOutput unless the event is of an output type. Waits while a queue is full.")},
    {"send_error", _PyCFunction_CAST(cps_actor_send_error_method), METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("send_error($self, event, queue=None, queues=None)\n--\n\n"
               "Put a copy of an event on every error queue, without a check of its type.")},
    ACTOR_KEYWORD_METHOD(
        "create_event", actor_create_event,
        "create_event($self, *args, **kwargs)\n--\n\nAn event of the actor's output class, made with the keywords.\n"
        "Raises ValueError when there are several output classes."),
    ACTOR_KEYWORD_METHOD(
        "register_consumer", actor_register_consumer,
        "register_consumer($self, queue_name, queue)\n--\n\nConsume a queue under a name in pool.inbound."),
    ACTOR_KEYWORD_METHOD("connect_queue", actor_connect_queue,
                         "connect_queue($self, source_queue_name='outbox', destination=None,\n"
                         "              destination_queue_name='inbox', check_existing=True)\n--\n\n"
                         "Connect an outbound queue to an inbox of another actor. Raises QueueConnected, SetupError."),
    ACTOR_KEYWORD_METHOD("connect_error_queue", actor_connect_error_queue,
                         "connect_error_queue($self, destination_queue_name='inbox', source_queue_name='outbox',\n"
                         "                    destination=None, check_existing=True)\n--\n\n"
                         "Connect an error queue; its name at the destination gets the prefix error_."),
    ACTOR_KEYWORD_METHOD("connect_log_queue", actor_connect_log_queue,
                         "connect_log_queue($self, destination_queue_name='inbox', source_queue_name='outbox',\n"
                         "                  destination=None, check_existing=True)\n--\n\n"
                         "Connect a log queue; its name at the destination gets the prefix log_."),
    ACTOR_KEYWORD_METHOD(
        "connect", actor_connect_queue,
        "connect($self, source_queue_name='outbox', destination=None,\n        destination_queue_name='inbox', "
        "check_existing=True)\n--\n\nconnect_queue of releases up to 1.1."),
    ACTOR_KEYWORD_METHOD("connect_error", actor_connect_error_queue,
                         "connect_error($self, source_queue_name='outbox', destination=None,\n              "
                         "destination_queue_name='inbox', check_existing=True)\n--\n\n"
                         "connect_error_queue of releases up to 1.1."),
    {"start", actor_start_method, METH_NOARGS,
     PyDoc_STR("start($self, /)\n--\n\nCall pre_hook and begin to consume. Harmless when started already.")},
    {"stop", actor_stop_method, METH_NOARGS,
     PyDoc_STR("stop($self, /)\n--\n\n"
               "End loop() and block(), let queued events be consumed where the caller may wait for that (10 s at\n"
               "most), then call post_hook. Harmless when stopped already.")},
    {"block", actor_block, METH_NOARGS, PyDoc_STR("block($self, /)\n--\n\nWait until stop() was called.")},
    {"loop", actor_loop, METH_NOARGS, PyDoc_STR("loop($self, /)\n--\n\nTrue until stop() was called.")},
    {"is_running", actor_is_running, METH_NOARGS,
     PyDoc_STR("is_running($self, /)\n--\n\nTrue once start() has completed.")},
    {NULL, NULL, 0, NULL},
};

#define ACTOR_OBJECT(name, field, flags, doc) {name, T_OBJECT, offsetof(CpsActor, field), flags, PyDoc_STR(doc)}

static PyMemberDef actor_members[] = {
    ACTOR_OBJECT("name", name, 0, "Its name (str)."),
    ACTOR_OBJECT("pool", pool, READONLY, "Its queues (QueuePool)."),
    ACTOR_OBJECT("threads", threads, READONLY, "For greenlets of its own (RestartPool)."),
    ACTOR_OBJECT("blockdiag_config", blockdiag_config, 0, "dict: how it looks in pictures of the pipeline."),
    {"size", T_PYSSIZET, offsetof(CpsActor, size), 0,
     PyDoc_STR("int: maxsize of the queues it makes; 0 for no limit.")},
    {"max_rescue", T_LONG, offsetof(CpsActor, max_rescue), 0, PyDoc_STR("int: how often.")},
    {"concurrency", T_PYSSIZET, offsetof(CpsActor, concurrency), 0,
     PyDoc_STR("int: how many consumes may be under way; 0 for no limit.")},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CpsActor, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyObject *
actor_get_logger(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *logger = (PyObject *)((CpsActor *)op)->logger;

    return Py_NewRef(logger == NULL ? Py_None : logger);
}

static int
actor_set_logger(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    CpsActor *self = (CpsActor *)op;

    if (value == NULL || !PyObject_TypeCheck(value, self->state->types.Logger)) {
        PyErr_SetString(PyExc_TypeError, "an actor's logger must be a Logger");
        return -1;
    }
    Py_XSETREF(self->logger, (CpsLogger *)Py_NewRef(value));
    return 0;
}

static PyGetSetDef actor_getset[] = {
    {"logger", actor_get_logger, actor_set_logger, PyDoc_STR("Logger: what it logs with."), NULL},
    CPS_FLAG("rescue", CpsActor, rescue, PyDoc_STR("bool: failed events are tried again.")),
    CPS_FLAG("blocking_consume", CpsActor, blocking_consume,
             PyDoc_STR("bool: events of one inbox are consumed one after the other.")),
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    actor_doc,
    "Actor(name, size=0, blocking_consume=False, rescue=False, max_rescue=5, *args, concurrency=1000, **kwargs)\n--\n\n"
    "Base of all actors: subclass it and implement consume(event, *args, **kwargs).\n\n"
    "name: str. size: int, maxsize of the queues it makes; 0 for no limit. blocking_consume: events of one\n"
    "inbox are consumed one after the other. rescue, max_rescue: a failed event is tried again, after a second,\n"
    "up to so many times. concurrency: int, how many consumes may be under way; 0 for no limit. Further arguments\n"
    "are ignored. Class attributes: input, output (event class, or a list or tuple of them; default Event),\n"
    "REQUIRED_EVENT_ATTRIBUTES (list of names, or None). Hooks: pre_hook(), post_hook(). Raises TypeError for a\n"
    "subclass without consume.");

static PyType_Slot actor_slots[] = {
    {Py_tp_doc, (void *)actor_doc},
    {Py_tp_new, actor_new},
    {Py_tp_init, actor_init},
    {Py_tp_dealloc, cps_actor_dealloc},
    {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},
    {Py_tp_methods, actor_methods},
    {Py_tp_members, actor_members},
    {Py_tp_getset, actor_getset},
    {0, NULL},
};

static PyType_Spec actor_spec = {
    .name = "compysition.actor.Actor",
    .basicsize = sizeof(CpsActor),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = actor_slots,
};

int
cps_actor_setup(PyObject *module, CpsState *state)
{
    PyObject *type, *event = (PyObject *)state->types.Event;

    if (cps_add_type(module, &state->types.Actor, &actor_spec, NULL) < 0) {
        return -1;
    }
    type = (PyObject *)state->types.Actor;
    if (PyObject_SetAttr(type, state->names.input, event) < 0 ||
        PyObject_SetAttr(type, state->names.output, event) < 0 ||
        PyObject_SetAttr(type, state->names.REQUIRED_EVENT_ATTRIBUTES, Py_None) < 0) {
        return -1;
    }
    return PyObject_SetAttrString(type, "DEFAULT_EVENT_SERVICE", state->default_service);
}
