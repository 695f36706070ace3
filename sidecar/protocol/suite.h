/*
 * Suites: what the algorithm of a KEM key fixes (docs/protocol.md, "Suites").
 */

#ifndef SEALCHAT_PROTOCOL_SUITE_H
#define SEALCHAT_PROTOCOL_SUITE_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#define SC_SUITE_RSA    1u   /* RSA-OAEP-3072, SHA-256 */
#define SC_SUITE_X25519 2u   /* HPKE, DHKEM(X25519) */

/* Bytes of a public key, and of a sealed content key; 0: no such suite. */
size_t sc_suite_pk_bytes(uint8_t suite);
size_t sc_suite_sealed_bytes(uint8_t suite);

/*
 * Reads suite:1, len:2 and the key.  NULL, or what is wrong: another suite,
 * another length, an RSA key that is not the 422-byte SPKI of an odd modulus
 * of exactly 3072 bits with e = 65537.
 */
const char *sc_kem_pk_check(uint8_t suite, struct sc_bytes kem_pk);

#endif
