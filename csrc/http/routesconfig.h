/* routesconfig.h: a routes_config: what its routes extend, and which are only there to be extended. */
#ifndef CPS_HTTP_ROUTESCONFIG_H
#define CPS_HTTP_ROUTESCONFIG_H

#include "http/routes.h"

/* Add its routes to `routes`. Returns 0, or -1 with an exception set as cps_routes_configure does; then some may have been added. */
int cps_routes_config_read(CpsState *state, CpsRoutes *routes, PyObject *config);

#endif
