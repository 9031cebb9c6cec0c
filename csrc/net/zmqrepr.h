/* zmqrepr.h: what came over a socket, as text for a log line. Plain C. */
#ifndef CPS_NET_ZMQREPR_H
#define CPS_NET_ZMQREPR_H

#include "net/zmqsocket.h"

/* Bytes as Python shows them within quotation marks, cut ("...") where `size` ends. Returns `text`. */
char *cps_bytes_repr(const void *bytes, size_t length, char *text, size_t size);

/* The frames of a message, as Python shows a list of bytes; of long ones, and of many, the first. */
enum { CPS_ZMQ_REPR_SIZE = 800 };
char *cps_zmq_repr(CpsZmqMessage *message, char text[CPS_ZMQ_REPR_SIZE]);

#endif
