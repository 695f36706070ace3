/*
 * Spare keys in the real daemon: who may leave and who may find them, and that
 * DONE means that they survive a kill -9.
 */

#include "served.h"

/* A visitor whose session is stored, connected. */
static void
begin(struct client *c, struct visitor *v)
{
    struct letter letter;
    struct chain  chain = { 0 };

    visitor_make(v, &O);
    visitor_login(c, &P, &O, v);
    letter_make(&letter, &O, v, NULL, &chain);
    ask_send(c, &letter);
    expect_stored(c);
}

static void
ask_put(struct client *c, const uint8_t token[32], uint8_t byte)
{
    uint8_t name[32], sealed[300];

    sc_spare_name_of(name, token);
    memset(sealed, byte, sizeof(sealed));
    ASK(c, spare_put, .name = name, .sealed = { sealed, sizeof(sealed) });
}

static void
expect_put(struct client *c)
{
    struct answer a = expect_frame(c, SC_FRAME_DONE);

    assert_int_equal(a.frame.tag, c->tag);
    answer_free(&a);
}

/* What a stranger finds with the token; 0 for nothing. */
static uint8_t
found(const uint8_t token[32])
{
    struct sc_frame_spare spare;
    struct client         c;
    struct answer         a;
    uint8_t               byte = 0;

    client_open(&c, &P, O.cid);
    ASK(&c, spare_get, .token = token);
    assert_true(next_frame(&c, &a, PATIENCE));
    if (a.frame.type == SC_FRAME_SPARE) {
        assert_true(sc_spare_decode(a.frame.body, &spare));
        assert_int_equal(spare.sealed.n, 300);
        byte = spare.sealed.p[0];
    } else {
        assert_int_equal(a.frame.type, SC_FRAME_ERROR);
        assert_int_equal(a.frame.body.p[1], SC_E_NOT_FOUND);
    }
    answer_free(&a);
    client_close(&c);
    return byte;
}

static void
test_found(void **state)
{
    struct client  c, other;
    struct visitor v, w;
    uint8_t        token[32], second[32], name[32];

    (void) state;

    randombytes_buf(token, 32);
    randombytes_buf(second, 32);
    begin(&c, &v);
    assert_int_equal(found(token), 0);
    ask_put(&c, token, 7);
    expect_put(&c);
    assert_int_equal(found(token), 7);

    /* By the token, not by what the store has. */
    sc_spare_name_of(name, token);
    assert_int_equal(found(name), 0);

    /* Nobody else's session takes the name. */
    begin(&other, &w);
    ask_put(&other, token, 8);
    expect_error(&other, SC_E_CONFLICT);
    assert_int_equal(found(token), 7);

    /* New ones take the place of the old ones. */
    ask_put(&c, second, 9);
    expect_put(&c);
    assert_int_equal(found(token), 0);
    assert_int_equal(found(second), 9);

    client_close(&c);
    client_close(&other);
}

static void
test_few(void **state)
{
    struct client c;
    uint8_t       token[32];

    (void) state;

    randombytes_buf(token, 32);
    client_open(&c, &P, O.cid);
    for (unsigned i = 0; i < SC_SPARE_GETS_MAX; i++) {
        ASK(&c, spare_get, .token = token);
        expect_error(&c, SC_E_NOT_FOUND);
    }
    ASK(&c, spare_get, .token = token);
    expect_error(&c, SC_E_BUSY);
}

static void
test_ends(void **state)
{
    struct client  c;
    struct visitor v;
    struct answer  a;
    uint8_t        token[32];

    (void) state;

    randombytes_buf(token, 32);
    begin(&c, &v);
    ask_put(&c, token, 7);
    expect_put(&c);
    ASK(&c, delete, .sid = v.sid);
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    assert_int_equal(found(token), 0);
}

static void
test_killed(void **state)
{
    struct client  c;
    struct visitor v;
    uint8_t        token[32];

    (void) state;

    randombytes_buf(token, 32);
    begin(&c, &v);
    ask_put(&c, token, 7);
    expect_put(&c);

    daemon_kill(&D);
    peer_close(&P);
    daemon_start(&D);
    peer_open(&P, &D);
    assert_int_equal(found(token), 7);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_killed),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, owned, teardown);
}
