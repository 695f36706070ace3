/*
 * Limits in the real daemon: new sessions that have to solve a puzzle, the
 * puzzles that are none, who is never asked, messages that wait, and logins
 * that are slowed without locking anybody out.  Each with its control.
 */

#include "people.h"

#include "protocol/puzzle.h"

static struct daemon D;
static struct peer   P;
static struct owner  O;

static int
start(const char *limits)
{
    daemon_make(&D);
    D.limits = limits;
    daemon_configure(&D, "open");
    daemon_start(&D);
    peer_open(&P, &D);
    owner_register(&O, &P);
    return 0;
}

#define SETUP(name, limits)                                                   \
    static int                                                                \
    setup_##name(void **state)                                                \
    {                                                                         \
        (void) state;                                                         \
        return start(limits);                                                 \
    }

/* One limit at a time: what another one does is no proof of it. */
#define NONE                                                                  \
    "[limits]\npuzzle_bits = 8\npuzzle_account = none\n"                      \
    "logins_address = none\nlogins_account = none\n"

SETUP(address, NONE "puzzle_address = 3/h\npuzzle_customer = none\n"
               "sessions_address = none\nmessages_session = none\n")
SETUP(customer, NONE "puzzle_address = none\npuzzle_customer = 3/h\n"
                "sessions_address = none\nmessages_session = none\n")
SETUP(sessions, NONE "puzzle_address = none\npuzzle_customer = none\n"
                "sessions_address = 4/h\nmessages_session = none\n")
SETUP(messages, NONE "puzzle_address = none\npuzzle_customer = none\n"
                "sessions_address = none\nmessages_session = 5/m\n")
SETUP(registrations, NONE "registrations_address = 2/h\n")
SETUP(off, "[limits]\nenabled = off\npuzzle_address = 1/h\n"
           "messages_session = 1/h\nlogins_account = 1/h\n"
           "registrations_address = 1/h\n")
SETUP(hard, "[limits]\npuzzle_bits = 17\npuzzle_account = 1/h\n"
            "puzzle_address = 1/h\n")
SETUP(logins, "[limits]\npuzzle_bits = 6\nlogins_address = 12/h\n"
              "logins_account = 4/h\npuzzle_account = 7/h\n")

static int
teardown(void **state)
{
    (void) state;

    peer_close(&P);
    daemon_free(&D);
    return 0;
}


/* --- asking -------------------------------------------------------------- */

/* The challenge that comes next, and how hard its puzzle is. */
static unsigned
take_challenge(struct client *c)
{
    struct sc_frame_challenge challenge;
    struct answer             a = expect_frame(c, SC_FRAME_CHALLENGE);
    unsigned                  bits;

    assert_true(sc_challenge_decode(a.frame.body, &challenge));
    memcpy(c->challenge, challenge.challenge, 32);
    bits = challenge.puzzle_bits;
    answer_free(&a);
    return bits;
}

/* A browser at that address.  Nobody is asked for anything before it says what
 * it wants. */
static void
open_to(struct client *c, const char *address, const uint8_t cid[32])
{
    char           text[SC_CID_TEXT + 1];
    struct sc_open open = {
        .addr = (const uint8_t *) address, .addr_len = strlen(address),
        .cid = (const uint8_t *) text, .cid_len = SC_CID_TEXT
    };
    uint8_t payload[SC_OPEN_MAX];
    size_t  n;

    sc_cid_write(text, cid);
    n = sc_open_put(payload, sizeof(payload), &open);
    memset(c, 0, sizeof(*c));
    c->peer = &P;
    c->id = ++P.streams;
    put_record(&P, SC_RECORD_OPEN, 0, 0, c->id, payload, n);
    assert_int_equal(take_challenge(c), 0);
}

static void
open_from(struct client *c, const char *address)
{
    open_to(c, address, O.cid);
}

static void
prove(struct client *c, uint8_t role, const uint8_t *subject,
      const uint8_t sk[64], const struct visitor *v, uint64_t puzzle)
{
    static const uint8_t zeros[32];

    uint8_t sig[64];

    sign_in(sig, c, role, subject, NULL, sk);
    ASK(c, auth, .role = role, .subject = subject, .sig = sig,
        .release = zeros, .puzzle = puzzle,
        .hello = { v ? v->hello : NULL, v ? v->hello_n : 0 });
}

static void
enter(struct client *c, const struct visitor *v, uint64_t puzzle)
{
    prove(c, SC_ROLE_VISITOR, v->sid, v->keys.sk, v, puzzle);
}

/* The error's hint, if it is that one. */
static uint32_t
expect_code(struct client *c, enum sc_error_code code)
{
    struct sc_frame_error error;
    struct answer         a = expect_frame(c, SC_FRAME_ERROR);
    uint32_t              retry;

    assert_int_equal(a.frame.tag, c->tag);
    assert_true(sc_error_decode(a.frame.body, &error));
    assert_string_equal(sc_error_info(error.code)->name,
                        sc_error_info(code)->name);
    retry = error.retry;
    answer_free(&a);
    return retry;
}

/* Refused for want of a puzzle; the bits of the one that came. */
static unsigned
expect_puzzle(struct client *c)
{
    unsigned bits;

    (void) expect_code(c, SC_E_PUZZLE);
    bits = take_challenge(c);
    assert_in_range(bits, 1, SC_PUZZLE_BITS_MAX);
    return bits;
}

static void
come(const char *address)
{
    struct client  c;
    struct visitor v;

    visitor_make(&v, &O);
    open_from(&c, address);
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    client_close(&c);
}

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


/* --- logins -------------------------------------------------------------- */

/* A wrong guess: the code that answers it.  AUTH_FAILED ends a connection. */
static enum sc_error_code
guess(const char *address, const uint8_t account_id[32], uint8_t role)
{
    struct client         c;
    struct sc_frame_error error;
    struct answer         a;
    unsigned              bits;

    open_from(&c, address);
    prove(&c, role, account_id, O.ik.sk, NULL, 0);

    for (int again = 0; ; again++) {
        a = expect_frame(&c, SC_FRAME_ERROR);
        assert_true(sc_error_decode(a.frame.body, &error));
        answer_free(&a);
        if (error.code != SC_E_PUZZLE || again) {
            break;
        }
        bits = take_challenge(&c);
        assert_in_range(bits, 9, 12);
        prove(&c, role, account_id, O.ik.sk, NULL,
              sc_puzzle_solve(c.challenge, account_id, bits));
    }

    if (error.code == SC_E_AUTH_FAILED) {
        expect_close(&c, 1008, "auth-failed");
    } else {
        assert_int_equal(error.code, SC_E_SLOW_DOWN);
        assert_true(error.retry > 1000);
        client_close(&c);
    }

    return error.code;
}

/* The owner, solving what is asked; 1 if there was a puzzle. */
static int
owner_gets_in(const char *address)
{
    struct client c;
    struct answer a;
    unsigned      bits;
    int           asked;

    open_from(&c, address);
    prove(&c, SC_ROLE_PASSWORD, O.account_id, O.login.sk, NULL, 0);
    assert_true(next_frame(&c, &a, PATIENCE));
    asked = a.frame.type == SC_FRAME_ERROR;
    if (asked) {
        assert_int_equal(a.frame.body.p[1], SC_E_PUZZLE);
        bits = take_challenge(&c);
        prove(&c, SC_ROLE_PASSWORD, O.account_id, O.login.sk, NULL,
              sc_puzzle_solve(c.challenge, O.account_id, bits));
        answer_free(&a);
        a = expect_frame(&c, SC_FRAME_READY);
    }
    assert_int_equal(a.frame.type, SC_FRAME_READY);
    answer_free(&a);
    client_close(&c);
    return asked;
}

/* Whatever others do, the puzzle stays one that a phone solves in time. */
static void
test_not_too_hard(void **state)
{
    struct client  c;
    struct visitor v;
    unsigned       bits = 0;

    (void) state;

    assert_int_equal(guess("192.0.2.1", O.account_id, SC_ROLE_PASSWORD),
                     SC_E_AUTH_FAILED);
    open_from(&c, "192.0.2.7");
    prove(&c, SC_ROLE_PASSWORD, O.account_id, O.login.sk, NULL, 0);
    assert_int_equal(expect_puzzle(&c), 18);
    client_close(&c);

    come("192.0.2.1");
    for (int i = 0; i < 6; i++) {
        visitor_make(&v, &O);
        open_from(&c, "192.0.2.1");
        enter(&c, &v, 0);
        bits = expect_puzzle(&c);
        assert_in_range(bits, 17, 18);
        enter(&c, &v, sc_puzzle_solve(c.challenge, v.sid, bits));
        expect_ready(&c, SC_ROLE_VISITOR);
        client_close(&c);
    }
    assert_int_equal(bits, 18);
}

/* A guesser is slowed where he is and wherever he goes; the owner, from
 * somewhere else, gets in all the while. */
static void
test_logins(void **state)
{
    struct client c;
    char          address[32];

    (void) state;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(guess("192.0.2.1", O.account_id, SC_ROLE_PASSWORD),
                         SC_E_AUTH_FAILED);
    }
    assert_int_equal(guess("192.0.2.1", O.account_id, SC_ROLE_PASSWORD),
                     SC_E_SLOW_DOWN);
    assert_false(owner_gets_in("192.0.2.7"));

    /* From many places: each guess of theirs costs a puzzle before long. */
    for (int i = 0; i < 40; i++) {
        snprintf(address, sizeof(address), "198.51.100.%d", i);
        assert_int_equal(guess(address, O.account_id, SC_ROLE_PASSWORD),
                         SC_E_AUTH_FAILED);
    }
    assert_true(owner_gets_in("192.0.2.7"));
    assert_true(owner_gets_in("192.0.2.7"));

    /* Devices go on, and the recovery code works, where nobody guesses. */
    open_from(&c, "192.0.2.1");
    prove(&c, SC_ROLE_DEVICE, O.devices[0].id, O.devices[0].sk, NULL, 0);
    expect_ready(&c, SC_ROLE_DEVICE);
    client_close(&c);
    open_from(&c, "192.0.2.1");
    prove(&c, SC_ROLE_RECOVERY, O.account_id, O.recovery.sk, NULL, 0);
    expect_ready(&c, SC_ROLE_RECOVERY);
    client_close(&c);
}

/* An account that there is not is answered alike, step by step. */
static void
test_unknown_account(void **state)
{
    static const uint8_t nobody[32] = { 1, 2, 3 };

    char address[32];

    (void) state;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(guess("192.0.2.1", O.account_id, SC_ROLE_PASSWORD),
                         guess("192.0.2.2", nobody, SC_ROLE_PASSWORD));
    }
    for (int i = 0; i < 6; i++) {
        snprintf(address, sizeof(address), "198.51.100.%d", i);
        assert_int_equal(guess(address, O.account_id, SC_ROLE_PASSWORD),
                         guess(address, nobody, SC_ROLE_PASSWORD));
    }
}

/* One address, many accounts. */
static void
test_spray(void **state)
{
    uint8_t account[32] = { 0 };

    (void) state;

    for (int i = 0; i < 12; i++) {
        account[0] = (uint8_t) i;
        assert_int_equal(guess("192.0.2.1", account, i % 2
                               ? SC_ROLE_PASSWORD : SC_ROLE_RECOVERY),
                         SC_E_AUTH_FAILED);
    }
    account[0] = 99;
    assert_int_equal(guess("192.0.2.1", account, SC_ROLE_PASSWORD),
                     SC_E_SLOW_DOWN);
    assert_int_equal(guess("192.0.2.1", account, SC_ROLE_RECOVERY),
                     SC_E_SLOW_DOWN);
    assert_int_equal(guess("192.0.2.2", account, SC_ROLE_PASSWORD),
                     SC_E_AUTH_FAILED);
}

/* From that address; its code, 0 for DONE, and whether the challenge that
 * follows is good for an answer. */
static uint32_t
register_from(const char *address)
{
    struct sc_frame_error error = { .code = 0 };
    struct owner          o;
    struct client         c;
    struct answer         a;

    owner_make(&o);
    open_to(&c, address, o.cid);
    take_salt(&c, &o);
    wraps_make(&o);
    owner_sign(&o);
    ask_register(&c, &o);
    assert_true(next_frame(&c, &a, PATIENCE));
    assert_int_equal(a.frame.tag, c.tag);
    if (a.frame.type == SC_FRAME_ERROR) {
        assert_true(sc_error_decode(a.frame.body, &error));
        assert_int_equal(error.retry > 0, error.code == SC_E_SLOW_DOWN);
    } else {
        assert_int_equal(a.frame.type, SC_FRAME_DONE);
    }
    answer_free(&a);
    expect_challenge(&c);
    client_close(&c);
    return error.code;
}

/* Refused ones count as well, and other addresses do not. */
static void
test_registrations(void **state)
{
    struct client c;
    struct owner  o;

    (void) state;

    assert_int_equal(register_from("192.0.2.1"), 0);
    owner_make(&o);
    open_to(&c, "192.0.2.1", o.cid);
    take_salt(&c, &o);
    wraps_make(&o);
    owner_sign(&o);
    memset(c.challenge, 0, sizeof(c.challenge));
    ask_register(&c, &o);
    expect_code(&c, SC_E_AUTH_FAILED);
    client_close(&c);
    assert_int_equal(register_from("192.0.2.1"), SC_E_SLOW_DOWN);
    assert_int_equal(register_from("192.0.2.1"), SC_E_SLOW_DOWN);
    assert_int_equal(register_from("192.0.2.2"), 0);
}

static void
test_registrations_off(void **state)
{
    (void) state;

    for (int i = 0; i < 4; i++) {
        assert_int_equal(register_from("192.0.2.1"), 0);
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
        T(not_too_hard, hard), T(logins, logins), T(unknown_account, logins),
        T(spray, logins), T(nothing_stored, off),
        T(registrations, registrations), T(registrations_off, off)
#undef T
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
