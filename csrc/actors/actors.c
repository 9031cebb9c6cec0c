/* The built-in actors, in the order of their set-up: a type comes after its base. */
#include "actors/actors.h"

#include "actors/filter.h"

int
cps_actors_setup(PyObject *module, CpsState *state)
{
    if (cps_null_setup(module, state) < 0 || cps_stdout_setup(module, state) < 0 ||
        cps_eventlogger_setup(module, state) < 0 || cps_flowcontroller_setup(module, state) < 0 ||
        cps_modifier_setup(module, state) < 0 || cps_schedule_setup(module, state) < 0 ||
        cps_generator_setup(module, state) < 0 || cps_cron_setup(module, state) < 0 ||
        cps_testevent_setup(module, state) < 0 || cps_logfile_setup(module, state) < 0 ||
        cps_filelogger_setup(module, state) < 0 || cps_redact_setup(module, state) < 0 ||
        cps_filter_setup(module, state) < 0 || cps_jsonfilter_setup(module, state) < 0 ||
        cps_router_setup(module, state) < 0 || cps_simplerouter_setup(module, state) < 0 ||
        cps_methodrouter_setup(module, state) < 0 || cps_jsonmodifier_setup(module, state) < 0 ||
        cps_datamodifier_setup(module, state) < 0 || cps_aggregator_setup(module, state) < 0 ||
        cps_jsonvalidator_setup(module, state) < 0) {
        return -1;
    }
    return 0;
}
