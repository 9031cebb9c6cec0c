/* dicttoxml.h: what the actors have in common that make XML of dicts. */
#ifndef CPS_ACTORS_DICTTOXML_H
#define CPS_ACTORS_DICTTOXML_H

#include "actors/actors.h"

typedef struct {
    CpsActor base;
    PyObject *key;   /* owned: the name of the root element */
    bool escape_xml; /* text is never markup */
} CpsDictToXml;

/* The tp_init of the type called `type`. Returns 0, or -1 with an exception set. */
int cps_dicttoxml_configure(PyObject *op, const char *type, const CpsActorOps *ops, PyObject *args, PyObject *kwargs);

/* Send on `event` as XML made of `data` (taken; NULL with an exception set). Returns 0, or -1 with an exception set. */
int cps_dicttoxml_send(CpsDictToXml *self, PyObject *event, PyObject *data);

#endif
