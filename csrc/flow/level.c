#include "flow/level.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <strings.h>

/* For a level with two names the first is the one that is written. */
static const struct {
    const char *name;
    int level;
} level_names[] = {
    {"CRITICAL", CPS_LOG_CRITICAL}, {"FATAL", CPS_LOG_CRITICAL}, {"ERROR", CPS_LOG_ERROR}, {"WARNING", CPS_LOG_WARNING},
    {"WARN", CPS_LOG_WARNING},      {"INFO", CPS_LOG_INFO},      {"DEBUG", CPS_LOG_DEBUG}, {"NOTSET", 0},
};

static const size_t level_count = sizeof(level_names) / sizeof(level_names[0]);

int
cps_level_of_name(const char *name)
{
    for (size_t i = 0; i < level_count; i++) {
        if (strcasecmp(level_names[i].name, name) == 0) {
            return level_names[i].level;
        }
    }
    return -1;
}

int
cps_level_of_text(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    int level = cps_level_of_name(text);

    if (level < 0 && end != text && *end == '\0' && number >= 0 && number <= INT_MAX) {
        level = (int)number;
    }
    return level;
}

const char *
cps_level_name(int level)
{
    for (size_t i = 0; i < level_count; i++) {
        if (level_names[i].level == level) {
            return level_names[i].name;
        }
    }
    return NULL;
}
