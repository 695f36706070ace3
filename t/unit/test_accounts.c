/*
 * Accounts in the real daemon: REGISTER and ACCOUNT_PUT with every part that
 * must agree spoiled once, races, repetitions, generations, and what each
 * role may fetch.
 */

#include "served.h"

static const uint8_t zeros[32];

static void
expect_done(struct client *c)
{
    struct answer a = expect_frame(c, SC_FRAME_DONE);

    assert_int_equal(a.frame.tag, c->tag);
    answer_free(&a);
}

/* An owner who has everything ready but is not registered. */
static void
owner_prepare(struct owner *o)
{
    struct client c;

    owner_make(o);
    client_open(&c, &P, o->cid);
    take_salt(&c, o);
    client_close(&c);
    wraps_make(o);
    owner_sign(o);
}

static void
refuse_register(struct owner *o, enum sc_error_code code)
{
    const struct sc_error_info *info = sc_error_info(code);
    struct client               c;

    client_open(&c, &P, o->cid);
    ask_register(&c, o);
    expect_error(&c, code);
    if (info->close == 0) {
        expect_challenge(&c);
        client_close(&c);
    }
}

static void
accept_register(struct owner *o)
{
    struct client c;

    client_open(&c, &P, o->cid);
    ask_register(&c, o);
    expect_done(&c);
    expect_challenge(&c);
    client_close(&c);
}

static void
test_register_checks(void **state)
{
    struct owner  o, spoiled, other;
    struct client c;
    uint8_t       sig[64];

    (void) state;

    owner_prepare(&o);

    spoiled = o;
    spoiled.account[200] ^= 1;
    refuse_register(&spoiled, SC_E_BAD_ACCOUNT);

    spoiled = o;
    spoiled.roster[150] ^= 1;
    refuse_register(&spoiled, SC_E_BAD_ROSTER);

    /* a good roster that the record does not name */
    spoiled = o;
    keys_make(&spoiled.devices[0]);
    roster_sign(&spoiled);
    refuse_register(&spoiled, SC_E_BAD_ACCOUNT);

    spoiled = o;
    spoiled.wraps[60] ^= 1;
    refuse_register(&spoiled, SC_E_BAD_WRAPS);

    /* whole wraps that the record does not name */
    spoiled = o;
    wraps_make(&spoiled);
    refuse_register(&spoiled, SC_E_BAD_WRAPS);

    /* the fifth record left out */
    spoiled = o;
    spoiled.wraps_count--;
    spoiled.wraps_n -= 2 + SC_WRAP_HEADER + SC_WRAP_X25519_CT;
    account_sign(&spoiled);
    refuse_register(&spoiled, SC_E_BAD_WRAPS);

    /* another salt */
    spoiled = o;
    spoiled.salt[0] ^= 1;
    account_sign(&spoiled);
    refuse_register(&spoiled, SC_E_BAD_ACCOUNT);

    /* not the first roster, not the first generation */
    spoiled = o;
    owner_next(&spoiled, 0);
    refuse_register(&spoiled, SC_E_BAD_ROSTER);
    spoiled = o;
    spoiled.generation = 2;
    wraps_make(&spoiled);
    owner_sign(&spoiled);
    refuse_register(&spoiled, SC_E_BAD_ROSTER);

    /* at the address of another customer */
    owner_prepare(&other);
    spoiled = o;
    memcpy(spoiled.cid, other.cid, 32);
    refuse_register(&spoiled, SC_E_BAD_ACCOUNT);

    /* signed by another key, or for another subject */
    spoiled = o;
    keys_make(&spoiled.ik);
    refuse_register(&spoiled, SC_E_AUTH_FAILED);

    client_open(&c, &P, o.cid);
    sign_in(sig, &c, SC_ROLE_REGISTRATION, other.account_id, zeros, o.ik.sk);
    ASK(&c, register, .sig = sig, .invitation = zeros,
        .account = { o.account, SC_ACCOUNT_BYTES },
        .roster = { o.roster, o.roster_n }, .wraps = wraps_list(&o));
    expect_error(&c, SC_E_AUTH_FAILED);

    /* an invitation where there are none */
    client_open(&c, &P, o.cid);
    sign_in(sig, &c, SC_ROLE_REGISTRATION, o.account_id, o.ik.pk, o.ik.sk);
    ASK(&c, register, .sig = sig, .invitation = o.ik.pk,
        .account = { o.account, SC_ACCOUNT_BYTES },
        .roster = { o.roster, o.roster_n }, .wraps = wraps_list(&o));
    expect_error(&c, SC_E_AUTH_FAILED);

    /* Nothing of all this has left a trace. */
    client_open(&c, &P, o.cid);
    ASK(&c, roster_get, .id = zeros);
    expect_error(&c, SC_E_NOT_HERE);
    accept_register(&o);
    accept_register(&o);
}

static void
test_taken(void **state)
{
    struct owner o, same_name, same_cid;

    (void) state;

    owner_prepare(&o);
    accept_register(&o);

    owner_make(&same_name);
    memcpy(same_name.account_id, o.account_id, 32);
    memcpy(same_name.salt, o.salt, 16);
    wraps_make(&same_name);
    owner_sign(&same_name);
    refuse_register(&same_name, SC_E_ACCOUNT_TAKEN);

    same_cid = o;
    keys_make(&same_cid.devices[0]);
    owner_sign(&same_cid);
    refuse_register(&same_cid, SC_E_ACCOUNT_TAKEN);
}

/* The answer to LOGIN_START depends on the name alone. */
static void
test_salt(void **state)
{
    struct owner  o, other;
    struct client c;
    uint8_t       before[16], salt[16];

    (void) state;

    owner_make(&o);
    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    memcpy(before, o.salt, 16);
    client_close(&c);
    wraps_make(&o);
    owner_sign(&o);
    accept_register(&o);

    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    assert_memory_equal(o.salt, before, 16);

    owner_make(&other);
    take_salt(&c, &other);
    memcpy(salt, other.salt, 16);
    assert_memory_not_equal(salt, before, 16);
    take_salt(&c, &other);
    assert_memory_equal(other.salt, salt, 16);

    peer_close(&P);
    daemon_stop(&D);
    daemon_start(&D);
    peer_open(&P, &D);
    client_open(&c, &P, o.cid);
    take_salt(&c, &o);
    assert_memory_equal(o.salt, before, 16);
}

static void
refuse_put(struct client *c, const struct owner *o, enum sc_error_code code)
{
    ask_account_put(c, o);
    expect_error(c, code);
}

static void
test_put_checks(void **state)
{
    struct owner  o, next, spoiled, other;
    struct client c;

    (void) state;

    owner_register(&o, &P);
    owner_register(&other, &P);
    owner_login(&c, &P, &o, SC_ROLE_PASSWORD);
    next = o;
    keys_make(&next.devices[1]);
    next.n_devices = 2;
    owner_next(&next, 0);

    spoiled = next;
    spoiled.account[300] ^= 1;
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);

    spoiled = next;
    spoiled.roster[spoiled.roster_n - 1] ^= 1;
    refuse_put(&c, &spoiled, SC_E_BAD_ROSTER);

    /* within a generation: wraps, logins and recovery key stay */
    spoiled = next;
    wraps_make(&spoiled);
    account_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);
    spoiled = next;
    keys_make(&spoiled.login);
    account_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);
    spoiled = next;
    keys_make(&spoiled.recovery);
    account_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);
    spoiled = next;
    spoiled.recovery_kem[3] ^= 1;
    account_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);

    /* no device less, no other message key */
    spoiled = o;
    keys_make(&spoiled.devices[0]);
    owner_next(&spoiled, 0);
    refuse_put(&c, &spoiled, SC_E_BAD_ROSTER);
    spoiled = next;
    message_key_make(&spoiled);
    wraps_make(&spoiled);
    owner_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ROSTER);

    /* two generations at once */
    spoiled = o;
    spoiled.generation++;
    owner_next(&spoiled, 1);
    refuse_put(&c, &spoiled, SC_E_BAD_ROSTER);

    /* another's salt, account, customer */
    spoiled = next;
    spoiled.salt[1] ^= 1;
    account_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);
    spoiled = next;
    memcpy(spoiled.account_id, other.account_id, 32);
    memcpy(spoiled.salt, other.salt, 16);
    wraps_make(&spoiled);
    account_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_BAD_ACCOUNT);
    refuse_put(&c, &other, SC_E_BAD_ACCOUNT);

    /* no successor of what is stored */
    spoiled = next;
    owner_next(&spoiled, 0);
    refuse_put(&c, &spoiled, SC_E_CONFLICT);
    spoiled = next;
    randombytes_buf(spoiled.prev, 32);
    owner_sign(&spoiled);
    refuse_put(&c, &spoiled, SC_E_CONFLICT);

    /* the real one, twice; then the first again is too old */
    ask_account_put(&c, &next);
    expect_done(&c);
    ask_account_put(&c, &next);
    expect_done(&c);
    refuse_put(&c, &o, SC_E_CONFLICT);
}

/* Two changes at once: one wins, and the other is told so. */
static void
test_race(void **state)
{
    struct owner  o, a, b;
    struct client one, two;
    struct answer x, y;

    (void) state;

    owner_register(&o, &P);
    owner_login(&one, &P, &o, SC_ROLE_PASSWORD);
    owner_login(&two, &P, &o, SC_ROLE_RECOVERY);
    a = b = o;
    keys_make(&a.devices[1]);
    keys_make(&b.devices[1]);
    a.n_devices = b.n_devices = 2;
    owner_next(&a, 0);
    owner_next(&b, 0);

    ask_account_put(&one, &a);
    ask_account_put(&two, &b);
    assert_true(next_frame(&one, &x, PATIENCE));
    assert_true(next_frame(&two, &y, PATIENCE));
    assert_true((x.frame.type == SC_FRAME_DONE)
                != (y.frame.type == SC_FRAME_DONE));
    if (x.frame.type == SC_FRAME_ERROR) {
        assert_int_equal(x.frame.body.p[1], SC_E_CONFLICT);
    } else {
        assert_int_equal(y.frame.body.p[1], SC_E_CONFLICT);
    }
    answer_free(&x);
    answer_free(&y);
}

/* A generation that drops a device and replaces the login: the device and
 * whoever came in with the old login are put out at once. */
static void
test_removed(void **state)
{
    struct owner   o, next;
    struct visitor v;
    struct client  kept, removed, owner, thief, c, visitor;
    struct chain   chain = { 0 };
    struct letter  letter;

    (void) state;

    owner_register(&o, &P);
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    keys_make(&o.devices[1]);
    o.n_devices = 2;
    owner_next(&o, 0);
    ask_account_put(&owner, &o);
    expect_done(&owner);

    owner_login(&thief, &P, &o, SC_ROLE_PASSWORD);
    device_login(&removed, &P, &o, 0);
    device_login(&kept, &P, &o, 1);

    next = o;
    next.devices[0] = o.devices[1];
    next.n_devices = 1;
    keys_make(&next.login);
    owner_next(&next, 1);
    ask_account_put(&owner, &next);
    expect_done(&owner);
    expect_close(&removed, 1008, "device-removed");
    expect_close(&thief, 1008, "login-replaced");
    expect_roster(&kept, &next);

    client_open(&c, &P, o.cid);
    ask_auth(&c, SC_ROLE_DEVICE, o.devices[0].id, o.devices[0].sk, NULL, 0);
    expect_error(&c, SC_E_AUTH_FAILED);
    client_open(&c, &P, o.cid);
    ask_auth(&c, SC_ROLE_PASSWORD, o.account_id, o.login.sk, NULL, 0);
    expect_error(&c, SC_E_AUTH_FAILED);
    owner_login(&c, &P, &next, SC_ROLE_PASSWORD);

    visitor_make(&v, &next);
    visitor_login(&visitor, &P, &next, &v);
    letter_make(&letter, &next, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    expect_deliver(&kept, &letter, &v);
}

/* Whoever may be sent nothing when a roster comes is shown it as soon as he
 * may. */
static void
test_shown_later(void **state)
{
    struct owner   o;
    struct visitor v;
    struct client  owner, device, visitor;

    (void) state;

    owner_register(&o, &P);
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    device_login(&device, &P, &o, 0);
    visitor_make(&v, &o);
    visitor_login(&visitor, &P, &o, &v);

    put_record(&P, SC_RECORD_PAUSE, 0, 0, device.id, NULL, 0);
    put_record(&P, SC_RECORD_PAUSE, 0, 0, visitor.id, NULL, 0);
    owner_next(&o, 1);
    ask_account_put(&owner, &o);
    expect_done(&owner);
    owner_next(&o, 0);
    ask_account_put(&owner, &o);
    expect_done(&owner);
    expect_quiet(&device, 0);
    expect_quiet(&visitor, 0);

    put_record(&P, SC_RECORD_RESUME, 0, 0, device.id, NULL, 0);
    put_record(&P, SC_RECORD_RESUME, 0, 0, visitor.id, NULL, 0);
    expect_roster(&device, &o);
    expect_roster(&visitor, &o);
    expect_quiet(&device, 0);
    expect_quiet(&visitor, 0);
}

static void
expect_vault(struct client *c, const struct owner *o, uint64_t generation,
             const char *kinds)
{
    struct sc_frame_vault vault;
    struct sc_blob        blob;
    struct sc_wrap        wrap;
    struct answer         a;
    int                   owner = strchr(kinds, '!') != NULL;

    ASK(c, vault_get, .generation = generation);
    a = expect_frame(c, SC_FRAME_VAULT);
    assert_true(sc_vault_decode(a.frame.body, &vault));
    assert_int_equal(vault.generation,
                     generation ? generation : o->generation);
    assert_int_equal(vault.roster.n, o->roster_n);
    assert_memory_equal(vault.roster.p, o->roster, o->roster_n);
    assert_int_equal(vault.account.n, owner ? SC_ACCOUNT_BYTES : 0);
    if (owner) {
        assert_memory_equal(vault.account.p, o->account, SC_ACCOUNT_BYTES);
    }

    for (kinds += owner; *kinds; kinds++) {
        assert_true(sc_blob_next(&vault.wraps, &blob));
        assert_null(sc_wrap_parse(blob.bytes, &wrap));
        assert_int_equal(wrap.kind, *kinds - '0');
        assert_int_equal(wrap.generation, vault.generation);
    }

    assert_false(sc_blob_next(&vault.wraps, &blob));
    answer_free(&a);
}

static void
test_vault(void **state)
{
    struct owner  o;
    struct client owner, device, recovery;

    (void) state;

    owner_register(&o, &P);
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    device_login(&device, &P, &o, 0);
    expect_vault(&owner, &o, 0, "!12345");
    expect_vault(&owner, &o, 1, "!12345");
    expect_vault(&device, &o, 0, "5");

    owner_next(&o, 1);
    ask_account_put(&owner, &o);
    expect_done(&owner);
    expect_roster(&device, &o);
    owner_login(&recovery, &P, &o, SC_ROLE_RECOVERY);
    expect_vault(&recovery, &o, 0, "!123456");
    expect_vault(&recovery, &o, 2, "!123456");
    expect_vault(&recovery, &o, 1, "!5");
    expect_vault(&device, &o, 0, "56");
    expect_vault(&device, &o, 1, "5");
}

static void
test_roster_pages(void **state)
{
    enum { N = 40 };

    struct owner            o;
    struct client           owner, c;
    struct sc_frame_rosters rosters;
    struct sc_roster        roster;
    struct sc_blob          blob;
    struct answer           a;
    uint64_t                version = 1, seen = 0;

    (void) state;

    owner_register(&o, &P);
    owner_login(&owner, &P, &o, SC_ROLE_PASSWORD);
    while (o.version < N) {
        owner_next(&o, 0);
        ask_account_put(&owner, &o);
        expect_done(&owner);
    }

    client_open(&c, &P, o.cid);

    while (version) {
        ASK(&c, roster_get, .id = zeros, .version = version);
        a = expect_frame(&c, SC_FRAME_ROSTERS);
        assert_true(sc_rosters_decode(a.frame.body, &rosters));
        while (sc_blob_next(&rosters.rosters, &blob)) {
            assert_null(sc_roster_parse(blob.bytes, &roster));
            assert_int_equal(roster.version, ++seen);
        }
        version = rosters.next;
        assert_true(version == 0 || version == seen + 1);
        answer_free(&a);
    }

    assert_int_equal(seen, N);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_register_checks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_salt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_checks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_race, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shown_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vault, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roster_pages, setup, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
