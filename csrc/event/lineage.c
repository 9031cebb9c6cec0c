#include "event/lineage.h"

CpsLedger *
cps_ledger_new(void)
{
    CpsLedger *ledger = PyMem_Calloc(1, sizeof(*ledger));

    if (ledger == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    ledger->refs = 1;
    return ledger;
}

void
cps_ledger_unref(CpsLedger *ledger)
{
    if (ledger != NULL && --ledger->refs == 0) {
        PyMem_Free(ledger);
    }
}

CpsLineage *
cps_lineage_new(CpsLedger *ledger)
{
    CpsLineage *lineage = PyMem_Calloc(1, sizeof(*lineage));

    if (lineage == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    lineage->refs = 1;
    lineage->ledger = ledger;
    ledger->refs++;
    ledger->created++;
    ledger->in_flight++;
    return lineage;
}

static uint8_t
lineage_fate(const CpsLineage *lineage)
{
    return lineage->worst == CPS_FATE_OPEN ? CPS_FATE_CONSUMED : lineage->worst;
}

static void
lineage_left_flight(CpsLedger *ledger)
{
    if (--ledger->in_flight == 0 && ledger->on_quiet != NULL) {
        ledger->on_quiet(ledger->context);
    }
}

static void
lineage_settle(CpsLineage *lineage)
{
    const CpsLineageWatch *watch = lineage->watch;

    lineage->state = CPS_LINEAGE_SETTLED;
    lineage->ledger->settled[lineage_fate(lineage)]++;
    lineage->watch = NULL;
    if (watch != NULL) {
        watch->on_settled(lineage, lineage->context);
    }
}

static void
lineage_settle_kept(CpsLineage *lineage)
{
    lineage->ledger->kept--;
    lineage_settle(lineage);
}

/* No delivery is left: the lineage is settled, or kept while an event of it may be sent again. */
static void
lineage_came_to_rest(CpsLineage *lineage)
{
    CpsLedger *ledger = lineage->ledger;

    if (lineage->held || lineage->holds > 0) {
        lineage->state = CPS_LINEAGE_KEPT;
        ledger->kept++;
    }
    else {
        lineage_settle(lineage);
    }
    lineage_left_flight(ledger);
}

/* A lineage at rest that gets a new delivery is in flight again: somebody sent an event that it held. */
static void
lineage_revive(CpsLineage *lineage)
{
    CpsLedger *ledger = lineage->ledger;

    if (lineage->state == CPS_LINEAGE_SETTLED) {
        ledger->settled[lineage_fate(lineage)]--;
        ledger->in_flight++;
    }
    else if (lineage->state == CPS_LINEAGE_KEPT) {
        ledger->kept--;
        ledger->in_flight++;
    }
    lineage->state = CPS_LINEAGE_IN_FLIGHT;
    lineage->held = false;
}

void
cps_lineage_unref(CpsLineage *lineage)
{
    CpsLedger *ledger;

    if (lineage == NULL || --lineage->refs > 0) {
        return;
    }
    ledger = lineage->ledger;
    lineage->refs = 1; /* a callback that takes and drops a reference must not come back here */
    if (lineage->state == CPS_LINEAGE_KEPT) {
        lineage_settle_kept(lineage);
    }
    else if (lineage->state == CPS_LINEAGE_IN_FLIGHT) {
        lineage_settle(lineage);
        lineage_left_flight(ledger);
    }
    cps_ledger_unref(ledger);
    PyMem_Free(lineage);
}

void
cps_lineage_deliver(CpsLineage *lineage)
{
    if (lineage->deliveries++ == 0) {
        lineage_revive(lineage);
    }
}

int
cps_lineage_adopt(CpsLineage **lineage_p, CpsLedger *ledger)
{
    if (*lineage_p == NULL) {
        *lineage_p = cps_lineage_new(ledger);
        if (*lineage_p == NULL) {
            return -1;
        }
        cps_lineage_deliver(*lineage_p);
    }
    return 0;
}

void
cps_lineage_note(CpsLineage *lineage, CpsFate fate)
{
    if (fate > lineage->worst) {
        lineage->worst = fate;
    }
}

void
cps_lineage_end(CpsLineage *lineage, CpsFate fate)
{
    cps_lineage_note(lineage, fate);
    if (--lineage->deliveries == 0) {
        lineage_came_to_rest(lineage);
    }
}

void
cps_lineage_keep(CpsLineage *lineage)
{
    lineage->held = true;
    cps_lineage_end(lineage, CPS_FATE_CONSUMED);
}

void
cps_lineage_hold(CpsLineage *lineage)
{
    lineage->holds++;
}

void
cps_lineage_release(CpsLineage *lineage)
{
    if (--lineage->holds == 0 && lineage->state == CPS_LINEAGE_KEPT && !lineage->held) {
        lineage_settle_kept(lineage);
    }
}
