/* graph.h: the cycles of a director's graph, found when it starts.
 *
 * With bounded queues and bounded concurrency a cycle can wait for itself for ever. So on an edge inside a cycle (both ends in
 * one strongly connected component) a put by a consume never waits, and what enters the cycle is bounded instead: an inbox that
 * leads into it takes events only while fewer than `limit` deliveries are inside. */
#ifndef CPS_FLOW_GRAPH_H
#define CPS_FLOW_GRAPH_H

#include "flow/actor.h"

/* One cycle: a strongly connected component of more than one actor, or an actor connected to itself. */
struct CpsGraphPart {
    Py_ssize_t refs;
    Py_ssize_t inside; /* deliveries queued or running that count: from queues of the cycle, and let in by its gates */
    Py_ssize_t limit;
    CpsList gates;   /* CpsInbox.gate_link: every inbox that leads into the cycle */
    CpsList sources; /* CpsActor.source_link: those that feed it and wait when it is full */
};

/* Find the cycles among `actors` (borrowed list, all that the director knows) and what they reach, and mark actors, queues and
 * inboxes; may be called again when connections were added. Outbound and error edges count; log queues never wait anyway.
 * Returns 0, or -1 with an exception set. */
int cps_graph_mark(PyObject *actors, Py_ssize_t limit);

/* A counted delivery has ended: when there is room again, the gates take events. */
void cps_graph_part_left(CpsGraphPart *part);

void cps_graph_part_unref(CpsGraphPart *part);

#endif
