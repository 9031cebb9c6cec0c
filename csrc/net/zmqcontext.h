/* zmqcontext.h: the one ZeroMQ context of the process, so that inproc endpoints meet. Plain C; the loop's thread, or any with a lock of its
 * own around. */
#ifndef CPS_NET_ZMQCONTEXT_H
#define CPS_NET_ZMQCONTEXT_H

/* The context, made when nobody has it, or when this process is a fork of the one that made it. NULL with errno set. */
void *cps_zmq_context_hold(void);

/* The last one ends the context: it waits until what its sockets (closed before) have taken is sent, or their linger time is over. Call it
 * without the GIL. */
void cps_zmq_context_release(void);

#endif
