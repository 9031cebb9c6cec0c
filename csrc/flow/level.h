/* level.h: the names of log levels. Plain C. */
#ifndef CPS_FLOW_LEVEL_H
#define CPS_FLOW_LEVEL_H

enum {
    CPS_LOG_DEBUG = 10,
    CPS_LOG_INFO = 20,
    CPS_LOG_WARNING = 30,
    CPS_LOG_ERROR = 40,
    CPS_LOG_CRITICAL = 50,
};

/* The level of that name, in any case, or -1. */
int cps_level_of_name(const char *name);

/* The same for a name or a number, as settings have it; -1 for anything else. */
int cps_level_of_text(const char *text);

/* The name of that level, or NULL when it has none. */
const char *cps_level_name(int level);

#endif
