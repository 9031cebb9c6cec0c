#include "http/routesconfig.h"

#include <string.h>

typedef struct {
    CpsState *state;
    CpsRoutes *routes; /* borrowed: where they are added */
    PyObject *list;    /* borrowed list or tuple of dicts */
    PyObject *ids;     /* owned dict: id -> route */
} Config;

/* ---- queue placeholders ---- */

static bool
is_word(Py_UCS4 c)
{
    return c < 128 && (Py_ISALNUM(c) || c == '_');
}

static const char OPENING[] = "<queue:re:";

/* Find the first "<queue:re:NAME>" from `at` on. Sets *name and *name_end, which '>' follows; false when there is none. */
static bool
find_placeholder(PyObject *path, PyObject *opening, Py_ssize_t at, Py_ssize_t *name, Py_ssize_t *name_end)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(path);

    while ((at = PyUnicode_Find(path, opening, at, length, 1)) >= 0) {
        *name = *name_end = at + PyUnicode_GET_LENGTH(opening);
        while (*name_end < length && is_word(PyUnicode_READ_CHAR(path, *name_end))) {
            (*name_end)++;
        }
        if (*name_end > *name && *name_end < length && PyUnicode_READ_CHAR(path, *name_end) == '>') {
            return true;
        }
        at = *name;
    }
    return false;
}

/* path[:start] + path[name:name_end] + path[name_end + 1:], which lacks the brackets. New, or NULL with an exception set. */
static PyObject *
without_brackets(PyObject *path, Py_ssize_t start, Py_ssize_t name, Py_ssize_t name_end)
{
    PyObject *before = PyUnicode_Substring(path, 0, start);
    PyObject *inside = PyUnicode_Substring(path, name, name_end);
    PyObject *after = PyUnicode_Substring(path, name_end + 1, PyUnicode_GET_LENGTH(path));
    PyObject *result = NULL;

    if (before != NULL && inside != NULL && after != NULL) {
        result = PyUnicode_FromFormat("%U%U%U", before, inside, after);
    }
    Py_XDECREF(before);
    Py_XDECREF(inside);
    Py_XDECREF(after);
    return result;
}

/* All placeholders but the last become their literal names. Takes `path`. New, or NULL with an exception set. */
static PyObject *
settle_placeholders(PyObject *path)
{
    PyObject *opening = PyUnicode_FromString(OPENING);
    Py_ssize_t name, name_end, other, other_end;

    if (opening == NULL) {
        Py_CLEAR(path);
    }
    while (path != NULL && find_placeholder(path, opening, 0, &name, &name_end) &&
           find_placeholder(path, opening, name_end, &other, &other_end)) {
        Py_SETREF(path, without_brackets(path, name - PyUnicode_GET_LENGTH(opening), name, name_end));
    }
    Py_XDECREF(opening);
    return path;
}

/* ---- paths ---- */

/* An exception is set because an id cannot be looked up: make it SetupError. */
static void
raise_bad_id(CpsState *state, const char *field, PyObject *id)
{
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
        cps_raise_from(state, CPS_SETUP_ERROR, "The '%s' of a route cannot be %R", field, id);
    }
}

/* route[field]; NULL when it is missing, None or an empty text or list: without an exception. Borrowed. */
static PyObject *
field_of(PyObject *route, const char *field)
{
    PyObject *value = PyDict_GetItemString(route, field); /* borrowed */

    if (value == NULL || value == Py_None || (PyUnicode_Check(value) && PyUnicode_GET_LENGTH(value) == 0) ||
        (PySequence_Check(value) && PySequence_Size(value) == 0)) {
        return NULL;
    }
    return value;
}

/* The path that a route gives itself. Borrowed, or NULL with SetupError set. */
static PyObject *
own_path(const Config *config, PyObject *route)
{
    PyObject *path = PyDict_GetItemString(route, "path"); /* borrowed */

    if (path == NULL) {
        cps_raise(config->state, CPS_SETUP_ERROR, "A route has no 'path': %R", route);
    }
    else if (!PyUnicode_Check(path)) {
        cps_raise(config->state, CPS_SETUP_ERROR, "The 'path' of a route must be a text, not %R", path);
        path = NULL;
    }
    return path;
}

/* The route that `route` extends: 1 and *base_p borrowed, 0 when it extends none, or -1 with an exception set. */
static int
base_of(const Config *config, PyObject *route, PyObject **base_p)
{
    PyObject *id = field_of(route, "base_path");

    if (id == NULL) {
        return 0;
    }
    *base_p = PyDict_GetItemWithError(config->ids, id);
    if (*base_p != NULL) {
        return 1;
    }
    if (PyErr_Occurred()) {
        raise_bad_id(config->state, "base_path", id);
    }
    else {
        PyErr_Format(PyExc_KeyError, "Base path '%S' doesn't reference a defined path ID", id);
    }
    return -1;
}

/* The path of a route, behind those of all that it extends. New, or NULL with an exception set. */
static PyObject *
whole_path(const Config *config, PyObject *route)
{
    PyObject *path = Py_XNewRef(own_path(config, route)), *base = route;
    int more = path == NULL ? -1 : 1;
    Py_ssize_t steps = 0;

    while (more > 0 && (more = base_of(config, base, &base)) > 0) {
        PyObject *before = own_path(config, base);

        if (steps++ == PySequence_Fast_GET_SIZE(config->list)) {
            cps_raise(config->state, CPS_SETUP_ERROR, "Route %R: its 'base_path' %R leads back to itself",
                      PyDict_GetItemString(route, "path"), PyDict_GetItemString(route, "base_path"));
            more = -1;
        }
        else if (before == NULL) {
            more = -1;
        }
        else {
            Py_SETREF(path, PyUnicode_Concat(before, path));
            more = path == NULL ? -1 : 1;
        }
    }
    if (more < 0) {
        Py_XDECREF(path);
        return NULL;
    }
    return steps == 0 ? path : settle_placeholders(path);
}

/* ---- routes ---- */

/* The fields that are left for cps_routes_add. New dict, or NULL with an exception set. */
static PyObject *
other_fields(PyObject *route)
{
    static const char *const used[] = {"path", "method", "id", "base_path", "callback"};
    PyObject *fields = PyDict_Copy(route);

    for (size_t i = 0; fields != NULL && i < Py_ARRAY_LENGTH(used); i++) {
        if (PyDict_GetItemString(fields, used[i]) != NULL && PyDict_DelItemString(fields, used[i]) < 0) {
            Py_CLEAR(fields);
        }
    }
    return fields;
}

/* Returns 0, or -1 with an exception set. */
static int
add_route(const Config *config, PyObject *route)
{
    PyObject *methods = field_of(route, "method");
    PyObject *path = whole_path(config, route);
    PyObject *fields = path == NULL || methods == NULL ? NULL : other_fields(route);
    int status = 0;

    if (path == NULL || (methods != NULL && fields == NULL)) {
        status = -1;
    }
    else if (methods != NULL) {
        status = cps_routes_add(config->routes, path, methods, field_of(route, "callback"), fields);
    }
    Py_XDECREF(path);
    Py_XDECREF(fields);
    return status;
}

/* Fill the ids; of two that are the same the later one counts. */
static int
read_ids(Config *config)
{
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(config->list); i++) {
        PyObject *route = PySequence_Fast_GET_ITEM(config->list, i), *id;

        if (!PyDict_Check(route)) {
            cps_raise(config->state, CPS_SETUP_ERROR, "A route must be an object, not %R", route);
            return -1;
        }
        id = field_of(route, "id");
        if (id != NULL && PyDict_SetItem(config->ids, id, route) < 0) {
            raise_bad_id(config->state, "id", id);
            return -1;
        }
    }
    return 0;
}

static int
add_routes(CpsState *state, CpsRoutes *routes, PyObject *list)
{
    Config config = {state, routes, list, PyDict_New()};
    int status = config.ids == NULL ? -1 : read_ids(&config);

    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(list); i++) {
        status = add_route(&config, PySequence_Fast_GET_ITEM(list, i));
    }
    Py_XDECREF(config.ids);
    return status;
}

/* POST /<queue>. */
static int
add_default(CpsRoutes *routes)
{
    PyObject *path = PyUnicode_FromString("/<queue>"), *method = PyUnicode_FromString("POST");
    int status = path == NULL || method == NULL ? -1 : cps_routes_add(routes, path, method, NULL, NULL);

    Py_XDECREF(path);
    Py_XDECREF(method);
    return status;
}

/* The dict of a config. New, or NULL with an exception set. */
static PyObject *
config_dict(CpsState *state, PyObject *config)
{
    PyObject *loads, *dict;

    if (!PyUnicode_Check(config) && !PyBytes_Check(config)) {
        return Py_NewRef(config);
    }
    loads = cps_import(&state->json_loads, "json", "loads"); /* borrowed */
    dict = loads == NULL ? NULL : PyObject_CallOneArg(loads, config);
    if (dict == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        cps_raise_from(state, CPS_SETUP_ERROR, "routes_config is no JSON");
    }
    return dict;
}

int
cps_routes_config_read(CpsState *state, CpsRoutes *routes, PyObject *config)
{
    PyObject *dict, *list;
    int status;

    if (config == Py_None) {
        return add_default(routes);
    }
    dict = config_dict(state, config);
    if (dict == NULL) {
        return -1;
    }
    list = PyDict_Check(dict) ? PyDict_GetItemString(dict, "routes") : NULL; /* borrowed */
    if (list == NULL || !(PyList_Check(list) || PyTuple_Check(list))) {
        cps_raise(state, CPS_SETUP_ERROR, "routes_config must be {\"routes\": [...]}, not %R", dict);
        status = -1;
    }
    else {
        status = add_routes(state, routes, list);
    }
    Py_DECREF(dict);
    return status;
}
