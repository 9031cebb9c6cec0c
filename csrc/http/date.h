/* date.h: dates of HTTP (IMF-fixdate, RFC 9110, 5.6.7), whatever the locale. Plain C. */
#ifndef CPS_HTTP_DATE_H
#define CPS_HTTP_DATE_H

#include <time.h>

enum { CPS_HTTP_DATE_SIZE = sizeof("Thu, 01 Jan 1970 00:00:00 GMT") };

/* Returns 0, or -1 for a time before 1970 or after the year 9999. */
int cps_http_date(time_t when, char date[CPS_HTTP_DATE_SIZE]);

/* Now; made at most once a second. Lasts until the thread asks again. */
const char *cps_http_date_now(void);

#endif
