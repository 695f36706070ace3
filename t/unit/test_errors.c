/*
 * Each error that a conversation can meet, caused in the real daemon: proof
 * of identity, envelopes, sequence numbers, pages, too many requests, a full
 * store.  After an error that closes nothing the stream goes on.
 */

#include "served.h"

#include <uv.h>

#include "stream.h"


static const uint8_t zeros[32];

/* --- the address --------------------------------------------------------- */

static void
test_bad_cid(void **state)
{
    static const char *const bad[] = {
        "", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    };

    struct client c;

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        open_text(&c, &P, bad[i], 0);
        expect_error(&c, SC_E_BAD_CID);
    }
}

static void
test_not_here(void **state)
{
    struct client  c;
    struct owner   nobody;
    struct visitor v;

    (void) state;

    owner_make(&nobody);
    client_open(&c, &P, nobody.cid);
    ask_auth(&c, SC_ROLE_DEVICE, nobody.devices[0].id, nobody.devices[0].sk,
             NULL, 0);
    expect_error(&c, SC_E_NOT_HERE);

    visitor_make(&v, &nobody);
    client_open(&c, &P, nobody.cid);
    ask_auth(&c, SC_ROLE_VISITOR, v.sid, v.keys.sk, v.hello, v.hello_n);
    expect_error(&c, SC_E_NOT_HERE);

    client_open(&c, &P, nobody.cid);
    ASK(&c, roster_get, .id = zeros);
    expect_error(&c, SC_E_NOT_HERE);

    /* The salt is given wherever one could register. */
    client_open(&c, &P, nobody.cid);
    take_salt(&c, &nobody);
    client_close(&c);

    peer_close(&P);
    daemon_stop(&D);
    daemon_configure(&D, "off");
    daemon_start(&D);
    peer_open(&P, &D);

    client_open(&c, &P, nobody.cid);
    ASK(&c, login_start, .account_id = nobody.account_id);
    expect_error(&c, SC_E_NOT_HERE);

    client_open(&c, &P, nobody.cid);
    wraps_make(&nobody);
    owner_sign(&nobody);
    ask_register(&c, &nobody);
    expect_error(&c, SC_E_REGISTRATION_CLOSED);

    /* Those who are here log in as ever. */
    client_open(&c, &P, O.cid);
    take_salt(&c, &O);
    client_close(&c);
    owner_login(&c, &P, &O, SC_ROLE_PASSWORD);
}

/* --- proof of identity --------------------------------------------------- */

static void
expect_auth_failed(uint8_t role, const uint8_t *subject, const uint8_t *sk)
{
    struct client c;

    client_open(&c, &P, O.cid);
    ask_auth(&c, role, subject, sk, NULL, 0);
    expect_error(&c, SC_E_AUTH_FAILED);
}

static void
test_auth_failed(void **state)
{
    struct owner  other;
    struct keys   keys;
    struct client c, d;

    (void) state;

    owner_register(&other, &P);
    keys_make(&keys);

    /* a wrong key, an unknown subject, somebody else's subject */
    expect_auth_failed(SC_ROLE_DEVICE, O.devices[0].id, keys.sk);
    expect_auth_failed(SC_ROLE_DEVICE, keys.id, keys.sk);
    expect_auth_failed(SC_ROLE_DEVICE, other.devices[0].id,
                       other.devices[0].sk);
    expect_auth_failed(SC_ROLE_PASSWORD, O.account_id, O.recovery.sk);
    expect_auth_failed(SC_ROLE_PASSWORD, keys.id, O.login.sk);
    expect_auth_failed(SC_ROLE_PASSWORD, other.account_id, other.login.sk);
    expect_auth_failed(SC_ROLE_RECOVERY, O.account_id, O.login.sk);
    expect_auth_failed(SC_ROLE_RECOVERY, other.account_id,
                       other.recovery.sk);

    /* roles that are none */
    expect_auth_failed(SC_ROLE_NONE, O.devices[0].id, O.devices[0].sk);
    {
        uint8_t sig[64];

        client_open(&c, &P, O.cid);
        sign_in(sig, &c, SC_ROLE_REGISTRATION, O.account_id, zeros, O.ik.sk);
        ASK(&c, auth, .role = SC_ROLE_REGISTRATION, .subject = O.account_id,
            .sig = sig, .release = zeros);
        expect_error(&c, SC_E_AUTH_FAILED);
    }
    expect_auth_failed(77, O.account_id, O.login.sk);

    /* a proof made for another connection */
    client_open(&c, &P, O.cid);
    client_open(&d, &P, O.cid);
    assert_memory_not_equal(c.challenge, d.challenge, 32);
    memcpy(d.challenge, c.challenge, 32);
    ask_auth(&d, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_error(&d, SC_E_AUTH_FAILED);

    /* the proof of one role in another */
    {
        uint8_t sig[64];

        sign_in(sig, &c, SC_ROLE_RECOVERY, O.account_id, NULL, O.login.sk);
        ASK(&c, auth, .role = SC_ROLE_PASSWORD, .subject = O.account_id,
            .sig = sig, .release = zeros);
        expect_error(&c, SC_E_AUTH_FAILED);
    }
}

/* One proof for each challenge, and each stream authenticates once. */
static void
test_challenge(void **state)
{
    struct client c;
    struct answer a;

    (void) state;

    client_open(&c, &P, O.cid);
    ask_register(&c, &O);
    ask_auth(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_error(&c, SC_E_CHALLENGE_EXPIRED);
    expect_challenge(&c);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    ask_auth(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_ready(&c, SC_ROLE_DEVICE);
    ask_auth(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_error(&c, SC_E_NOT_ALLOWED);
}

static void
give_challenge(struct sc_stream *stream, uint64_t age)
{
    stream->challenge = calloc(1, sizeof(*stream->challenge));
    assert_non_null(stream->challenge);
    stream->challenge->time = uv_now(&stream->service->loop) - age;
}

static void
test_challenge_age(void **state)
{
    struct sc_service *service = calloc(1, sizeof(*service));
    struct sc_stream   stream = { .service = service };
    uint8_t            bytes[32];

    (void) state;

    assert_non_null(service);
    assert_int_equal(uv_loop_init(&service->loop), 0);
    service->loop.time = 100000;

    give_challenge(&stream, SC_CHALLENGE_TTL_MS);
    assert_int_equal(sc_stream_take_challenge(&stream, bytes), SC_E_NONE);
    assert_null(stream.challenge);
    assert_int_equal(sc_stream_take_challenge(&stream, bytes),
                     SC_E_CHALLENGE_EXPIRED);

    give_challenge(&stream, SC_CHALLENGE_TTL_MS + 1);
    assert_int_equal(sc_stream_take_challenge(&stream, bytes),
                     SC_E_CHALLENGE_EXPIRED);

    uv_loop_close(&service->loop);
    free(service);
}

static void
expect_bad_hello(const uint8_t *sid, const struct visitor *v,
                 const uint8_t *hello, size_t n)
{
    struct client c;

    client_open(&c, &P, O.cid);
    ask_auth(&c, SC_ROLE_VISITOR, sid, v->keys.sk, hello, n);
    expect_error(&c, SC_E_BAD_HELLO);
}

static void
test_bad_hello(void **state)
{
    struct visitor v, w;
    struct owner   other;
    struct client  c;
    uint8_t        hello[SC_HELLO_MAX];

    (void) state;

    visitor_make(&v, &O);
    visitor_make(&w, &O);

    expect_bad_hello(v.sid, &v, NULL, 0);
    expect_bad_hello(v.sid, &v, v.hello, v.hello_n - 1);
    expect_bad_hello(w.sid, &v, v.hello, v.hello_n);
    memcpy(hello, v.hello, v.hello_n);
    hello[80] ^= 1;
    expect_bad_hello(v.sid, &v, hello, v.hello_n);

    other = O;
    keys_make(&other.ik);
    sc_cid_of(other.cid, other.ik.pk);
    visitor_make(&w, &other);
    expect_bad_hello(w.sid, &w, w.hello, w.hello_n);

    other = O;
    randombytes_buf(other.roster_id, 32);
    visitor_make(&w, &other);
    expect_bad_hello(w.sid, &w, w.hello, w.hello_n);

    client_open(&c, &P, O.cid);
    ask_auth(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, v.hello,
             v.hello_n);
    expect_error(&c, SC_E_BAD_HELLO);

    /* A good hello and the wrong key. */
    client_open(&c, &P, O.cid);
    ask_auth(&c, SC_ROLE_VISITOR, v.sid, w.keys.sk, v.hello, v.hello_n);
    expect_error(&c, SC_E_AUTH_FAILED);
}

/* What is not byte for byte the hello that the store has is verified, though
 * its keys and so its session are the same. */
static void
test_bad_hello_again(void **state)
{
    struct visitor v;
    struct client  c;
    struct chain   chain = { 0 };
    struct letter  letter;
    uint8_t        hello[SC_HELLO_MAX];

    (void) state;

    visitor_make(&v, &O);
    visitor_login(&c, &P, &O, &v);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&c, &letter);
    expect_stored(&c);
    client_close(&c);

    for (size_t at = v.hello_n - 1; at > v.hello_n - 104; at -= 34) {
        memcpy(hello, v.hello, v.hello_n);
        hello[at] ^= 1;
        expect_bad_hello(v.sid, &v, hello, v.hello_n);
    }

    visitor_login(&c, &P, &O, &v);
    client_close(&c);
}


/* --- envelopes ----------------------------------------------------------- */

enum spoil {
    SOUND, CID, SID, DIRECTION, SIGNER, ROSTER, KEM, SESSION_KEM, SWAPPED,
    SPOILS
};

static void
spoil(struct draft *d, enum spoil how, const struct visitor *other)
{
    static uint8_t noise[32];
    struct sc_recipient recipient = d->e.customer;

    randombytes_buf(noise, sizeof(noise));

    switch (how) {
    case CID:         d->e.cid = noise;                      break;
    case SID:         d->e.sid = other->sid;                 break;
    case DIRECTION:   d->e.direction ^= 3;                   break;
    case ROSTER:      d->e.roster_id = noise;                break;
    case KEM:         d->e.customer.kem_id = noise;          break;
    case SESSION_KEM: d->e.session.kem_id = noise;           break;
    case SWAPPED:
        d->e.customer = d->e.session;
        d->e.session = recipient;
        break;
    default:
        break;
    }
}

static const enum sc_error_code wanted[SPOILS] = {
    [CID] = SC_E_WRONG_SENDER, [SID] = SC_E_WRONG_SENDER,
    [DIRECTION] = SC_E_WRONG_SENDER, [SIGNER] = SC_E_WRONG_SENDER,
    [ROSTER] = SC_E_UNKNOWN_ROSTER, [KEM] = SC_E_WRONG_RECIPIENTS,
    [SESSION_KEM] = SC_E_WRONG_RECIPIENTS,
    [SWAPPED] = SC_E_WRONG_RECIPIENTS
};

/* Everything about an envelope that the service checks, from either side, as
 * a message and as a signal; then a sound one goes through. */
static void
spoil_all(struct client *c, const struct visitor *v, const struct keys *keys,
          struct chain *chain, int from_device)
{
    static struct draft d;
    struct letter       letter;
    struct visitor      other;
    struct keys         stranger;

    visitor_make(&other, &O);
    keys_make(&stranger);

    for (enum spoil how = SOUND + 1; how < SPOILS; how++) {
        draft_make(&d, &O, v, !from_device, chain);
        spoil(&d, how, &other);
        draft_sign(&letter, &d, how == SIGNER ? &stranger : keys);
        ask_send(c, &letter);
        expect_error(c, how == SID && from_device ? SC_E_UNKNOWN_SESSION
                                                  : wanted[how]);

        d.e.type = SC_ENVELOPE_SIGNAL;
        d.e.seq = 0;
        d.e.prev = zeros;
        draft_sign(&letter, &d, how == SIGNER ? &stranger : keys);
        ASK(c, signal, .envelope = { letter.bytes, letter.n });
        expect_error(c, how == SID && from_device ? SC_E_UNKNOWN_SESSION
                                                  : wanted[how]);
    }

    letter_make(&letter, &O, v, from_device ? keys : NULL, chain);
    ask_send(c, &letter);
    expect_stored(c);
}

static void
test_envelopes(void **state)
{
    struct visitor v;
    struct client  visitor, device;
    struct chain   vc = { 0 }, dc = { 0 };
    struct answer  a;

    (void) state;

    visitor_make(&v, &O);
    visitor_login(&visitor, &P, &O, &v);
    spoil_all(&visitor, &v, &v.keys, &vc, 0);
    client_close(&visitor);

    device_login(&device, &P, &O, 0);
    a = expect_frame(&device, SC_FRAME_DELIVER);
    answer_free(&a);
    spoil_all(&device, &v, &O.devices[0], &dc, 1);
}

/* A device may not sign under a roster that does not list it. */
static void
test_roster_without_device(void **state)
{
    struct owner   before = O;
    struct visitor v;
    struct client  visitor, device, c;
    struct chain   vc = { 0 }, dc = { 0 };
    struct letter  letter;
    struct answer  a;

    (void) state;

    visitor_make(&v, &O);
    visitor_login(&visitor, &P, &O, &v);
    letter_make(&letter, &O, &v, NULL, &vc);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);

    keys_make(&O.devices[1]);
    O.n_devices = 2;
    owner_next(&O, 0);
    owner_login(&c, &P, &before, SC_ROLE_PASSWORD);
    ask_account_put(&c, &O);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    expect_roster(&visitor, &O);

    device_login(&device, &P, &O, 1);
    expect_deliver(&device, &letter, &v);
    letter_make(&letter, &before, &v, &O.devices[1], &dc);
    ask_send(&device, &letter);
    expect_error(&device, SC_E_WRONG_SENDER);

    /* A visitor may still name the roster that he knows. */
    letter_make(&letter, &before, &v, NULL, &vc);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    expect_deliver(&device, &letter, NULL);
}

/* --- sequence numbers ---------------------------------------------------- */

static void
test_sequence(void **state)
{
    enum { N = 70 };

    struct letter *letters = calloc(N, sizeof(*letters));
    struct visitor v;
    struct client  c;
    struct chain   chain = { 0 }, fork_at = { 0 };
    struct letter  letter;

    (void) state;

    assert_non_null(letters);
    visitor_make(&v, &O);
    visitor_login(&c, &P, &O, &v);

    for (int i = 0; i < N; i++) {
        letter_make(&letters[i], &O, &v, NULL, &chain);
        if (i == 1) {
            continue;
        }

        ask_send(&c, &letters[i]);
        if (i == 2) {
            expect_error(&c, SC_E_SEQ_GAP);
            ask_send(&c, &letters[1]);
            expect_stored(&c);
            ask_send(&c, &letters[2]);
        }
        expect_stored(&c);
    }

    /* another message of a number that is taken */
    chain_add(&fork_at, &letters[0]);
    fork_at.seq = N - 1;
    memcpy(fork_at.prev, letters[N - 2].id, 32);
    letter_make(&letter, &O, &v, NULL, &fork_at);
    ask_send(&c, &letter);
    expect_error(&c, SC_E_SEQ_CONFLICT);

    /* the right number after the wrong predecessor */
    letter_make(&letter, &O, &v, NULL, &fork_at);
    ask_send(&c, &letter);
    expect_error(&c, SC_E_SEQ_CONFLICT);

    /* too far back to tell */
    ask_send(&c, &letters[0]);
    expect_error(&c, SC_E_SEQ_OLD);

    /* 64 back: known */
    ask_send(&c, &letters[N - 64]);
    assert_int_equal(expect_stored(&c), N - 64 + 1);

    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&c, &letter);
    assert_int_equal(expect_stored(&c), N + 1);
    free(letters);
}

/* --- pages and positions ------------------------------------------------- */

static void
test_pages(void **state)
{
    struct visitor v, other;
    struct client  visitor, device, owner;
    struct chain   chain = { 0 };
    struct letter  letter;
    struct answer  a;

    (void) state;

    visitor_make(&v, &O);
    visitor_make(&other, &O);
    visitor_login(&visitor, &P, &O, &v);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    device_login(&device, &P, &O, 0);
    expect_deliver(&device, &letter, &v);
    owner_login(&owner, &P, &O, SC_ROLE_PASSWORD);

    ASK(&device, history, .sid = other.sid, .count = 5);
    expect_error(&device, SC_E_UNKNOWN_SESSION);
    ASK(&visitor, history, .sid = other.sid, .count = 5);
    expect_error(&visitor, SC_E_UNKNOWN_SESSION);

    ASK(&device, roster_get, .id = other.sid);
    expect_error(&device, SC_E_NOT_FOUND);
    ASK(&device, roster_get, .id = zeros, .version = 2);
    expect_error(&device, SC_E_NOT_FOUND);
    ASK(&device, vault_get, .generation = 2);
    expect_error(&device, SC_E_NOT_FOUND);
    ASK(&owner, vault_get, .generation = 9);
    expect_error(&owner, SC_E_NOT_FOUND);

    for (uint64_t version = 0; version < 2; version++) {
        struct sc_frame_rosters rosters;
        struct sc_blob          blob;

        ASK(&device, roster_get, .id = zeros, .version = version);
        a = expect_frame(&device, SC_FRAME_ROSTERS);
        assert_true(sc_rosters_decode(a.frame.body, &rosters));
        assert_int_equal(rosters.next, 0);
        assert_int_equal(rosters.rosters.count, 1);
        assert_true(sc_blob_next(&rosters.rosters, &blob));
        assert_int_equal(blob.bytes.n, O.roster_n);
        assert_memory_equal(blob.bytes.p, O.roster, O.roster_n);
        answer_free(&a);
    }

    ask_ack(&device, 2);
    expect_error(&device, SC_E_BAD_POSITION);
    ask_ack(&visitor, 2);
    expect_error(&visitor, SC_E_BAD_POSITION);
    device_login(&device, &P, &O, 0);
    assert_int_equal(device.cursor, 0);
    expect_deliver(&device, &letter, &v);
    ASK(&device, sessions, .from = zeros, .count = 0);
    expect_error(&device, SC_E_BAD_FRAME);
    visitor_login(&visitor, &P, &O, &v);
    ASK(&visitor, history, .sid = v.sid, .count = 0);
    expect_error(&visitor, SC_E_BAD_FRAME);
}

/* --- too much ------------------------------------------------------------ */

static void
test_busy(void **state)
{
    struct visitor v;
    struct client  c;
    struct got    *got;

    (void) state;

    visitor_make(&v, &O);
    visitor_login(&c, &P, &O, &v);

    /* Paused, so that no answer makes room. */
    put_record(&P, SC_RECORD_PAUSE, 0, 0, c.id, NULL, 0);
    for (unsigned i = 0; i < SC_REQUEST_WINDOW; i++) {
        ASK(&c, login_start, .account_id = O.account_id);
    }
    expect_quiet(&c, QUIET);
    put_record(&P, SC_RECORD_RESUME, 0, 0, c.id, NULL, 0);
    for (unsigned i = 0; i < SC_REQUEST_WINDOW; i++) {
        struct answer a = expect_frame(&c, SC_FRAME_SALT);

        answer_free(&a);
    }

    put_record(&P, SC_RECORD_PAUSE, 0, 0, c.id, NULL, 0);
    for (unsigned i = 0; i <= SC_REQUEST_WINDOW; i++) {
        ASK(&c, login_start, .account_id = O.account_id);
    }
    got = next_record(&P, c.id, PATIENCE);
    assert_non_null(got);
    assert_int_equal(got->rec.kind, SC_RECORD_CLOSE);
    assert_int_equal(got->rec.code, 1008);
    assert_memory_equal(got->payload, "busy", 4);
    free(got);
}

/* Messages are refused, reading goes on, nothing stored is lost. */
static void
test_storage_full(void **state)
{
    static struct draft d;
    struct visitor      v;
    struct client       c, device;
    struct chain        chain = { 0 };
    struct letter       letter;
    struct answer       a;
    uint64_t            stored = 0;
    int                 full = 0;

    (void) state;

    peer_close(&P);
    daemon_stop(&D);
    {
        char command[256];

        snprintf(command, sizeof(command),
                 "sed -i 's/map_size = 1g/map_size = 64m/' %s", D.conf);
        assert_int_equal(system(command), 0);
        snprintf(command, sizeof(command), "rm -rf %s/store", D.dir);
        assert_int_equal(system(command), 0);
    }
    daemon_start(&D);
    peer_open(&P, &D);
    owner_register(&O, &P);

    visitor_make(&v, &O);
    visitor_login(&c, &P, &O, &v);

    while (!full && stored < 40000) {
        draft_make(&d, &O, &v, 1, &chain);
        d.e.ct.n = 16384 + SC_CT_TAG;
        draft_sign(&letter, &d, &v.keys);
        ask_send(&c, &letter);
        a = (struct answer) { .got = NULL };
        assert_true(next_frame(&c, &a, PATIENCE));
        full = a.frame.type == SC_FRAME_ERROR;
        if (full) {
            assert_int_equal(a.frame.body.p[1], SC_E_STORAGE_FULL);
        } else {
            assert_int_equal(a.frame.type, SC_FRAME_STORED);
            chain_add(&chain, &letter);
            stored++;
        }
        answer_free(&a);
    }

    assert_true(full);
    assert_true(stored > 100);

    device_login(&device, &P, &O, 0);
    assert_int_equal(device.head, stored);
    a = expect_frame(&device, SC_FRAME_DELIVER);
    answer_free(&a);

    peer_close(&P);
    daemon_kill(&D);
    daemon_start(&D);
    peer_open(&P, &D);
    device_login(&device, &P, &O, 0);
    assert_int_equal(device.head, stored);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_cid, owned, teardown),
        cmocka_unit_test_setup_teardown(test_not_here, owned, teardown),
        cmocka_unit_test_setup_teardown(test_auth_failed, owned, teardown),
        cmocka_unit_test_setup_teardown(test_challenge, owned, teardown),
        cmocka_unit_test(test_challenge_age),
        cmocka_unit_test_setup_teardown(test_bad_hello, owned, teardown),
        cmocka_unit_test_setup_teardown(test_bad_hello_again, owned, teardown),
        cmocka_unit_test_setup_teardown(test_envelopes, owned, teardown),
        cmocka_unit_test_setup_teardown(test_roster_without_device, owned,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_sequence, owned, teardown),
        cmocka_unit_test_setup_teardown(test_pages, owned, teardown),
        cmocka_unit_test_setup_teardown(test_busy, owned, teardown),
        cmocka_unit_test_setup_teardown(test_storage_full, owned, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
