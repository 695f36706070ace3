/*
 * Limits in the real daemon: new sessions that have to solve a puzzle, the
 * puzzles that are none, who is never asked, and messages that wait.  Each
 * with its control.
 */

#include "limited.h"

SETUP(address, NONE "puzzle_address = 3/h\npuzzle_customer = none\n"
               "sessions_address = none\nmessages_session = none\n")
SETUP(customer, NONE "puzzle_address = none\npuzzle_customer = 3/h\n"
                "sessions_address = none\nmessages_session = none\n")
SETUP(sessions, NONE "puzzle_address = none\npuzzle_customer = none\n"
                "sessions_address = 4/h\nmessages_session = none\n")
SETUP(messages, NONE "puzzle_address = none\npuzzle_customer = none\n"
                "sessions_address = none\nmessages_session = 5/m\n")
SETUP(signals, NONE "puzzle_address = none\npuzzle_customer = none\n"
               "sessions_address = none\nsignals_session = 4/h\n")
SETUP(off, "[limits]\nenabled = off\npuzzle_address = 1/h\n"
           "messages_session = 1/h\nlogins_account = 1/h\n"
           "registrations_address = 1/h\nsignals_session = 1/h\n")

/* Whether somebody new from there has to solve one. */
static int
is_asked(const char *address)
{
    struct client  c;
    struct visitor v;
    struct answer  a;
    int            asked;

    visitor_make(&v, &O);
    open_from(&c, address);
    enter(&c, &v, 0);
    assert_true(next_frame(&c, &a, PATIENCE));
    asked = a.frame.type == SC_FRAME_ERROR;
    if (asked) {
        assert_int_equal(a.frame.body.p[1], SC_E_PUZZLE);
        assert_true(take_challenge(&c) > 0);
    }
    answer_free(&a);
    client_close(&c);
    return asked;
}


/* --- puzzles ------------------------------------------------------------- */

static void
test_address(void **state)
{
    (void) state;

    come("192.0.2.1");
    come("192.0.2.1");
    come("192.0.2.1");
    assert_true(is_asked("192.0.2.1"));

    /* The same, as a socket for both kinds of address writes it. */
    assert_true(is_asked("::ffff:192.0.2.1"));

    /* And as a network without IPv4 has it, where others are others. */
    assert_true(is_asked("64:ff9b::192.0.2.1"));
    assert_false(is_asked("64:ff9b::192.0.2.77"));
    assert_false(is_asked("192.0.2.2"));

    /* Of IPv6 the first half counts. */
    come("2001:db8:1:2::1");
    come("2001:db8:1:2:ffff::2");
    come("2001:db8:1:2::3");
    assert_true(is_asked("2001:db8:1:2:abcd:ef01:2345:6789"));
    assert_false(is_asked("2001:db8:1:3::1"));

    /* What is no address has no limit by it. */
    for (int i = 0; i < 6; i++) {
        come("unix:");
        come("");
    }
}

static void
test_customer(void **state)
{
    struct owner  mine = O, other;
    char          address[32];

    (void) state;

    for (int i = 0; i < 3; i++) {
        snprintf(address, sizeof(address), "198.51.100.%d", i);
        come(address);
    }
    assert_true(is_asked("203.0.113.7"));
    assert_true(is_asked("unix:"));

    /* Another customer's visitors notice nothing. */
    owner_register(&other, &P);
    O = other;
    assert_false(is_asked("203.0.113.7"));
    O = mine;
}

/* Who solves it is in, and it gets harder the more come. */
static void
test_solved(void **state)
{
    struct client  c;
    struct visitor v;
    unsigned       bits = 0, first = 0;

    (void) state;

    for (int i = 0; i < 3; i++) {
        come("192.0.2.1");
    }

    for (int i = 0; i < 12; i++) {
        visitor_make(&v, &O);
        open_from(&c, "192.0.2.1");
        enter(&c, &v, 0);
        bits = expect_puzzle(&c);
        first = first ? first : bits;
        enter(&c, &v, sc_puzzle_solve(c.challenge, v.sid, bits));
        expect_ready(&c, SC_ROLE_VISITOR);
        client_close(&c);
    }

    assert_int_equal(first, 8);
    assert_true(bits > first);
}

/* Whoever has said a word before is never asked, be it from the same place. */
static void
test_existing(void **state)
{
    struct client  c;
    struct visitor v;
    struct chain   chain = { 0 };
    struct letter  letter;

    (void) state;

    visitor_make(&v, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&c, &letter);
    expect_stored(&c);
    client_close(&c);
    come("192.0.2.1");
    come("192.0.2.1");
    assert_true(is_asked("192.0.2.1"));

    for (int i = 0; i < 5; i++) {
        open_from(&c, "192.0.2.1");
        enter(&c, &v, 0);
        expect_ready(&c, SC_ROLE_VISITOR);
        client_close(&c);
    }

    /* Nor is a device. */
    open_from(&c, "192.0.2.1");
    prove(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_ready(&c, SC_ROLE_DEVICE);
}

/* The name of a session that is stored is not enough: with a hello of other
 * keys behind it whoever has one would cost signatures for nothing, and drive
 * up the customer's rate for everybody.  The control is its own hello. */
static void
test_borrowed_name(void **state)
{
    struct client  c;
    struct visitor v, w;
    struct chain   chain = { 0 };
    struct letter  letter;

    (void) state;

    visitor_make(&v, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&c, &letter);
    expect_stored(&c);
    client_close(&c);
    come("192.0.2.1");
    come("192.0.2.1");

    visitor_make(&w, &O);
    open_from(&c, "192.0.2.1");
    prove(&c, SC_ROLE_VISITOR, v.sid, w.keys.sk, &w, 0);
    (void) expect_puzzle(&c);
    prove(&c, SC_ROLE_VISITOR, v.sid, v.keys.sk, NULL, 0);
    (void) expect_puzzle(&c);
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
}

/* A solution that holds somewhere else holds nowhere else: of another session,
 * of another challenge, of the same one a second time, of fewer bits.  The
 * control is the one that was asked for. */
static void
test_hostile(void **state)
{
    struct client  c, d;
    struct visitor v, w;
    uint64_t       n;
    unsigned       bits;
    uint8_t        before[32];

    (void) state;

    for (int i = 0; i < 3; i++) {
        come("192.0.2.1");
    }

    visitor_make(&v, &O);
    visitor_make(&w, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    bits = expect_puzzle(&c);

    /* Another session's. */
    n = sc_puzzle_solve(c.challenge, w.sid, bits);
    while (sc_puzzle_solved(c.challenge, v.sid, n, bits)) {
        n++;                     /* by chance it solves both */
    }
    enter(&c, &v, n);
    memcpy(before, c.challenge, 32);
    bits = expect_puzzle(&c);
    assert_memory_not_equal(c.challenge, before, 32);

    /* The last challenge's. */
    n = sc_puzzle_solve(before, v.sid, bits);
    while (sc_puzzle_solved(c.challenge, v.sid, n, bits)) {
        n++;
    }
    enter(&c, &v, n);
    bits = expect_puzzle(&c);

    /* The one of another connection, which is open at the same time. */
    open_from(&d, "192.0.2.1");
    enter(&d, &w, 0);
    (void) expect_puzzle(&d);
    n = sc_puzzle_solve(d.challenge, v.sid, bits);
    while (sc_puzzle_solved(c.challenge, v.sid, n, bits)) {
        n++;
    }
    enter(&c, &v, n);
    bits = expect_puzzle(&c);

    /* All but one bit. */
    n = 0;
    while (!sc_puzzle_solved(c.challenge, v.sid, n, bits - 1)
           || sc_puzzle_solved(c.challenge, v.sid, n, bits))
    {
        n++;
    }
    enter(&c, &v, n);
    bits = expect_puzzle(&c);

    /* Nothing of it was worth a signature: a bad one is not even looked at. */
    prove(&c, SC_ROLE_VISITOR, v.sid, w.keys.sk, &v, 0);
    bits = expect_puzzle(&c);

    enter(&c, &v, sc_puzzle_solve(c.challenge, v.sid, bits));
    expect_ready(&c, SC_ROLE_VISITOR);

    /* And that one is used up: the next session needs its own. */
    assert_true(is_asked("192.0.2.1"));
}

/* It lets nobody in who is not who he says. */
static void
test_still_proven(void **state)
{
    struct client  c;
    struct visitor v, w;
    unsigned       bits;

    (void) state;

    for (int i = 0; i < 3; i++) {
        come("192.0.2.1");
    }

    visitor_make(&v, &O);
    visitor_make(&w, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    bits = expect_puzzle(&c);
    prove(&c, SC_ROLE_VISITOR, v.sid, w.keys.sk, &v,
          sc_puzzle_solve(c.challenge, v.sid, bits));
    expect_error(&c, SC_E_AUTH_FAILED);
}


/* --- sessions and messages ----------------------------------------------- */

static void
test_sessions(void **state)
{
    struct client  c;
    struct visitor v;
    uint32_t       retry;

    (void) state;

    for (int i = 0; i < 4; i++) {
        come("192.0.2.1");
    }

    visitor_make(&v, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    retry = expect_code(&c, SC_E_SLOW_DOWN);
    assert_in_range(retry, 600000, 900000);
    assert_int_equal(take_challenge(&c), 0);

    /* The connection goes on, and so does everybody else. */
    prove(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_ready(&c, SC_ROLE_DEVICE);
    come("192.0.2.2");
}

/* Those beyond wait and come in later, in their order; a device and another
 * session are not held up. */
static void
test_messages(void **state)
{
    static struct letter letters[7];

    struct client  c, device, other;
    struct visitor v, w;
    struct chain   chain = { 0 }, theirs = { 0 }, replies = { 0 };
    struct letter  letter;
    uint32_t       retry;
    struct answer  a;

    (void) state;

    visitor_make(&v, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);

    for (int i = 0; i < 7; i++) {
        letter_make(&letters[i], &O, &v, NULL, &chain);
        ask_send(&c, &letters[i]);
        if (i < 5) {
            expect_stored(&c);
        } else {
            retry = expect_code(&c, SC_E_SLOW_DOWN);
            assert_in_range(retry, 1, 12000);
        }
    }

    /* A new connection is no way around it. */
    client_close(&c);
    open_from(&c, "192.0.2.9");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    ask_send(&c, &letters[5]);
    retry = expect_code(&c, SC_E_SLOW_DOWN);

    /* Nor are spare keys a way to keep the disk busy. */
    ASK(&c, spare_put, .name = v.sid, .sealed = { v.sid, 32 });
    (void) expect_code(&c, SC_E_SLOW_DOWN);

    visitor_make(&w, &O);
    open_from(&other, "192.0.2.1");
    enter(&other, &w, 0);
    expect_ready(&other, SC_ROLE_VISITOR);
    letter_make(&letter, &O, &w, NULL, &theirs);
    ask_send(&other, &letter);
    expect_stored(&other);

    device_login(&device, &P, &O, 0);
    for (int i = 0; i < 8; i++) {
        letter_make(&letter, &O, &v, &O.devices[0], &replies);
        ask_send(&device, &letter);
        do {
            assert_true(next_frame(&device, &a, PATIENCE));
            answer_free(&a);
        } while (a.frame.type != SC_FRAME_STORED);
    }

    /* As the service asked. */
    nap((long) retry + 50);
    ask_send(&c, &letters[5]);
    do {
        assert_true(next_frame(&c, &a, PATIENCE));
        answer_free(&a);
    } while (a.frame.type != SC_FRAME_STORED);
}

/* How many of n signals of that visitor come to the device, ahead of a message
 * that the visitor sends behind them. */
static int
signals_come(struct client *c, struct client *device,
             const struct visitor *v, struct chain *chain, int n)
{
    static const uint8_t zeros[32];
    static struct letter letter;
    static struct draft  d;

    struct answer a;
    int           came = 0;

    for (int i = 0; i < n; i++) {
        draft_make(&d, &O, v, 1, chain);
        d.e.type = SC_ENVELOPE_SIGNAL;
        d.e.seq = 0;
        d.e.prev = zeros;
        draft_sign(&letter, &d, &v->keys);
        ASK(c, signal, .envelope = { letter.bytes, letter.n });
    }

    letter_make(&letter, &O, v, NULL, chain);
    ask_send(c, &letter);
    expect_stored(c);

    do {
        assert_true(next_frame(device, &a, PATIENCE));
        came += a.frame.type == SC_FRAME_SIGNALLED;
        answer_free(&a);
    } while (a.frame.type != SC_FRAME_DELIVER);

    return came;
}

/* A visitor who writes like no hand does is shown as writing now and then, and
 * floods no device; its messages and other sessions go on. */
static void
test_signals(void **state)
{
    struct client  c, other, device;
    struct visitor v, w;
    struct chain   chain = { 0 }, theirs = { 0 };

    (void) state;

    device_login(&device, &P, &O, 0);
    visitor_make(&v, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    assert_int_equal(signals_come(&c, &device, &v, &chain, 12), 4);
    client_close(&c);

    /* A new connection is no way around it. */
    open_from(&c, "192.0.2.9");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    assert_int_equal(signals_come(&c, &device, &v, &chain, 3), 0);

    visitor_make(&w, &O);
    open_from(&other, "192.0.2.1");
    enter(&other, &w, 0);
    expect_ready(&other, SC_ROLE_VISITOR);
    assert_int_equal(signals_come(&other, &device, &w, &theirs, 3), 3);
}

static void
test_signals_off(void **state)
{
    struct client  c, device;
    struct visitor v;
    struct chain   chain = { 0 };

    (void) state;

    device_login(&device, &P, &O, 0);
    visitor_make(&v, &O);
    visitor_login(&c, &P, &O, &v);
    assert_int_equal(signals_come(&c, &device, &v, &chain, 12), 12);
}

/* The control of all of them. */
static void
test_off(void **state)
{
    static struct letter letter;

    struct client  c;
    struct visitor v;
    struct chain   chain = { 0 };

    (void) state;

    for (int i = 0; i < 4; i++) {
        come("192.0.2.1");
    }

    visitor_make(&v, &O);
    open_from(&c, "192.0.2.1");
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    for (int i = 0; i < 8; i++) {
        letter_make(&letter, &O, &v, NULL, &chain);
        ask_send(&c, &letter);
        expect_stored(&c);
    }

    for (int i = 0; i < 4; i++) {
        open_from(&c, "192.0.2.1");
        prove(&c, SC_ROLE_PASSWORD, O.account_id, O.ik.sk, NULL, 0);
        expect_error(&c, SC_E_AUTH_FAILED);
    }
}

/* A flood leaves nothing in the store: a session is there with its first
 * message and not before. */
static void
test_nothing_stored(void **state)
{
    static const uint8_t zeros[32];

    struct sc_frame_session_page page;
    struct client                c, device;
    struct visitor               v;
    struct chain                 chain = { 0 };
    struct letter                letter;
    struct answer                a;

    (void) state;

    for (int i = 0; i < 40; i++) {
        come("192.0.2.1");
    }

    device_login(&device, &P, &O, 0);
    for (int n = 0; n < 2; n++) {
        ASK(&device, sessions, .from = zeros, .count = 64);
        do {
            assert_true(next_frame(&device, &a, PATIENCE));
            if (a.frame.type == SC_FRAME_SESSION_PAGE) {
                break;
            }
            answer_free(&a);
        } while (1);
        assert_true(sc_session_page_decode(a.frame.body, &page));
        assert_int_equal(page.sessions.count, n);
        answer_free(&a);
        if (n == 0) {
            visitor_make(&v, &O);
            visitor_login(&c, &P, &O, &v);
            letter_make(&letter, &O, &v, NULL, &chain);
            ask_send(&c, &letter);
            expect_stored(&c);
        }
    }

    assert_int_equal(device.head, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name, setup) \
        cmocka_unit_test_setup_teardown(test_##name, setup_##setup, teardown)
        T(address, address), T(customer, customer), T(solved, address),
        T(existing, address), T(borrowed_name, address), T(hostile, address),
        T(still_proven, address),
        T(sessions, sessions), T(messages, messages), T(off, off),
        T(signals, signals), T(signals_off, off),
        T(nothing_stored, off)
#undef T
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
