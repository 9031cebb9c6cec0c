/* fields.h: what an event on the wire is made of; between wire.c, writer.c and reader.c. */
#ifndef CPS_WIRE_FIELDS_H
#define CPS_WIRE_FIELDS_H

#include "wire/wire.h"

/* An event is tag 55799, and in it an array of "cpe", the version, and a map of these. Later versions may add fields, which are skipped
 * here; what changes the meaning of a field changes the version. */
enum {
    CPS_FIELD_CLASS,       /* text: the name of the class */
    CPS_FIELD_ID,          /* 16 bytes, or the text of an id that is no UUID */
    CPS_FIELD_CREATED,     /* microseconds since the epoch; or a datetime that a script has set */
    CPS_FIELD_META_ID,     /* when it is not the id */
    CPS_FIELD_SERVICE,     /* when it is not "default" */
    CPS_FIELD_DATA,        /* JSON and other data as CBOR, XML as text; absent: None */
    CPS_FIELD_INDENTED,    /* true: XML that is written with indentation */
    CPS_FIELD_ERROR,       /* see wireerror.c */
    CPS_FIELD_HEADERS,     /* of HTTP events, as all four */
    CPS_FIELD_STATUS,      /* */
    CPS_FIELD_ENVIRONMENT, /* */
    CPS_FIELD_METHOD,      /* */
    CPS_FIELD_ATTRIBUTES,  /* map: attributes that scripts have set */
    CPS_FIELD_LOG,         /* map: the attributes of a LogEvent */
    CPS_FIELD_COUNT
};

enum { CPS_EVENT_VERSION = 1 };

/* What every event begins with. */
enum { CPS_EVENT_PREFIX_BYTES = 9 };
extern const char cps_event_prefix[CPS_EVENT_PREFIX_BYTES];

/* Whether every process knows the class. */
bool cps_class_is_standard(CpsState *state, PyTypeObject *type);

/* The class that the event travels as: its own, or the nearest base that the other side knows, too. Borrowed. */
PyTypeObject *cps_class_to_send(CpsState *state, const CpsWire *wire, PyObject *event);

/* Its name without the module. Borrowed. */
const char *cps_class_name(const PyTypeObject *type);

/* The class of that name. Borrowed, or NULL without an exception. */
PyTypeObject *cps_class_by_name(CpsState *state, const CpsWire *wire, const char *name, size_t length);

/* As cps_wire_dump and cps_wire_load, in CBOR; `out` holds a part when it fails. */
int cps_event_write(CpsState *state, const CpsWire *wire, PyObject *event, CpsBuffer *out);
PyObject *cps_event_read(CpsState *state, const CpsWire *wire, const char *bytes, size_t length);

#endif
