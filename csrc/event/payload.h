/* payload.h: an event's data, shared by the copies of the event until somebody could change it.
 *
 * A payload with a mutable value that has been handed to Python counts as exposed: whoever got the value may change it at
 * any time. A send then looks whether anybody but the payload still has a part of the value; when not, the payload is
 * shared again, else the copy gets a snapshot (cps_payload_share). A payload that several events share is copied before it
 * is handed out (cps_payload_expose), so that nobody changes somebody else's data.
 *
 * XML is a document for C and an lxml element for Python. A payload has the one that was asked for last, or both while they say the
 * same; one that is exposed has only the element. */
#ifndef CPS_EVENT_PAYLOAD_H
#define CPS_EVENT_PAYLOAD_H

#include "event/copy.h"
#include "module.h"
#include "xml/document.h"

typedef enum {
    CPS_DATA_VALUE,  /* immutable: str, bytes, int, float, bool */
    CPS_DATA_JSON,   /* dict, list and scalars of a JSON event: copied as a JSON round trip would */
    CPS_DATA_XML,    /* a document, an lxml element, or both */
    CPS_DATA_OBJECT, /* any other Python object: copied as copy.deepcopy would */
} CpsDataKind;

/* A Python object (never visible to users), so that the cycle collector sees the value once however many events share it. */
struct CpsPayload {
    PyObject_HEAD
    PyObject *value;          /* owned; of XML the element, or None */
    CpsXmlDocument *document; /* owned; only of XML, NULL while only the element is there */
    uint8_t kind;             /* CpsDataKind */
    bool exposed;             /* a mutable value that others may hold; then only one event has this payload */
    bool indented;            /* XML whose text is to be indented: its stylesheet says so */
};
typedef struct CpsPayload CpsPayload;

int cps_payload_setup(PyObject *module, CpsState *state);

/* New payload with `value` (borrowed; not NULL), which others may hold too; it is of `kind` unless it is immutable.
 * New, or NULL with an exception set. */
CpsPayload *cps_payload_new(CpsState *state, PyObject *value, CpsDataKind kind);

/* The same for a value that nobody else has, nor any part of it that may change. */
CpsPayload *cps_payload_private(CpsState *state, PyObject *value, CpsDataKind kind);

/* New payload with the document, which becomes NULL in any case. New, or NULL with MemoryError set. */
CpsPayload *cps_payload_from_document(CpsState *state, CpsXmlDocument **document_p);

/* Whether nobody can change the value: it was not handed out, or nobody has a part of it any more (then it counts as never handed
 * out). */
bool cps_payload_settle(CpsPayload *payload);

/* For a copy of an event: `payload` itself when nobody can change it, else a snapshot. New, or NULL with an exception set. */
CpsPayload *cps_payload_share(CpsState *state, CpsPayload *payload);

/* The same, as a part of the object that `scope` names. */
CpsPayload *cps_payload_share_in(CpsState *state, CpsPayload *payload, CpsCopyScope *scope);

/* The live value of *payload_p for Python code, replacing *payload_p by a copy of its own first when others share it.
 * New, or NULL with an exception set. */
PyObject *cps_payload_expose(CpsState *state, CpsPayload **payload_p);

/* The document of an XML payload, to be read; of another payload NULL without an exception. What is exposed is copied unless nobody
 * else can change it. New, or NULL with an exception set. */
CpsXmlDocument *cps_payload_document(CpsState *state, CpsPayload *payload);

/* A second payload with the very value of *payload_p, for an event that refers to the same object. New, or NULL. */
CpsPayload *cps_payload_alias(CpsState *state, CpsPayload **payload_p);

#endif
