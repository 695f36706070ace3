/*
 * PADME lengths.  Numbers in, numbers out.
 */

#include "protocol/padme.h"

static unsigned
bits_below_highest(uint32_t n)
{
    unsigned e = 0;

    while (n >>= 1) {
        e++;
    }

    return e;
}

uint32_t
sc_padme(uint32_t n)
{
    unsigned e, s;
    uint32_t mask;

    if (n < 2) {
        return n;
    }

    e = bits_below_highest(n);
    s = bits_below_highest(e) + 1;
    if (s >= e) {
        return n;
    }

    mask = (1u << (e - s)) - 1;
    return (n + mask) & ~mask;
}

int
sc_body_bytes_ok(uint32_t n)
{
    return n >= SC_BODY_MIN && n <= sc_padme(SC_BODY_USED_MAX)
           && sc_padme(n) == n;
}
