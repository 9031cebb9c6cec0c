/* host.h: who drives a runtime: our own hub greenlet, or the hub of gevent when the script uses it. The same seam can host it
 * in another event loop. */
#ifndef CPS_LOOP_HOST_H
#define CPS_LOOP_HOST_H

#include "loop/runtime.h"

struct CpsHost {
    const char *name;
    /* Set rt->hub and whatever drives it. Returns 0, or -1 with an exception set and nothing left behind. */
    int (*attach)(CpsRuntime *rt);
    /* Stop driving; called by a fiber that is not the hub. */
    void (*detach)(CpsRuntime *rt);
    /* Make a turn happen soon; any thread, with the GIL. */
    void (*kick)(CpsRuntime *rt);
    /* The number of fibers outside the workers that wait has changed from or to 0: keep the host's loop alive, or not. */
    void (*keep_alive)(CpsRuntime *rt, bool alive);
};

extern const CpsHost cps_host_native;
extern const CpsHost cps_host_gevent;

/* The host that suits this thread now: gevent once the script has imported it, else our own. Borrowed. */
const CpsHost *cps_host_choose(void);

#endif
