/* The libFuzzer program: it embeds Python and gives each input to the target of tests.fuzz that FUZZ_TARGET names. The core is
 * built with coverage counters, so that libFuzzer sees which inputs reach new code. An exception is a finding. */
#include <Python.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PyObject *target; /* owned: a function of one bytes */

static void
die(void)
{
    PyErr_Print();
    abort();
}

/* Start Python as FUZZ_PYTHON would start: with its virtual environment. */
static void
start_python(void)
{
    PyConfig config;
    PyStatus status;

    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.install_signal_handlers = 0; /* they are libFuzzer's */
    status = PyConfig_SetBytesString(&config, &config.program_name, getenv("FUZZ_PYTHON"));
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("FUZZ_TARGET");
    PyObject *module, *targets, *entry;

    if (name == NULL || getenv("FUZZ_PYTHON") == NULL) {
        fprintf(stderr, "FUZZ_TARGET and FUZZ_PYTHON are not set: start me by python -m tests.fuzz\n");
        exit(2);
    }
    start_python();
    module = PyImport_ImportModule("tests.fuzz");
    targets = module == NULL ? NULL : PyObject_CallMethod(module, "load", NULL);
    entry = targets == NULL ? NULL : PyMapping_GetItemString(targets, name);
    target = entry == NULL ? NULL : PyObject_GetAttrString(entry, "run");
    if (target == NULL) {
        die();
    }
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size);
    PyObject *result = bytes == NULL ? NULL : PyObject_CallOneArg(target, bytes);

    if (result == NULL) {
        die();
    }
    Py_DECREF(result);
    Py_DECREF(bytes);
    return 0;
}
