#include "net/mdpbroker.h"

#include <errno.h>

int
cps_mdp_begin(CpsZmqMessage *message, const void *identity, size_t length, bool standard, const char *header)
{
    char address[512];
    int code;

    message->count = 0;
    message->too_long = false;
    if (standard) {
        code = cps_zmq_add(message, identity, length);
    }
    else if (length + sizeof(CPS_MDP_RECEIVER) > sizeof(address)) {
        code = EHOSTUNREACH;
    }
    else {
        memcpy(address, identity, length);
        memcpy(address + length, CPS_MDP_RECEIVER, sizeof(CPS_MDP_RECEIVER) - 1);
        code = cps_zmq_add(message, address, length + sizeof(CPS_MDP_RECEIVER) - 1);
    }
    return code != 0 || (code = cps_zmq_add(message, "", 0)) != 0 ? code
                                                                  : cps_zmq_add(message, header, CPS_MDP_HEADER_SIZE);
}

int
cps_mdp_post(CpsMdpBroker *self, CpsZmqMessage *message)
{
    int code = self->send(self, message);

    cps_zmq_message_close(message);
    return code;
}

int
cps_mdp_send_request(CpsMdpBroker *self, CpsMdpWorker *worker, CpsMdpRequest *request)
{
    CpsZmqMessage message;
    int code = cps_mdp_begin(&message, worker->identity, worker->length, worker->standard, CPS_MDP_WORKER);

    code = code != 0 ? code : cps_zmq_add(&message, CPS_MDP_REQUEST, 1);
    code = code != 0 ? code : cps_zmq_share(&message, &request->client);
    code = code != 0 ? code : cps_zmq_add(&message, "", 0);
    for (size_t i = 0; code == 0 && i < request->count; i++) {
        /* The logging id of a standard client's request was made here, for workers of the dialect. */
        if (i > 0 || !request->standard || !worker->standard) {
            code = cps_zmq_share(&message, &request->body[i]);
        }
    }
    if (code == 0) {
        return cps_mdp_post(self, &message);
    }
    cps_zmq_message_close(&message);
    return code;
}

int
cps_mdp_send_command(CpsMdpBroker *self, const void *identity, size_t length, bool standard, const char *command)
{
    CpsZmqMessage message;
    int code = cps_mdp_begin(&message, identity, length, standard, CPS_MDP_WORKER);

    code = code != 0 ? code : cps_zmq_add(&message, command, 1);
    if (code == 0 && !standard) {
        code = cps_zmq_add(&message, self->identity, strlen(self->identity));
    }
    if (code == 0) {
        return cps_mdp_post(self, &message);
    }
    cps_zmq_message_close(&message);
    return code;
}

void
cps_mdp_broker_note(CpsMdpBroker *self, int level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    self->note(self, level, format, arguments);
    va_end(arguments);
}
