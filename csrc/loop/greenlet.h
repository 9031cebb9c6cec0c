/* greenlet.h (ours): greenlet's header and its table of functions, for fiber.c and worker.c alone. The table is a static
 * variable of that header, one for each file that includes it, so each such file imports it. */
#ifndef CPS_LOOP_GREENLET_H
#define CPS_LOOP_GREENLET_H

#include "compat.h"

#include <greenlet/greenlet.h>

/* Returns 0, or -1 with an exception set (the macro itself reports nothing). */
static inline int
cps_greenlet_import(void)
{
    PyGreenlet_Import();
    return _PyGreenlet_API == NULL ? -1 : 0;
}

#endif
