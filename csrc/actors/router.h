/* router.h: EventRouter, and what the routers that make their filters themselves add to it. */
#ifndef CPS_ACTORS_ROUTER_H
#define CPS_ACTORS_ROUTER_H

#include "flow/actor.h"

typedef struct {
    CpsActor base;
    PyObject *filters;                /* owned list */
    PyObject *default_outbox_regexes; /* owned list of str */
    PyObject *default_outboxes;       /* owned list of queues */
    PyObject *named;                  /* owned dict: the outboxes that cps_router_add_named made a filter for */
    bool whitelist;
} CpsRouter;

/* The argument of a router's constructor; each may be NULL. */
typedef struct {
    PyObject *filters, *type, *default_outbox_regexes; /* borrowed */
} CpsRouterArguments;

/* A router's tp_init: the Actor part and the router's arguments. Returns 0, or -1 with an exception set. */
int cps_router_init(CpsRouter *self, const CpsRouterArguments *arguments, PyObject *rest_args, PyObject *rest_kwargs);

/* Add a filter that sends events whose value at `scope` contains `name` to the outbox of that name; once per name. Returns 0, or
 * -1 with an exception set. */
int cps_router_add_named(CpsRouter *self, PyObject *name, PyObject *scope);

/* EventRouter.pre_hook. Returns 0, or -1 with an exception set. */
int cps_router_prepare(CpsRouter *self);

int cps_router_traverse(PyObject *op, visitproc visit, void *arg);
int cps_router_clear(PyObject *op);
void cps_router_dealloc(PyObject *op);

#endif
