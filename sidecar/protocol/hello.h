/*
 * A visitor's hello: the keys of one session (docs/protocol.md, "Visitor's
 * hello").  Not to be confused with the HELLO record of the link.
 *
 *     "SCS1" cid:32 suite:1 sign_pk:32 len:2 kem_pk time:8 roster_id:32 sig:64
 */

#ifndef SEALCHAT_PROTOCOL_HELLO_H
#define SEALCHAT_PROTOCOL_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#define SC_HELLO_FIXED 175u   /* without the key */
#define SC_HELLO_MAX   (SC_HELLO_FIXED + SC_RSA_SPKI_BYTES)

/* Pointers go into the bytes that were parsed. */
struct sc_hello {
    struct sc_bytes bytes;
    const uint8_t  *cid;
    uint8_t         suite;
    const uint8_t  *sign_pk;
    struct sc_bytes kem_pk;
    uint64_t        time;        /* ms */
    const uint8_t  *roster_id;
};

/* Layout and limits.  NULL, or what is wrong. */
const char *sc_hello_parse(struct sc_bytes bytes, struct sc_hello *out);

/* sign_pk signed it; sid gets what the keys amount to.  The caller compares
 * cid, and sid with what was claimed.  NULL, or what is wrong. */
const char *sc_hello_verify(const struct sc_hello *hello, uint8_t sid[32]);

/* Writes and signs; bytes and sign_pk of in are not looked at.  Returns the
 * bytes written, 0 when they do not fit. */
size_t sc_hello_build(uint8_t *out, size_t cap, const struct sc_hello *in,
                      const uint8_t sign_sk[64]);

#endif
