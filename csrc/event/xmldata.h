/* xmldata.h: the XML of an event, for the C code of actors.
 *
 * An actor that reads asks for the document (cps_event_document); one that changes it, or works on it in the thread pool, takes it
 * out of the event (cps_event_take_document) and puts the result in (cps_event_set_document). None of these makes an lxml element.
 * In the thread pool cps_xml_parse, cps_xml_serialize and all of libxml2 may be used; references are counted in the loop's thread
 * only (xml/document.h). */
#ifndef CPS_EVENT_XMLDATA_H
#define CPS_EVENT_XMLDATA_H

#include "event/payload.h"
#include "module.h"
#include "xml/document.h"

/* The document that is the data of `event`, to be read; others may be reading it too. It stays as it is as long as the reference is
 * held. New; NULL with MalformedEventData set when the data is no XML, or with another exception. */
CpsXmlDocument *cps_event_document(CpsState *state, PyObject *event);

/* The same, to be read before any Python code can run: an element that Python holds needs no copy. */
CpsXmlDocument *cps_event_document_to_read(CpsState *state, PyObject *event);

/* A document that nobody else has, with the data of `event`: its own when that is possible, else a copy. The event has no data then;
 * give it back, changed or not. New; NULL with an exception set as above, and the event unchanged. */
CpsXmlDocument *cps_event_take_document(CpsState *state, PyObject *event);

/* Make the document the data of `event`, which has the XML format. *document_p becomes NULL in any case. Returns 0, or -1 with
 * MemoryError set. */
int cps_event_set_document(CpsState *state, PyObject *event, CpsXmlDocument **document_p);

/* The data as a str, without a declaration and in ASCII but for names, comments and the like, `formatted` as its stylesheet wants it; of
 * data that is no XML, str(data). New, or NULL with an exception set. */
PyObject *cps_event_xml_text(CpsState *state, PyObject *event, bool formatted);

/* The payload for data assigned to the XML event `event` (NULL: to none): str or bytes (parsed), dict or list (converted), lxml element or tree, None (an
 * element <root/>). New, or NULL with an exception set. */
CpsPayload *cps_xml_payload(CpsState *state, PyObject *event, PyObject *value);

/* Whether `function` is one of XMLEvent.conversion_methods: then cps_xml_payload does the same without an lxml element. */
bool cps_xml_is_conversion(PyObject *function);

/* XMLEvent.conversion_methods. New, or NULL with an exception set. */
PyObject *cps_xml_conversions(PyObject *module, CpsState *state);

/* What JSON events make of an lxml element or element tree. New, or NULL with an exception set. */
PyObject *cps_xml_element_data(CpsState *state, PyObject *value);

#endif
