/*
 * Names and numbers that are derived by hashing: docs/protocol.md, "Encoding"
 * and "Keys and identifiers".
 *
 * D(x) is the ASCII text "SealChat/1 ", x and one zero byte; H is SHA-256.
 * Outputs are 32 bytes unless stated.  Everything here is a pure function of
 * bytes; sodium_init() must have been called.
 */

#ifndef SEALCHAT_PROTOCOL_IDS_H
#define SEALCHAT_PROTOCOL_IDS_H

#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>
#include <sodium.h>

#include <sealchat/frames.h>

/* A hash that begins with D(word). */
typedef struct sha256_ctx sc_hash;

void sc_hash_begin(sc_hash *hash, const char *word);
void sc_hash_bytes(sc_hash *hash, const void *bytes, size_t n);
void sc_hash_uint(sc_hash *hash, uint64_t v, size_t n);
void sc_hash_end(sc_hash *hash, uint8_t out[32]);

/* Bytes of D(word). */
size_t sc_domain_bytes(const char *word);

/* Writes D(word). */
void sc_domain_put(struct sc_writer *w, const char *word);

void sc_cid_of(uint8_t out[32], const uint8_t ik_pk[32]);
void sc_sid_of(uint8_t out[32], const uint8_t cid[32], uint8_t suite,
               const uint8_t sign_pk[32], struct sc_bytes kem_pk);
void sc_signkey_id_of(uint8_t out[32], const uint8_t pk[32]);
void sc_kem_id_of(uint8_t out[32], uint8_t suite, struct sc_bytes kem_pk);

/* By which spare keys are found for whoever shows the token. */
void sc_spare_name_of(uint8_t out[32], const uint8_t token[32]);

/* Of an account's name, already in the form that is hashed.  Returns 0 when
 * it is not 3 to 64 of [a-z0-9._@+-]. */
int sc_account_id_of(uint8_t out[32], const char *name, size_t n);

/* The id of a roster, account record, hello or envelope, given whole: its
 * signature, the last 64 bytes, does not count. */
void sc_signed_id_of(uint8_t out[32], struct sc_bytes thing);

/* H(D(wraps) || the records), which the caller has put in ascending order of
 * kind. */
void sc_wraps_hash(uint8_t out[32], const struct sc_bytes *wraps, size_t n);

/* What LOGIN_START answers, known or unknown account alike. */
#define SC_SERVER_SALT_BYTES 16u

void sc_server_salt_of(uint8_t out[SC_SERVER_SALT_BYTES],
                       const uint8_t secret[32],
                       const uint8_t account_id[32]);

/* Six groups of five digits with a space between, and a zero byte.  sid may
 * be NULL: the number of the customer alone. */
#define SC_SAFETY_TEXT 36u

void sc_safety_number(char out[SC_SAFETY_TEXT], const uint8_t cid[32],
                      const uint8_t *sid);

/* The text of a cid: canonical base64url without padding.  Reading returns 0
 * for anything else. */
void sc_cid_write(char out[SC_CID_TEXT + 1], const uint8_t cid[32]);
int  sc_cid_read(uint8_t out[32], const char *text, size_t n);

int sc_is_zero(const uint8_t *bytes, size_t n);

#endif
