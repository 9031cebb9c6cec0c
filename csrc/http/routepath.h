/* routepath.h: one path in Bottle's syntax: "/things/<id:int>". */
#ifndef CPS_HTTP_ROUTEPATH_H
#define CPS_HTTP_ROUTEPATH_H

#include "module.h"

typedef struct CpsRoutePath CpsRoutePath;

/* New, or NULL with an exception set: SetupError, which names the path, when it is not well formed. */
CpsRoutePath *cps_route_path_new(CpsState *state, PyObject *rule);
void cps_route_path_free(CpsRoutePath *self); /* NULL is fine */

/* The one path that fits, when there are no wildcards; else NULL. Borrowed. */
PyObject *cps_route_path_literal(const CpsRoutePath *self);

/* The paths that fit, as a regular expression: equal ones fit the same. New str, or NULL with an exception set. */
PyObject *cps_route_path_key(const CpsRoutePath *self);

int cps_route_path_wildcards(const CpsRoutePath *self);

/* The name of the wildcard at `index`, interned; NULL: it has none. Borrowed. */
PyObject *cps_route_path_wildcard(const CpsRoutePath *self, int index);

/* Whether `path` (str) fits: 1, 0, or -1 with an exception set. */
int cps_route_path_fits(const CpsRoutePath *self, PyObject *path);

/* The same; when it does, *values_p is a new dict: name -> converted value; NULL when no wildcard has a name. ValueError when one cannot be
 * converted. */
int cps_route_path_match(const CpsRoutePath *self, PyObject *path, PyObject **values_p);

#endif
