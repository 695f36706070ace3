/*
 * What a customer says in public about its key: in the snippet on its page, in
 * /.well-known/sealchat.json and in a TXT record of the DNS.  Pure parsers of
 * text that anybody may have written.
 */

#ifndef SEALCHAT_CTL_CLAIMS_H
#define SEALCHAT_CTL_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#define SC_CLAIM_TEXT 512

struct sc_claim {
    uint8_t  cid[32];
    uint64_t min_generation;             /* 1 if it says nothing */
    char     service[SC_CLAIM_TEXT];     /* origin; "" if it says nothing */
    char     widget[SC_CLAIM_TEXT];      /* of a snippet: src */
    char     integrity[SC_CLAIM_TEXT];   /* of a snippet */
};

/* Each returns NULL, or what is wrong with the text; n bytes, of any kind. */
const char *sc_claim_of_page(const char *html, size_t n,
                             struct sc_claim *out);
const char *sc_claim_of_json(const char *text, size_t n,
                             struct sc_claim *out);
const char *sc_claim_of_txt(const char *text, size_t n,
                            struct sc_claim *out);

#endif
