/* mdpstats.h: what a MajorDomo broker counts, as dicts. No code but theirs runs meanwhile, if the garbage collector is off. */
#ifndef CPS_ACTORS_MDPSTATS_H
#define CPS_ACTORS_MDPSTATS_H

#include "module.h"
#include "net/mdpbroker.h"

/* Each new, or NULL with an exception set. */
PyObject *cps_mdp_stats_services(const CpsMdpBroker *broker);
PyObject *cps_mdp_stats_workers(const CpsMdpBroker *broker);
PyObject *cps_mdp_stats_counters(const CpsMdpBroker *broker);

#endif
