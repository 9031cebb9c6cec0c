#include "event/nodata.h"

#include "event/xmldata.h"

#include <string.h>

/* Whether it is <root/>. */
static bool
document_is_default(const CpsXmlDocument *document)
{
    const xmlNode *root = cps_xml_document_root(document);

    return root->children == NULL && root->properties == NULL && root->nsDef == NULL &&
           strcmp((const char *)root->name, "root") == 0;
}

/* 1, 0, or -1 with an exception set. */
static int
xml_is_default(CpsState *state, PyObject *event)
{
    CpsXmlDocument *document = cps_event_document_to_read(state, event);
    bool result;

    if (document == NULL) {
        return -1;
    }
    result = document_is_default(document);
    cps_xml_document_unref(&document);
    return result;
}

int
cps_event_has_no_data(CpsState *state, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    Py_ssize_t length;

    if (payload == NULL || payload->kind == CPS_DATA_XML) {
        return payload == NULL ? 1 : xml_is_default(state, event);
    }
    if (payload->value == Py_None) {
        return 1;
    }
    length = PyObject_Size(payload->value);
    if (length < 0 && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear(); /* a number */
        return 0;
    }
    return length < 0 ? -1 : length == 0;
}
