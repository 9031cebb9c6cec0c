/* bind.h: constructor arguments of built-in actors: bind the type's own, pass the rest on to Actor. */
#ifndef CPS_FLOW_BIND_H
#define CPS_FLOW_BIND_H

#include "module.h"

/* Bind `count` parameters named `names`, positional first, the first `required` of them, at least one, obligatory. values[i] becomes a borrowed
 * reference or NULL when not given. *rest_args becomes (values[0], further positionals...): values[0] is the actor's name, which
 * Actor wants first. *rest_kwargs: the keywords that are not in `names`. Both new. `function` names the type in errors.
 * Returns 0, or -1 with TypeError set. */
int cps_bind(const char *function, PyObject *args, PyObject *kwargs, const char *const *names, Py_ssize_t count,
             Py_ssize_t required, PyObject **values, PyObject **rest_args, PyObject **rest_kwargs);

/* Take `name` out of a dict of keywords. New; NULL when it is not there, or with an exception set. */
PyObject *cps_pop_keyword(PyObject *kwargs, const char *name);

#endif
