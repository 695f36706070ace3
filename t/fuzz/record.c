/*
 * Records, as they come over a link: the input is cut into them until one is
 * refused.  Whatever is read and taken is written to the same bytes again.
 */

#include <sealchat/record.h>

#include "fuzz.h"

static void
record_open(const uint8_t *payload, size_t n)
{
    struct sc_open open;
    uint8_t        again[SC_OPEN_MAX];

    if (sc_open_get(payload, n, &open) != NULL) {
        return;
    }

    MUST(n <= SC_OPEN_MAX);
    MUST(sc_open_put(again, sizeof(again), &open) == n);
    MUST(memcmp(again, payload, n) == 0);
    MUST(n == 8 || sc_open_put(again, n - 1, &open) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sc_record rec;
    uint8_t          again[SC_RECORD_HEADER];

    while (n >= SC_RECORD_HEADER && sc_record_get(bytes, &rec) == NULL) {
        sc_record_put(again, &rec);
        MUST(memcmp(again, bytes, sizeof(again)) == 0);
        MUST(rec.length <= SC_RECORD_PAYLOAD_MAX);

        bytes += SC_RECORD_HEADER;
        n -= SC_RECORD_HEADER;
        if (n < rec.length) {
            return 0;
        }

        if (rec.kind == SC_RECORD_OPEN) {
            record_open(bytes, rec.length);
        } else if (rec.kind == SC_RECORD_HELLO) {
            (void) sc_hello_get(bytes);
        }

        bytes += rec.length;
        n -= rec.length;
    }

    return 0;
}
