/*
 * Ed25519: our own refusals, then libsodium's verification.  May not decide
 * what a signature means, nor hold a key.
 */

#include "protocol/ed25519.h"

#include "protocol/ids.h"

/* p = 2^255 - 19, little-endian. */
static const uint8_t field_order[32] = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f
};

/* L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
static const uint8_t group_order[32] = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
    0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10
};

/* y of the points of order 1, 2, 4 and 8.  Each point of order 4 and 8 shares
 * its y with its negative, and bit 255 tells them apart: it is cleared before
 * comparing. */
static const uint8_t small_order[5][32] = {
    { 0x01 },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    { 0x00 },
    { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0,
      0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
      0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
      0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
    { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
      0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
      0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
      0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a }
};

/* a < b, both little-endian.  Nothing secret is compared here. */
static int
below(const uint8_t a[32], const uint8_t b[32])
{
    size_t i;

    for (i = 32; i--; ) {
        if (a[i] != b[i]) {
            return a[i] < b[i];
        }
    }

    return 0;
}

int
sc_ed25519_point_ok(const uint8_t p[32])
{
    uint8_t y[32];
    size_t  i;

    memcpy(y, p, 32);
    y[31] &= 0x7f;

    if (!below(y, field_order)) {
        return 0;
    }

    for (i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
        if (memcmp(y, small_order[i], 32) == 0) {
            return 0;
        }
    }

    return 1;
}

const char *
sc_ed25519_verify(const uint8_t pk[32], const uint8_t *msg, size_t n,
                  const uint8_t sig[64])
{
    if (!sc_ed25519_point_ok(pk)) {
        return "a signing key that no honest signer has";
    }

    if (!sc_ed25519_point_ok(sig) || !below(sig + 32, group_order)) {
        return "a signature that no honest signer makes";
    }

    /* libsodium 1.0.18 compares R with the R computed, byte by byte: without
     * cofactor.  The shared vectors fail with a libsodium that does not. */
    if (crypto_sign_verify_detached(sig, msg, n, pk) != 0) {
        return "the signature does not hold";
    }

    return NULL;
}


/* --- signed things ------------------------------------------------------- */

#define WORD_MAX 32u

struct signed_message {
    uint8_t bytes[WORD_MAX + SC_ENVELOPE_MAX];
    size_t  n;
};

/* D(word) and the bytes in one run, as libsodium wants them. */
static int
signed_message_of(struct signed_message *m, const char *word,
                  const uint8_t *bytes, size_t n)
{
    struct sc_writer w = sc_writer_of(m->bytes, sizeof(m->bytes));

    sc_domain_put(&w, word);
    sc_put_bytes(&w, bytes, n);
    m->n = (size_t) (w.p - m->bytes);
    return !w.bad;
}

const char *
sc_signed_verify(const char *word, struct sc_bytes thing,
                 const uint8_t pk[32])
{
    struct signed_message m;
    size_t                n;

    if (thing.n < SC_SIG_BYTES) {
        return "too short for a signature";
    }

    n = thing.n - SC_SIG_BYTES;
    if (!signed_message_of(&m, word, thing.p, n)) {
        return "longer than anything that is signed";
    }

    return sc_ed25519_verify(pk, m.bytes, m.n, thing.p + n);
}

void
sc_signed_finish(struct sc_writer *w, const uint8_t *begin, const char *word,
                 const uint8_t sk[64])
{
    struct signed_message m;
    uint8_t               sig[SC_SIG_BYTES];

    if (w->bad
        || !signed_message_of(&m, word, begin, (size_t) (w->p - begin)))
    {
        w->bad = 1;
        return;
    }

    crypto_sign_detached(sig, NULL, m.bytes, m.n, sk);
    sc_put_bytes(w, sig, sizeof(sig));
}
