/* EventRouter: sends each event to the outboxes of the filters that match it. */
#include "actors/router.h"

#include "actors/actors.h"
#include "actors/filter.h"
#include "event/event.h"

/* --- outboxes ---------------------------------------------------------------------------------------------------------------- */

/* The names joined by ", ". New, or NULL with an exception set. */
static PyObject *
router_join(PyObject *names)
{
    PyObject *comma = PyUnicode_FromString(", ");
    PyObject *list = comma == NULL ? NULL : PySequence_List(names);
    PyObject *text = list == NULL ? NULL : PyUnicode_Join(comma, list);

    Py_XDECREF(comma);
    Py_XDECREF(list);
    return text;
}

static void
router_raise_not_connected(CpsRouter *self, PyObject *name)
{
    PyObject *connected = router_join((PyObject *)self->base.pool->outbound);

    if (connected != NULL) {
        PyErr_Format(PyExc_Exception,
                     "Queue %S was referenced in a filter, but is not connected as a valid outbox for %S. "
                     "Connected queues are: %U",
                     name, self->base.name, connected);
        Py_DECREF(connected);
    }
}

/* Append the outbox of that name. Returns 0, or -1 with an exception set. */
static int
router_add_outbox(CpsRouter *self, PyObject *name, PyObject *queues)
{
    PyObject *queue;
    int found = PyDict_GetItemRef((PyObject *)self->base.pool->outbound, name, &queue);

    if (found == 0) {
        router_raise_not_connected(self, name);
    }
    if (found > 0) {
        found = PyList_Append(queues, queue) < 0 ? -1 : 1;
        Py_DECREF(queue);
    }
    return found > 0 ? 0 : -1;
}

/* Append the outboxes of a filter; they are looked up each time, because a filter may serve several routers. Returns 0, or -1 with an
 * exception set. */
static int
router_add_outboxes(CpsRouter *self, CpsFilter *filter, PyObject *queues)
{
    PyObject *names = PySequence_Tuple(cps_field(filter->outbox_names));
    int status = names == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(names); i++) {
        status = router_add_outbox(self, PyTuple_GET_ITEM(names, i), queues);
    }
    Py_XDECREF(names);
    return status;
}

/* Log why a filter will never match, which is no error: it never was. */
static void
router_log_complaint(CpsRouter *self, CpsFilter *filter)
{
    PyObject *complaint = filter->ops->complain == NULL ? NULL : filter->ops->complain(filter);

    if (complaint != NULL) {
        cps_log(self->base.logger, CPS_LOG_WARNING, NULL, "A filter will never match: %U", complaint);
        Py_DECREF(complaint);
    }
}

/* The outboxes of a filter, stored with it. Returns 0, or -1 with an exception set. */
static int
router_connect_filter(CpsRouter *self, PyObject *filter)
{
    PyObject *queues = PyList_New(0);

    router_log_complaint(self, (CpsFilter *)filter);
    if (queues == NULL || router_add_outboxes(self, (CpsFilter *)filter, queues) < 0) {
        Py_XDECREF(queues);
        return -1;
    }
    Py_XSETREF(((CpsFilter *)filter)->outboxes, queues);
    return 0;
}

/* --- filters ----------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 with TypeError set. */
static int
router_check_filter(CpsRouter *self, PyObject *filter)
{
    if (cps_filter_check(self->base.state, filter)) {
        return 0;
    }
    PyErr_SetString(PyExc_TypeError, "The provided filter is not a valid EventFilter type");
    return -1;
}

/* The filter at a place of the list, which scripts may change. New; NULL at the end, or with an exception set. */
static PyObject *
router_filter_at(CpsRouter *self, Py_ssize_t index)
{
    PyObject *filters = self->filters, *filter;

    if (filters == NULL || !PyList_Check(filters)) {
        PyErr_SetString(PyExc_TypeError, "filters must be a list");
        return NULL;
    }
    if (index >= PyList_GET_SIZE(filters)) {
        return NULL;
    }
    filter = PyList_GET_ITEM(filters, index);
    return router_check_filter(self, filter) < 0 ? NULL : Py_NewRef(filter);
}

/* Log what kept filters from looking at the event, of each the first time only: it may be the same with every event. */
static void
router_log_trouble(CpsRouter *self, PyObject *event, CpsFilter *filter)
{
    if (filter->trouble != NULL) {
        cps_log(self->base.logger, CPS_LOG_WARNING, event, "A filter does not match: %U", filter->trouble);
        Py_CLEAR(filter->trouble);
    }
}

/* Append the filters that match the event. Returns 0, or -1 with an exception set by the first that fails. */
static int
router_match(CpsRouter *self, PyObject *event, PyObject *matched)
{
    PyObject *filter;

    for (Py_ssize_t i = 0; (filter = router_filter_at(self, i)) != NULL; i++) {
        int matches = cps_filter_matches(self->base.state, filter, event);
        int status = matches > 0 ? PyList_Append(matched, filter) : matches;

        router_log_trouble(self, event, (CpsFilter *)filter);
        Py_DECREF(filter);
        if (status < 0) {
            return -1;
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

static void
router_log_match(CpsRouter *self, PyObject *event, CpsFilter *filter)
{
    PyObject *names = cps_field(filter->outbox_names), *text;

    if (PyList_Check(names) && PyList_GET_SIZE(names) == 0) {
        cps_log(self->base.logger, CPS_LOG_INFO, event,
                "EventFilter matched, but no outbound queues were defined for filter. Event has been discarded.");
        return;
    }
    if (!cps_log_enabled(self->base.logger, CPS_LOG_DEBUG)) {
        return;
    }
    text = router_join(names);
    if (text == NULL) {
        PyErr_WriteUnraisable((PyObject *)self);
        return;
    }
    cps_log(self->base.logger, CPS_LOG_DEBUG, event,
            "EventFilter matched for outbound queues (%U). Event successfully forwarded", text);
    Py_DECREF(text);
}

/* --- consume ----------------------------------------------------------------------------------------------------------------- */

/* The event to the queues of a list that nobody else has; without any, that is its end. Returns 0, or -1 with an exception set. */
static int
router_send(CpsRouter *self, PyObject *event, PyObject *queues)
{
    if (PyList_GET_SIZE(queues) == 0) {
        cps_actor_drop(&self->base, event);
        return 0;
    }
    return cps_actor_send_to(&self->base, event, &PyList_GET_ITEM(queues, 0), PyList_GET_SIZE(queues));
}

/* The event to the outboxes of the filters that matched. Returns 0, or -1 with an exception set. */
static int
router_forward(CpsRouter *self, PyObject *event, PyObject *matched)
{
    PyObject *queues = PyList_New(0);
    int status = queues == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(matched); i++) {
        status = router_add_outboxes(self, (CpsFilter *)PyList_GET_ITEM(matched, i), queues);
    }
    if (status == 0) {
        status = router_send(self, event, queues);
    }
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(matched); i++) {
        router_log_match(self, event, (CpsFilter *)PyList_GET_ITEM(matched, i));
    }
    Py_XDECREF(queues);
    return status;
}

/* A filter failed: the event still goes to those that matched before it, as a copy, because it takes the error path itself. Keeps the
 * exception that is set. */
static void
router_forward_before_error(CpsRouter *self, PyObject *event, PyObject *matched)
{
    PyObject *exc = PyErr_GetRaisedException();

    Py_INCREF(event);
    if (PyList_GET_SIZE(matched) > 0 && router_forward(self, event, matched) < 0) {
        PyObject *raised = PyErr_GetRaisedException();

        cps_log(self->base.logger, CPS_LOG_ERROR, event, "Unable to send event to the filters that matched: %S",
                raised);
        Py_DECREF(raised);
    }
    Py_DECREF(event);
    PyErr_SetRaisedException(exc);
}

static int
router_no_match(CpsRouter *self, PyObject *event)
{
    PyObject *result = PyObject_CallMethodOneArg((PyObject *)self, self->base.state->names.process_no_match, event);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
router_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsRouter *self = (CpsRouter *)actor;
    PyObject *matched = PyList_New(0);
    int status;

    if (matched == NULL) {
        return -1;
    }
    status = router_match(self, event, matched);
    if (status < 0) {
        router_forward_before_error(self, event, matched);
    }
    else if (PyList_GET_SIZE(matched) > 0) {
        status = router_forward(self, event, matched);
    }
    else {
        status = router_no_match(self, event);
    }
    Py_DECREF(matched);
    return status;
}

static const CpsActorOps router_ops = {.consume = router_consume};

/* The event to the default outboxes. Returns 0, or -1 with an exception set. */
static int
router_send_to_defaults(CpsRouter *self, PyObject *event)
{
    PyObject *queues = PySequence_List(cps_field(self->default_outboxes));
    int status = queues == NULL ? -1 : router_send(self, event, queues);

    if (status == 0 && PyList_GET_SIZE(queues) == 0) {
        cps_log(self->base.logger, CPS_LOG_INFO, event,
                "No EventFilters matched for event and no default queues are connected. Event has been discarded");
    }
    else if (status == 0) {
        cps_log(self->base.logger, CPS_LOG_DEBUG, event,
                "No EventFilters matched for event. Event forwarded to default outbox(s)");
    }
    Py_XDECREF(queues);
    return status;
}

static PyObject *
router_process_no_match(PyObject *op, PyObject *event)
{
    CpsRouter *self = (CpsRouter *)op;

    if (!cps_event_check(self->base.state, event)) {
        return PyErr_Format(PyExc_TypeError, "process_no_match() takes an event, not %s", Py_TYPE(event)->tp_name);
    }
    if (!self->whitelist) {
        return router_send_to_defaults(self, event) < 0 ? NULL : Py_NewRef(Py_None);
    }
    cps_actor_drop(&self->base, event);
    cps_log(self->base.logger, CPS_LOG_DEBUG, event, "No EventFilters matched for event. Event has been discarded");
    Py_RETURN_NONE;
}

/* --- start ------------------------------------------------------------------------------------------------------------------- */

/* A set of the outbox names of all filters. New, or NULL with an exception set. */
static PyObject *
router_filtered_names(CpsRouter *self)
{
    PyObject *names = PySet_New(NULL), *filter;

    for (Py_ssize_t i = 0; names != NULL && (filter = router_filter_at(self, i)) != NULL; i++) {
        PyObject *result = PyObject_CallMethodOneArg(names, self->base.state->names.update,
                                                     cps_field(((CpsFilter *)filter)->outbox_names));

        if (result == NULL) {
            Py_CLEAR(names);
        }
        Py_XDECREF(result);
        Py_DECREF(filter);
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(names);
    }
    return names;
}

/* Whether one of the default regexes is found in the name. 1, 0, or -1 with an exception set. */
static int
router_is_default_name(CpsRouter *self, PyObject *regexes, PyObject *name)
{
    PyObject *compile = cps_import(&self->base.state->re_compile, "re", "compile"); /* borrowed */
    int found = compile == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; found == 0 && i < PyList_GET_SIZE(regexes); i++) {
        PyObject *pattern = PyObject_CallOneArg(compile, PyList_GET_ITEM(regexes, i));
        PyObject *match =
            pattern == NULL ? NULL : PyObject_CallMethodOneArg(pattern, self->base.state->names.search, name);

        found = match == NULL ? -1 : match != Py_None;
        Py_XDECREF(match);
        Py_XDECREF(pattern);
    }
    return found;
}

/* The outboxes that no filter names and a default regex finds. New list, or NULL with an exception set. */
static PyObject *
router_find_defaults(CpsRouter *self)
{
    PyObject *taken = router_filtered_names(self);
    PyObject *regexes = taken == NULL ? NULL : PySequence_List(cps_field(self->default_outbox_regexes));
    PyObject *items = regexes == NULL ? NULL : PyDict_Items((PyObject *)self->base.pool->outbound);
    PyObject *found = items == NULL ? NULL : PyList_New(0);

    for (Py_ssize_t i = 0; found != NULL && i < PyList_GET_SIZE(items); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0);
        int status = PySet_Contains(taken, name);

        if (status == 0 && (status = router_is_default_name(self, regexes, name)) > 0) {
            status = PyList_Append(found, PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1));
        }
        if (status < 0) {
            Py_CLEAR(found);
        }
    }
    Py_XDECREF(taken);
    Py_XDECREF(regexes);
    Py_XDECREF(items);
    return found;
}

int
cps_router_prepare(CpsRouter *self)
{
    PyObject *filter, *defaults;
    Py_ssize_t count = 0;

    for (; (filter = router_filter_at(self, count)) != NULL; count++) {
        int status = router_connect_filter(self, filter);

        Py_DECREF(filter);
        if (status < 0) {
            return -1;
        }
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    if (!self->whitelist) {
        defaults = router_find_defaults(self);
        if (defaults == NULL) {
            return -1;
        }
        Py_XSETREF(self->default_outboxes, defaults);
    }
    else if (count == 0 && PyObject_Size(cps_field(self->default_outboxes)) == 0) {
        cps_raise(self->base.state, CPS_SETUP_ERROR, "No filters were connected to this router");
        return -1;
    }
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *
router_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return cps_router_prepare((CpsRouter *)op) < 0 ? NULL : Py_NewRef(Py_None);
}

/* --- the type ---------------------------------------------------------------------------------------------------------------- */

static PyObject *
router_set_filter(PyObject *op, PyObject *filter)
{
    CpsRouter *self = (CpsRouter *)op;

    if (router_check_filter(self, filter) < 0) {
        return NULL;
    }
    if (self->filters == NULL || !PyList_Check(self->filters)) {
        PyErr_SetString(PyExc_TypeError, "filters must be a list");
        return NULL;
    }
    return PyList_Append(self->filters, filter) < 0 ? NULL : Py_NewRef(Py_None);
}

/* set_filter(filter), overridden or not. Returns 0, or -1 with an exception set. */
static int
router_call_set_filter(CpsRouter *self, PyObject *filter)
{
    PyObject *result = PyObject_CallMethodOneArg((PyObject *)self, self->base.state->names.set_filter, filter);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_router_add_named(CpsRouter *self, PyObject *name, PyObject *scope)
{
    PyObject *filter;
    int status;

    if (self->named == NULL && (self->named = PyDict_New()) == NULL) { /* a subclass has not called the constructor */
        return -1;
    }
    status = PyDict_Contains(self->named, name);
    if (status != 0) {
        return status < 0 ? -1 : 0;
    }
    filter = cps_filter_new_for(self->base.state, name, name, scope);
    status = filter == NULL ? -1 : router_call_set_filter(self, filter);
    Py_XDECREF(filter);
    return status < 0 ? -1 : PyDict_SetItem(self->named, name, Py_None);
}

/* Returns 0, or -1 with ValueError set. */
static int
router_take_type(CpsRouter *self, PyObject *type)
{
    if (type != NULL && cps_text_is(type, "blacklist")) {
        self->whitelist = false;
        return 0;
    }
    if (type != NULL && (!PyUnicode_Check(type) || PyUnicode_CompareWithASCIIString(type, "whitelist") != 0)) {
        PyErr_Format(PyExc_ValueError, "the type of a router is 'whitelist' or 'blacklist', not %R", type);
        return -1;
    }
    self->whitelist = true;
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
router_take_filters(CpsRouter *self, PyObject *filters)
{
    PyObject *list = cps_filter_list(filters == Py_None ? NULL : filters);
    int status = list == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(list); i++) {
        status = router_call_set_filter(self, PyList_GET_ITEM(list, i));
    }
    Py_XDECREF(list);
    return status;
}

/* The default regexes, one or a list or tuple of them. New list, or NULL with an exception set. */
static PyObject *
router_regexes(PyObject *regexes)
{
    if (regexes == NULL) {
        return Py_BuildValue("[s]", ".*");
    }
    return cps_filter_list(regexes);
}

int
cps_router_init(CpsRouter *self, const CpsRouterArguments *arguments, PyObject *rest_args, PyObject *rest_kwargs)
{
    if (cps_actor_init(&self->base, &router_ops, rest_args, rest_kwargs) < 0 ||
        cps_actor_set_shape(&self->base, "flowchart.condition") < 0 || router_take_type(self, arguments->type) < 0) {
        return -1;
    }
    Py_XSETREF(self->filters, PyList_New(0));
    Py_XSETREF(self->default_outbox_regexes, router_regexes(arguments->default_outbox_regexes));
    Py_XSETREF(self->default_outboxes, PyList_New(0));
    Py_XSETREF(self->named, PyDict_New());
    if (self->filters == NULL || self->default_outbox_regexes == NULL || self->default_outboxes == NULL ||
        self->named == NULL) {
        return -1;
    }
    return router_take_filters(self, arguments->filters);
}

static int
router_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    enum { NAME, FILTERS, TYPE, REGEXES, PARAMETERS };
    static const char *const names[] = {"name", "routing_filters", "type", "default_outbox_regexes"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    CpsRouterArguments arguments;
    int result;

    if (cps_bind("EventRouter", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    arguments = (CpsRouterArguments){values[FILTERS], values[TYPE], values[REGEXES]};
    result = cps_router_init((CpsRouter *)op, &arguments, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

int
cps_router_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsRouter *self = (CpsRouter *)op;

    Py_VISIT(self->filters);
    Py_VISIT(self->default_outbox_regexes);
    Py_VISIT(self->default_outboxes);
    Py_VISIT(self->named);
    return cps_actor_traverse(op, visit, arg);
}

static void
router_clear_own(CpsRouter *self)
{
    Py_CLEAR(self->filters);
    Py_CLEAR(self->default_outbox_regexes);
    Py_CLEAR(self->default_outboxes);
    Py_CLEAR(self->named);
}

int
cps_router_clear(PyObject *op)
{
    router_clear_own((CpsRouter *)op);
    return cps_actor_clear(op);
}

void
cps_router_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    router_clear_own((CpsRouter *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(router_doc,
             "EventRouter(name, routing_filters=[], type='whitelist', default_outbox_regexes=['.*'], *args, **kwargs)\n"
             "--\n\n"
             "Send each event to the outboxes of every filter that matches it.\n\n"
             "In and out: Event.\n\n"
             "routing_filters: EventFilter, or a list of them.\n"
             "type: 'whitelist': what no filter matches is dropped. 'blacklist': it goes to the default outboxes, or\n"
             "    is dropped when there are none. Else ValueError.\n"
             "default_outbox_regexes: str, or a list of them. The default outboxes are those that no filter names and\n"
             "    whose name contains one of these.\n\n"
             "What is dropped is logged and ends there. A filter that fails sends the event to the error queues; the\n"
             "outboxes of filters that matched before it get it, too. Start raises SetupError for a whitelist\n"
             "without filters, and Exception for an outbox that is not connected.\n\n"
             "Subclasses may replace process_no_match, set_filter and pre_hook.");

PyDoc_STRVAR(process_no_match_doc, "process_no_match($self, event, /)\n--\n\n"
                                   "What becomes of an event that no filter matches.");
PyDoc_STRVAR(set_filter_doc, "set_filter($self, filter, /)\n--\n\n"
                             "Append a filter. Raises TypeError for what is no EventFilter.");
PyDoc_STRVAR(pre_hook_doc, "pre_hook($self, /)\n--\n\nFind the outboxes; called by start().");

static PyMethodDef router_methods[] = {
    CPS_CONSUME_METHOD,
    {"process_no_match", router_process_no_match, METH_O, process_no_match_doc},
    {"set_filter", router_set_filter, METH_O, set_filter_doc},
    {"pre_hook", router_pre_hook, METH_NOARGS, pre_hook_doc},
    {NULL},
};

static PyMemberDef router_members[] = {
    CPS_ACTOR_MEMBERS,
    {"filters", T_OBJECT_EX, offsetof(CpsRouter, filters), 0, "The filters, tried in this order (list)."},
    {"whitelist", T_BOOL, offsetof(CpsRouter, whitelist), 0, "Drop what no filter matches (bool)."},
    {"default_outbox_regexes", T_OBJECT_EX, offsetof(CpsRouter, default_outbox_regexes), 0,
     "Regexes that find the default outboxes (list)."},
    {"default_outboxes", T_OBJECT_EX, offsetof(CpsRouter, default_outboxes), 0,
     "Queues for what no filter of a blacklist matches (list); found by start()."},
    {NULL},
};

static PyGetSetDef router_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot router_slots[] = {
    {Py_tp_doc, (void *)router_doc}, {Py_tp_init, router_init},           {Py_tp_traverse, cps_router_traverse},
    {Py_tp_clear, cps_router_clear}, {Py_tp_dealloc, cps_router_dealloc}, {Py_tp_methods, router_methods},
    {Py_tp_members, router_members}, {Py_tp_getset, router_getset},       {0, NULL},
};

static PyType_Spec router_spec = {
    .name = "compysition.actors.eventrouter.EventRouter",
    .basicsize = sizeof(CpsRouter),
    .flags = CPS_ACTOR_FLAGS,
    .slots = router_slots,
};

int
cps_router_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.EventRouter, &router_spec, (PyObject *)state->types.Actor);
}
