/* wireerror.h: an event's error on its way to another process. */
#ifndef CPS_WIRE_WIREERROR_H
#define CPS_WIRE_WIREERROR_H

#include "wire/pack.h"
#include "wire/unpack.h"

/* Add `error`, an exception or whatever a script has set. Texts stand for what has no form of its own. Returns 0, or -1 with an
 * exception set. */
int cps_wire_pack_error(CpsPacker *packer, PyObject *error);

/* Read one. It is of the same class if that is one of compysition.errors or a built-in exception, else of the nearest base that is. New, or
 * NULL with an exception set. */
PyObject *cps_wire_unpack_error(CpsUnpacker *unpacker);

#endif
