/*
 * Ed25519 signatures that somebody's check accepts and ours has to refuse, and
 * a few that ours has to accept, made from the group's own arithmetic.
 *
 * Used by the unit tests and by the tool that wrote the shared vectors.
 */

#ifndef SEALCHAT_T_FORGE_H
#define SEALCHAT_T_FORGE_H

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#define FORGED_MAX 64

struct forged {
    char        name[80];
    int         valid;
    /* What accepts it: the equation SB = R + hA, that equation times the
     * cofactor, or nobody. */
    enum { BY_EQUATION, BY_COFACTOR, BY_NOBODY } accepted;
    uint8_t     pk[32];
    uint8_t     msg[16];
    size_t      n;
    uint8_t     sig[64];
};

static const uint8_t forge_identity[32] = { 1 };

/* Of order 8. */
static const uint8_t forge_torsion[32] = {
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
    0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
    0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a
};

static const uint8_t forge_order[32] = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
    0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10
};

/* k times p by doubling and adding: takes every point and every scalar, which
 * libsodium's own function does not. */
static inline int
forge_mul(uint8_t out[32], const uint8_t k[32], const uint8_t p[32])
{
    uint8_t sum[32];
    int     bit;

    memcpy(sum, forge_identity, 32);

    for (bit = 255; bit >= 0; bit--) {
        if (crypto_core_ed25519_add(sum, sum, sum) != 0) {
            return 0;
        }
        if ((k[bit / 8] >> bit % 8 & 1)
            && crypto_core_ed25519_add(sum, sum, p) != 0)
        {
            return 0;
        }
    }

    memcpy(out, sum, 32);
    return 1;
}

/* H(R || A || M) mod L */
static inline void
forge_hash(uint8_t h[32], const struct forged *f)
{
    crypto_hash_sha512_state state;
    uint8_t                  wide[64];

    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, f->sig, 32);
    crypto_hash_sha512_update(&state, f->pk, 32);
    crypto_hash_sha512_update(&state, f->msg, f->n);
    crypto_hash_sha512_final(&state, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
}

/* SB = R + hA, nothing else looked at; times 8 if cofactor. */
static inline int
forge_accepts(const struct forged *f, int cofactor)
{
    static const uint8_t one[32] = { 1 };
    uint8_t              h[32], b[32], left[32], right[32];
    int                  i;

    crypto_scalarmult_ed25519_base_noclamp(b, one);
    forge_hash(h, f);

    if (!forge_mul(left, f->sig + 32, b) || !forge_mul(right, h, f->pk)
        || crypto_core_ed25519_add(right, right, f->sig) != 0)
    {
        return 0;
    }

    for (i = 0; i < (cofactor ? 3 : 0); i++) {
        crypto_core_ed25519_add(left, left, left);
        crypto_core_ed25519_add(right, right, right);
    }

    return memcmp(left, right, 32) == 0;
}

static inline void
forge_scalar(uint8_t out[32], const char *label)
{
    uint8_t wide[64];

    crypto_hash_sha512(wide, (const uint8_t *) label, strlen(label));
    crypto_core_ed25519_scalar_reduce(out, wide);
}

/* Another message, until h is a multiple of 8, or is not. */
static inline void
forge_next_message(struct forged *f, unsigned *counter)
{
    f->n = (size_t) snprintf((char *) f->msg, sizeof(f->msg), "forged %u",
                             (*counter)++);
}

static inline void
forge_message(struct forged *f, int multiple_of_8)
{
    uint8_t  h[32];
    unsigned counter = 0;

    do {
        forge_next_message(f, &counter);
        forge_hash(h, f);
    } while (((h[0] & 7) == 0) != multiple_of_8);
}

/* Valid under every check: S = r + ha. */
static inline void
forge_honest(struct forged *f, const uint8_t a[32], const uint8_t r[32])
{
    uint8_t h[32], ha[32];

    forge_hash(h, f);
    crypto_core_ed25519_scalar_mul(ha, h, a);
    crypto_core_ed25519_scalar_add(f->sig + 32, ha, r);
}

static inline struct forged *
forge_begin(struct forged **next, const char *name, int valid, int accepted)
{
    struct forged *f = (*next)++;

    memset(f, 0, sizeof(*f));
    snprintf(f->name, sizeof(f->name), "%s", name);
    f->valid = valid;
    f->accepted = accepted;
    f->n = (size_t) snprintf((char *) f->msg, sizeof(f->msg), "a message");
    return f;
}

/* Every encoding of a point of small order: five y, two of them in a second
 * form above p, and bit 255 either way. */
static inline size_t
forge_small_order(uint8_t out[14][32])
{
    static const uint8_t order_8[32] = {
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0,
        0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
        0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
        0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05
    };
    int i;

    memset(out, 0, 14 * 32);
    out[0][0] = 1;
    memcpy(out[2], order_8, 32);
    memcpy(out[3], forge_torsion, 32);
    for (i = 4; i < 7; i++) {           /* p - 1, p, p + 1 */
        memset(out[i], 0xff, 32);
        out[i][0] = (uint8_t) (0xec + i - 4);
        out[i][31] = 0x7f;
    }
    for (i = 0; i < 7; i++) {
        memcpy(out[7 + i], out[i], 32);
        out[7 + i][31] |= 0x80;
    }
    return 14;
}

/* Anybody can sign for such a key: R = rB and S = r, if h A vanishes. */
static inline void
forge_small_keys(struct forged **next, const uint8_t r[32])
{
    uint8_t        points[14][32];
    struct forged *f;
    char           name[80];
    size_t         i;

    forge_small_order(points);
    for (i = 0; i < 14; i++) {
        snprintf(name, sizeof(name), "key of small order, encoding %zu", i);
        f = forge_begin(next, name, 0, BY_EQUATION);
        memcpy(f->pk, points[i], 32);
        crypto_scalarmult_ed25519_base_noclamp(f->sig, r);
        memcpy(f->sig + 32, r, 32);
        forge_message(f, 1);
    }
}

/* The holder of a key can leave R out: S = ha. */
static inline void
forge_small_rs(struct forged **next, const uint8_t a[32],
               const uint8_t pk[32])
{
    static const uint8_t zero[32];
    uint8_t        points[14][32];
    struct forged *f;
    char           name[80];
    size_t         i;
    int            identity;

    forge_small_order(points);
    for (i = 0; i < 14; i++) {
        identity = i % 7 == 0 || i % 7 == 6;
        snprintf(name, sizeof(name), "R of small order, encoding %zu", i);
        f = forge_begin(next, name, 0, identity ? BY_EQUATION : BY_COFACTOR);
        memcpy(f->pk, pk, 32);
        memcpy(f->sig, points[i], 32);
        forge_honest(f, a, zero);
    }
}

/* A key with a part of order 8: the equation holds if h is a multiple of 8,
 * the one with cofactor always. */
static inline void
forge_mixed(struct forged **next, const uint8_t a[32], const uint8_t pk[32],
            const uint8_t r[32])
{
    struct forged *f;

    f = forge_begin(next, "mixed-order key that only a cofactor accepts", 0,
                    BY_COFACTOR);
    crypto_core_ed25519_add(f->pk, pk, forge_torsion);
    crypto_scalarmult_ed25519_base_noclamp(f->sig, r);
    forge_message(f, 0);
    forge_honest(f, a, r);

    f = forge_begin(next, "mixed-order key, accepted without cofactor", 1,
                    BY_EQUATION);
    crypto_core_ed25519_add(f->pk, pk, forge_torsion);
    crypto_scalarmult_ed25519_base_noclamp(f->sig, r);
    forge_message(f, 1);
    forge_honest(f, a, r);

    f = forge_begin(next, "mixed-order R that only a cofactor accepts", 0,
                    BY_COFACTOR);
    memcpy(f->pk, pk, 32);
    crypto_scalarmult_ed25519_base_noclamp(f->sig, r);
    crypto_core_ed25519_add(f->sig, f->sig, forge_torsion);
    forge_honest(f, a, r);
}

static inline struct forged *
forge_good(struct forged **next, const char *name, int valid, int accepted,
           const uint8_t a[32], const uint8_t pk[32], const uint8_t r[32])
{
    struct forged *f = forge_begin(next, name, valid, accepted);

    memcpy(f->pk, pk, 32);
    crypto_scalarmult_ed25519_base_noclamp(f->sig, r);
    forge_honest(f, a, r);
    return f;
}

static inline void
forge_changed(struct forged **next, const uint8_t a[32],
              const uint8_t pk[32], const uint8_t r[32])
{
    struct forged *f;
    unsigned       carry, i;

    forge_good(next, "honest", 1, BY_EQUATION, a, pk, r);

    f = forge_good(next, "S plus L", 0, BY_EQUATION, a, pk, r);
    for (carry = 0, i = 0; i < 32; i++) {
        carry += (unsigned) f->sig[32 + i] + forge_order[i];
        f->sig[32 + i] = (uint8_t) carry;
        carry >>= 8;
    }

    f = forge_good(next, "S is L", 0, BY_NOBODY, a, pk, r);
    memcpy(f->sig + 32, forge_order, 32);

    f = forge_good(next, "S of all ones", 0, BY_NOBODY, a, pk, r);
    memset(f->sig + 32, 0xff, 32);

    f = forge_good(next, "another message", 0, BY_NOBODY, a, pk, r);
    f->msg[0] ^= 1;

    f = forge_good(next, "a bit of R", 0, BY_NOBODY, a, pk, r);
    f->sig[9] ^= 1;

    f = forge_good(next, "a bit of S", 0, BY_NOBODY, a, pk, r);
    f->sig[40] ^= 1;

    f = forge_good(next, "sign of the key", 0, BY_NOBODY, a, pk, r);
    f->pk[31] ^= 0x80;

    f = forge_good(next, "sign of R", 0, BY_NOBODY, a, pk, r);
    f->sig[31] ^= 0x80;

    f = forge_good(next, "key above p, of no small order", 0, BY_NOBODY,
                   a, pk, r);
    memset(f->pk, 0xff, 32);
    f->pk[0] = 0xf0;                    /* p + 3: y = 3 is on the curve */
    f->pk[31] = 0x7f;

    f = forge_good(next, "key that is no point", 0, BY_NOBODY, a, pk, r);
    memset(f->pk, 0, 32);
    f->pk[0] = 2;                       /* no x for y = 2 */
}

/* Fills out and returns how many there are. */
static inline size_t
forge_all(struct forged out[FORGED_MAX])
{
    struct forged *next = out;
    uint8_t        a[32], r[32], pk[32];

    forge_scalar(a, "a key that is known to everybody");
    forge_scalar(r, "a nonce that is known to everybody");
    crypto_scalarmult_ed25519_base_noclamp(pk, a);

    forge_changed(&next, a, pk, r);
    forge_small_keys(&next, r);
    forge_small_rs(&next, a, pk);
    forge_mixed(&next, a, pk, r);
    return (size_t) (next - out);
}

#endif
