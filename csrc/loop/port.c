#include "loop/port.h"

static void
port_done(CpsCompletion *completion, CpsRuntime *Py_UNUSED(rt))
{
    CpsPort *port = CPS_CONTAINER(completion, CpsPort, completion);

    port->noted = false;
    if (port->closed) {
        free(port);
    }
    else if (port->actor != NULL) {
        port->changed(port->actor);
    }
}

void
cps_port_init(CpsPort *port, CpsRuntime *rt, void (*changed)(void *actor))
{
    port->rt = rt;
    port->changed = changed;
    port->completion.done = port_done;
}

void
cps_port_note(CpsPort *port)
{
    if (port->actor != NULL && !port->noted) {
        port->noted = true;
        cps_complete(port->rt, &port->completion);
    }
}

void
cps_port_closed(CpsPort *port)
{
    port->closed = true;
    if (!port->noted) {
        free(port);
    }
}

static void
port_end_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsPort *port = CPS_CONTAINER(ready, CpsPort, end);

    port->close(port);
    cps_runtime_release(rt);
}

void
cps_port_end(CpsPort *port)
{
    port->actor = NULL;
    if (port->rt->abandoned) {
        return;
    }
    if (port->rt == cps_runtime_peek()) {
        port->close(port);
        return;
    }
    port->end.run = port_end_run;
    cps_runtime_hold(port->rt);
    cps_ready_push(port->rt, &port->end);
}
