/* filelogger.h: what RedactedFileLogger builds on. */
#ifndef CPS_ACTORS_FILELOGGER_H
#define CPS_ACTORS_FILELOGGER_H

#include "flow/actor.h"

typedef struct CpsFileLogger {
    CpsActor base;
    PyObject *default_filename; /* owned */
    PyObject *directory;        /* owned */
    PyObject *loggers;          /* owned dict: file name -> CpsLogFile */
    long long max_bytes;
    int backup_count;
    int level;
    /* The message (borrowed str) as it is to be written, or NULL for as it is. New, or NULL with an exception set. */
    PyObject *(*edit)(struct CpsFileLogger *self, PyObject *message);
} CpsFileLogger;

/* tp_init with FileLogger's parameters. `function` names the type in errors. */
int cps_filelogger_init(CpsFileLogger *self, const char *function, PyObject *args, PyObject *kwargs);

/* Slots. */
int cps_filelogger_traverse(PyObject *op, visitproc visit, void *arg);
int cps_filelogger_clear(PyObject *op);
void cps_filelogger_dealloc(PyObject *op);

#endif
