/* eventid.h: event ids, which are version 4 UUIDs kept as 16 bytes and shown as 32 hex digits. */
#ifndef CPS_EVENT_EVENTID_H
#define CPS_EVENT_EVENTID_H

#include "compat.h"

#include <stdint.h>

enum { CPS_EVENT_ID_BYTES = 16 };

/* Once per process: a forked child must not repeat the ids of its parent. Returns 0, or -1 with an exception set. */
int cps_event_id_setup(void);

/* A fresh id. Returns 0, or -1 with OSError set. */
int cps_event_id_new(uint8_t id[CPS_EVENT_ID_BYTES]);

/* The 32 hex digits of `id`. New, or NULL with an exception set. */
PyObject *cps_event_id_hex(const uint8_t id[CPS_EVENT_ID_BYTES]);

/* The id that a str of 32 hex digits in lower case shows. Returns whether it is one. */
bool cps_event_id_parse(PyObject *text, uint8_t id[CPS_EVENT_ID_BYTES]);

#endif
