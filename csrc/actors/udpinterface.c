/* UDPInterface: this process as a node of an election. What the election has to say is logged in a worker, since loggers may be Python. */
#include "actors/udpinterface.h"

#include "actors/actors.h"
#include "event/eventid.h"
#include "loop/wait.h"
#include "net/election.h"
#include "net/groupsocket.h"

#include <net/if.h>
#include <unistd.h>

/* A line for the logger. */
typedef struct {
    CpsLink link;
    CpsElectionLevel level;
    char *text; /* owned */
} UdpLine;

/* What is on the loop; all but `owner` and the list of the end is touched in its thread only. */
typedef struct {
    CpsReady end; /* first: in a worker, when another thread has stopped it */
    CpsElection *election;
    CpsRuntime *rt;         /* borrowed, and held */
    CpsUdpInterface *owner; /* borrowed; NULL once it is done with this */
    CpsList lines;          /* UdpLine: of callbacks */
    CpsCompletion completion;
} UdpMembership;

struct CpsUdpInterface {
    PyObject_HEAD
    CpsState *state;                                      /* borrowed */
    UdpMembership *membership;                            /* owned; NULL unless started */
    CpsReady report;                                      /* in a worker, with a reference to this: log the lines */
    CpsList lines;                                        /* UdpLine: to be logged */
    CpsList waits;                                        /* CpsWait: of wait_until_master() and block() */
    PyObject *logger;                                     /* owned; None: lines are printed */
    PyObject *service, *address, *interface, *key, *uuid; /* owned; key is bytes or None */
    double interval, expiry;
    Py_ssize_t port, burn_in;
    pid_t made_by; /* the process whose uuid it is */
};

/* --- lines ----------------------------------------------------------------------------------------------------------------------- */

static void
line_free(UdpLine *line)
{
    free(line->text);
    free(line);
}

static void
lines_free(CpsList *lines)
{
    CpsLink *link;

    while ((link = cps_list_pop(lines)) != NULL) {
        line_free(CPS_CONTAINER(link, UdpLine, link));
    }
}

/* Call the logger, or print. Returns 0, or -1 with an exception set. */
static int
interface_log(CpsUdpInterface *self, const UdpLine *line)
{
    PyObject *text = PyUnicode_DecodeUTF8(line->text, (Py_ssize_t)strlen(line->text), "replace");
    PyObject *result = NULL;

    if (text != NULL && self->logger == Py_None) {
        PySys_FormatStdout("%U\n", text);
        result = Py_NewRef(Py_None);
    }
    else if (text != NULL) {
        result = PyObject_CallMethod(self->logger, line->level == CPS_ELECTION_INFO ? "info" : "warning", "O", text);
    }
    Py_XDECREF(text);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static void
interface_log_lines(CpsUdpInterface *self)
{
    CpsLink *link;

    while ((link = cps_list_pop(&self->lines)) != NULL) {
        UdpLine *line = CPS_CONTAINER(link, UdpLine, link);

        if (interface_log(self, line) < 0) {
            cps_runtime_unraisable((PyObject *)self);
        }
        line_free(line);
    }
}

/* In a worker. */
static void
interface_report(CpsReady *ready, CpsRuntime *Py_UNUSED(rt))
{
    CpsUdpInterface *self = CPS_CONTAINER(ready, CpsUdpInterface, report);

    interface_log_lines(self);
    Py_DECREF(self);
}

/* --- what the election says: libuv callbacks, then the hub ----------------------------------------------------------------------- */

static void
membership_complete(UdpMembership *membership)
{
    if (!cps_link_listed(&membership->completion.link)) {
        cps_complete(membership->rt, &membership->completion);
    }
}

static void
membership_log(void *context, CpsElectionLevel level, const char *text)
{
    UdpMembership *membership = context;
    UdpLine *line = calloc(1, sizeof(*line));

    if (line == NULL || (line->text = strdup(text)) == NULL) {
        free(line);
        return;
    }
    line->level = level;
    cps_list_append(&membership->lines, &line->link);
    membership_complete(membership);
}

static void
membership_changed(void *context)
{
    membership_complete(context);
}

static const CpsElectionOps election_ops = {.log = membership_log, .changed = membership_changed};

/* In the hub. */
static void
membership_on_completion(CpsCompletion *completion, CpsRuntime *rt)
{
    UdpMembership *membership = CPS_CONTAINER(completion, UdpMembership, completion);
    CpsUdpInterface *self = membership->owner;

    if (self == NULL) {
        return; /* its end is on the way */
    }
    cps_list_splice(&self->lines, &membership->lines);
    if (cps_election_is_master(membership->election)) {
        cps_wait_wake_all(&self->waits);
    }
    if (!cps_list_empty(&self->lines) && !cps_link_listed(&self->report.link)) {
        Py_INCREF(self); /* the report's */
        cps_ready_push(rt, &self->report);
    }
}

/* --- joining and leaving --------------------------------------------------------------------------------------------------------- */

/* In the loop's thread. */
static void
membership_free(UdpMembership *membership)
{
    cps_election_close(&membership->election);
    cps_link_remove(&membership->completion.link);
    lines_free(&membership->lines);
    cps_runtime_release(membership->rt);
    PyMem_Free(membership);
}

/* In a worker. */
static void
membership_end(CpsReady *ready, CpsRuntime *Py_UNUSED(rt))
{
    membership_free((UdpMembership *)ready);
}

/* Returns 0, or -1 with an exception set. */
static int
interface_make_uuid(CpsUdpInterface *self)
{
    uint8_t id[CPS_EVENT_ID_BYTES];
    PyObject *uuid = cps_event_id_new(id) < 0 ? NULL : cps_event_id_hex(id);

    if (uuid == NULL) {
        return -1;
    }
    Py_XSETREF(self->uuid, uuid);
    self->made_by = getpid();
    return 0;
}

/* Returns 0, or -1 with OSError set. */
static int
interface_open(CpsUdpInterface *self, UdpMembership *membership)
{
    Py_ssize_t service_length;
    const char *what;
    CpsElectionSettings settings = {
        .uuid = PyUnicode_AsUTF8(self->uuid),
        .address = PyUnicode_AsUTF8(self->address),
        .interface = self->interface == Py_None ? NULL : PyUnicode_AsUTF8(self->interface),
        .port = (int)self->port,
        .interval = self->interval,
        .expiry = self->expiry,
        .burn_in = (long)self->burn_in,
        .key = self->key == Py_None ? NULL : PyBytes_AS_STRING(self->key),
        .key_length = self->key == Py_None ? 0 : (size_t)PyBytes_GET_SIZE(self->key),
    };
    int code;

    settings.service = PyUnicode_AsUTF8AndSize(self->service, &service_length);
    settings.service_length = (size_t)service_length;
    code = cps_election_open(&membership->election, &membership->rt->loop, &settings, &election_ops, membership, &what);
    if (code < 0) {
        PyObject *message = PyUnicode_FromFormat("UDP group %U port %zd: %s", self->address, self->port, what);

        if (message != NULL) {
            cps_raise_uv(PyUnicode_AsUTF8(message), code);
            Py_DECREF(message);
        }
        return -1;
    }
    return 0;
}

int
cps_udp_interface_start(CpsUdpInterface *self)
{
    CpsRuntime *rt = cps_runtime_get(self->state);
    UdpMembership *membership;

    if (self->membership != NULL && self->membership->rt->abandoned) {
        self->membership = NULL; /* of the parent of this fork */
    }
    if (rt == NULL || self->membership != NULL) {
        return rt == NULL ? -1 : 0;
    }
    if (self->made_by != getpid() && interface_make_uuid(self) < 0) {
        return -1;
    }
    membership = PyMem_Calloc(1, sizeof(*membership));
    if (membership == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    membership->end.run = membership_end;
    membership->completion.done = membership_on_completion;
    membership->rt = rt;
    membership->owner = self;
    cps_list_init(&membership->lines);
    if (interface_open(self, membership) < 0) {
        PyMem_Free(membership);
        return -1;
    }
    cps_runtime_hold(rt);
    self->membership = membership;
    cps_runtime_wake(rt);
    return 0;
}

/* Have nothing more come. */
static void
interface_leave(CpsUdpInterface *self)
{
    UdpMembership *membership = self->membership;

    self->membership = NULL;
    if (membership == NULL) {
        return;
    }
    membership->owner = NULL;
    if (membership->rt->abandoned) {
        return; /* a fork's child does not touch what it shares with its parent */
    }
    if (membership->rt == cps_runtime_peek()) {
        cps_list_splice(&self->lines, &membership->lines);
        membership_free(membership);
    }
    else {
        cps_ready_push(membership->rt, &membership->end);
    }
}

void
cps_udp_interface_stop(CpsUdpInterface *self)
{
    interface_leave(self);
    cps_wait_wake_all(&self->waits);
    if (cps_link_listed(&self->report.link)) { /* the loop may not come round any more */
        cps_link_remove(&self->report.link);
        interface_report(&self->report, NULL);
    }
}

bool
cps_udp_interface_is_master(const CpsUdpInterface *self)
{
    return self->membership != NULL && !self->membership->rt->abandoned &&
           cps_election_is_master(self->membership->election);
}

/* --- arguments ------------------------------------------------------------------------------------------------------------------- */

enum { MAX_PORT = 65535 };

/* A constant of udplib, which scripts may have changed. New, or NULL with an exception set. */
static PyObject *
udp_constant(const char *name)
{
    PyObject *module = PyImport_ImportModule("compysition.actors.util.udplib");
    PyObject *value = module == NULL ? NULL : PyObject_GetAttrString(module, name);

    Py_XDECREF(module);
    return value;
}

/* The argument, or when it is None or was not given the constant, as a number from `least` to `most`. Returns 0, or -1 with an
 * exception set. */
static int
take_number(double *number, PyObject *value, const char *name, const char *constant, double least, double most)
{
    PyObject *given = value == NULL || value == Py_None ? udp_constant(constant) : Py_NewRef(value);
    char message[100];

    *number = given == NULL ? -1 : PyFloat_AsDouble(given);
    Py_XDECREF(given);
    if (PyErr_Occurred()) {
        return -1;
    }
    if (!(*number >= least && *number <= most)) {
        (void)snprintf(message, sizeof(message), "%s must be from %g to %.15g", name, least, most);
        PyErr_SetString(PyExc_ValueError, message);
        return -1;
    }
    return 0;
}

/* The same, for whole numbers. */
static int
take_whole(Py_ssize_t *whole, PyObject *value, const char *name, const char *constant, double least, double most)
{
    double number = 0;

    if (take_number(&number, value, name, constant, least, most) < 0) {
        return -1;
    }
    *whole = (Py_ssize_t)number;
    return 0;
}

/* The UTF-8 of a str without NUL. Borrowed, or NULL with an exception set. */
static const char *
text_of(PyObject *text, const char *name)
{
    Py_ssize_t length;
    const char *bytes;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", name, Py_TYPE(text)->tp_name);
        return NULL;
    }
    bytes = PyUnicode_AsUTF8AndSize(text, &length);
    if (bytes != NULL && strlen(bytes) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%s: embedded null character", name);
        return NULL;
    }
    return bytes;
}

/* Each takes an argument; returns 0, or -1 with an exception set. */

static int
take_service(CpsUdpInterface *self, PyObject *service)
{
    const char *text = text_of(service, "service");

    if (text == NULL) {
        return -1;
    }
    if (strlen(text) > CPS_ELECTION_SERVICE) {
        PyErr_Format(PyExc_ValueError, "service: its UTF-8 is longer than %d bytes", CPS_ELECTION_SERVICE);
        return -1;
    }
    cps_take_object(&self->service, service);
    return 0;
}

static int
take_address(CpsUdpInterface *self, PyObject *address)
{
    static const char everybody[] = "255.255.255.255";
    struct sockaddr_storage parsed;
    const char *text;

    if (address == NULL || address == Py_None) {
        Py_XSETREF(self->address, PyUnicode_FromString(everybody));
        return self->address == NULL ? -1 : 0;
    }
    text = text_of(address, "address");
    if (text == NULL) {
        return -1;
    }
    if (cps_group_address(text, 0, &parsed) < 0) {
        PyErr_Format(PyExc_ValueError, "address: %R is neither an IPv4 nor an IPv6 address", address);
        return -1;
    }
    cps_take_object(&self->address, address);
    return 0;
}

static int
take_interface(CpsUdpInterface *self, PyObject *interface)
{
    const char *text;

    cps_take_object(&self->interface, Py_None);
    if (interface == NULL || interface == Py_None) {
        return 0;
    }
    text = text_of(interface, "interface");
    if (text == NULL) {
        return -1;
    }
    if (text[0] == '\0' || strlen(text) >= IF_NAMESIZE) {
        PyErr_Format(PyExc_ValueError, "interface: %R is not the name of one", interface);
        return -1;
    }
    cps_take_object(&self->interface, interface);
    return 0;
}

/* None, bytes or str. */
static int
take_key(CpsUdpInterface *self, PyObject *key)
{
    PyObject *bytes;

    if (key == NULL || key == Py_None) {
        cps_take_object(&self->key, Py_None);
        return 0;
    }
    bytes = PyUnicode_Check(key) ? PyUnicode_AsUTF8String(key) : PyBytes_Check(key) ? Py_NewRef(key) : NULL;
    if (bytes == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_TypeError, "key must be bytes, str or None, not %.100s", Py_TYPE(key)->tp_name);
        }
        return -1;
    }
    Py_XSETREF(self->key, bytes);
    if (PyBytes_GET_SIZE(bytes) == 0) {
        PyErr_SetString(PyExc_ValueError, "key must not be empty");
        return -1;
    }
    return 0;
}

enum { SERVICE, LOGGER, INTERVAL, EXPIRY, BURN_IN, BROADCAST, ADDRESS, INTERFACE, PORT, KEY, PARAMETERS };

static int
interface_take(CpsUdpInterface *self, PyObject *const *values)
{
    static const double LEAST_INTERVAL = 0.001, MOST = 86400;
    PyObject *address = values[ADDRESS] == NULL ? values[BROADCAST] : values[ADDRESS];

    cps_take_object(&self->logger, values[LOGGER] == NULL ? Py_None : values[LOGGER]);
    if (take_service(self, values[SERVICE]) < 0 || take_address(self, address) < 0 ||
        take_interface(self, values[INTERFACE]) < 0 || take_key(self, values[KEY]) < 0 ||
        take_number(&self->interval, values[INTERVAL], "interval", "PING_INTERVAL", LEAST_INTERVAL, MOST) < 0 ||
        take_number(&self->expiry, values[EXPIRY], "expiry", "PEER_EXPIRY", 2, MOST) < 0 ||
        take_whole(&self->burn_in, values[BURN_IN], "burn_in_pings", "BURN_IN_PINGS", 0, MOST) < 0 ||
        take_whole(&self->port, values[PORT], "port", "PING_PORT_NUMBER", 1, MAX_PORT) < 0) {
        return -1;
    }
    return interface_make_uuid(self);
}

static int
interface_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"service",   "logger", "interval", "expiry", "burn_in_pings", "broadcast", "address",
                            "interface", "port",   "key",      NULL};
    CpsUdpInterface *self = (CpsUdpInterface *)op;
    PyObject *values[PARAMETERS] = {NULL};

    if (self->membership != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a UDPInterface that was started cannot be made anew");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOOOO$OOOO:UDPInterface", names, &values[SERVICE],
                                     &values[LOGGER], &values[INTERVAL], &values[EXPIRY], &values[BURN_IN],
                                     &values[BROADCAST], &values[ADDRESS], &values[INTERFACE], &values[PORT],
                                     &values[KEY])) {
        return -1;
    }
    return interface_take(self, values);
}

PyObject *
cps_udp_interface_new(CpsState *state, PyObject *args, PyObject *kwargs)
{
    return PyObject_Call((PyObject *)state->types.UDPInterface, args, kwargs);
}

/* --- methods --------------------------------------------------------------------------------------------------------------------- */

static PyObject *
interface_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    CpsUdpInterface *self = (CpsUdpInterface *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->state = cps_state_of_type(type);
        self->report.run = interface_report;
        cps_list_init(&self->lines);
        cps_list_init(&self->waits);
    }
    return (PyObject *)self;
}

static PyObject *
interface_start(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsUdpInterface *self = (CpsUdpInterface *)op;

    if (self->uuid == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "UDPInterface.__init__ was not called");
        return NULL;
    }
    if (cps_udp_interface_start(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
interface_stop(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    cps_udp_interface_stop((CpsUdpInterface *)op);
    Py_RETURN_NONE;
}

static PyObject *
interface_is_master(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(cps_udp_interface_is_master((CpsUdpInterface *)op));
}

static PyObject *
interface_is_slave(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(!cps_udp_interface_is_master((CpsUdpInterface *)op));
}

static bool
interface_is_left(void *context)
{
    return ((const CpsUdpInterface *)context)->membership == NULL;
}

static bool
interface_is_left_or_master(void *context)
{
    return interface_is_left(context) || cps_udp_interface_is_master(context);
}

static PyObject *
interface_wait_until_master(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    CpsUdpInterface *self = (CpsUdpInterface *)op;
    PyObject *timeout = Py_None;
    double seconds = -1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:wait_until_master", names, &timeout)) {
        return NULL;
    }
    if (timeout != Py_None) {
        seconds = PyFloat_AsDouble(timeout);
        if (PyErr_Occurred()) {
            return NULL;
        }
        seconds = seconds > 0 ? seconds : 0;
    }
    if (cps_wait_until(self->state, &self->waits, interface_is_left_or_master, self, seconds) < 0) {
        return NULL;
    }
    return PyBool_FromLong(cps_udp_interface_is_master(self));
}

static PyObject *
interface_block(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsUdpInterface *self = (CpsUdpInterface *)op;

    if (cps_wait_until(self->state, &self->waits, interface_is_left, self, -1) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Peer(uuid, expiry, interval), to be taken for dead in `remaining` seconds. New, or NULL with an exception set. */
static PyObject *
interface_peer(CpsUdpInterface *self, const CpsElectionPeer *peer)
{
    PyObject *cls = cps_import(&self->state->udp_peer, "compysition.actors.util.udplib", "Peer"); /* borrowed */
    PyObject *object = cls == NULL ? NULL : PyObject_CallFunction(cls, "sdd", peer->uuid, self->expiry, self->interval);
    PyObject *result = object == NULL ? NULL : PyObject_CallMethod(object, "_expire_in", "d", peer->remaining);

    if (result == NULL) {
        Py_XDECREF(object);
        return NULL;
    }
    Py_DECREF(result);
    return object;
}

static PyObject *
interface_get_peers(PyObject *op, void *Py_UNUSED(closure))
{
    CpsUdpInterface *self = (CpsUdpInterface *)op;
    PyObject *dict = PyDict_New();
    CpsElectionPeer *peers = NULL;
    size_t count = 0;

    if (dict != NULL && self->membership != NULL && !self->membership->rt->abandoned) {
        peers = cps_election_peers(self->membership->election, &count);
        if (peers == NULL) {
            PyErr_NoMemory();
            Py_CLEAR(dict);
        }
    }
    for (size_t i = 0; dict != NULL && i < count; i++) {
        PyObject *uuid = PyUnicode_FromString(peers[i].uuid);

        if (uuid == NULL || cps_dict_set_new(dict, uuid, interface_peer(self, &peers[i])) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(uuid);
    }
    free(peers);
    return dict;
}

/* --- the type -------------------------------------------------------------------------------------------------------------------- */

static int
interface_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((CpsUdpInterface *)op)->logger);
    return 0;
}

static int
interface_clear(PyObject *op)
{
    Py_CLEAR(((CpsUdpInterface *)op)->logger);
    return 0;
}

static void
interface_dealloc(PyObject *op)
{
    CpsUdpInterface *self = (CpsUdpInterface *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    interface_leave(self);
    lines_free(&self->lines);
    Py_CLEAR(self->logger);
    Py_CLEAR(self->service);
    Py_CLEAR(self->address);
    Py_CLEAR(self->interface);
    Py_CLEAR(self->key);
    Py_CLEAR(self->uuid);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    interface_doc,
    "UDPInterface(service, logger=None, interval=None, expiry=None, burn_in_pings=None, broadcast=None, *,\n"
    "             address=None, interface=None, port=None, key=None)\n--\n\n"
    "This process as a node of a group that has one master: of the nodes that are heard, the one with the\n"
    "greatest uuid. Nodes hear each other by UDP datagrams, the pings.\n\n"
    "service: str, the name of the group; nodes of other groups are not heard.\n"
    "logger: has methods info and warning, as a Logger; None: lines are printed.\n"
    "interval: seconds between pings (0.001 to 86400). None: PING_INTERVAL of the module udplib, 1.\n"
    "expiry: a peer is taken for dead after so many pings, at least 2. None: PEER_EXPIRY, 10.\n"
    "burn_in_pings: at the start a node is no master for so many pings. None: BURN_IN_PINGS, 5.\n"
    "address, or broadcast: str, where pings are sent: an IPv4 broadcast address, or a multicast address of\n"
    "    IPv4 or IPv6. None: 255.255.255.255.\n"
    "interface: str, the name of a network interface; None: as the routes say. port: int. None:\n"
    "    PING_PORT_NUMBER, 6999; it is shared with the other nodes of a host.\n"
    "key: bytes or str. With it, pings are signed (HMAC-SHA256, RFC 2104) and those of others must be; clocks\n"
    "    must not differ by more than 30 seconds.\n\n"
    "Raises TypeError and ValueError for arguments that make no sense.");

PyDoc_STRVAR(start_doc, "start($self, /)\n--\n\n"
                        "Bind the port and join the group; does nothing the second time.\n\n"
                        "The loop of this thread does the rest: it runs while something blocks in compysition.\n"
                        "Raises OSError when the port or the interface cannot be had.");
PyDoc_STRVAR(stop_doc, "stop($self, /)\n--\n\n"
                       "Leave the group and close the socket. The others take this node for dead after a while.");
PyDoc_STRVAR(wait_until_master_doc, "wait_until_master($self, /, timeout=None)\n--\n\n"
                                    "Block the calling greenlet until this node is master, or was stopped.\n\n"
                                    "timeout: seconds at most; None for no limit. Returns whether it is master.");
PyDoc_STRVAR(block_doc, "block($self, /)\n--\n\nBlock the calling greenlet until stop() is called.");

static PyMethodDef interface_methods[] = {
    {"start", interface_start, METH_NOARGS, start_doc},
    {"stop", interface_stop, METH_NOARGS, stop_doc},
    {"is_master", interface_is_master, METH_NOARGS, "is_master($self, /)\n--\n\nWhether this node is master (bool)."},
    {"is_slave", interface_is_slave, METH_NOARGS, "is_slave($self, /)\n--\n\nWhether it is not."},
    {"wait_until_master", _PyCFunction_CAST(interface_wait_until_master), METH_VARARGS | METH_KEYWORDS,
     wait_until_master_doc},
    {"block", interface_block, METH_NOARGS, block_doc},
    {NULL},
};

static PyMemberDef interface_members[] = {
    {"service", T_OBJECT, offsetof(CpsUdpInterface, service), READONLY, "The name of the group (str)."},
    {"uuid", T_OBJECT, offsetof(CpsUdpInterface, uuid), READONLY,
     "This node's, 32 hexadecimal digits (str); another one in a fork's child."},
    {"logger", T_OBJECT, offsetof(CpsUdpInterface, logger), READONLY, "The logger, or None."},
    {"address", T_OBJECT, offsetof(CpsUdpInterface, address), READONLY, "Where pings are sent (str)."},
    {"interface", T_OBJECT, offsetof(CpsUdpInterface, interface), READONLY, "Name of the interface (str), or None."},
    {"port", T_PYSSIZET, offsetof(CpsUdpInterface, port), READONLY, "The port (int)."},
    {"interval", T_DOUBLE, offsetof(CpsUdpInterface, interval), READONLY, "Seconds between pings (float)."},
    {"expiry", T_DOUBLE, offsetof(CpsUdpInterface, expiry), READONLY, "Pings until a silent peer is dead (float)."},
    {"burn_in_pings", T_PYSSIZET, offsetof(CpsUdpInterface, burn_in), READONLY, "Pings before a decision (int)."},
    {NULL},
};

static PyGetSetDef interface_getset[] = {
    {"peers", interface_get_peers, NULL, "The other nodes that are alive, dict of uuid to Peer: what is known now."},
    {NULL},
};

static PyType_Slot interface_slots[] = {
    {Py_tp_doc, (void *)interface_doc}, {Py_tp_new, interface_new},
    {Py_tp_init, interface_init},       {Py_tp_traverse, interface_traverse},
    {Py_tp_clear, interface_clear},     {Py_tp_dealloc, interface_dealloc},
    {Py_tp_methods, interface_methods}, {Py_tp_members, interface_members},
    {Py_tp_getset, interface_getset},   {0, NULL},
};

static PyType_Spec interface_spec = {
    .name = "compysition.actors.util.udplib.UDPInterface",
    .basicsize = sizeof(CpsUdpInterface),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = interface_slots,
};

int
cps_udpinterface_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.UDPInterface, &interface_spec, NULL);
}
