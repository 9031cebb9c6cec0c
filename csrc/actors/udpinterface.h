/* udpinterface.h: UDPInterface, this process as a node of an election (net/election.h). */
#ifndef CPS_ACTORS_UDPINTERFACE_H
#define CPS_ACTORS_UDPINTERFACE_H

#include "module.h"

typedef struct CpsUdpInterface CpsUdpInterface;

/* New, with the arguments of UDPInterface(); or NULL with an exception set. */
PyObject *cps_udp_interface_new(CpsState *state, PyObject *args, PyObject *kwargs);

/* Join the group, if that was not done. Returns 0, or -1 with an exception set. */
int cps_udp_interface_start(CpsUdpInterface *self);

/* Leave it; safe to call twice. */
void cps_udp_interface_stop(CpsUdpInterface *self);

bool cps_udp_interface_is_master(const CpsUdpInterface *self);

#endif
