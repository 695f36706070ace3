/*
 * Limits of owners in the real daemon: logins that are slowed without locking
 * anybody out, registrations, and changes of accounts.  Each with its control.
 */

#include "limited.h"

SETUP(registrations, NONE "registrations_address = 2/h\n")
SETUP(changes, NONE "changes_account = 4/h\n")
SETUP(off, "[limits]\nenabled = off\npuzzle_address = 1/h\n"
           "messages_session = 1/h\nlogins_account = 1/h\n"
           "registrations_address = 1/h\nchanges_account = 1/h\n")
SETUP(hard, "[limits]\npuzzle_bits = 17\npuzzle_account = 1/h\n"
            "puzzle_address = 1/h\n")
SETUP(logins, "[limits]\npuzzle_bits = 6\nlogins_address = 12/h\n"
              "logins_account = 4/h\npuzzle_account = 7/h\n")
SETUP(both, "[limits]\npuzzle_bits = 6\npuzzle_account = 1/h\n"
            "puzzle_address = 1/h\n")


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

/* The puzzle that was asked of a visitor is no way to guess for less: that of a
 * login is three bits harder.  The control is its own. */
static void
test_cheaper(void **state)
{
    struct client  c;
    struct visitor v;
    uint64_t       n = 0;
    unsigned       bits;

    (void) state;

    assert_int_equal(guess("192.0.2.1", O.account_id, SC_ROLE_PASSWORD),
                     SC_E_AUTH_FAILED);
    come("192.0.2.2");

    visitor_make(&v, &O);
    open_from(&c, "192.0.2.2");
    enter(&c, &v, 0);
    assert_int_equal(expect_puzzle(&c), 6);
    while (!sc_puzzle_solved(c.challenge, O.account_id, n, 6)) {
        n++;
    }
    prove(&c, SC_ROLE_PASSWORD, O.account_id, O.ik.sk, NULL, n);
    bits = expect_puzzle(&c);
    assert_int_equal(bits, 9);

    prove(&c, SC_ROLE_PASSWORD, O.account_id, O.login.sk, NULL,
          sc_puzzle_solve(c.challenge, O.account_id, bits));
    expect_ready(&c, SC_ROLE_PASSWORD);
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

/* The account's next roster, with the same devices. */
static uint32_t
change(struct client *c, struct owner *o)
{
    struct sc_frame_error error = { .code = 0 };
    struct owner          next = *o;
    struct answer         a;

    owner_next(&next, 0);
    ask_account_put(c, &next);
    do {
        assert_true(next_frame(c, &a, PATIENCE));
        if (a.frame.type == SC_FRAME_ERROR) {
            assert_true(sc_error_decode(a.frame.body, &error));
            assert_int_equal(error.retry > 0, error.code == SC_E_SLOW_DOWN);
            assert_int_equal(a.frame.tag, c->tag);
        }
        answer_free(&a);
    } while (a.frame.type != SC_FRAME_ERROR && a.frame.type != SC_FRAME_DONE);

    if (error.code == 0) {
        *o = next;
    }

    return error.code;
}

/* What an account may have kept for good grows no faster than that, from
 * wherever it is changed and whatever comes of it.  Another account's, and all
 * else that this one does, is no part of it. */
static void
test_changes(void **state)
{
    struct client c, d;
    struct owner  other, wrong;

    (void) state;

    owner_register(&other, &P);
    owner_login(&c, &P, &O, SC_ROLE_PASSWORD);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(change(&c, &O), 0);
    }

    wrong = O;
    wrong.version += 5;
    assert_int_equal(change(&c, &wrong), SC_E_CONFLICT);
    assert_int_equal(change(&c, &O), SC_E_SLOW_DOWN);
    assert_int_equal(change(&c, &O), SC_E_SLOW_DOWN);
    client_close(&c);

    owner_login(&c, &P, &O, SC_ROLE_RECOVERY);
    assert_int_equal(change(&c, &O), SC_E_SLOW_DOWN);
    device_login(&d, &P, &O, 0);

    owner_login(&d, &P, &other, SC_ROLE_PASSWORD);
    assert_int_equal(change(&d, &other), 0);
}

static void
test_changes_off(void **state)
{
    struct client c;

    (void) state;

    owner_login(&c, &P, &O, SC_ROLE_PASSWORD);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(change(&c, &O), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name, setup) \
        cmocka_unit_test_setup_teardown(test_##name, setup_##setup, teardown)
        T(not_too_hard, hard), T(logins, logins), T(unknown_account, logins),
        T(spray, logins), T(cheaper, both),
        T(registrations, registrations), T(registrations_off, off),
        T(changes, changes), T(changes_off, off)
#undef T
    };

    assert_true(sodium_init() >= 0);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
