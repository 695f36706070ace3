/*
 * Every frame of the table, sent in every role: its answer, or not-allowed.
 * Then every frame too short, too long and too large.
 */

#include "served.h"

static const uint8_t zeros[32];

/* One of each role, fresh: a refused frame ends its stream. */
struct actor {
    struct client  c;
    struct visitor v;
    struct chain   chain;
    uint8_t        role;
};

struct bytes {
    uint8_t p[SC_FRAME_MAX];
    size_t  n;
};

/* All messages up to the newest, which is not the device's own. */
static void
take_all(struct client *c)
{
    struct sc_frame_deliver deliver = { .position = c->cursor };
    struct answer           a;

    while (deliver.position < c->head) {
        a = expect_frame(c, SC_FRAME_DELIVER);
        assert_true(sc_deliver_decode(a.frame.body, &deliver));
        answer_free(&a);
    }

    ask_ack(c, c->head);
}

/* Something is in the session, so that a device may write to it. */
static void
actor_make(struct actor *a, uint8_t role)
{
    struct letter letter;
    struct client c;
    struct chain  chain = { 0 };

    memset(a, 0, sizeof(*a));
    a->role = role;
    visitor_make(&a->v, &O);

    switch (role) {

    case SC_ROLE_VISITOR:
        visitor_login(&a->c, &P, &O, &a->v);
        break;

    case SC_ROLE_DEVICE:
        visitor_login(&c, &P, &O, &a->v);
        letter_make(&letter, &O, &a->v, NULL, &chain);
        ask_send(&c, &letter);
        expect_stored(&c);
        client_close(&c);
        device_login(&a->c, &P, &O, 0);
        take_all(&a->c);
        break;

    case SC_ROLE_PASSWORD:
    case SC_ROLE_RECOVERY:
        owner_login(&a->c, &P, &O, role);
        break;

    default:
        client_open(&a->c, &P, O.cid);
        break;
    }
}

static struct answer
next_answer(struct actor *a)
{
    struct answer answer;

    if (!next_frame(&a->c, &answer, PATIENCE)) {
        fail_msg("no answer");
    }

    return answer;
}

#define PUT(name, ...)                                                        \
    do {                                                                      \
        struct sc_frame_##name frame_ = { __VA_ARGS__ };                      \
        out->n = sc_##name##_encode(out->p, sizeof(out->p), ++a->c.tag,       \
                                    &frame_);                                 \
    } while (0)

static void
write_envelope(struct actor *a, struct letter *letter, int is_signal)
{
    static struct draft d;
    const struct keys  *keys = a->role == SC_ROLE_DEVICE ? &O.devices[0]
                                                         : &a->v.keys;

    draft_make(&d, &O, &a->v, keys == &a->v.keys, &a->chain);
    if (is_signal) {
        d.e.type = SC_ENVELOPE_SIGNAL;
        d.e.seq = 0;
        d.e.prev = zeros;
    }
    draft_sign(letter, &d, keys);
}

static int
is_owner(const struct actor *a)
{
    return a->role == SC_ROLE_PASSWORD || a->role == SC_ROLE_RECOVERY;
}

/* A session that is stored has spare keys, which that token finds. */
static void
leave_spare(const uint8_t token[32])
{
    struct letter  letter;
    struct visitor v;
    struct client  c;
    struct answer  a;
    struct chain   chain = { 0 };
    uint8_t        name[32];

    visitor_make(&v, &O);
    visitor_login(&c, &P, &O, &v);
    letter_make(&letter, &O, &v, NULL, &chain);
    ask_send(&c, &letter);
    expect_stored(&c);
    sc_spare_name_of(name, token);
    ASK(&c, spare_put, .name = name, .sealed = { O.roster, 64 });
    a = expect_frame(&c, SC_FRAME_DONE);
    answer_free(&a);
    client_close(&c);
}

/* A good frame of that type, as this actor would send it; but owners delete
 * no account here. */
static void
write_good(struct actor *a, uint8_t type, struct bytes *out)
{
    static struct letter letter;
    uint8_t              sig[64], token[32];

    switch (type) {

    case SC_FRAME_AUTH:
        sign_in(sig, &a->c, SC_ROLE_DEVICE, O.devices[0].id, NULL,
                O.devices[0].sk);
        PUT(auth, .role = SC_ROLE_DEVICE, .subject = O.devices[0].id,
            .sig = sig, .release = zeros);
        break;

    case SC_FRAME_LOGIN_START:
        PUT(login_start, .account_id = O.account_id);
        break;

    case SC_FRAME_ROSTER_GET:
        PUT(roster_get, .id = O.roster_id);
        break;

    case SC_FRAME_REGISTER:
        sign_in(sig, &a->c, SC_ROLE_REGISTRATION, O.account_id, zeros,
                O.ik.sk);
        PUT(register, .sig = sig, .invitation = zeros,
            .account = { O.account, SC_ACCOUNT_BYTES },
            .roster = { O.roster, O.roster_n }, .wraps = wraps_list(&O));
        break;

    case SC_FRAME_SEND:
        write_envelope(a, &letter, 0);
        PUT(send, .envelope = { letter.bytes, letter.n });
        break;

    case SC_FRAME_ACK:
        PUT(ack, .position = 0);
        break;

    case SC_FRAME_SIGNAL:
        write_envelope(a, &letter, 1);
        PUT(signal, .envelope = { letter.bytes, letter.n });
        break;

    case SC_FRAME_HISTORY:
        PUT(history, .sid = a->v.sid, .count = 1);
        break;

    case SC_FRAME_SESSIONS:
        PUT(sessions, .from = zeros, .count = 1);
        break;

    case SC_FRAME_VAULT_GET:
        PUT(vault_get, .generation = 0);
        break;

    case SC_FRAME_ACCOUNT_PUT:
        PUT(account_put, .account = { O.account, SC_ACCOUNT_BYTES },
            .roster = { O.roster, O.roster_n }, .wraps = wraps_list(&O));
        break;

    case SC_FRAME_DELETE:
        PUT(delete, .sid = is_owner(a) ? zeros : a->v.sid);
        break;

    case SC_FRAME_CHECK:
        PUT(check, .code = O.salt, .release = O.cid, .min_generation = 1);
        break;

    case SC_FRAME_BLOCK:
        PUT(block, .sid = a->v.sid, .blocked = 1);
        break;

    case SC_FRAME_SPARE_PUT:
        if (a->role == SC_ROLE_VISITOR) {
            letter_make(&letter, &O, &a->v, NULL, &a->chain);
            ask_send(&a->c, &letter);
            expect_stored(&a->c);
        }
        PUT(spare_put, .name = a->v.sid, .sealed = { O.roster, 64 });
        break;

    case SC_FRAME_SPARE_GET:
        sc_signkey_id_of(token, a->v.sid);
        if (a->role == SC_ROLE_NONE) {
            leave_spare(token);
        }
        PUT(spare_get, .token = token);
        break;

    case SC_FRAME_RESUME:
        PUT(resume, .mark = 1);
        break;

    default:
        fail_msg("the test knows no frame 0x%02x", type);
    }

    assert_true(out->n > 0);
}

static const struct {
    uint8_t  type;
    uint16_t roles;
    uint8_t  answer;
    uint32_t max;
} table[] = {
#define ROW(type, NAME, name, roles, max, repeat, answer) \
    { type, (uint16_t) (roles), SC_FRAME_##answer, max },
    SC_CLIENT_FRAMES(ROW)
#undef ROW
};

#define ROWS (sizeof(table) / sizeof(table[0]))

static void
expect_row(struct actor *a, size_t row)
{
    struct answer answer;

    if (!(table[row].roles & 1u << a->role)) {
        answer = next_answer(a);
        assert_int_equal(answer.frame.type, SC_FRAME_ERROR);
        assert_int_equal(answer.frame.tag, a->c.tag);
        assert_int_equal(answer.frame.body.p[1], SC_E_NOT_ALLOWED);
        answer_free(&answer);
        expect_close(&a->c, 1008, "not-allowed");
        return;
    }

    if (table[row].type == SC_FRAME_DELETE && is_owner(a)) {
        expect_error(&a->c, SC_E_NOT_FOUND);
        client_close(&a->c);
        return;
    }

    if (table[row].answer == SC_FRAME_NONE) {
        /* Whatever is asked next is answered, so nothing went wrong. */
        ASK(&a->c, login_start, .account_id = O.account_id);
        answer = next_answer(a);
        assert_int_equal(answer.frame.type, SC_FRAME_SALT);
    } else {
        answer = next_answer(a);
        if (answer.frame.type != table[row].answer) {
            fail_msg("role %u, frame 0x%02x: answer 0x%02x", a->role,
                     table[row].type, answer.frame.type);
        }
    }

    assert_int_equal(answer.frame.tag, a->c.tag);
    answer_free(&answer);
    client_close(&a->c);
}

static void
test_every_frame_in_every_role(void **state)
{
    static struct bytes out;
    struct actor        a;

    (void) state;

    for (uint8_t role = SC_ROLE_NONE; role <= SC_ROLE_RECOVERY; role++) {
        for (size_t row = 0; row < ROWS; row++) {
            actor_make(&a, role);
            write_good(&a, table[row].type, &out);
            put_frame(&a.c, out.p, out.n);
            expect_row(&a, row);
        }
    }
}

/* Frames of the service, and types that nobody has. */
static void
test_other_types(void **state)
{
    struct actor a;
    uint8_t      frame[8] = { 0, 0, 0, 9 };

    (void) state;

    for (unsigned type = 0; type < 256; type++) {
        const struct sc_frame_info *info = sc_frame_info((uint8_t) type);

        if (info && info->roles) {
            continue;
        }

        actor_make(&a, SC_ROLE_NONE);
        frame[0] = (uint8_t) type;
        put_frame(&a.c, frame, 4);
        expect_error(&a.c, info ? SC_E_NOT_ALLOWED : SC_E_UNKNOWN_FRAME);
    }
}

static uint8_t
first_role(size_t row)
{
    uint8_t role = 0;

    while (!(table[row].roles & 1u << role)) {
        role++;
    }

    return role;
}

/* The layout's error: envelopes have one of their own, and what is sealed has
 * no layout to break. */
static enum sc_error_code
layout_error(size_t row, size_t body)
{
    if (table[row].type == SC_FRAME_SPARE_PUT && body >= 32 + 16) {
        return SC_E_UNKNOWN_SESSION;
    }

    return table[row].type == SC_FRAME_SEND
           || table[row].type == SC_FRAME_SIGNAL
           ? SC_E_BAD_ENVELOPE : SC_E_BAD_FRAME;
}

static void
expect_layout_error(size_t row, const struct bytes *good, size_t n)
{
    static uint8_t     bytes[SC_FRAME_MAX];
    struct actor       a;
    enum sc_error_code code = layout_error(row, n - SC_FRAME_HEADER);

    if (n - SC_FRAME_HEADER > table[row].max) {
        code = SC_E_TOO_LARGE;
    }

    actor_make(&a, first_role(row));
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, good->p, good->n < n ? good->n : n);
    put_frame(&a.c, bytes, n);
    expect_error(&a.c, code);

    if (sc_error_info(code)->close == 0) {
        client_close(&a.c);
    }
}

static void
test_lengths(void **state)
{
    static struct bytes good;
    struct actor        a;

    (void) state;

    for (size_t row = 0; row < ROWS; row++) {
        actor_make(&a, first_role(row));
        write_good(&a, table[row].type, &good);
        client_close(&a.c);

        for (size_t n = SC_FRAME_HEADER; n < good.n;
             n += good.n > 100 && n > 40 ? 97 : 1)
        {
            expect_layout_error(row, &good, n);
        }

        expect_layout_error(row, &good, good.n + 1);
        expect_layout_error(row, &good, SC_FRAME_HEADER + table[row].max + 1);
    }
}

static void
test_headers(void **state)
{
    struct actor  a;
    const uint8_t bytes[40] = { SC_FRAME_LOGIN_START, 1 };

    (void) state;

    for (size_t n = 1; n < SC_FRAME_HEADER; n++) {
        actor_make(&a, SC_ROLE_NONE);
        put_frame(&a.c, bytes, n);
        expect_error(&a.c, SC_E_BAD_FRAME);
    }

    actor_make(&a, SC_ROLE_NONE);
    put_frame(&a.c, bytes, 36);
    expect_error(&a.c, SC_E_BAD_FRAME);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_frame_in_every_role,
                                        owned, teardown),
        cmocka_unit_test_setup_teardown(test_other_types, owned, teardown),
        cmocka_unit_test_setup_teardown(test_lengths, owned, teardown),
        cmocka_unit_test_setup_teardown(test_headers, owned, teardown),
    };

    if (sodium_init() < 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
