/* decimal.h: numbers in decimal digits, without printf. */
#ifndef CPS_BASE_DECIMAL_H
#define CPS_BASE_DECIMAL_H

#include <stdint.h>

enum { CPS_DECIMAL_DIGITS = 20 }; /* that the longest number has */

/* Write the digits so that the last one is in front of `end`. Returns the first one. */
static inline char *
cps_decimal(uint64_t number, char *end)
{
    enum { TEN = 10 };

    do {
        *--end = (char)('0' + number % TEN);
        number /= TEN;
    } while (number > 0);
    return end;
}

#endif
