/* pool.h: the dicts of queues that an actor has: inbound, outbound, error and logs. */
#ifndef CPS_FLOW_POOL_H
#define CPS_FLOW_POOL_H

#include "flow/queue.h"

/* _InternalQueuePool: a dict name -> Queue, in the order of connection. */
typedef struct {
    PyDictObject base;
    PyObject *placeholder; /* owned name, or NULL; its queue collects until a real one is added */
    Py_ssize_t size;       /* maxsize of the queues made here; 0: no limit */
} CpsInternalQueuePool;

typedef struct {
    PyObject_HEAD
    PyObject *dict;                                          /* owned; may be NULL */
    CpsInternalQueuePool *inbound, *outbound, *error, *logs; /* owned */
    Py_ssize_t size;
} CpsQueuePool;

int cps_pool_setup(PyObject *module, CpsState *state);

/* QueuePool(size). New, or NULL with an exception set. */
PyObject *cps_pool_new(CpsState *state, Py_ssize_t size);

/* pool.add(name, queue); `queue` may be NULL: a new one is made. New reference to the queue, or NULL. */
PyObject *cps_pool_add(CpsState *state, CpsInternalQueuePool *pool, PyObject *name, PyObject *queue);

#endif
