/*
 * What is signed to prove who one is.  Which key a role's subject has, and
 * whether the challenge is the one that was sent and is fresh, is for the
 * caller.
 */

#include "protocol/auth.h"

#include "protocol/ed25519.h"
#include "protocol/ids.h"

void
sc_origin_hash(uint8_t out[32], const char *origin, size_t n)
{
    crypto_hash_sha256(out, (const uint8_t *) origin, n);
}

size_t
sc_auth_message(uint8_t out[SC_AUTH_MESSAGE_MAX],
                const struct sc_auth_claim *claim)
{
    struct sc_writer w = sc_writer_of(out, SC_AUTH_MESSAGE_MAX);

    sc_domain_put(&w, "auth");
    sc_put_uint(&w, claim->role, 1);
    sc_put_bytes(&w, claim->origin_hash, 32);
    sc_put_bytes(&w, claim->challenge, 32);
    sc_put_bytes(&w, claim->subject, 32);

    if (claim->role == SC_ROLE_REGISTRATION) {
        sc_put_bytes(&w, claim->invitation, 16);
    }

    return (size_t) (w.p - out);
}

const char *
sc_auth_verify(const struct sc_auth_claim *claim, const uint8_t pk[32],
               const uint8_t sig[64])
{
    uint8_t message[SC_AUTH_MESSAGE_MAX];
    size_t  n = sc_auth_message(message, claim);

    return sc_ed25519_verify(pk, message, n, sig);
}

void
sc_auth_sign(uint8_t sig[64], const struct sc_auth_claim *claim,
             const uint8_t sk[64])
{
    uint8_t message[SC_AUTH_MESSAGE_MAX];
    size_t  n = sc_auth_message(message, claim);

    crypto_sign_detached(sig, NULL, message, n, sk);
}
