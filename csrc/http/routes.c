#include "http/routes.h"

#include "http/routepath.h"
#include "http/routesconfig.h"

#include <string.h>

typedef struct {
    CpsRoute route; /* first member: what callers see */
    CpsRoutePath *path;
} Entry;

/* What is served for one method. */
typedef struct {
    PyObject *method;   /* owned str */
    const char *name;   /* its UTF-8 text */
    Py_ssize_t length;  /* of it */
    PyObject *literals; /* owned dict: path -> index of an entry */
    PyObject *keys;     /* owned dict: cps_route_path_key -> index into dynamic */
    Entry **dynamic;    /* owned; those with wildcards, in the order of definition */
    Py_ssize_t dynamic_count;
} Table;

struct CpsRoutes {
    CpsState *state;
    Entry **entries; /* owned, and what it leads to; in the order of definition */
    Py_ssize_t entry_count;
    Table *tables; /* owned */
    int table_count;
};

static const char ANY[] = "ANY"; /* the method of routes for all methods */

/* ---- life ---- */

static void
entry_free(Entry *entry)
{
    Py_XDECREF(entry->route.path);
    Py_XDECREF(entry->route.methods);
    Py_XDECREF(entry->route.name);
    Py_XDECREF(entry->route.ctypes);
    Py_XDECREF(entry->route.callback);
    Py_XDECREF(entry->route.options);
    Py_XDECREF(entry->route.bottle);
    cps_route_path_free(entry->path);
    PyMem_Free(entry);
}

static void
table_fini(Table *table)
{
    Py_XDECREF(table->method);
    Py_XDECREF(table->literals);
    Py_XDECREF(table->keys);
    PyMem_Free(table->dynamic);
}

CpsRoutes *
cps_routes_new(CpsState *state)
{
    CpsRoutes *routes = PyMem_Calloc(1, sizeof(CpsRoutes));

    if (routes == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    routes->state = state;
    return routes;
}

void
cps_routes_clear(CpsRoutes *routes)
{
    CpsRoutes old = *routes;

    *routes = (CpsRoutes){.state = old.state}; /* first: what is freed may run Python code */
    for (int i = 0; i < old.table_count; i++) {
        table_fini(&old.tables[i]);
    }
    for (Py_ssize_t i = 0; i < old.entry_count; i++) {
        entry_free(old.entries[i]);
    }
    PyMem_Free(old.tables);
    PyMem_Free(old.entries);
}

void
cps_routes_free(CpsRoutes *routes)
{
    if (routes != NULL) {
        cps_routes_clear(routes);
        PyMem_Free(routes);
    }
}

int
cps_routes_traverse(CpsRoutes *routes, visitproc visit, void *arg)
{
    for (Py_ssize_t i = 0; i < routes->entry_count; i++) {
        Py_VISIT(routes->entries[i]->route.callback);
        Py_VISIT(routes->entries[i]->route.options);
        Py_VISIT(routes->entries[i]->route.bottle);
    }
    return 0;
}

void
cps_route_set_bottle(const CpsRoute *route, PyObject *bottle)
{
    CpsRoute *own = (CpsRoute *)route; /* it is const for those who look */

    Py_XSETREF(own->bottle, bottle);
}

void
cps_routes_visit(const CpsRoutes *routes, void (*visit)(const CpsRoute *route, void *context), void *context)
{
    for (Py_ssize_t i = 0; i < routes->entry_count; i++) {
        visit(&routes->entries[i]->route, context);
    }
}

/* ---- adding one ---- */

/* A tuple of texts of a str or a sequence of them, each as its method `change` ("upper") gives it. New, or NULL with SetupError
 * set. */
static PyObject *
texts(CpsState *state, PyObject *path, const char *field, PyObject *value, const char *change)
{
    PyObject *list = PyUnicode_Check(value) ? PyTuple_Pack(1, value) : PySequence_Tuple(value);
    Py_ssize_t count = list == NULL ? 0 : PyTuple_GET_SIZE(list);
    PyObject *result = list == NULL ? NULL : PyTuple_New(count);

    for (Py_ssize_t i = 0; result != NULL && i < count; i++) {
        PyObject *item = PyTuple_GET_ITEM(list, i), *text;

        text = PyUnicode_Check(item) ? PyObject_CallMethod(item, change, NULL) : NULL;
        if (text == NULL) {
            Py_CLEAR(result);
        }
        else {
            PyTuple_SET_ITEM(result, i, text);
        }
    }
    Py_XDECREF(list);
    if (result == NULL && (PyErr_Occurred() == NULL || PyErr_ExceptionMatches(PyExc_TypeError))) {
        cps_raise(state, CPS_SETUP_ERROR, "Route %R: '%s' must be a text or a list of texts, not %R", path, field,
                  value);
    }
    return result;
}

/* Take `name` out of the options. 1 and *value_p new, 0 when it is not there or None, -1 with an exception set. */
static int
take_option(PyObject *options, const char *name, PyObject **value_p)
{
    PyObject *value = PyDict_GetItemString(options, name); /* borrowed */

    *value_p = NULL;
    if (value == NULL) {
        return 0;
    }
    *value_p = Py_NewRef(value);
    if (PyDict_DelItemString(options, name) < 0) {
        Py_CLEAR(*value_p);
        return -1;
    }
    if (*value_p == Py_None) {
        Py_CLEAR(*value_p);
        return 0;
    }
    return 1;
}

/* The fields that the server itself knows go out of `options`. */
static int
read_options(CpsState *state, CpsRoute *route, PyObject *options)
{
    PyObject *ctypes, *ignore;
    int status = take_option(options, "name", &route->name);

    if (status >= 0) {
        status = take_option(options, "ctypes", &ctypes);
    }
    if (status > 0) {
        route->ctypes = texts(state, route->path, "ctypes", ctypes, "lower");
        Py_DECREF(ctypes);
        status = route->ctypes == NULL ? -1 : 0;
    }
    if (status >= 0) {
        status = take_option(options, "ignore_ctype", &ignore);
    }
    if (status > 0) {
        status = PyObject_IsTrue(ignore);
        route->ignore_ctype = status > 0;
        Py_DECREF(ignore);
    }
    return status < 0 ? -1 : 0;
}

static int
fill_route(CpsState *state, CpsRoute *route, PyObject *path, PyObject *methods, PyObject *callback, PyObject *options)
{
    route->path = Py_NewRef(path);
    if (methods != Py_None) {
        route->methods = texts(state, path, "method", methods, "upper");
        if (route->methods == NULL) {
            return -1;
        }
    }
    if (callback != NULL && callback != Py_None) {
        if (!PyUnicode_Check(callback) && !PyCallable_Check(callback)) {
            cps_raise(state, CPS_SETUP_ERROR, "Route %R: 'callback' must be the name of a method, not %R", path,
                      callback);
            return -1;
        }
        route->callback = Py_NewRef(callback);
    }
    route->options = options == NULL ? NULL : PyDict_Copy(options);
    if (route->options == NULL) {
        return options == NULL ? 0 : -1;
    }
    if (read_options(state, route, route->options) < 0) {
        return -1;
    }
    route->has_plugins = PyDict_GetItemString(route->options, "apply") != NULL;
    if (PyDict_GET_SIZE(route->options) == 0) {
        Py_CLEAR(route->options);
    }
    return 0;
}

/* Whether events of `type` have an attribute of that name: 1, 0, or -1 with an exception set. */
static int
event_has(PyTypeObject *type, PyObject *name)
{
    PyObject *event = PyObject_CallNoArgs((PyObject *)type), *value;
    int found = event == NULL ? -1 : PyObject_GetOptionalAttr(event, name, &value);

    Py_XDECREF(event);
    if (found > 0) {
        Py_DECREF(value);
    }
    return found;
}

/* Wildcards become attributes of the event: they must not take the place of one that it has already. */
static int
check_wildcards(CpsState *state, const Entry *entry)
{
    for (int i = 0; i < cps_route_path_wildcards(entry->path); i++) {
        PyObject *name = cps_route_path_wildcard(entry->path, i);
        int found;

        if (name == NULL) {
            continue;
        }
        found = PyUnicode_CompareWithASCIIString(name, "accept") == 0 ? 1 : event_has(state->types.JSONHttpEvent, name);
        if (found == 0) {
            found = event_has(state->types.XMLHttpEvent, name);
        }
        if (found > 0) {
            cps_raise(state, CPS_SETUP_ERROR,
                      "Route %R: the wildcard '%U' would overwrite what events have under that name", entry->route.path,
                      name);
        }
        if (found != 0) {
            return -1;
        }
    }
    return 0;
}

/* The table of a method, made when there is none. NULL with an exception set. */
static Table *
table_of(CpsRoutes *routes, PyObject *method)
{
    Table *grown, table = {.method = method, .literals = PyDict_New(), .keys = PyDict_New()};

    Py_INCREF(method);
    table.name = PyUnicode_AsUTF8AndSize(method, &table.length);
    grown = NULL;
    if (table.name != NULL && table.literals != NULL && table.keys != NULL) {
        grown = PyMem_Realloc(routes->tables, (size_t)(routes->table_count + 1) * sizeof(Table));
        if (grown == NULL) {
            PyErr_NoMemory();
        }
    }
    if (grown == NULL) {
        table_fini(&table);
        return NULL;
    }
    routes->tables = grown;
    grown[routes->table_count] = table;
    return &grown[routes->table_count++];
}

static Table *
find_table(const CpsRoutes *routes, const char *method, size_t length)
{
    for (int i = 0; i < routes->table_count; i++) {
        Table *table = &routes->tables[i];

        if ((size_t)table->length == length && memcmp(table->name, method, length) == 0) {
            return table;
        }
    }
    return NULL;
}

/* Returns 0, or -1 with an exception set. */
static int
append_dynamic(Table *table, Entry *entry)
{
    Entry **grown = PyMem_Realloc(table->dynamic, (size_t)(table->dynamic_count + 1) * sizeof(Entry *));

    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    table->dynamic = grown;
    grown[table->dynamic_count++] = entry;
    return 0;
}

/* dict[key] = index. */
static int
set_index(PyObject *dict, PyObject *key, Py_ssize_t index)
{
    PyObject *number = PyLong_FromSsize_t(index);
    int status = number == NULL ? -1 : PyDict_SetItem(dict, key, number);

    Py_XDECREF(number);
    return status;
}

/* A path that fits the same as an earlier one takes its place. */
static int
add_dynamic(Table *table, Entry *entry)
{
    PyObject *key = cps_route_path_key(entry->path), *index;
    int status = key == NULL ? -1 : PyDict_GetItemRef(table->keys, key, &index);

    if (status > 0) {
        table->dynamic[PyLong_AsSsize_t(index)] = entry;
        Py_DECREF(index);
    }
    else if (status == 0) {
        status = set_index(table->keys, key, table->dynamic_count) < 0 ? -1 : append_dynamic(table, entry);
    }
    Py_XDECREF(key);
    return status < 0 ? -1 : 0;
}

static int
enter(CpsRoutes *routes, Py_ssize_t index, PyObject *method)
{
    Entry *entry = routes->entries[index];
    PyObject *literal = cps_route_path_literal(entry->path);
    Py_ssize_t length;
    const char *name = PyUnicode_AsUTF8AndSize(method, &length);
    Table *table = name == NULL ? NULL : find_table(routes, name, (size_t)length);

    if (name != NULL && table == NULL) {
        table = table_of(routes, method);
    }
    if (table == NULL) {
        return -1;
    }
    return literal != NULL ? set_index(table->literals, literal, index) : add_dynamic(table, entry);
}

static int
enter_all(CpsRoutes *routes, Py_ssize_t index)
{
    PyObject *methods = routes->entries[index]->route.methods;
    int status = 0;

    if (methods == NULL) {
        PyObject *any = PyUnicode_FromString(ANY);

        status = any == NULL ? -1 : enter(routes, index, any);
        Py_XDECREF(any);
        return status;
    }
    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(methods); i++) {
        status = enter(routes, index, PyTuple_GET_ITEM(methods, i));
    }
    return status;
}

/* Takes `entry`. */
static int
append_entry(CpsRoutes *routes, Entry *entry)
{
    Entry **grown = PyMem_Realloc(routes->entries, (size_t)(routes->entry_count + 1) * sizeof(Entry *));

    if (grown == NULL) {
        entry_free(entry);
        PyErr_NoMemory();
        return -1;
    }
    routes->entries = grown;
    grown[routes->entry_count] = entry;
    return enter_all(routes, routes->entry_count++);
}

int
cps_routes_add(CpsRoutes *routes, PyObject *path, PyObject *methods, PyObject *callback, PyObject *options)
{
    Entry *entry;

    if (!PyUnicode_Check(path)) {
        cps_raise(routes->state, CPS_SETUP_ERROR, "Route %R: its path must be a text", path);
        return -1;
    }
    entry = PyMem_Calloc(1, sizeof(Entry));
    if (entry == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (fill_route(routes->state, &entry->route, path, methods, callback, options) == 0) {
        entry->path = cps_route_path_new(routes->state, path);
    }
    /* A function gets the wildcards as arguments, and makes of them what it likes. */
    if (entry->path == NULL || ((entry->route.callback == NULL || PyUnicode_Check(entry->route.callback)) &&
                                check_wildcards(routes->state, entry) < 0)) {
        entry_free(entry);
        return -1;
    }
    return append_entry(routes, entry);
}

int
cps_routes_configure(CpsRoutes *routes, PyObject *config)
{
    CpsRoutes fresh = {.state = routes->state};

    if (cps_routes_config_read(routes->state, &fresh, config) < 0) {
        cps_routes_clear(&fresh);
        return -1;
    }
    cps_routes_clear(routes);
    *routes = fresh;
    return 0;
}

/* ---- matching ---- */

/* The entry for `path`; when it is one with wildcards, their values. Returns 1, 0 when there is none, or -1 with an exception set. */
static int
find_entry(const CpsRoutes *routes, const Table *table, PyObject *path, const Entry **entry_p, PyObject **values_p)
{
    int result = 0;

    if (PyDict_GET_SIZE(table->literals) > 0) {
        PyObject *index = PyDict_GetItemWithError(table->literals, path); /* borrowed */

        if (index != NULL) {
            *entry_p = routes->entries[PyLong_AsSsize_t(index)];
            return 1;
        }
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; result == 0 && i < table->dynamic_count; i++) {
        *entry_p = table->dynamic[i];
        result = cps_route_path_match((*entry_p)->path, path, values_p);
    }
    return result;
}

/* Whether the method has a route for `path`: 1, 0, or -1 with an exception set. */
static int
is_served(const Table *table, PyObject *path)
{
    int result = PyDict_Contains(table->literals, path);

    for (Py_ssize_t i = 0; result == 0 && i < table->dynamic_count; i++) {
        result = cps_route_path_fits(table->dynamic[i]->path, path);
    }
    return result;
}

/* 404; or 405 and the methods that are served; or -1 with an exception set. */
static int
refuse(const CpsRoutes *routes, PyObject *path, PyObject **allow_p)
{
    PyObject *allowed = PyList_New(0), *comma;
    int status = allowed == NULL ? -1 : 0;

    for (int i = 0; status >= 0 && i < routes->table_count; i++) {
        status = is_served(&routes->tables[i], path);
        if (status > 0) {
            status = PyList_Append(allowed, routes->tables[i].method);
        }
    }
    if (status < 0 || PyList_GET_SIZE(allowed) == 0) {
        Py_XDECREF(allowed);
        return status < 0 ? -1 : 404;
    }
    comma = PyList_Sort(allowed) < 0 ? NULL : PyUnicode_FromString(",");
    *allow_p = comma == NULL ? NULL : PyUnicode_Join(comma, allowed);
    Py_XDECREF(comma);
    Py_DECREF(allowed);
    return *allow_p == NULL ? -1 : 405;
}

int
cps_routes_match(CpsRoutes *routes, const char *method, size_t length, PyObject *path, const CpsRoute **route_p,
                 PyObject **url_args_p, PyObject **allow_p)
{
    bool head = length == strlen("HEAD") && memcmp(method, "HEAD", length) == 0;
    const Table *tables[] = {
        find_table(routes, method, length),
        head ? find_table(routes, "GET", strlen("GET")) : NULL,
        find_table(routes, ANY, strlen(ANY)),
    };

    *url_args_p = *allow_p = NULL;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(tables); i++) {
        const Entry *entry;
        int found = tables[i] == NULL ? 0 : find_entry(routes, tables[i], path, &entry, url_args_p);

        if (found > 0) {
            *route_p = &entry->route;
            return 200;
        }
        if (found < 0) {
            if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
                return -1;
            }
            PyErr_Clear();
            return 400; /* a wildcard cannot be converted: "1.2.3" as a float */
        }
    }
    return refuse(routes, path, allow_p);
}

/* ---- for tests ---- */

/* (status, path of the route or None, wildcards or None, methods or None) of a tuple (method, path). New, or NULL with an exception
 * set. */
static PyObject *
match_pair(CpsRoutes *routes, PyObject *pair)
{
    PyObject *method, *path, *values, *allow;
    const CpsRoute *route = NULL;
    Py_ssize_t length;
    const char *name;
    int status = -1;

    if (!PyArg_ParseTuple(pair, "UU", &method, &path)) {
        return NULL;
    }
    name = PyUnicode_AsUTF8AndSize(method, &length);
    if (name != NULL) {
        status = cps_routes_match(routes, name, (size_t)length, path, &route, &values, &allow);
    }
    if (status < 0) {
        return NULL;
    }
    values = values == NULL ? Py_NewRef(Py_None) : values;
    allow = allow == NULL ? Py_NewRef(Py_None) : allow;
    return Py_BuildValue("(iONN)", status, route == NULL ? Py_None : route->path, values, allow);
}

PyDoc_STRVAR(match_routes_doc,
             "_match_routes($module, config, requests, /)\n--\n\n"
             "For each (method, path): its status by a routes_config, the path of its route, the wildcards, and\n"
             "what is allowed instead.");

static PyObject *
match_routes(PyObject *module, PyObject *args)
{
    PyObject *config, *requests, *results = NULL;
    CpsRoutes *routes;

    if (!PyArg_ParseTuple(args, "OO!", &config, &PyList_Type, &requests)) {
        return NULL;
    }
    routes = cps_routes_new(PyModule_GetState(module));
    if (routes != NULL && cps_routes_configure(routes, config) == 0) {
        results = PyList_New(0);
    }
    for (Py_ssize_t i = 0; results != NULL && i < PyList_GET_SIZE(requests); i++) {
        PyObject *result = match_pair(routes, PyList_GET_ITEM(requests, i));

        if (result == NULL || PyList_Append(results, result) < 0) {
            Py_CLEAR(results);
        }
        Py_XDECREF(result);
    }
    cps_routes_free(routes);
    return results;
}

static PyMethodDef routes_functions[] = {
    {"_match_routes", match_routes, METH_VARARGS, match_routes_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_routes_setup(PyObject *module, CpsState *state)
{
    return PyModule_AddFunctions(module, routes_functions);
}
