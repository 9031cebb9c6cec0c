/* The extension module compysition._core: module definition, and nothing else. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyModuleDef_Slot module_slots[] = {
    {0, NULL},
};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "compysition._core",
    .m_doc = "The C core of compysition.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&module_def);
}
