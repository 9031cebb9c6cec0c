#include "actors/zmqsecurity.h"

/* ---- arguments ---- */

/* The text of a str or bytes argument, without NUL inside. New str of bytes; NULL with TypeError or ValueError set. */
static PyObject *
text_argument(const char *name, PyObject *value)
{
    PyObject *bytes = PyUnicode_Check(value) ? PyUnicode_AsUTF8String(value) : Py_NewRef(value);

    if (bytes != NULL && !PyBytes_Check(bytes)) {
        PyErr_Format(PyExc_TypeError, "%s must be str or bytes, not %s", name, Py_TYPE(value)->tp_name);
        Py_CLEAR(bytes);
    }
    else if (bytes != NULL && strlen(PyBytes_AS_STRING(bytes)) != (size_t)PyBytes_GET_SIZE(bytes)) {
        PyErr_Format(PyExc_ValueError, "%s has a NUL in it", name);
        Py_CLEAR(bytes);
    }
    return bytes;
}

static bool
is_given(PyObject *value)
{
    return value != NULL && value != Py_None;
}

/* A key as text, checked. Returns 0, or -1 with an exception set. */
static int
take_key(char key[CPS_Z85_KEY_SIZE], const char *name, PyObject *value)
{
    uint8_t raw[CPS_CURVE_KEY_BYTES];
    PyObject *text;
    int result = -1;

    if (!is_given(value)) {
        return 0;
    }
    text = text_argument(name, value);
    if (text == NULL) {
        return -1;
    }
    if (PyBytes_GET_SIZE(text) != CPS_Z85_KEY_SIZE - 1 || zmq_z85_decode(raw, PyBytes_AS_STRING(text)) == NULL) {
        PyErr_Format(PyExc_ValueError, "%s must be 40 characters of Z85", name);
    }
    else {
        memcpy(key, PyBytes_AS_STRING(text), CPS_Z85_KEY_SIZE);
        result = 0;
    }
    Py_DECREF(text);
    return result;
}

static int
take_text(char **field, const char *name, PyObject *value)
{
    PyObject *text;

    if (!is_given(value)) {
        return 0;
    }
    text = text_argument(name, value);
    if (text == NULL) {
        return -1;
    }
    *field = strdup(PyBytes_AS_STRING(text));
    Py_DECREF(text);
    if (*field == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* ---- CURVE ---- */

/* A client without a pair gets one for the moment; a server's public key follows from the secret one. Returns 0, or -1 with ValueError set. */
static int
complete_pair(CpsZmqKeys *keys)
{
    if (keys->secret[0] == '\0' && keys->public[0] != '\0') {
        PyErr_SetString(PyExc_ValueError, "curve_publickey needs curve_secretkey");
        return -1;
    }
    if (keys->secret[0] != '\0') {
        char derived[CPS_Z85_KEY_SIZE];

        if (zmq_curve_public(derived, keys->secret) == 0 &&
            (keys->public[0] == '\0' || strcmp(derived, keys->public) == 0)) {
            memcpy(keys->public, derived, sizeof(derived));
            return 0;
        }
        PyErr_SetString(PyExc_ValueError, "curve_publickey does not belong to curve_secretkey");
        return -1;
    }
    if (keys->curve_server) {
        PyErr_SetString(PyExc_ValueError, "curve_server needs curve_secretkey");
        return -1;
    }
    if (keys->server[0] != '\0' && zmq_curve_keypair(keys->public, keys->secret) < 0) {
        PyErr_SetString(PyExc_ValueError, "this libzmq has no CURVE");
        return -1;
    }
    return 0;
}

/* Returns 0, or -1 with MemoryError set. */
static int
need_policy(CpsZmqKeys *keys)
{
    if (keys->policy == NULL) {
        keys->policy = cps_zmq_policy_new();
    }
    if (keys->policy == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
add_client(CpsZmqKeys *keys, PyObject *client)
{
    char text[CPS_Z85_KEY_SIZE] = "";
    uint8_t raw[CPS_CURVE_KEY_BYTES];

    if (take_key(text, "a key in curve_clients", client) < 0) {
        return -1;
    }
    if (text[0] == '\0') {
        PyErr_SetString(PyExc_TypeError, "a key in curve_clients must be str or bytes, not None");
        return -1;
    }
    (void)zmq_z85_decode(raw, text);
    if (cps_zmq_policy_add_key(keys->policy, raw) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
take_clients(CpsZmqKeys *keys, PyObject *clients)
{
    PyObject *sequence;
    int result = 0;

    if (!is_given(clients)) {
        return 0;
    }
    if (!keys->curve_server) {
        PyErr_SetString(PyExc_ValueError, "curve_clients is for a curve_server");
        return -1;
    }
    sequence = PyUnicode_Check(clients) ? NULL : PySequence_Fast(clients, "curve_clients must be a sequence of keys");
    if (sequence == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "curve_clients must be a sequence of keys, not one");
        }
        return -1;
    }
    result = need_policy(keys);
    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(sequence); i++) {
        result = add_client(keys, PySequence_Fast_GET_ITEM(sequence, i));
    }
    Py_DECREF(sequence);
    return result;
}

static int
configure_curve(CpsZmqKeys *keys, const CpsZmqSecurityArgs *given)
{
    int is_server = given->curve_server == NULL ? 0 : PyObject_IsTrue(given->curve_server);

    if (is_server < 0 || take_key(keys->secret, "curve_secretkey", given->curve_secretkey) < 0 ||
        take_key(keys->public, "curve_publickey", given->curve_publickey) < 0 ||
        take_key(keys->server, "curve_serverkey", given->curve_serverkey) < 0) {
        return -1;
    }
    keys->curve_server = is_server != 0;
    if (keys->curve_server && keys->server[0] != '\0') {
        PyErr_SetString(PyExc_ValueError, "curve_serverkey is for the clients of a curve_server");
        return -1;
    }
    return complete_pair(keys) < 0 ? -1 : take_clients(keys, given->curve_clients);
}

/* ---- PLAIN ---- */

static int
add_user(CpsZmqKeys *keys, PyObject *name, PyObject *password)
{
    PyObject *name_text = text_argument("a name in plain_users", name);
    PyObject *password_text = name_text == NULL ? NULL : text_argument("a password in plain_users", password);
    int result = -1;

    if (password_text != NULL) {
        result = cps_zmq_policy_add_user(keys->policy, PyBytes_AS_STRING(name_text), PyBytes_AS_STRING(password_text));
        if (result < 0) {
            PyErr_NoMemory();
        }
    }
    Py_XDECREF(password_text);
    Py_XDECREF(name_text);
    return result;
}

static int
take_users(CpsZmqKeys *keys, PyObject *users)
{
    PyObject *name, *password;
    Py_ssize_t position = 0;

    if (!is_given(users)) {
        return 0;
    }
    if (!PyDict_Check(users)) {
        PyErr_Format(PyExc_TypeError, "plain_users must be a dict, not %s", Py_TYPE(users)->tp_name);
        return -1;
    }
    keys->plain_server = true;
    if (need_policy(keys) < 0) {
        return -1;
    }
    while (PyDict_Next(users, &position, &name, &password)) {
        if (add_user(keys, name, password) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
configure_plain(CpsZmqKeys *keys, const CpsZmqSecurityArgs *given)
{
    if (take_text(&keys->user, "plain_username", given->plain_username) < 0 ||
        take_text(&keys->password, "plain_password", given->plain_password) < 0 ||
        take_users(keys, given->plain_users) < 0) {
        return -1;
    }
    if ((keys->user == NULL) != (keys->password == NULL)) {
        PyErr_SetString(PyExc_ValueError, "plain_username and plain_password go together");
        return -1;
    }
    return 0;
}

/* ---- the whole ---- */

CpsZmqSecurityArgs
cps_zmq_security_args(PyObject *const values[CPS_ZMQ_SECURITY_COUNT])
{
    return (CpsZmqSecurityArgs){
        .curve_secretkey = values[0],
        .curve_publickey = values[1],
        .curve_serverkey = values[2],
        .curve_server = values[3],
        .curve_clients = values[4],
        .plain_username = values[5],
        .plain_password = values[6],
        .plain_users = values[7],
    };
}

int
cps_zmq_keys_configure(CpsZmqKeys *keys, const CpsZmqSecurityArgs *given)
{
    bool curve, plain;

    cps_zmq_keys_clear(keys);
    if (configure_curve(keys, given) < 0 || configure_plain(keys, given) < 0) {
        return -1;
    }
    curve = keys->curve_server || keys->server[0] != '\0';
    plain = keys->plain_server || keys->user != NULL;
    if (curve && plain) {
        PyErr_SetString(PyExc_ValueError, "a ZeroMQ socket has CURVE or PLAIN, not both");
        return -1;
    }
    if (!curve && keys->secret[0] != '\0') {
        PyErr_SetString(PyExc_ValueError, "curve_secretkey needs curve_server=True, or curve_serverkey");
        return -1;
    }
    return 0;
}

void
cps_zmq_keys_clear(CpsZmqKeys *keys)
{
    free(keys->user);
    free(keys->password);
    cps_zmq_policy_free(keys->policy);
    *keys = (CpsZmqKeys){0};
}

bool
cps_zmq_keys_security(const CpsZmqKeys *keys, CpsZmqSecurity *security)
{
    bool curve = keys->secret[0] != '\0';

    *security = (CpsZmqSecurity){
        .curve_public = curve ? keys->public : NULL,
        .curve_secret = curve ? keys->secret : NULL,
        .curve_server = keys->server[0] != '\0' ? keys->server : NULL,
        .is_curve_server = keys->curve_server,
        .plain_user = keys->user,
        .plain_password = keys->password,
        .is_plain_server = keys->plain_server,
        .domain = keys->policy == NULL ? NULL : cps_zmq_policy_domain(keys->policy),
    };
    return curve || keys->plain_server || keys->user != NULL;
}

int
cps_zmq_keys_use(CpsZmqKeys *keys, void *context)
{
    return keys->policy == NULL ? 0 : cps_zmq_policy_use(keys->policy, context);
}

/* ---- for scripts ---- */

PyDoc_STRVAR(curve_keypair_doc, "curve_keypair()\n--\n\n"
                                "A new pair of CURVE keys (RFC 26): (public, secret), each 40 characters of Z85.");

static PyObject *
curve_keypair(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    char public[CPS_Z85_KEY_SIZE], secret[CPS_Z85_KEY_SIZE];

    if (zmq_curve_keypair(public, secret) < 0) {
        PyErr_SetString(PyExc_RuntimeError, "this libzmq has no CURVE");
        return NULL;
    }
    return Py_BuildValue("ss", public, secret);
}

static PyMethodDef functions[] = {
    {"curve_keypair", curve_keypair, METH_NOARGS, curve_keypair_doc},
    {NULL},
};

int
cps_zmq_keys_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
