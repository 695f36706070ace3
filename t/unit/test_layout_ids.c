/*
 * Derived names and numbers, against their definitions written out by hand
 * with libsodium's one-shot functions.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../samples.h"

#include "protocol/auth.h"

static struct sample_world world;

/* SHA-256 of "SealChat/1 " word zero and two runs of bytes. */
static void
by_hand(uint8_t out[32], const char *word, const void *a, size_t na,
        const void *b, size_t nb)
{
    static uint8_t buf[4096];
    size_t         n = (size_t) sprintf((char *) buf, "SealChat/1 %s", word);

    n++;
    memcpy(buf + n, a, na);
    memcpy(buf + n + na, b, nb);
    crypto_hash_sha256(out, buf, n + na + nb);
}

static void
test_ids(void **state)
{
    struct sc_bytes rsa = sample_kem(&world, SC_SUITE_RSA);
    uint8_t         got[32], want[32], head[68];

    (void) state;

    sc_cid_of(got, world.ik.pk);
    by_hand(want, "identity", world.ik.pk, 32, "", 0);
    assert_memory_equal(got, want, 32);

    sc_signkey_id_of(got, world.ik.pk);
    by_hand(want, "signkey", world.ik.pk, 32, "", 0);
    assert_memory_equal(got, want, 32);

    memcpy(head, "\1\1\xa6", 3);                       /* suite 1, 422 */
    sc_kem_id_of(got, 1, rsa);
    by_hand(want, "kemkey", head, 3, rsa.p, rsa.n);
    assert_memory_equal(got, want, 32);

    memcpy(head, world.cid, 32);
    head[32] = 1;
    memcpy(head + 33, world.session.pk, 32);
    memcpy(head + 65, "\1\xa6", 2);
    sc_sid_of(got, world.cid, 1, world.session.pk, rsa);
    by_hand(want, "session", head, 67, rsa.p, rsa.n);
    assert_memory_equal(got, want, 32);

    sc_signed_id_of(got, sample_bytes(world.noise, 200));
    by_hand(want, "id", world.noise, 136, "", 0);
    assert_memory_equal(got, want, 32);
}

static void
test_wraps_hash(void **state)
{
    struct sc_bytes wraps[2] = { { world.noise, 100 },
                                 { world.noise + 300, 50 } };
    uint8_t         got[32], want[32];

    (void) state;

    sc_wraps_hash(got, wraps, 2);
    by_hand(want, "wraps", wraps[0].p, 100, wraps[1].p, 50);
    assert_memory_equal(got, want, 32);
}

static void
test_account_id(void **state)
{
    static const char long_name[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    uint8_t got[32], want[32];

    (void) state;

    assert_true(sc_account_id_of(got, "shop@example.org", 16));
    by_hand(want, "account", "shop@example.org", 16, "", 0);
    assert_memory_equal(got, want, 32);

    assert_true(sc_account_id_of(got, "a_.", 3));
    assert_true(sc_account_id_of(got, long_name, 64));
    assert_false(sc_account_id_of(got, long_name, 65));
    assert_false(sc_account_id_of(got, "ab", 2));
    assert_false(sc_account_id_of(got, "Shop", 4));
    assert_false(sc_account_id_of(got, "a b", 3));
    assert_false(sc_account_id_of(got, "ab\0c", 4));
    assert_false(sc_account_id_of(got, "caf\xc3\xa9", 5));
}

/* RFC 4231 has no vector of a 32-byte key: HMAC written out. */
static void
test_server_salt(void **state)
{
    uint8_t got[16], want[32], inner[64 + 32], outer[64 + 32];
    size_t  i;

    (void) state;

    memset(inner, 0x36, 64);
    memset(outer, 0x5c, 64);
    for (i = 0; i < 32; i++) {
        inner[i] ^= world.noise[i];
        outer[i] ^= world.noise[i];
    }
    memcpy(inner + 64, world.account_id, 32);
    crypto_hash_sha256(outer + 64, inner, sizeof(inner));
    crypto_hash_sha256(want, outer, sizeof(outer));

    sc_server_salt_of(got, world.noise, world.account_id);
    assert_memory_equal(got, want, 16);
}

static void
test_safety_number(void **state)
{
    char          got[SC_SAFETY_TEXT], want[SC_SAFETY_TEXT], *p = want;
    uint8_t       w[32];
    const uint8_t *sid;
    uint64_t      v;
    int           pass, group, i;

    (void) state;

    for (pass = 0; pass < 2; pass++, p = want) {
        sid = pass ? world.noise : sample_zeros;
        by_hand(w, "safety", world.cid, 32, sid, 32);
        for (group = 0; group < 6; group++) {
            for (v = 0, i = 0; i < 5; i++) {
                v = v << 8 | w[5 * group + i];
            }
            p += sprintf(p, "%s%05u", group ? " " : "",
                         (unsigned) (v % 100000));
        }
        sc_safety_number(got, world.cid, pass ? sid : NULL);
        assert_string_equal(got, want);
    }
}

static void
test_cid_text(void **state)
{
    static const char last[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char     text[SC_CID_TEXT + 1];
    uint8_t  cid[32];
    unsigned i, canonical = 0;

    (void) state;

    sc_cid_write(text, world.cid);
    assert_int_equal(strlen(text), SC_CID_TEXT);
    assert_true(sc_cid_read(cid, text, SC_CID_TEXT));
    assert_memory_equal(cid, world.cid, 32);

    /* the last digit holds four bits: one in four of all is canonical */
    for (i = 0; i < 64; i++) {
        text[42] = last[i];
        canonical += (unsigned) sc_cid_read(cid, text, SC_CID_TEXT);
    }
    assert_int_equal(canonical, 16);

    /* and each other one any of the 64, among all bytes */
    canonical = 0;
    for (i = 0; i < 256; i++) {
        sc_cid_write(text, world.cid);
        text[20] = (char) i;
        canonical += (unsigned) sc_cid_read(cid, text, SC_CID_TEXT);
    }
    assert_int_equal(canonical, 64);

    sc_cid_write(text, world.cid);
    assert_false(sc_cid_read(cid, text, SC_CID_TEXT - 1));
    assert_false(sc_cid_read(cid, text, SC_CID_TEXT + 1));
    assert_false(sc_cid_read(cid, "", 0));
    for (i = 0; i < 43; i += 7) {
        sc_cid_write(text, world.cid);
        text[i] = "+/= .%\n"[i / 7];
        assert_false(sc_cid_read(cid, text, SC_CID_TEXT));
    }
}

static void
test_auth(void **state)
{
    static const char    origin[] = "https://chat.example.org";
    uint8_t              hash[32], want[129], got[129], sig[64];
    struct sc_auth_claim claim = {
        SC_ROLE_VISITOR, hash, world.noise, world.noise + 32, NULL
    };

    (void) state;

    sc_origin_hash(hash, origin, strlen(origin));
    memcpy(want, "SealChat/1 auth\0\1", 17);
    crypto_hash_sha256(want + 17, (const uint8_t *) origin, strlen(origin));
    memcpy(want + 49, world.noise, 64);
    assert_int_equal(sc_auth_message(got, &claim), 113);
    assert_memory_equal(got, want, 113);

    sc_auth_sign(sig, &claim, world.session.sk);
    assert_null(sc_auth_verify(&claim, world.session.pk, sig));
    assert_non_null(sc_auth_verify(&claim, world.ik.pk, sig));
    claim.role = SC_ROLE_DEVICE;
    assert_non_null(sc_auth_verify(&claim, world.session.pk, sig));
    claim.role = SC_ROLE_VISITOR;
    claim.challenge = world.noise + 1;
    assert_non_null(sc_auth_verify(&claim, world.session.pk, sig));

    claim.challenge = world.noise;
    claim.role = SC_ROLE_REGISTRATION;
    claim.invitation = world.noise + 64;
    want[16] = SC_ROLE_REGISTRATION;
    memcpy(want + 113, world.noise + 64, 16);
    assert_int_equal(sc_auth_message(got, &claim), 129);
    assert_memory_equal(got, want, 129);
    sc_auth_sign(sig, &claim, world.ik.sk);
    assert_null(sc_auth_verify(&claim, world.ik.pk, sig));
    claim.invitation = world.noise + 65;
    assert_non_null(sc_auth_verify(&claim, world.ik.pk, sig));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_wraps_hash),
        cmocka_unit_test(test_account_id),
        cmocka_unit_test(test_server_salt),
        cmocka_unit_test(test_safety_number),
        cmocka_unit_test(test_cid_text),
        cmocka_unit_test(test_auth),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    sample_world(&world);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
