/* The built-in actors, in the order of their set-up: a type comes after its base. */
#include "actors/actors.h"
#include "actors/filter.h"

/* One to a line, so that two changes do not meet. */
/* clang-format off */
static int (*const setups[])(PyObject *module, CpsState *state) = {
    cps_null_setup,
    cps_stdout_setup,
    cps_eventlogger_setup,
    cps_flowcontroller_setup,
    cps_modifier_setup,
    cps_schedule_setup,
    cps_generator_setup,
    cps_cron_setup,
    cps_udpinterface_setup,
    cps_udpgenerator_setup,
    cps_testevent_setup,
    cps_logfile_setup,
    cps_filelogger_setup,
    cps_redact_setup,
    cps_filter_setup,
    cps_jsonfilter_setup,
    cps_router_setup,
    cps_simplerouter_setup,
    cps_methodrouter_setup,
    cps_jsonmodifier_setup,
    cps_datamodifier_setup,
    cps_xpathmodifier_setup,
    cps_aggregator_setup,
    cps_jsonvalidator_setup,
    cps_matched_setup,
    cps_join_setup,
    cps_xslt_setup,
    cps_xsd_setup,
    cps_xmlfilter_setup,
    cps_setcookie_setup,
    cps_dicttoxml_setup,
    cps_propertiestoxml_setup,
    cps_xmltodict_setup,
    cps_httpserver_setup,
    cps_wsgi_setup,
    cps_basicauth_setup,
    cps_rest_setup,
    cps_httpclient_setup,
    cps_smtpin_setup,
    cps_zmqpushpull_setup,
    cps_zmqreqrep_setup,
    cps_smtpout_setup,
    cps_mdpactor_setup,
    cps_mdpclient_setup,
    cps_mdpworker_setup,
    cps_mdpbroker_setup,
    cps_mdpregistrar_setup,
    cps_mdpprobe_setup,
    cps_tcpin_setup,
    cps_tcpout_setup,
    cps_tcpprobe_setup,
};
/* clang-format on */

int
cps_actors_setup(PyObject *module, CpsState *state)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < Py_ARRAY_LENGTH(setups); i++) {
        status = setups[i](module, state);
    }
    return status;
}
