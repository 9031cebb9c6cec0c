/* actors.h: the built-in actors' set-up functions, and what their files have in common. */
#ifndef CPS_ACTORS_ACTORS_H
#define CPS_ACTORS_ACTORS_H

#include "flow/actor.h"
#include "flow/bind.h"
#include "flow/flag.h"

/* All of them. */
int cps_actors_setup(PyObject *module, CpsState *state);

int cps_null_setup(PyObject *module, CpsState *state);
int cps_stdout_setup(PyObject *module, CpsState *state);
int cps_eventlogger_setup(PyObject *module, CpsState *state);
int cps_flowcontroller_setup(PyObject *module, CpsState *state);
int cps_modifier_setup(PyObject *module, CpsState *state);
int cps_schedule_setup(PyObject *module, CpsState *state);
int cps_generator_setup(PyObject *module, CpsState *state);
int cps_cron_setup(PyObject *module, CpsState *state);
int cps_udpinterface_setup(PyObject *module, CpsState *state);
int cps_udpgenerator_setup(PyObject *module, CpsState *state);
int cps_testevent_setup(PyObject *module, CpsState *state);
int cps_logfile_setup(PyObject *module, CpsState *state);
int cps_filelogger_setup(PyObject *module, CpsState *state);
int cps_redact_setup(PyObject *module, CpsState *state);
int cps_jsonfilter_setup(PyObject *module, CpsState *state);
int cps_xmlfilter_setup(PyObject *module, CpsState *state);
int cps_setcookie_setup(PyObject *module, CpsState *state);
int cps_router_setup(PyObject *module, CpsState *state);
int cps_simplerouter_setup(PyObject *module, CpsState *state);
int cps_methodrouter_setup(PyObject *module, CpsState *state);
int cps_jsonmodifier_setup(PyObject *module, CpsState *state);
int cps_datamodifier_setup(PyObject *module, CpsState *state);
int cps_aggregator_setup(PyObject *module, CpsState *state);
int cps_jsonvalidator_setup(PyObject *module, CpsState *state);
int cps_xslt_setup(PyObject *module, CpsState *state);
int cps_xsd_setup(PyObject *module, CpsState *state);
int cps_dicttoxml_setup(PyObject *module, CpsState *state);
int cps_propertiestoxml_setup(PyObject *module, CpsState *state);
int cps_xmltodict_setup(PyObject *module, CpsState *state);
int cps_matched_setup(PyObject *module, CpsState *state);
int cps_join_setup(PyObject *module, CpsState *state);
int cps_httpserver_setup(PyObject *module, CpsState *state);
int cps_wsgi_setup(PyObject *module, CpsState *state);
int cps_basicauth_setup(PyObject *module, CpsState *state);
int cps_rest_setup(PyObject *module, CpsState *state);
int cps_smtpout_setup(PyObject *module, CpsState *state);
int cps_httpclient_setup(PyObject *module, CpsState *state);
int cps_smtpin_setup(PyObject *module, CpsState *state);
int cps_zmqreqrep_setup(PyObject *module, CpsState *state);
int cps_zmqpushpull_setup(PyObject *module, CpsState *state);
int cps_mdpactor_setup(PyObject *module, CpsState *state);
int cps_mdpclient_setup(PyObject *module, CpsState *state);
int cps_mdpworker_setup(PyObject *module, CpsState *state);
int cps_mdpbroker_setup(PyObject *module, CpsState *state);
int cps_mdpregistrar_setup(PyObject *module, CpsState *state);
int cps_mdpprobe_setup(PyObject *module, CpsState *state);
int cps_tcpin_setup(PyObject *module, CpsState *state);
int cps_tcpout_setup(PyObject *module, CpsState *state);
int cps_tcpprobe_setup(PyObject *module, CpsState *state);
int cps_xpathmodifier_setup(PyObject *module, CpsState *state);

/* Instances have free attributes, subclasses are welcome, and scripts set class attributes: hence not immutable. */
#define CPS_ACTOR_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE)

/* An argument that was given (not NULL), as a flag. Returns 0, or -1 with an exception set. */
static inline int
cps_take_flag(bool *flag, PyObject *value)
{
    int truth = value == NULL ? *flag : PyObject_IsTrue(value);

    if (truth < 0) {
        return -1;
    }
    *flag = truth;
    return 0;
}

/* An argument that was given, as an integer. Returns 0, or -1 with an exception set. */
static inline int
cps_take_size(Py_ssize_t *size, PyObject *value)
{
    Py_ssize_t number = value == NULL ? *size : PyNumber_AsSsize_t(value, PyExc_OverflowError);

    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    *size = number;
    return 0;
}

/* A log level that was given as a number. Returns 0, or -1 with an exception set. */
static inline int
cps_take_level(int *level, PyObject *value)
{
    Py_ssize_t number = *level;

    if (cps_take_size(&number, value) < 0) {
        return -1;
    }
    if (number < INT_MIN || number > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "the level is out of range");
        return -1;
    }
    *level = (int)number;
    return 0;
}

/* Whether the object is a str with that ASCII text. */
static inline bool
cps_text_is(PyObject *object, const char *ascii)
{
    return PyUnicode_Check(object) && PyUnicode_CompareWithASCIIString(object, ascii) == 0;
}

/* Store an argument (borrowed) in the field at `slot`. */
static inline void
cps_take_object(PyObject **slot, PyObject *value)
{
    Py_XSETREF(*slot, Py_NewRef(value));
}

/* The value of an attribute that scripts can delete: then None. Borrowed. */
static inline PyObject *
cps_field(PyObject *field)
{
    return field == NULL ? Py_None : field;
}

/* Set the class attributes input and output of an actor. Returns 0, or -1 with an exception set. */
static inline int
cps_set_event_types(CpsState *state, PyTypeObject *actor, PyTypeObject *input, PyTypeObject *output)
{
    if (PyObject_SetAttr((PyObject *)actor, state->names.input, (PyObject *)input) < 0) {
        return -1;
    }
    return PyObject_SetAttr((PyObject *)actor, state->names.output, (PyObject *)output);
}

/* Whether the exception that is set may take an event's error path: anything but KeyboardInterrupt, SystemExit, GreenletExit
 * and their like. */
static inline bool
cps_ordinary_error(void)
{
    return PyErr_ExceptionMatches(PyExc_Exception);
}

#endif
