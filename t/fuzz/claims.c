/* What customers publish of their key: a page, a JSON file, a TXT record, or
 * an answer of the DNS with one, by the input's first byte. */

#include "../../sidecar/ctl/claims.h"
#include "../../sidecar/ctl/txt.h"
#include "fuzz.h"

static const char *(*const parsers[])(const char *, size_t,
                                      struct sc_claim *) = {
    sc_claim_of_page, sc_claim_of_json, sc_claim_of_txt
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sc_claim claim;
    char            text[SC_TXT_MAX];

    if (n < 1) {
        return 0;
    }

    if (bytes[0] % 4 == 3) {
        if (sc_txt_of_answer(bytes + 1, n - 1, text) == NULL) {
            MUST(strlen(text) >= 11);
        }
        return 0;
    }

    if (parsers[bytes[0] % 4]((const char *) bytes + 1, n - 1, &claim)
        == NULL)
    {
        MUST(claim.min_generation >= 1);
        MUST(memchr(claim.service, '\0', sizeof(claim.service)) != NULL);
        MUST(memchr(claim.widget, '\0', sizeof(claim.widget)) != NULL);
        MUST(memchr(claim.integrity, '\0', sizeof(claim.integrity)) != NULL);
        touch(claim.cid, sizeof(claim.cid));
    }

    return 0;
}
