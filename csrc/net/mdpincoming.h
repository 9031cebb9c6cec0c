/* mdpincoming.h: what a message of a broker means to a client or a worker. Plain C; it knows no socket. */
#ifndef CPS_NET_MDPINCOMING_H
#define CPS_NET_MDPINCOMING_H

#include "net/mdppeer.h"

typedef enum {
    CPS_MDP_INVALID,
    CPS_MDP_BODY, /* a request for a worker, a reply for a client */
    CPS_MDP_NAMES_ITSELF,
    CPS_MDP_BEATS,
    CPS_MDP_DISCONNECTS,
} CpsMdpMeaning;

typedef struct {
    CpsMdpMeaning meaning;
    size_t address; /* the frame that goes before the body: a worker's client, or in lock-step the service; 0: none */
    size_t body;    /* the first frame of it */
} CpsMdpIncoming;

CpsMdpIncoming cps_mdp_incoming(const CpsMdpPeerOptions *options, CpsZmqMessage *message);

/* Take those frames out of a message with a body. NULL: out of memory. */
CpsMdpDelivery *cps_mdp_delivery_new(CpsZmqMessage *message, const CpsMdpIncoming *incoming);

#endif
