/*
 * Looks things up for `sealchatctl verify`: files, pages, TXT records, and a
 * customer's roster, asked of the service as any client would.
 */

#ifndef SEALCHAT_CTL_FETCH_H
#define SEALCHAT_CTL_FETCH_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the caller's, to be freed; ended by a zero that n does not count. */
struct sc_fetched {
    char  *p;
    size_t n;
};

/* Each returns 0, or -1 and says why in a sentence of static memory. */

/* A file, or what stands at an http or https address. */
int sc_fetch(const char *where, struct sc_fetched *out, const char **why);

/* The TXT record of that name which begins with v=sealchat1. */
int sc_fetch_txt(const char *name, struct sc_fetched *out, const char **why);

/* The present roster of a customer of that service (an origin). */
int sc_fetch_roster(const char *service, const uint8_t cid[32],
                    struct sc_fetched *out, const char **why);

#endif
