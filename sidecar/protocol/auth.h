/*
 * What is signed to prove who one is (docs/protocol.md, "Logging in to the
 * service").
 *
 *     D(auth) role:1 H(origin):32 challenge:32 subject:32, and for the role
 *     registration invitation:16
 */

#ifndef SEALCHAT_PROTOCOL_AUTH_H
#define SEALCHAT_PROTOCOL_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#define SC_AUTH_MESSAGE_MAX 129u

struct sc_auth_claim {
    uint8_t        role;         /* enum sc_role */
    const uint8_t *origin_hash;  /* H of the service's WHATWG origin */
    const uint8_t *challenge;
    const uint8_t *subject;
    const uint8_t *invitation;   /* registration alone; else NULL */
};

void sc_origin_hash(uint8_t out[32], const char *origin, size_t n);

/* Writes what is signed, and returns its length. */
size_t sc_auth_message(uint8_t out[SC_AUTH_MESSAGE_MAX],
                       const struct sc_auth_claim *claim);

/* NULL if sig is pk's signature of the claim, else what is wrong. */
const char *sc_auth_verify(const struct sc_auth_claim *claim,
                           const uint8_t pk[32], const uint8_t sig[64]);

/* sk is libsodium's 64-byte secret key, borrowed. */
void sc_auth_sign(uint8_t sig[64], const struct sc_auth_claim *claim,
                  const uint8_t sk[64]);

#endif
