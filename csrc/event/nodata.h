/* nodata.h: whether an event has data at all. */
#ifndef CPS_EVENT_NODATA_H
#define CPS_EVENT_NODATA_H

#include "event/event.h"

/* Whether its data is None, of length 0, or, of XML, the element <root/> that an event without data has. Other XML and what has no length
 * (numbers) is data. 1, 0, or -1 with an exception set. */
int cps_event_has_no_data(CpsState *state, PyObject *event);

#endif
