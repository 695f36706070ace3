/*
 * Ed25519: the vectors of RFC 8032, and what engines disagree on.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>

#include <cmocka.h>

#include "../forge.h"

#include "protocol/ed25519.h"

/* RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc). */
static const struct {
    const char *seed, *pk, *msg, *sig;
} rfc[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
    { "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
      "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

static size_t
from_hex(uint8_t *out, size_t cap, const char *hex)
{
    size_t n;

    assert_int_equal(sodium_hex2bin(out, cap, hex, strlen(hex), NULL, &n,
                                    NULL), 0);
    return n;
}

static void
test_rfc_8032(void **state)
{
    uint8_t seed[32], pk[32], want[32], sk[64], msg[64], sig[64], made[64];
    size_t  i, n;

    (void) state;

    for (i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++) {
        from_hex(seed, sizeof(seed), rfc[i].seed);
        n = from_hex(msg, sizeof(msg), rfc[i].msg);
        from_hex(sig, sizeof(sig), rfc[i].sig);
        from_hex(want, sizeof(want), rfc[i].pk);

        crypto_sign_seed_keypair(pk, sk, seed);
        assert_memory_equal(pk, want, 32);
        crypto_sign_detached(made, NULL, msg, n, sk);
        assert_memory_equal(made, sig, 64);
        assert_null(sc_ed25519_verify(pk, msg, n, sig));
    }
}

static void
test_every_bit(void **state)
{
    uint8_t  seed[32], pk[32], sk[64], msg[3] = "abc", sig[64];
    unsigned bit;

    (void) state;

    from_hex(seed, sizeof(seed), rfc[0].seed);
    crypto_sign_seed_keypair(pk, sk, seed);
    crypto_sign_detached(sig, NULL, msg, sizeof(msg), sk);

    for (bit = 0; bit < 512; bit++) {
        sig[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_non_null(sc_ed25519_verify(pk, msg, sizeof(msg), sig));
        sig[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    for (bit = 0; bit < 256; bit++) {
        pk[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_non_null(sc_ed25519_verify(pk, msg, sizeof(msg), sig));
        pk[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    assert_null(sc_ed25519_verify(pk, msg, sizeof(msg), sig));
}

/* Which refusal is ours, and not left to libsodium: another version of it may
 * think otherwise. */
static const char *
our_refusal(const char *name)
{
    static const char *const of_key[] = { "key of small", "key above p" };
    static const char *const of_sig[] = { "R of small", "S plus L", "S is L",
                                          "S of all" };
    size_t i;

    for (i = 0; i < sizeof(of_key) / sizeof(of_key[0]); i++) {
        if (strncmp(name, of_key[i], strlen(of_key[i])) == 0) {
            return "a signing key that no honest signer has";
        }
    }

    for (i = 0; i < sizeof(of_sig) / sizeof(of_sig[0]); i++) {
        if (strncmp(name, of_sig[i], strlen(of_sig[i])) == 0) {
            return "a signature that no honest signer makes";
        }
    }

    return "the signature does not hold";
}

/* Each is first shown to be what it is called: without that a refusal would
 * prove nothing. */
static void
test_forged(void **state)
{
    static struct forged forged[FORGED_MAX];
    size_t               n = forge_all(forged), i, valid = 0;
    const char          *wrong;

    (void) state;
    assert_int_equal(n, 42);

    for (i = 0; i < n; i++) {
        const struct forged *f = &forged[i];

        if (forge_accepts(f, 0) != (f->accepted == BY_EQUATION)
            || forge_accepts(f, 1) != (f->accepted != BY_NOBODY))
        {
            fail_msg("not forged as intended: %s", f->name);
        }

        wrong = sc_ed25519_verify(f->pk, f->msg, f->n, f->sig);
        if ((wrong == NULL) != f->valid) {
            fail_msg("another verdict: %s", f->name);
        }
        if (wrong) {
            assert_string_equal(wrong, our_refusal(f->name));
        }
        valid += (size_t) f->valid;
    }

    assert_int_equal(valid, 2);
}

/* Every y from p - 1 up is refused, with either sign, and what is just below
 * is not. */
static void
test_points(void **state)
{
    uint8_t  p[32], points[14][32];
    unsigned low, i;

    (void) state;

    for (low = 0; low < 256; low++) {
        memset(p, 0xff, 32);
        p[0] = (uint8_t) low;
        assert_int_equal(sc_ed25519_point_ok(p), low < 0xec);
        p[31] = 0x7f;
        assert_int_equal(sc_ed25519_point_ok(p), low < 0xec);
    }

    for (i = 0; i < forge_small_order(points); i++) {
        assert_false(sc_ed25519_point_ok(points[i]));
        points[i][1] ^= 1;
        assert_true(sc_ed25519_point_ok(points[i]));
    }
}

static void
test_signed_bounds(void **state)
{
    static uint8_t   buf[SC_ENVELOPE_MAX + 65];
    uint8_t          pk[32], sk[64];
    struct sc_writer w;
    struct sc_bytes  thing = { buf, 0 };

    (void) state;
    crypto_sign_keypair(pk, sk);

    w = sc_writer_of(buf, sizeof(buf));
    w.p += SC_ENVELOPE_MAX - 64;
    sc_signed_finish(&w, buf, "envelope", sk);
    assert_false(w.bad);
    thing.n = SC_ENVELOPE_MAX;
    assert_null(sc_signed_verify("envelope", thing, pk));
    assert_non_null(sc_signed_verify("hello", thing, pk));

    thing.n = 63;
    assert_string_equal(sc_signed_verify("envelope", thing, pk),
                        "too short for a signature");

    w = sc_writer_of(buf, 63);
    sc_signed_finish(&w, buf, "envelope", sk);
    assert_true(w.bad);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_8032),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_forged),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_signed_bounds),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
