/* mdpbody.h: an event's data as the body of a message of peers that know no events, and back. */
#ifndef CPS_ACTORS_MDPBODY_H
#define CPS_ACTORS_MDPBODY_H

#include "actors/actors.h"
#include "net/mdppeer.h"

/* The data: itself when it is bytes or a list of them, a frame each; or data_string() in UTF-8. New: bytes or a list of them; NULL with an
 * exception set. */
PyObject *cps_mdp_body(CpsState *state, PyObject *event);

/* Any text as a body: UTF-8. Takes it; NULL passes an exception on. New, or NULL with an exception set. */
PyObject *cps_mdp_text_body(PyObject *text);

/* The bytes of a frame. New, or NULL with an exception set. */
PyObject *cps_mdp_frame_bytes(zmq_msg_t *frame);

/* Add its frames. Returns 0, or an errno. */
int cps_mdp_add_body(CpsZmqMessage *message, PyObject *body);

/* What came as a body, from frame `first` on: bytes, or a list of them when there are several frames. New, or NULL with an exception set. */
PyObject *cps_mdp_read_body(CpsMdpDelivery *delivery, size_t first);

#endif
