/* zmqendpoint.h: ports and endpoints of ZeroMQ sockets, as arguments and in errors. */
#ifndef CPS_ACTORS_ZMQENDPOINT_H
#define CPS_ACTORS_ZMQENDPOINT_H

#include "module.h"

/* A port as a number or its digits, from `least` on; unchanged when not given (NULL or None). Returns 0, or -1 with an exception set that
 * names the argument. */
int cps_zmq_take_port(int *port, PyObject *value, const char *name, int least);

/* Set OSError: cannot `what` `endpoint`, for what libzmq's errno says. Returns -1. */
int cps_zmq_raise(const char *what, const char *endpoint, int code);

#endif
