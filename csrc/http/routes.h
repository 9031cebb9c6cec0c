/* routes.h: which path and method leads where: routes_config, and Bottle's syntax of paths. */
#ifndef CPS_HTTP_ROUTES_H
#define CPS_HTTP_ROUTES_H

#include "module.h"

typedef struct CpsRoutes CpsRoutes;

typedef struct CpsRoute {
    PyObject *path;     /* owned str: whole, with what it extends */
    PyObject *methods;  /* owned tuple of str; NULL: any */
    PyObject *name;     /* owned, or NULL */
    PyObject *ctypes;   /* owned tuple of str, lower case: content types that it takes; NULL: the usual ones */
    PyObject *callback; /* owned: the name of a method, or a callable; NULL: the server's callback */
    PyObject *options;  /* owned dict of all other fields; NULL: none */
    PyObject *bottle;   /* owned, or NULL: what compysition/_bottle.py has made of it */
    bool ignore_ctype;
    bool has_plugins; /* among the options */
} CpsRoute;

/* Add the function that tests use. Returns 0, or -1 with an exception set. */
int cps_routes_setup(PyObject *module, CpsState *state);

CpsRoutes *cps_routes_new(CpsState *state); /* new, or NULL with an exception set */
void cps_routes_free(CpsRoutes *routes);    /* NULL is fine */
int cps_routes_traverse(CpsRoutes *routes, visitproc visit, void *arg);
void cps_routes_clear(CpsRoutes *routes);

/* Replace all routes by those of a routes_config: JSON text, a dict (left as it is), or None for POST /<queue>. Returns 0, or -1 with an
 * exception set: KeyError for an unknown base_path, else SetupError with what is wrong in which route. */
int cps_routes_configure(CpsRoutes *routes, PyObject *config);

/* Add one after the others. `methods` is a str, a sequence of them, or None for any; `callback` and `options` may be NULL. Returns 0, or -1
 * with an exception set. */
int cps_routes_add(CpsRoutes *routes, PyObject *path, PyObject *methods, PyObject *callback, PyObject *options);

/* The route of a decoded path without slashes at its end. Returns 200: *route_p (borrowed, until routes are configured anew) and *url_args_p (new
 * dict of the converted wildcards; NULL when there are none); 400 when one cannot be converted ("1.2.3" is no float); 404; 405: *allow_p (new
 * str: the methods that there are, sorted, "GET,POST"); or -1 with an exception set. HEAD is served by GET. */
int cps_routes_match(CpsRoutes *routes, const char *method, size_t length, PyObject *path, const CpsRoute **route_p,
                     PyObject **url_args_p, PyObject **allow_p);

/* Have route->bottle be that object (taken). */
void cps_route_set_bottle(const CpsRoute *route, PyObject *bottle);

/* The routes in order, for log lines: calls `visit` for each. */
void cps_routes_visit(const CpsRoutes *routes, void (*visit)(const CpsRoute *route, void *context), void *context);

#endif
