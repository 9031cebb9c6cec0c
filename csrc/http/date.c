#include "http/date.h"

#include <stdio.h>

int
cps_http_date(time_t when, char date[CPS_HTTP_DATE_SIZE])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm parts;

    if (when < 0 || when >= 253402300800 || gmtime_r(&when, &parts) == NULL) { /* the year 10000 */
        return -1;
    }
    (void)snprintf(date, CPS_HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                   days + (size_t)3 * (unsigned)parts.tm_wday, (unsigned)parts.tm_mday % 100,
                   months + (size_t)3 * (unsigned)parts.tm_mon, (unsigned)(parts.tm_year + 1900) % 10000,
                   (unsigned)parts.tm_hour % 100, (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100);
    return 0;
}

const char *
cps_http_date_now(void)
{
    static _Thread_local char text[CPS_HTTP_DATE_SIZE];
    static _Thread_local time_t made = -1;
    time_t now = time(NULL);

    if (now != made && cps_http_date(now, text) == 0) {
        made = now;
    }
    return text;
}
