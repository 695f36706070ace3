/*
 * BLOCK in the real daemon: what ends, who is told, who is let in, and what of
 * the session stays as it was.
 */

#include "served.h"

static const uint8_t zeros[32];

/* The next frame of that type; deliveries and whatever else came are let
 * pass. */
static struct answer
find_frame(struct client *c, uint8_t type)
{
    struct answer a;

    while (next_frame(c, &a, PATIENCE)) {
        if (a.frame.type == type) {
            return a;
        }
        answer_free(&a);
    }

    fail_msg("no frame 0x%02x", type);
    return a;
}

static void
block(struct client *device, const uint8_t sid[32], uint8_t blocked)
{
    struct answer a;

    ASK(device, block, .sid = sid, .blocked = blocked);
    a = find_frame(device, SC_FRAME_DONE);
    assert_int_equal(a.frame.tag, device->tag);
    answer_free(&a);
}

static void
expect_told(struct client *device, const uint8_t sid[32], uint8_t blocked)
{
    struct sc_frame_blocked told;
    struct answer           a = find_frame(device, SC_FRAME_BLOCKED);

    assert_int_equal(a.frame.tag, 0);
    assert_true(sc_blocked_decode(a.frame.body, &told));
    assert_memory_equal(told.sid, sid, 32);
    assert_int_equal(told.blocked, blocked);
    answer_free(&a);
}

/* An error that leaves the device's connection open. */
static void
expect_refused(struct client *device, enum sc_error_code code)
{
    struct sc_frame_error error;
    struct answer         a = find_frame(device, SC_FRAME_ERROR);

    assert_int_equal(a.frame.tag, device->tag);
    assert_true(sc_error_decode(a.frame.body, &error));
    assert_int_equal(error.code, code);
    answer_free(&a);
}

/* A visitor who has sent a message, connected. */
static void
visitor_with(struct client *c, struct visitor *v, struct chain *chain)
{
    struct letter letter;

    memset(chain, 0, sizeof(*chain));
    visitor_make(v, &O);
    visitor_login(c, &P, &O, v);
    letter_make(&letter, &O, v, NULL, chain);
    ask_send(c, &letter);
    expect_stored(c);
    expect_ticket(c, SC_ROLE_VISITOR);
}

static void
log_in_blocked(const struct visitor *v)
{
    struct client c;

    client_open(&c, &P, O.cid);
    ask_auth(&c, SC_ROLE_VISITOR, v->sid, v->keys.sk, v->hello, v->hello_n);
    expect_error(&c, SC_E_SESSION_BLOCKED);
}

/* As SESSIONS says; -1: it does not list it. */
static int
listed(struct client *device, const uint8_t sid[32])
{
    struct sc_frame_session_page page;
    struct sc_session            item;
    struct answer                a;
    int                          blocked = -1;

    ASK(device, sessions, .from = zeros, .count = 64);
    a = find_frame(device, SC_FRAME_SESSION_PAGE);
    assert_true(sc_session_page_decode(a.frame.body, &page));
    while (sc_session_next(&page.sessions, &item)) {
        if (memcmp(item.sid, sid, 32) == 0) {
            blocked = item.blocked;
        }
    }
    answer_free(&a);
    return blocked;
}


/* --- tests --------------------------------------------------------------- */

static void
test_block(void **state)
{
    struct client  one, two, visitor, tab, other, again;
    struct visitor v, free_one;
    struct chain   chain, others, replies = { 0 };
    struct letter  letter;
    struct answer  a;

    (void) state;

    visitor_with(&visitor, &v, &chain);
    visitor_login(&tab, &P, &O, &v);
    visitor_with(&other, &free_one, &others);
    device_login(&one, &P, &O, 0);
    device_login(&two, &P, &O, 0);
    assert_int_equal(listed(&one, v.sid), 0);

    block(&one, v.sid, 1);
    expect_told(&two, v.sid, 1);
    expect_error(&visitor, SC_E_SESSION_BLOCKED);
    expect_error(&tab, SC_E_SESSION_BLOCKED);
    log_in_blocked(&v);
    assert_int_equal(listed(&two, v.sid), 1);
    assert_int_equal(listed(&two, free_one.sid), 0);

    /* Whoever asks again is answered, and nobody else is told. */
    block(&one, v.sid, 1);
    ASK(&two, login_start, .account_id = O.account_id);
    while (next_frame(&two, &a, PATIENCE) && a.frame.type != SC_FRAME_SALT) {
        assert_int_not_equal(a.frame.type, SC_FRAME_BLOCKED);
        answer_free(&a);
    }
    answer_free(&a);

    /* Others go on, and so does the device in that session. */
    letter_make(&letter, &O, &free_one, NULL, &others);
    ask_send(&other, &letter);
    expect_stored(&other);
    letter_make(&letter, &O, &v, &O.devices[0], &replies);
    ask_send(&one, &letter);
    a = find_frame(&one, SC_FRAME_STORED);
    answer_free(&a);

    block(&two, v.sid, 0);
    expect_told(&one, v.sid, 0);
    assert_int_equal(listed(&one, v.sid), 0);
    visitor_login(&again, &P, &O, &v);
    assert_int_equal(again.seq, chain.seq);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&again, &letter);
    a = find_frame(&again, SC_FRAME_STORED);
    answer_free(&a);
}

/* What was answered with DONE is there whenever the service dies. */
static void
test_durable(void **state)
{
    struct client  device, visitor, again;
    struct visitor v;
    struct chain   chain;

    (void) state;

    visitor_with(&visitor, &v, &chain);

    for (int i = 0; i < 6; i++) {
        device_login(&device, &P, &O, 0);
        block(&device, v.sid, i % 2 == 0);
        daemon_kill(&D);
        peer_close(&P);
        daemon_start(&D);
        peer_open(&P, &D);

        if (i % 2 == 0) {
            log_in_blocked(&v);
        } else {
            visitor_login(&again, &P, &O, &v);
            client_close(&again);
        }
    }
}

/* What is on its way while the session is blocked: each message is stored and
 * answered, or refused, and none comes behind the block. */
static void
test_behind(void **state)
{
    struct client         device, visitor;
    struct visitor        v;
    struct chain          chain;
    static struct letter  letters[40];
    struct answer         a;
    struct sc_frame_error error;
    int                   stored = 0, ended = 0;
    struct got           *got;

    (void) state;

    visitor_with(&visitor, &v, &chain);
    device_login(&device, &P, &O, 0);

    for (int i = 0; i < 40; i++) {
        letter_make(&letters[i], &O, &v, NULL, &chain);
        if (i == 20) {
            ASK(&device, block, .sid = v.sid, .blocked = 1);
        }
        ask_send(&visitor, &letters[i]);
    }

    a = find_frame(&device, SC_FRAME_DONE);
    answer_free(&a);

    while (!ended && (got = next_of(&visitor, PATIENCE)) != NULL) {
        ended = got->rec.kind == SC_RECORD_CLOSE;
        if (ended) {
            assert_int_equal(got->rec.code, 1008);
        } else {
            assert_int_equal(sc_frame_open(got->payload, got->rec.length,
                                           &a.frame), SC_E_NONE);
            stored += a.frame.type == SC_FRAME_STORED;
            if (a.frame.type == SC_FRAME_ERROR) {
                assert_true(sc_error_decode(a.frame.body, &error));
                assert_int_equal(error.code, SC_E_SESSION_BLOCKED);
            }
        }
        free(got);
    }

    assert_true(ended);
    assert_true(stored <= 20);

    /* Nothing has come since, and nothing of what came before is gone. */
    block(&device, v.sid, 0);
    visitor_login(&visitor, &P, &O, &v);
    assert_in_range(visitor.seq, (unsigned) stored + 1, 21);
}

/* Another customer's device, a session that never was, one that is gone; and a
 * value that is neither. */
static void
test_refused(void **state)
{
    struct owner   other;
    struct client  device, theirs, visitor;
    struct visitor v;
    struct chain   chain;
    struct answer  a;

    (void) state;

    visitor_with(&visitor, &v, &chain);
    owner_register(&other, &P);
    device_login(&theirs, &P, &other, 0);
    ASK(&theirs, block, .sid = v.sid, .blocked = 1);
    expect_refused(&theirs, SC_E_UNKNOWN_SESSION);

    device_login(&device, &P, &O, 0);
    ASK(&device, block, .sid = zeros, .blocked = 1);
    expect_refused(&device, SC_E_UNKNOWN_SESSION);
    assert_int_equal(listed(&device, v.sid), 0);

    /* Deleting it is the end of that too: it neither comes back nor is it
     * blocked any more. */
    block(&device, v.sid, 1);
    ASK(&device, delete, .sid = v.sid);
    a = find_frame(&device, SC_FRAME_DONE);
    answer_free(&a);
    client_open(&visitor, &P, O.cid);
    ask_auth(&visitor, SC_ROLE_VISITOR, v.sid, v.keys.sk, v.hello, v.hello_n);
    expect_error(&visitor, SC_E_SESSION_DELETED);
    ASK(&device, block, .sid = v.sid, .blocked = 0);
    expect_refused(&device, SC_E_SESSION_DELETED);

    ASK(&device, block, .sid = v.sid, .blocked = 2);
    a = find_frame(&device, SC_FRAME_ERROR);
    assert_int_equal(a.frame.body.p[1], SC_E_BAD_FRAME);
    answer_free(&a);
    expect_close(&device, 1007, "bad-frame");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_##name, owned, teardown)
        T(block), T(durable), T(behind), T(refused)
#undef T
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
