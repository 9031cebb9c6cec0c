/* mdpbody.h: the bodies of messages of MDPClient and MDPWorker: events, or data alone for peers that know no events. */
#ifndef CPS_ACTORS_MDPBODY_H
#define CPS_ACTORS_MDPBODY_H

#include "actors/mdpactor.h"

/* One that is going to be sent. */
typedef struct {
    PyObject *data;  /* owned: bytes or a list of them, a frame each; NULL: the event */
    zmq_msg_t event; /* in the form of the wire */
} CpsMdpBody;

static inline void
cps_mdp_body_init(CpsMdpBody *body)
{
    body->data = NULL;
    (void)zmq_msg_init(&body->event);
}

static inline void
cps_mdp_body_free(CpsMdpBody *body)
{
    Py_CLEAR(body->data);
    (void)zmq_msg_close(&body->event);
}

/* The other, which is empty, gets it. */
static inline void
cps_mdp_body_move(CpsMdpBody *to, CpsMdpBody *from)
{
    to->data = from->data;
    from->data = NULL;
    (void)zmq_msg_move(&to->event, &from->event);
}

/* Fill one that is empty: with the event; with its data, which is itself when it is bytes or a list of them, or data_string() in UTF-8; or with any
 * text (taken; NULL passes an exception on). These may run Python code, which may wait. Return 0, or -1 with an exception set. */
int cps_mdp_body_of_event(CpsMdpActor *self, PyObject *event, CpsMdpBody *body);
int cps_mdp_body_of_data(CpsState *state, PyObject *event, CpsMdpBody *body);
int cps_mdp_body_of_text(PyObject *text, CpsMdpBody *body);

/* Add its frames; it stays as it is. Returns 0, or an errno. */
int cps_mdp_body_add(CpsMdpBody *body, CpsZmqMessage *message);

/* The bytes of a frame. New, or NULL with an exception set. */
PyObject *cps_mdp_frame_bytes(zmq_msg_t *frame);

/* What came as a body, from frame `first` on: bytes, or a list of them when there are several frames. New, or NULL with an exception set. */
PyObject *cps_mdp_read_body(CpsMdpDelivery *delivery, size_t first);

#endif
