#include "actors/mdpstats.h"

typedef struct {
    const char *name;
    uint64_t value;
} Number;

/* A dict of them. New, or NULL with an exception set. */
static PyObject *
numbers_dict(const Number *numbers, size_t count)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict != NULL && i < count; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(numbers[i].value);

        if (value == NULL || PyDict_SetItemString(dict, numbers[i].name, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    return dict;
}

/* Names are other people's bytes. New, or NULL with an exception set. */
static PyObject *
name_text(const char *bytes, size_t length)
{
    return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)length, "backslashreplace");
}

/* Add `about` (stolen; or NULL with an exception set) under that name. Returns 0 or -1. */
static int
add_about(PyObject *dict, const char *bytes, size_t length, PyObject *about)
{
    PyObject *name = about == NULL ? NULL : name_text(bytes, length);
    int result = name == NULL ? -1 : PyDict_SetItem(dict, name, about);

    Py_XDECREF(name);
    Py_XDECREF(about);
    return result;
}

static int
add_service(PyObject *dict, CpsIdNode *node)
{
    const CpsMdpService *service = CPS_CONTAINER(node, CpsMdpService, node);
    const CpsMdpServiceCounters *counters = &service->counters;
    const Number numbers[] = {
        {"workers", service->worker_count},
        {"waiting", service->waiting_count},
        {"waiting_bytes", service->waiting_bytes},
        {"dispatched", service->dispatched},
        {"requests", counters->requests},
        {"answered", counters->answered},
        {"expired", counters->expired},
        {"retried", counters->retried},
        {"failed", counters->failed},
        {"refused", counters->refused},
        {"duplicates", counters->duplicates},
    };

    return add_about(dict, service->name, service->length, numbers_dict(numbers, Py_ARRAY_LENGTH(numbers)));
}

static int
add_worker(PyObject *dict, CpsIdNode *node)
{
    const CpsMdpWorker *worker = CPS_CONTAINER(node, CpsMdpWorker, node);
    const Number numbers[] = {
        {"in_flight", worker->in_flight},
        {"answered", worker->answered},
        {"liveness", worker->liveness},
    };
    PyObject *about = numbers_dict(numbers, Py_ARRAY_LENGTH(numbers));
    PyObject *service = about == NULL ? NULL : name_text(worker->service->name, worker->service->length);

    if (service == NULL || PyDict_SetItemString(about, "service", service) < 0 ||
        PyDict_SetItemString(about, "standard", worker->standard ? Py_True : Py_False) < 0) {
        Py_CLEAR(about);
    }
    Py_XDECREF(service);
    return add_about(dict, worker->identity, worker->length, about);
}

/* A dict of all that is in the map. New, or NULL with an exception set. */
static PyObject *
map_dict(const CpsIdMap *map, int (*add)(PyObject *dict, CpsIdNode *node))
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict != NULL && map->buckets != NULL && i <= map->mask; i++) {
        for (CpsIdNode *node = map->buckets[i]; node != NULL; node = node->next) {
            if (add(dict, node) < 0) {
                Py_DECREF(dict);
                return NULL;
            }
        }
    }
    return dict;
}

PyObject *
cps_mdp_stats_services(const CpsMdpBroker *broker)
{
    return map_dict(&broker->services, add_service);
}

PyObject *
cps_mdp_stats_workers(const CpsMdpBroker *broker)
{
    return map_dict(&broker->workers, add_worker);
}

PyObject *
cps_mdp_stats_counters(const CpsMdpBroker *broker)
{
    const Number numbers[] = {
        {"open", broker->request_count},
        {"open_bytes", broker->open_bytes},
        {"invalid", broker->counters.invalid},
        {"late", broker->counters.late},
        {"undelivered", broker->counters.undelivered},
        {"disconnects", broker->counters.disconnects},
    };

    return numbers_dict(numbers, Py_ARRAY_LENGTH(numbers));
}
