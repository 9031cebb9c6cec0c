#include "net/mdpincoming.h"

#include "net/mdp.h"

#include <stdlib.h>

static CpsMdpIncoming
as_worker(CpsZmqMessage *message)
{
    if (CPS_MDP_IS(message, 2, CPS_MDP_REQUEST) && message->count >= 6 && cps_zmq_frame_is(message, 4, "", 0)) {
        return (CpsMdpIncoming){.meaning = CPS_MDP_BODY, .address = 3, .body = 5};
    }
    if (CPS_MDP_IS(message, 2, CPS_MDP_DISCONNECT)) {
        return (CpsMdpIncoming){.meaning = CPS_MDP_DISCONNECTS};
    }
    return (CpsMdpIncoming){.meaning = CPS_MDP_IS(message, 2, CPS_MDP_HEARTBEAT) ? CPS_MDP_BEATS : CPS_MDP_INVALID};
}

/* In MDP 0.1 the name of the service comes before the body; in the dialect a command, and an empty frame. */
static CpsMdpIncoming
as_client(const CpsMdpPeerOptions *options, CpsZmqMessage *message)
{
    if (options->standard && message->count > 3) {
        return (CpsMdpIncoming){.meaning = CPS_MDP_BODY, .address = options->lock_step ? 2 : 0, .body = 3};
    }
    if (!options->standard && message->count > 4 && CPS_MDP_IS(message, 2, CPS_MDP_REPLY) &&
        cps_zmq_frame_is(message, 3, "", 0)) {
        return (CpsMdpIncoming){.meaning = CPS_MDP_BODY, .body = 4};
    }
    return (CpsMdpIncoming){.meaning = CPS_MDP_INVALID};
}

CpsMdpIncoming
cps_mdp_incoming(const CpsMdpPeerOptions *options, CpsZmqMessage *message)
{
    const char *header = options->worker ? CPS_MDP_WORKER : CPS_MDP_CLIENT;

    if (message->count < 3 || message->too_long || !cps_zmq_frame_is(message, 0, "", 0) ||
        !cps_zmq_frame_is(message, 1, header, CPS_MDP_HEADER_SIZE)) {
        return (CpsMdpIncoming){.meaning = CPS_MDP_INVALID};
    }
    if (!options->standard && message->count == 4 && CPS_MDP_IS(message, 2, CPS_MDP_VERIFIED)) {
        return (CpsMdpIncoming){.meaning = CPS_MDP_NAMES_ITSELF};
    }
    return options->worker ? as_worker(message) : as_client(options, message);
}

CpsMdpDelivery *
cps_mdp_delivery_new(CpsZmqMessage *message, const CpsMdpIncoming *incoming)
{
    size_t first = incoming->body, before = incoming->address != 0, count = message->count - first + before;
    CpsMdpDelivery *delivery = malloc(sizeof(*delivery) + count * sizeof(zmq_msg_t));

    if (delivery == NULL) {
        return NULL;
    }
    *delivery = (CpsMdpDelivery){.count = count};
    for (size_t i = 0; i < count; i++) {
        size_t from = i < before ? incoming->address : first + i - before;

        (void)zmq_msg_init(&delivery->frames[i]);
        (void)zmq_msg_move(&delivery->frames[i], &message->frames[from]);
    }
    return delivery;
}
