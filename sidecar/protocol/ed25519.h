/*
 * Ed25519 with one verdict everywhere.
 *
 * Engines and libraries disagree on keys and signatures that no honest signer
 * makes (docs/protocol.md, "Encoding").  So what they disagree on is refused
 * here before libsodium is asked, by the same rules as in web/src/crypto.
 */

#ifndef SEALCHAT_PROTOCOL_ED25519_H
#define SEALCHAT_PROTOCOL_ED25519_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

/*
 * NULL if sig is the signature of msg by pk, else what is wrong.  Refused
 * first: a pk or R with y >= p or of small order, S >= L.  The check itself is
 * without cofactor.
 */
const char *sc_ed25519_verify(const uint8_t pk[32], const uint8_t *msg,
                              size_t n, const uint8_t sig[64]);

/* The rule for pk and R alone: 1 when a signature may be checked with it. */
int sc_ed25519_point_ok(const uint8_t p[32]);

/*
 * Signed things (roster, record, hello, envelope) end with the signature of
 * D(word) and all bytes before it.
 *
 * sc_signed_verify  takes the whole thing; NULL, or what is wrong
 * sc_signed_finish  appends the signature to what stands between begin and
 *                   w->p; sk is libsodium's 64-byte secret key, borrowed
 *
 * A thing is at most SC_ENVELOPE_MAX bytes.
 */
const char *sc_signed_verify(const char *word, struct sc_bytes thing,
                             const uint8_t pk[32]);
void sc_signed_finish(struct sc_writer *w, const uint8_t *begin,
                      const char *word, const uint8_t sk[64]);

#endif
