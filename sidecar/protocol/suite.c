/*
 * What the algorithm of a KEM key fixes: lengths, and the one encoding of an
 * RSA key that is taken.  Encrypts and decrypts nothing.
 */

#include "protocol/suite.h"

/* SubjectPublicKeyInfo of an RSA key of 3072 bits up to the modulus, and what
 * follows it: exponent 65537.  So no reader here needs a DER parser. */
static const uint8_t rsa_head[33] = {
    0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
    0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01,
    0x8f, 0x00, 0x30, 0x82, 0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00
};
static const uint8_t rsa_tail[5] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

size_t
sc_suite_pk_bytes(uint8_t suite)
{
    switch (suite) {

    case SC_SUITE_RSA:
        return SC_RSA_SPKI_BYTES;

    case SC_SUITE_X25519:
        return SC_X25519_BYTES;

    default:
        return 0;
    }
}

size_t
sc_suite_sealed_bytes(uint8_t suite)
{
    switch (suite) {

    case SC_SUITE_RSA:
        return SC_RSA_SEALED_BYTES;

    case SC_SUITE_X25519:
        return SC_HPKE_SEALED_BYTES;

    default:
        return 0;
    }
}

const char *
sc_kem_pk_check(uint8_t suite, struct sc_bytes kem_pk)
{
    const uint8_t *tail;

    if (sc_suite_pk_bytes(suite) == 0) {
        return "a suite that does not exist";
    }

    if (kem_pk.n != sc_suite_pk_bytes(suite)) {
        return "a key of another length than its suite's";
    }

    if (suite != SC_SUITE_RSA) {
        return NULL;
    }

    tail = kem_pk.p + kem_pk.n - sizeof(rsa_tail);

    if (memcmp(kem_pk.p, rsa_head, sizeof(rsa_head)) != 0
        || memcmp(tail, rsa_tail, sizeof(rsa_tail)) != 0)
    {
        return "not the encoding of an RSA-3072 key with exponent 65537";
    }

    if ((kem_pk.p[sizeof(rsa_head)] & 0x80) == 0) {
        return "an RSA modulus of fewer than 3072 bits";
    }

    if ((tail[-1] & 1) == 0) {
        return "an even RSA modulus";
    }

    return NULL;
}
