/*
 * DELETE and CHECK in the real daemon: who may ask, who is told, what the
 * deleted session answers afterwards; and the release that SESSIONS shows.
 */

#include "served.h"

static const uint8_t zeros[32];

static int
setup_quotas(void **state)
{
    (void) state;

    daemon_make(&D);
    D.quotas = "[quotas]\nmessages = 5\nfirst_messages = 3\n";
    daemon_configure(&D, "open");
    daemon_start(&D);
    peer_open(&P, &D);
    owner_register(&O, &P);
    return 0;
}

static void
expect_done(struct client *c)
{
    struct answer a = expect_frame(c, SC_FRAME_DONE);

    assert_int_equal(a.frame.tag, c->tag);
    answer_free(&a);
}

static void
expect_deleted(struct client *c, const uint8_t sid[32])
{
    struct sc_frame_deleted deleted;
    struct answer           a = expect_frame(c, SC_FRAME_DELETED);

    assert_int_equal(a.frame.tag, 0);
    assert_true(sc_deleted_decode(a.frame.body, &deleted));
    assert_memory_equal(deleted.sid, sid, 32);
    answer_free(&a);
}

/* session-deleted to a device, which goes on. */
static void
expect_refused(struct client *c)
{
    struct sc_frame_error error;
    struct answer         a = expect_frame(c, SC_FRAME_ERROR);

    assert_int_equal(a.frame.tag, c->tag);
    assert_true(sc_error_decode(a.frame.body, &error));
    assert_int_equal(error.code, SC_E_SESSION_DELETED);
    answer_free(&a);
    ASK(c, login_start, .account_id = O.account_id);
    a = expect_frame(c, SC_FRAME_SALT);
    answer_free(&a);
}

/* A visitor who has sent n messages, connected. */
static void
visitor_with(struct client *c, struct visitor *v, struct chain *chain, int n)
{
    struct letter letter;

    memset(chain, 0, sizeof(*chain));
    visitor_make(v, &O);
    visitor_login(c, &P, &O, v);
    while (n-- > 0) {
        letter_make(&letter, &O, v, NULL, chain);
        ask_send(c, &letter);
        expect_stored(c);
    }
}

static void
let_pass(struct client *c, int n)
{
    struct answer a;

    while (n-- > 0) {
        a = expect_frame(c, SC_FRAME_DELIVER);
        answer_free(&a);
    }
}

/* Ends with the one item of that sid, or without. */
static int
session_of(struct client *device, const uint8_t sid[32], uint8_t release[32])
{
    struct sc_frame_session_page page;
    struct sc_session            item;
    struct answer                a;
    int                          found = 0;

    ASK(device, sessions, .from = zeros, .count = 64);
    a = expect_frame(device, SC_FRAME_SESSION_PAGE);
    assert_true(sc_session_page_decode(a.frame.body, &page));
    while (sc_session_next(&page.sessions, &item)) {
        if (memcmp(item.sid, sid, 32) == 0) {
            memcpy(release, item.release, 32);
            found++;
        }
    }
    answer_free(&a);
    return found;
}

static void
assert_dead(struct client *device, const struct visitor *v)
{
    struct client c;
    struct chain  chain = { 0 };
    struct letter letter;
    uint8_t       release[32];

    assert_int_equal(session_of(device, v->sid, release), 0);
    ASK(device, history, .sid = v->sid, .count = 9);
    expect_refused(device);
    letter_make(&letter, &O, v, &O.devices[0], &chain);
    ask_send(device, &letter);
    expect_refused(device);

    client_open(&c, &P, O.cid);
    ask_auth(&c, SC_ROLE_VISITOR, v->sid, v->keys.sk, v->hello, v->hello_n);
    expect_error(&c, SC_E_SESSION_DELETED);
}

static void
restart(struct client *device)
{
    peer_close(&P);
    daemon_kill(&D);
    daemon_start(&D);
    peer_open(&P, &D);
    device_login(device, &P, &O, 0);
}

static void
test_by_device(void **state)
{
    struct client  device, second, visitor, tab, other;
    struct visitor v, w;
    struct chain   chain, kept;

    (void) state;

    visitor_with(&other, &w, &kept, 1);
    visitor_with(&visitor, &v, &chain, 3);
    visitor_login(&tab, &P, &O, &v);
    device_login(&device, &P, &O, 0);
    device_login(&second, &P, &O, 0);
    let_pass(&device, 4);
    let_pass(&second, 4);

    ASK(&device, delete, .sid = v.sid);
    expect_done(&device);
    expect_deleted(&second, v.sid);
    expect_deleted(&visitor, v.sid);
    expect_close(&visitor, 1008, "session-deleted");
    expect_deleted(&tab, v.sid);
    expect_close(&tab, 1008, "session-deleted");
    expect_quiet(&device, QUIET);
    expect_quiet(&other, QUIET);
    assert_dead(&device, &v);

    /* again: the same answer, and nobody is told twice */
    ASK(&second, delete, .sid = v.sid);
    expect_done(&second);
    expect_quiet(&device, QUIET);

    ASK(&device, delete, .sid = zeros);
    expect_error(&device, SC_E_UNKNOWN_SESSION);

    restart(&device);
    let_pass(&device, 1);
    expect_quiet(&device, QUIET);
    assert_dead(&device, &v);
    ASK(&device, delete, .sid = v.sid);
    expect_done(&device);
}

static void
test_by_visitor(void **state)
{
    struct client  device, visitor, tab, other;
    struct visitor v, w;
    struct chain   chain, kept;

    (void) state;

    visitor_with(&other, &w, &kept, 1);
    visitor_with(&visitor, &v, &chain, 2);
    visitor_login(&tab, &P, &O, &v);
    device_login(&device, &P, &O, 0);
    let_pass(&device, 3);

    /* of nobody else's session */
    ASK(&other, delete, .sid = v.sid);
    expect_error(&other, SC_E_UNKNOWN_SESSION);

    ASK(&visitor, delete, .sid = v.sid);
    expect_done(&visitor);
    expect_close(&visitor, 1008, "session-deleted");
    expect_deleted(&tab, v.sid);
    expect_close(&tab, 1008, "session-deleted");
    expect_deleted(&device, v.sid);
    assert_dead(&device, &v);

    /* before its first message */
    visitor_with(&visitor, &v, &chain, 0);
    ASK(&visitor, delete, .sid = v.sid);
    expect_done(&visitor);
    expect_close(&visitor, 1008, "session-deleted");
    client_open(&visitor, &P, O.cid);
    ask_auth(&visitor, SC_ROLE_VISITOR, v.sid, v.keys.sk, v.hello, v.hello_n);
    expect_error(&visitor, SC_E_SESSION_DELETED);
}

/* Beyond a quota the stream goes on, and a reply lifts the first one. */
static void
test_quotas(void **state)
{
    struct client  device, visitor;
    struct visitor v;
    struct chain   chain, replies = { .seq = 0 };
    struct letter  letter, reply;

    (void) state;

    visitor_with(&visitor, &v, &chain, 3);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    expect_error(&visitor, SC_E_REPLY_FIRST);

    device_login(&device, &P, &O, 0);
    let_pass(&device, 3);
    letter_make(&reply, &O, &v, &O.devices[0], &replies);
    ask_send(&device, &reply);
    expect_stored(&device);
    let_pass(&visitor, 1);

    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    let_pass(&device, 1);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    expect_error(&visitor, SC_E_QUOTA_FULL);
    letter_make(&reply, &O, &v, &O.devices[0], &replies);
    ask_send(&device, &reply);
    expect_error(&device, SC_E_QUOTA_FULL);
    expect_quiet(&visitor, QUIET);
}

/* Everybody is sent away, nothing answers any more, and neither name comes
 * back; another customer notices nothing. */
static void
test_account(void **state)
{
    struct client  device, second, visitor, tab, owner, recovery, beside, c;
    struct owner   other, again;
    struct visitor v, w;
    struct chain   chain, kept = { .seq = 0 };
    struct letter  letter;

    (void) state;

    owner_register(&other, &P);
    visitor_make(&w, &other);
    visitor_login(&beside, &P, &other, &w);
    letter_make(&letter, &other, &w, NULL, &kept);
    ask_send(&beside, &letter);
    expect_stored(&beside);

    visitor_with(&visitor, &v, &chain, 3);
    visitor_login(&tab, &P, &O, &v);
    device_login(&device, &P, &O, 0);
    device_login(&second, &P, &O, 0);
    let_pass(&device, 3);
    let_pass(&second, 3);
    owner_login(&owner, &P, &O, SC_ROLE_PASSWORD);
    owner_login(&recovery, &P, &O, SC_ROLE_RECOVERY);

    /* not a device, and no account but one's own */
    ASK(&device, delete, .sid = O.account_id);
    expect_error(&device, SC_E_UNKNOWN_SESSION);
    ASK(&owner, delete, .sid = other.account_id);
    expect_error(&owner, SC_E_NOT_FOUND);

    ASK(&owner, delete, .sid = O.account_id);
    expect_done(&owner);
    expect_close(&owner, 1008, "account-deleted");
    expect_close(&recovery, 1008, "account-deleted");
    expect_close(&device, 1008, "account-deleted");
    expect_close(&second, 1008, "account-deleted");
    expect_close(&visitor, 1008, "account-deleted");
    expect_close(&tab, 1008, "account-deleted");

    for (int i = 0; i < 2; i++) {
        client_open(&c, &P, O.cid);
        ask_auth(&c, SC_ROLE_VISITOR, v.sid, v.keys.sk, v.hello, v.hello_n);
        expect_error(&c, SC_E_NOT_HERE);
        client_open(&c, &P, O.cid);
        ask_auth(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL,
                 0);
        expect_error(&c, SC_E_NOT_HERE);
        client_open(&c, &P, O.cid);
        ask_auth(&c, SC_ROLE_PASSWORD, O.account_id, O.login.sk, NULL, 0);
        expect_error(&c, SC_E_NOT_HERE);

        again = O;
        client_open(&c, &P, O.cid);
        take_salt(&c, &again);
        ask_register(&c, &again);
        expect_error(&c, SC_E_ACCOUNT_TAKEN);
        client_close(&c);

        if (i == 0) {
            letter_make(&letter, &other, &w, NULL, &kept);
            ask_send(&beside, &letter);
            expect_stored(&beside);
            peer_close(&P);
            daemon_kill(&D);
            daemon_start(&D);
            peer_open(&P, &D);
        }
    }

    device_login(&c, &P, &other, 0);
    let_pass(&c, 2);
}

/* What is sent together with the deletion is stored before it or refused. */
static void
test_in_flight(void **state)
{
    struct client  device, visitor;
    struct visitor v;
    struct chain   chain;
    struct letter  letter;

    (void) state;

    visitor_with(&visitor, &v, &chain, 1);
    device_login(&device, &P, &O, 0);
    let_pass(&device, 1);

    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    ASK(&visitor, delete, .sid = v.sid);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    {
        struct answer a = expect_frame(&visitor, SC_FRAME_DONE);

        answer_free(&a);
    }
    expect_close(&visitor, 1008, "session-deleted");

    let_pass(&device, 1);
    expect_deleted(&device, v.sid);
    expect_quiet(&device, QUIET);
    assert_dead(&device, &v);
}

/* A paused device is told when it goes on. */
static void
test_paused(void **state)
{
    struct client  device, visitor;
    struct visitor v;
    struct chain   chain;

    (void) state;

    visitor_with(&visitor, &v, &chain, 1);
    device_login(&device, &P, &O, 0);
    let_pass(&device, 1);
    put_record(&P, SC_RECORD_PAUSE, 0, 0, device.id, NULL, 0);

    ASK(&visitor, delete, .sid = v.sid);
    expect_done(&visitor);
    expect_quiet(&device, QUIET);
    put_record(&P, SC_RECORD_RESUME, 0, 0, device.id, NULL, 0);
    expect_deleted(&device, v.sid);
}

/* And is sent away when there is more to tell than it may have open. */
static void
test_paused_for_long(void **state)
{
    struct client  device, visitor;
    struct visitor v;
    struct chain   chain;

    (void) state;

    device_login(&device, &P, &O, 0);
    put_record(&P, SC_RECORD_PAUSE, 0, 0, device.id, NULL, 0);

    for (unsigned i = 0; i <= SC_REQUEST_WINDOW; i++) {
        visitor_with(&visitor, &v, &chain, 0);
        ASK(&visitor, delete, .sid = v.sid);
        expect_done(&visitor);
        expect_close(&visitor, 1008, "session-deleted");
    }

    expect_close(&device, 1013, "too slow");
}

/* --- CHECK --------------------------------------------------------------- */

static void
expect_checked(struct client *c, const uint8_t code[16],
               const uint8_t release[32], uint64_t min_generation)
{
    struct sc_frame_checked checked;
    struct answer           a = expect_frame(c, SC_FRAME_CHECKED);

    assert_int_equal(a.frame.tag, 0);
    assert_true(sc_checked_decode(a.frame.body, &checked));
    assert_memory_equal(checked.code, code, 16);
    assert_memory_equal(checked.release, release, 32);
    assert_int_equal(checked.min_generation, min_generation);
    answer_free(&a);
}

static void
test_check(void **state)
{
    struct client  device, second, visitor, stranger, page;
    struct visitor v;
    struct chain   chain;
    struct owner   other, nobody;
    uint8_t        code[16], release[32];

    (void) state;

    randombytes_buf(code, sizeof(code));
    randombytes_buf(release, sizeof(release));
    owner_register(&other, &P);
    device_login(&stranger, &P, &other, 0);
    visitor_with(&visitor, &v, &chain, 0);
    device_login(&device, &P, &O, 0);
    device_login(&second, &P, &O, 0);

    client_open(&page, &P, O.cid);
    for (uint64_t i = 1; i <= SC_CHECKS_MAX; i++) {
        ASK(&page, check, .code = code, .release = release,
            .min_generation = i);
        expect_done(&page);
        expect_checked(&device, code, release, i);
        expect_checked(&second, code, release, i);
    }

    expect_quiet(&visitor, QUIET);
    expect_quiet(&stranger, QUIET);
    ASK(&page, check, .code = code, .release = release);
    expect_error(&page, SC_E_BUSY);
    expect_quiet(&device, QUIET);

    /* A device tells the others; a page of nobody's tells nobody. */
    ASK(&device, check, .code = code, .release = release);
    expect_done(&device);
    expect_checked(&second, code, release, 0);
    expect_quiet(&device, QUIET);
    owner_make(&nobody);
    client_open(&page, &P, nobody.cid);
    ASK(&page, check, .code = code, .release = release);
    expect_error(&page, SC_E_NOT_HERE);
}

/* --- release ------------------------------------------------------------- */

static void
login_with(struct client *c, const struct visitor *v, const uint8_t *release)
{
    uint8_t sig[64];

    client_open(c, &P, O.cid);
    sign_in(sig, c, SC_ROLE_VISITOR, v->sid, NULL, v->keys.sk);
    ASK(c, auth, .role = SC_ROLE_VISITOR, .subject = v->sid, .sig = sig,
        .release = release, .hello = { v->hello, v->hello_n });
    expect_ready(c, SC_ROLE_VISITOR);
}

static void
test_release(void **state)
{
    struct client  device, visitor;
    struct visitor v;
    struct chain   chain = { 0 };
    struct letter  letter;
    uint8_t        a[32], b[32], shown[32];

    (void) state;

    randombytes_buf(a, sizeof(a));
    randombytes_buf(b, sizeof(b));
    visitor_make(&v, &O);
    device_login(&device, &P, &O, 0);

    /* It stands with the first message that a device can see. */
    login_with(&visitor, &v, a);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&visitor, &letter);
    let_pass(&device, 1);
    assert_int_equal(session_of(&device, v.sid, shown), 1);
    assert_memory_equal(shown, a, 32);
    expect_stored(&visitor);
    client_close(&visitor);

    /* A later AUTH replaces it, whether anything is sent or not. */
    login_with(&visitor, &v, b);
    ask_send(&visitor, &letter);
    expect_stored(&visitor);
    assert_int_equal(session_of(&device, v.sid, shown), 1);
    assert_memory_equal(shown, b, 32);
    client_close(&visitor);

    peer_close(&P);
    daemon_stop(&D);
    daemon_start(&D);
    peer_open(&P, &D);
    device_login(&device, &P, &O, 0);
    let_pass(&device, 1);
    assert_int_equal(session_of(&device, v.sid, shown), 1);
    assert_memory_equal(shown, b, 32);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_device, owned, teardown),
        cmocka_unit_test_setup_teardown(test_by_visitor, owned, teardown),
        cmocka_unit_test_setup_teardown(test_account, owned, teardown),
        cmocka_unit_test_setup_teardown(test_quotas, setup_quotas, teardown),
        cmocka_unit_test_setup_teardown(test_in_flight, owned, teardown),
        cmocka_unit_test_setup_teardown(test_paused, owned, teardown),
        cmocka_unit_test_setup_teardown(test_paused_for_long, owned,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_check, owned, teardown),
        cmocka_unit_test_setup_teardown(test_release, owned, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
