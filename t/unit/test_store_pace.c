/*
 * The pace at which messages leave: little behind each list, never less than
 * comes, and all that a step may do when nothing comes.
 */

#include "store_fixture.h"

#include "store/db.h"
#include "store/state.h"

#define DAY    86400000ull
#define START  1700000000000ull
#define LIST   1000u

static uint64_t now;

static uint64_t
machine_clock(void)
{
    return now;
}

static int
setup(void **state)
{
    struct fixture *f;

    if (fixture_setup(state) != 0) {
        return -1;
    }

    f = *state;
    now = START;
    f->options.clock = machine_clock;
    f->options.catch_up = UINT32_MAX;
    f->options.checkpoint_every = 1000;
    sc_store_close(f->store);
    fixture_unlink(f, "store.mdb");
    fixture_unlink(f, "store.mdb-lock");
    fixture_open(f);
    return 0;
}

static void
set_week(struct fixture *f, uint64_t customer)
{
    struct sc_op op = { .kind = SC_OP_LIMITS };

    op.limits.cid = name_of('c', customer);
    op.limits.set = SC_SET_DAYS;
    op.limits.days = 7;
    assert_int_equal(apply_one(f, &op), SC_E_NONE);
}

static uint64_t
messages_left(struct fixture *f, uint64_t customer)
{
    struct sc_limits limits;

    assert_int_equal(sc_store_limits(f->store, name_of('c', customer),
                                     &limits), 1);
    return limits.messages;
}

/* n messages of one session in one list. */
static void
send_list(struct fixture *f, struct chat *chat, unsigned n)
{
    static struct message_op m[LIST];
    unsigned                 i;

    for (i = 0; i < n; i++) {
        message_op(&m[i], chat);
        chat_sent(chat, &m[i]);
        m[i].op.next = i + 1 < n ? &m[i + 1].op : NULL;
    }

    assert_int_equal(sc_store_apply(f->store, &m[0].op, f->why, WHY), 0);
    assert_string_equal(f->why, "");
    for (i = 0; i < n; i++) {
        assert_int_equal(m[i].op.error, SC_E_NONE);
    }
}

static void
send_empty(struct fixture *f)
{
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_string_equal(f->why, "");
}

/* Behind a list a step is small; when nothing comes, they grow. */
static void
test_busy_and_alone(void **state)
{
    struct fixture *f = *state;
    struct chat     old, new;
    uint64_t        before, left;
    unsigned        i;

    chat_init(&old, register_customer(f, 1), 1, 0);
    chat_init(&new, register_customer(f, 2), 2, 0);
    set_week(f, 1);
    send_list(f, &old, LIST);
    fixture_reopen(f);
    now += 7 * DAY;

    for (i = 0, left = LIST; i < 4; i++, left = before) {
        send_list(f, &new, 1);
        send_empty(f);
        before = messages_left(f, 1);
        assert_in_range(left - before, 1, 64);
    }

    send_empty(f);
    send_empty(f);
    before = messages_left(f, 1);
    send_empty(f);
    assert_int_equal(before - messages_left(f, 1), SC_STEP_MESSAGES);

    /* One list, and they are small again. */
    send_list(f, &new, 1);
    before = messages_left(f, 1);
    send_empty(f);
    assert_in_range(before - messages_left(f, 1), 1, 64);
}

/* As the commit thread does while lists never cease: how much is left never
 * exceeds what a week brings by more than what a few lists do. */
static void
test_keeps_up(void **state)
{
    static const unsigned sizes[] = { 8, 100, LIST };

    enum { WEEK = 20 };                  /* lists */
    struct fixture *f = *state;
    struct chat     chat;
    unsigned        i, k, n;

    for (k = 0; k < 3; k++) {
        n = sizes[k];
        chat_init(&chat, register_customer(f, k + 1), k + 1, 0);
        set_week(f, k + 1);
        for (i = 0; i < 5 * WEEK; i++) {
            send_list(f, &chat, n);
            now += 7 * DAY / WEEK;
            if (sc_store_wants(f->store) == 0) {
                send_empty(f);
            }
            assert_true(messages_left(f, k + 1) <= (WEEK + 8) * n + 1000);
        }
    }
}

/* What is due gathers for a second, unless there is more than a step does. */
static void
test_gathers(void **state)
{
    struct fixture *f = *state;
    struct chat     chat;

    chat_init(&chat, register_customer(f, 1), 1, 0);
    set_week(f, 1);
    send_list(f, &chat, 300);
    fixture_reopen(f);
    (void) fixture_settle(f);

    now += 7 * DAY - 1;
    send_empty(f);
    assert_in_range(sc_store_wants(f->store), 1001, 1001);
    now += 500;
    chat_init(&chat, register_customer(f, 2), 2, 0);
    assert_in_range(sc_store_wants(f->store), 501, 501);
    now += 501;
    send_list(f, &chat, 1);
    assert_int_equal(sc_store_wants(f->store), 0);

    send_empty(f);
    assert_in_range(messages_left(f, 1), 300 - 64, 299);
    while (messages_left(f, 1) > 0) {
        assert_in_range(sc_store_wants(f->store), 0, 101);
        send_empty(f);
    }
}

static unsigned
rows(struct fixture *f, enum sc_db_name name)
{
    struct sc_db       *db;
    struct sc_db_sizes  sizes;

    sc_store_close(f->store);
    db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    assert_non_null(db);
    assert_int_equal(sc_db_sizes(db, &sizes), 0);
    sc_db_close(db);
    fixture_open(f);
    return (unsigned) sizes.tables[name].entries;
}

/* A block goes with the last of its messages, in the same commit; but what is
 * there of a longer class is found by the blocks alone, so they wait. */
static void
test_blocks(void **state)
{
    struct fixture *f = *state;
    struct chat     chat, other;

    chat_init(&chat, register_customer(f, 1), 1, 0);
    set_week(f, 1);
    send_list(f, &chat, 500);
    assert_int_equal(rows(f, SC_DB_BLOCKS), 3);
    now += 7 * DAY;
    while (messages_left(f, 1) > 0) {
        send_empty(f);
        assert_int_equal(rows(f, SC_DB_PURGES), 0);
    }
    assert_int_equal(rows(f, SC_DB_BLOCKS), 0);

    /* More of each than a step takes. */
    chat_init(&other, register_customer(f, 2), 2, 0);
    send_list(f, &other, 600);
    set_week(f, 2);
    send_list(f, &other, 600);
    fixture_reopen(f);
    now += 7 * DAY;
    send_empty(f);
    assert_int_equal(rows(f, SC_DB_PURGES), 1);
    (void) fixture_settle(f);
    assert_int_equal(messages_left(f, 2), 0);
    assert_int_equal(rows(f, SC_DB_LOG) + rows(f, SC_DB_LOG + 2), 0);
    assert_int_equal(rows(f, SC_DB_BLOCKS), 0);
    assert_int_equal(rows(f, SC_DB_PURGES), 0);
}

#define PACE_TEST(name)  STORE_TEST_WITH(name, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PACE_TEST(test_busy_and_alone),
        PACE_TEST(test_keeps_up),
        PACE_TEST(test_gathers),
        PACE_TEST(test_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
