/*
 * The account record and everything that has to agree with it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../samples.h"

static struct sample_world   world;
static struct sample_set     set;
static struct sc_account_set out;

static enum sc_error_code
check(const char **why)
{
    return sc_account_set_check(set.account_bytes, set.roster_bytes, set.list,
                                &out, why);
}

static void
expect(enum sc_error_code code, const char *reason)
{
    const char *why;

    assert_int_equal(check(&why), code);
    assert_non_null(why);
    assert_string_equal(why, reason);
}

/* The account record again, with what the callback changes in it. */
static void
resign(void (*change)(struct sc_account *account))
{
    struct sc_account account, in;
    uint8_t           copy[SC_ACCOUNT_BYTES];

    memcpy(copy, set.account, sizeof(copy));
    assert_null(sc_account_parse(sample_bytes(copy, sizeof(copy)), &account));
    in = account;
    change(&in);
    assert_int_equal(sc_account_build(set.account, sizeof(set.account), &in,
                                      world.ik.sk), SC_ACCOUNT_BYTES);
}

/* The wrap of a kind inside set.wraps, and its length. */
static uint8_t *
wrap_of(unsigned kind, size_t *n)
{
    struct sc_list list = set.list;
    struct sc_blob blob = { { NULL, 0 } };

    while (kind--) {
        assert_true(sc_blob_next(&list, &blob));
    }

    *n = blob.bytes.n;
    return set.wraps + (blob.bytes.p - set.wraps);
}

static void
begin(void)
{
    struct sc_roster roster = sample_roster(&world, SC_SUITE_X25519);

    sample_set(&set, &world, &roster);
}

static void
test_record(void **state)
{
    struct sc_account account;
    size_t            i;

    (void) state;
    begin();

    assert_null(sc_account_parse(set.account_bytes, &account));
    assert_null(sc_account_verify(&account));
    assert_memory_equal(account.cid, world.cid, 32);
    assert_memory_equal(account.account_id, world.account_id, 32);
    assert_memory_equal(account.server_salt, world.noise + 512, 16);
    assert_memory_equal(account.login_pk, world.noise + 544, 32);
    assert_memory_equal(account.recovery_kem, world.noise + 608, 32);
    assert_int_equal(account.kdf_id, 1);

    for (i = 4; i < SC_ACCOUNT_BYTES; i++) {
        set.account[i] ^= 2;
        assert_non_null(sc_account_verify(&account));
        set.account[i] ^= 2;
    }
}

static void kdf_0(struct sc_account *a)   { a->kdf_id = 0; }
static void kdf_2(struct sc_account *a)   { a->kdf_id = 2; }
static void kdf_255(struct sc_account *a) { a->kdf_id = 255; }
static void no_generation(struct sc_account *a) { a->generation = 0; }

static void
test_record_refusals(void **state)
{
    static void (*const kdfs[])(struct sc_account *) = {
        kdf_0, kdf_2, kdf_255
    };
    struct sc_account account;
    size_t            i;

    (void) state;

    for (i = 0; i < 3; i++) {
        begin();
        resign(kdfs[i]);
        assert_string_equal(sc_account_parse(set.account_bytes, &account),
                            "a way to derive keys that does not exist");
    }

    begin();
    resign(no_generation);
    assert_string_equal(sc_account_parse(set.account_bytes, &account),
                        "an account record of generation 0");

    begin();
    memcpy(set.account + 36, world.device[0].pk, 32);
    assert_null(sc_account_parse(set.account_bytes, &account));
    assert_string_equal(
        sc_account_verify(&account),
        "an account record whose cid is not that of its identity key");
    set.account[0] = 0;
    assert_string_equal(sc_account_parse(set.account_bytes, &account),
                        "not an account record");
}

static void
test_set(void **state)
{
    struct sc_roster roster;
    const char      *why;
    uint8_t          suite;

    (void) state;

    for (suite = SC_SUITE_RSA; suite <= SC_SUITE_X25519; suite++) {
        roster = sample_roster(&world, suite);
        sample_set(&set, &world, &roster);
        assert_int_equal(check(&why), SC_E_NONE);
        assert_null(why);
        assert_int_equal(out.n_wraps, 5);
        assert_int_equal(out.wraps[4].kind, 5);
        assert_memory_equal(out.roster_id, out.account.roster_id, 32);
        assert_null(sc_account_set_first(&out));
    }

    roster.generation = 2;
    roster.version = 2;
    roster.prev = world.noise;
    sample_set(&set, &world, &roster);
    assert_int_equal(check(&why), SC_E_NONE);
    assert_int_equal(out.n_wraps, 6);
    assert_string_equal(sc_account_set_first(&out),
                        "an account begins with version 1 of its roster");
    roster.version = 1;
    roster.prev = sample_zeros;
    sample_set(&set, &world, &roster);
    assert_int_equal(check(&why), SC_E_NONE);
    assert_string_equal(sc_account_set_first(&out),
                        "an account begins with generation 1");
}

static void next_generation(struct sc_account *a) { a->generation++; }
static void other_roster(struct sc_account *a) { a->roster_id = world.noise; }
static void other_wraps(struct sc_account *a) { a->wraps = world.noise; }
static void other_name(struct sc_account *a) { a->account_id = world.noise; }

static void
test_set_disagrees(void **state)
{
    struct sc_roster roster = sample_roster(&world, SC_SUITE_X25519);
    size_t           n;

    (void) state;

    begin();
    set.account[120] ^= 1;
    expect(SC_E_BAD_ACCOUNT, "the signature does not hold");

    begin();
    set.roster[140] ^= 1;
    expect(SC_E_BAD_ROSTER, "the signature does not hold");

    begin();
    set.roster_bytes.n--;
    expect(SC_E_BAD_ROSTER, "a roster of another length than its fields");

    begin();
    resign(next_generation);
    expect(SC_E_BAD_ROSTER,
           "a roster of another generation than the account record's");

    begin();
    resign(other_roster);
    expect(SC_E_BAD_ACCOUNT, "a roster that the account record does not name");

    begin();
    resign(other_wraps);
    expect(SC_E_BAD_WRAPS,
           "wrap records that the account record does not name");

    begin();
    resign(other_name);
    expect(SC_E_BAD_WRAPS, "a wrap record of another account");

    begin();
    n = sc_roster_build(set.roster, sizeof(set.roster), &roster,
                        world.device[0].sk);
    set.roster_bytes.n = n;
    expect(SC_E_BAD_ROSTER,
           "a roster of another customer than the account record's");
}

static void
test_set_wraps(void **state)
{
    struct sc_roster rsa = sample_roster(&world, SC_SUITE_RSA);
    struct sc_roster roster = sample_roster(&world, SC_SUITE_X25519);
    struct sc_list   whole;
    uint8_t         *wrap, hash[32];
    size_t           n;
    uint16_t         count;

    (void) state;

    begin();
    whole = set.list;
    for (count = 0; count < 5; count++) {
        set.list.count = count;
        expect(SC_E_BAD_WRAPS, "wrap records are one of each kind, the sixth "
                               "from generation 2 on");
    }
    set.list = whole;
    set.list.count = 6;
    expect(SC_E_BAD_WRAPS, "wrap records are one of each kind, the sixth from "
                           "generation 2 on");
    set.list = whole;
    set.list.n = 300;
    expect(SC_E_BAD_WRAPS, "a list of wrap records that is not whole");

    begin();
    wrap = wrap_of(2, &n);
    wrap[0] = 'x';
    expect(SC_E_BAD_WRAPS, "not a wrap record");

    begin();
    wrap = wrap_of(3, &n);
    wrap[n - 1] ^= 1;
    expect(SC_E_BAD_WRAPS,
           "wrap records that the account record does not name");

    begin();
    wrap = wrap_of(5, &n);
    wrap[4] = 3;            /* kind; its ct is as long as kind 3's */
    memcpy(wrap + 77, world.cid, 32);
    expect(SC_E_BAD_WRAPS,
           "wrap records are one of each kind, in ascending order");

    begin();
    wrap = wrap_of(1, &n);
    wrap[5] ^= 1;           /* cid */
    expect(SC_E_BAD_WRAPS, "a wrap record of another account");

    begin();
    wrap = wrap_of(1, &n);
    wrap[76] = 2;           /* generation */
    expect(SC_E_BAD_WRAPS, "a wrap record of another generation");

    begin();
    wrap = wrap_of(1, &n);
    wrap[77] ^= 1;          /* the name of the account key */
    expect(SC_E_BAD_WRAPS, "two account keys in one generation");

    set.message_ct = 1810;
    begin();
    expect(SC_E_BAD_WRAPS,
           "a wrapped message key of another length than its suite's");
    set.message_ct = 64;
    sample_set(&set, &world, &rsa);
    expect(SC_E_BAD_WRAPS,
           "a wrapped message key of another length than its suite's");
    set.message_ct = 0;

    /* the wraps of an RSA key under a roster of an X25519 one */
    sample_set(&set, &world, &roster);
    sample_set_wraps(&set, &world, &rsa, hash);
    assert_true(set.list.count == 5);
    {
        struct sc_account account = sample_account(&world);
        uint8_t           roster_id[32];

        sc_signed_id_of(roster_id, set.roster_bytes);
        account.roster_id = roster_id;
        account.wraps = hash;
        sc_account_build(set.account, sizeof(set.account), &account,
                         world.ik.sk);
    }
    expect(SC_E_BAD_WRAPS, "a wrapped message key that is not the roster's");
}

/* What a successor of the stored set may change. */
static void
test_set_succeeds(void **state)
{
    static struct sample_set first;
    struct sc_roster         roster = sample_roster(&world, SC_SUITE_X25519);
    struct sc_roster         last_roster;
    struct sc_account        last;
    const char              *why;
    uint8_t                  id[32];

    (void) state;

    sample_set(&first, &world, &roster);
    assert_null(sc_account_parse(first.account_bytes, &last));
    assert_null(sc_roster_parse(first.roster_bytes, &last_roster));
    sc_signed_id_of(id, first.roster_bytes);

    roster.version = 2;
    roster.prev = id;
    roster.n_devices = 3;
    sample_set(&set, &world, &roster);
    assert_int_equal(check(&why), SC_E_NONE);
    assert_int_equal(sc_account_set_succeeds(&last, &last_roster, &out, &why),
                     SC_E_NONE);

#define CHANGED(field, offset, code)                                          \
    out.account.field = world.noise + offset;                                 \
    assert_int_equal(sc_account_set_succeeds(&last, &last_roster, &out,       \
                                             &why), code);                    \
    assert_int_equal(check(&why), SC_E_NONE)

    CHANGED(login_pk, 1, SC_E_BAD_ACCOUNT);
    CHANGED(recovery_pk, 1, SC_E_BAD_ACCOUNT);
    CHANGED(recovery_kem, 1, SC_E_BAD_ACCOUNT);
    CHANGED(wraps, 1, SC_E_BAD_ACCOUNT);
    CHANGED(server_salt, 1, SC_E_BAD_ACCOUNT);
    CHANGED(account_id, 1, SC_E_BAD_ACCOUNT);

    roster.generation = 2;
    roster.n_devices = 1;
    sample_set(&set, &world, &roster);
    assert_int_equal(check(&why), SC_E_NONE);
    CHANGED(login_pk, 1, SC_E_NONE);
    CHANGED(wraps, 1, SC_E_NONE);
    CHANGED(server_salt, 1, SC_E_BAD_ACCOUNT);
    CHANGED(account_id, 1, SC_E_BAD_ACCOUNT);

    roster.generation = 1;
    sample_set(&set, &world, &roster);
    assert_int_equal(check(&why), SC_E_NONE);
    assert_int_equal(sc_account_set_succeeds(&last, &last_roster, &out, &why),
                     SC_E_BAD_ROSTER);
    assert_string_equal(why, "a device was removed without a new generation");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_record_refusals),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_disagrees),
        cmocka_unit_test(test_set_wraps),
        cmocka_unit_test(test_set_succeeds),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    sample_world(&world);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
