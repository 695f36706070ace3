/*
 * Deleting sessions in the store: what is gone at once, what leaves step by
 * step, and what stays after a restart or a crash in between.
 */

#include "store_fixture.h"

#include <sys/wait.h>

#include <sealchat/limits.h>

#include "store/db.h"
#include "store/state.h"

static enum sc_error_code
delete_session(struct fixture *f, const struct chat *chat, int by_session,
               int *repeated)
{
    struct sc_op op = { .kind = SC_OP_DELETE };

    op.remove.customer = chat->customer;
    op.remove.sid = chat->sid;
    op.remove.time = 1700000000000ull;
    op.remove.by_session = by_session;
    (void) apply_one(f, &op);
    if (repeated) {
        *repeated = op.remove.repeated;
    }
    return op.error;
}

static enum sc_error_code
try_next(struct fixture *f, const struct chat *chat)
{
    struct message_op m;

    message_op(&m, chat);
    return apply_one(f, &m.op);
}

static void
assert_gone(struct fixture *f, const struct chat *visitor)
{
    struct sc_session_info info, infos[4];
    struct sc_page        *page;
    int                    i, n;

    assert_int_equal(sc_store_session(f->store, visitor->customer,
                                      visitor->sid, visitor->key, &info), 0);
    assert_int_equal(info.deleted, 1);

    n = sc_store_sessions(f->store, visitor->customer, visitor->sid,
                          visitor->key, infos, 4);
    assert_true(n >= 0);
    for (i = 0; i < n; i++) {
        assert_memory_not_equal(infos[i].sid, visitor->sid, 32);
    }

    page = sc_store_history(f->store, visitor->customer, visitor->sid, 0, 9,
                            65536);
    assert_non_null(page);
    assert_int_equal(page->n, 0);
    assert_int_equal(page->next, 0);
    sc_store_page_free(page);

    page = sc_store_read_session(f->store, visitor->customer, visitor->sid, 0,
                                 NULL, 9, 65536);
    assert_non_null(page);
    assert_int_equal(page->n, 0);
    assert_int_equal(page->next, 0);
    sc_store_page_free(page);

    assert_int_equal(try_next(f, visitor), SC_E_SESSION_DELETED);
    assert_int_equal(set_cursor(f, visitor->customer, 1, visitor->sid, 0),
                     SC_E_SESSION_DELETED);
}

/* Everything that the customer's devices read is of the other chats. */
static void
assert_left(struct fixture *f, const struct chat *gone, uint64_t head,
            unsigned expected)
{
    struct sc_customer customer;
    struct sc_page    *page;
    uint64_t           next = 1, last = 0;
    unsigned           n = 0;
    size_t             i;

    assert_int_equal(sc_store_customer(f->store, name_of('c', 1), &customer),
                     1);
    assert_int_equal(customer.head, head);

    while (next != 0) {
        page = sc_store_read(f->store, gone->customer, next, NULL, 64,
                             1 << 20);
        assert_non_null(page);
        for (i = 0; i < page->n; i++) {
            assert_true(page->messages[i].position > last);
            last = page->messages[i].position;
            n++;
        }
        assert_true(page->next == 0 || page->next > last);
        next = page->next;
        sc_store_page_free(page);
    }

    assert_int_equal(n, expected);
}

/* The entries of the log that are of that session; the store is closed. */
static unsigned
in_log(struct fixture *f, const struct chat *chat)
{
    struct sc_db   *db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    struct sc_txn  *txn;
    struct sc_walk *walk;
    struct sc_entry entry;
    struct sc_bytes value;
    uint64_t        place;
    unsigned        n = 0;
    int             more;

    assert_non_null(db);
    txn = sc_txn_read(db);
    walk = sc_walk_open(txn, SC_DB_LOG_90);
    more = sc_walk_seek_number(walk, 1, &place, &value);
    while (more) {
        assert_true(sc_entry_read(value, &entry));
        n += memcmp(entry.sid, chat->sid, 32) == 0;
        more = sc_walk_next_number(walk, &place, &value);
    }
    sc_walk_close(walk);
    sc_txn_end(txn);
    sc_db_close(db);
    return n;
}

static unsigned
in_log_of_open(struct fixture *f, const struct chat *chat)
{
    unsigned n;

    sc_store_close(f->store);
    n = in_log(f, chat);
    fixture_open(f);
    return n;
}

/* What is left of that session, where one can look. */
static void
assert_in_log(struct fixture *f, const struct chat *chat, unsigned n)
{
    if (f->options.engine == &sc_engine_lmdb) {
        assert_int_equal(in_log_of_open(f, chat), n);
    }
}


/* --- tests --------------------------------------------------------------- */

static void
test_delete(void **state)
{
    struct fixture *f = *state;
    struct chat     gone, device, other, never;
    uint64_t        number = register_customer(f, 1);
    int             repeated;

    chat_init(&gone, number, 1, 0);
    chat_init(&device, number, 1, 7);
    chat_init(&other, number, 2, 0);
    chat_init(&never, number, 3, 0);
    send_many(f, &gone, 3);
    send_many(f, &device, 2);
    send_many(f, &other, 2);
    send_many(f, &gone, 1);

    assert_int_equal(delete_session(f, &never, 0, NULL),
                     SC_E_UNKNOWN_SESSION);
    never.customer = number + 1;
    assert_int_equal(delete_session(f, &never, 1, NULL), SC_E_NOT_HERE);
    never.customer = number;

    assert_int_equal(delete_session(f, &gone, 0, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 0);

    TWICE(f) {
        assert_gone(f, &gone);
        assert_int_equal(try_next(f, &device), SC_E_SESSION_DELETED);
        assert_left(f, &gone, 8, 2);
        assert_int_equal(delete_session(f, &gone, again_, &repeated),
                         SC_E_NONE);
        assert_int_equal(repeated, 1);
    }

    (void) fixture_settle(f);
    assert_in_log(f, &gone, 0);
    assert_in_log(f, &other, 2);

    /* Its positions are not given out again. */
    assert_int_equal(send_next(f, &other), 9);
    TWICE(f) {
        assert_gone(f, &gone);
        assert_left(f, &gone, 9, 3);
    }
}

/* From the first message again is as dead as the next one. */
static void
test_never_comes_back(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor, again;
    uint64_t        number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    again = visitor;
    send_many(f, &visitor, 2);
    assert_int_equal(delete_session(f, &visitor, 1, NULL), SC_E_NONE);
    assert_int_equal(try_next(f, &again), SC_E_SESSION_DELETED);
    (void) fixture_settle(f);
    assert_int_equal(try_next(f, &again), SC_E_SESSION_DELETED);
    fixture_reopen(f);
    assert_int_equal(try_next(f, &again), SC_E_SESSION_DELETED);

    /* Another customer's session of that name is another session. */
    assert_int_equal(register_customer(f, 2), number + 1);
    again.customer = number + 1;
    assert_int_equal(send_next(f, &again), 1);
}

/* Before its first message, by the session alone. */
static void
test_before_first(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    int             repeated;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    assert_int_equal(delete_session(f, &visitor, 1, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 0);
    (void) fixture_settle(f);

    TWICE(f) {
        assert_gone(f, &visitor);
        assert_int_equal(delete_session(f, &visitor, 0, &repeated),
                         SC_E_NONE);
        assert_int_equal(repeated, 1);
    }
}

/* One list: what comes before a deletion is in, what comes after is not. */
static void
test_in_one_list(void **state)
{
    struct fixture   *f = *state;
    struct message_op first, second, late;
    struct sc_op      cursor = { .kind = SC_OP_CURSOR };
    struct sc_op      op = { .kind = SC_OP_DELETE };
    struct chat       visitor;
    uint64_t          number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    message_op(&first, &visitor);
    chat_sent(&visitor, &first);
    message_op(&second, &visitor);
    chat_sent(&visitor, &second);
    message_op(&late, &visitor);

    op.remove.customer = cursor.cursor.customer = number;
    op.remove.sid = cursor.cursor.id = visitor.sid;
    cursor.cursor.of_session = 1;
    cursor.cursor.position = 1;
    cursor.cursor.release = visitor.key;

    first.op.next = &second.op;
    second.op.next = &cursor;
    cursor.next = &op;
    op.next = &late.op;
    assert_int_equal(sc_store_apply(f->store, &first.op, f->why, WHY), 0);
    assert_int_equal(first.op.error, SC_E_NONE);
    assert_int_equal(second.op.error, SC_E_NONE);
    assert_int_equal(cursor.error, SC_E_NONE);
    assert_int_equal(op.error, SC_E_NONE);
    assert_int_equal(op.remove.repeated, 0);
    assert_int_equal(late.op.error, SC_E_SESSION_DELETED);

    TWICE(f) {
        assert_gone(f, &visitor);
        assert_left(f, &visitor, 2, 0);
    }

    (void) fixture_settle(f);
    assert_in_log(f, &visitor, 0);
}

/* 256 at a time, over several sessions, and across a restart. */
static void
test_steps(void **state)
{
    struct fixture *f = *state;
    struct chat     gone[3], other;
    uint64_t        number = register_customer(f, 1);
    unsigned        i, left;

    chat_init(&other, number, 9, 0);
    for (i = 0; i < 3; i++) {
        chat_init(&gone[i], number, i + 1, 0);
        send_many(f, &gone[i], 200);
        send_many(f, &other, 10);
    }

    for (i = 0; i < 3; i++) {
        assert_int_equal(delete_session(f, &gone[i], 0, NULL), SC_E_NONE);
    }

    for (left = 600; left > 0; ) {
        unsigned now;

        if (!fixture_idle(f)) {
            usleep((useconds_t) sc_store_wants(f->store) * 1000 + 1000);
        }
        assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
        assert_left(f, &gone[0], 630, 30);
        fixture_reopen(f);
        assert_left(f, &gone[0], 630, 30);

        for (now = i = 0; i < 3; i++) {
            now += in_log_of_open(f, &gone[i]);
        }
        assert_true(now <= left && left - now <= SC_STEP_MESSAGES);
        left = now;
    }

    (void) fixture_settle(f);
    for (i = 0; i < 3; i++) {
        assert_gone(f, &gone[i]);
    }
    assert_true(fixture_idle(f));
    assert_int_equal(send_next(f, &other), 631);
}

/* A deletion that could not be written has not happened. */
static void
test_map_full(void **state)
{
    struct fixture   *f = *state;
    struct chat       visitor, small;
    struct message_op m;
    uint64_t          number;
    unsigned          n = 0;

    sc_store_close(f->store);
    f->options.map_size = 1024 * 1024;
    fixture_open(f);
    number = register_customer(f, 1);
    chat_init(&visitor, number, 1, 0);
    chat_init(&small, number, 2, 0);
    send_many(f, &small, 2);

    do {
        message_op(&m, &visitor);
        if (apply_one(f, &m.op) == SC_E_NONE) {
            chat_sent(&visitor, &m);
        }
    } while (m.op.error == SC_E_NONE && n++ < 2000);
    assert_int_equal(m.op.error, SC_E_STORAGE_FULL);

    if (delete_session(f, &visitor, 0, NULL) != SC_E_NONE) {
        struct sc_session_info info;

        assert_int_equal(sc_store_session(f->store, number, visitor.sid,
                                          visitor.key, &info), 1);
        assert_int_equal(info.deleted, 0);
    }

    /* With a little room it goes on by itself. */
    sc_store_close(f->store);
    f->options.map_size += 64 * 1024;
    fixture_open(f);
    assert_int_equal(delete_session(f, &visitor, 0, NULL), SC_E_NONE);
    assert_gone(f, &visitor);
    (void) fixture_settle(f);
    assert_gone(f, &visitor);
    assert_in_log(f, &visitor, 0);

    /* There is room again. */
    send_many(f, &small, 100);
}

/* The child ends without a close, after so many empty lists. */
static void
crash_in_removal(struct fixture *f, struct chat *gone, struct chat *after,
                 unsigned steps, uint32_t checkpoint_every)
{
    pid_t child;
    int   status;

    sc_store_close(f->store);
    f->store = NULL;
    f->options.checkpoint_every = checkpoint_every;

    child = fork();
    if (child == 0) {
        fixture_open(f);
        send_many(f, gone, 700);
        send_many(f, after, 7);
        if (delete_session(f, gone, 0, NULL) != SC_E_NONE) {
            _exit(2);
        }
        while (steps-- > 0 && !fixture_idle(f)) {
            usleep((useconds_t) sc_store_wants(f->store) * 1000 + 1000);
            if (sc_store_apply(f->store, NULL, f->why, WHY) != 0) {
                _exit(3);
            }
        }
        _exit(0);
    }

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_crash(void **state)
{
    static const struct {
        unsigned steps;
        uint32_t every;
    } cases[] = {
        { 0, 100000 }, { 3, 100000 }, { 4, 100000 }, { 99, 100000 },
        { 1, 100 }, { 2, 100 },
    };

    struct fixture *f;
    struct chat     gone, after;
    uint64_t        number;
    unsigned        left, partly = 0;
    size_t          i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f = *state;
        number = register_customer(f, 1);
        chat_init(&gone, number, 1, 0);
        chat_init(&after, number, 2, 0);
        send_many(f, &gone, 2);
        send_many(f, &after, 1);
        crash_in_removal(f, &gone, &after, cases[i].steps, cases[i].every);

        left = in_log(f, &gone);
        assert_true(left + cases[i].steps * SC_STEP_MESSAGES >= 702);
        assert_true(cases[i].steps > 0 || left == 702);
        assert_true(cases[i].steps < 99 || left == 0);
        partly += left > 0 && left < 702;

        fixture_open(f);
        assert_gone(f, &gone);
        assert_left(f, &gone, 710, 8);
        (void) fixture_settle(f);
        assert_in_log(f, &gone, 0);
        assert_gone(f, &gone);
        assert_left(f, &gone, 710, 8);

        chat_init(&after, number, 3, 0);
        assert_int_equal(send_next(f, &after), 711);

        (void) fixture_teardown(state);
        assert_int_equal(fixture_setup(state), 0);
    }

    assert_true(partly > 1);
}

/* A session's release comes and goes with its cursor. */
static void
test_release(void **state)
{
    struct fixture        *f = *state;
    struct sc_session_info info;
    struct chat            visitor;
    struct sc_op           op = { .kind = SC_OP_CURSOR };
    uint8_t                release[2][32];

    memcpy(release[0], name_of('l', 1), 32);
    memcpy(release[1], name_of('l', 2), 32);
    chat_init(&visitor, register_customer(f, 1), 1, 0);
    send_many(f, &visitor, 3);

    op.cursor.customer = visitor.customer;
    op.cursor.id = visitor.sid;
    op.cursor.of_session = 1;

    for (int i = 0; i < 2; i++) {
        op.cursor.release = release[i];
        op.cursor.position = 2;
        assert_int_equal(apply_one(f, &op), SC_E_NONE);
        assert_int_equal(set_cursor(f, visitor.customer, 1, visitor.sid, 1),
                         SC_E_NONE);

        TWICE(f) {
            assert_int_equal(sc_store_session(f->store, visitor.customer,
                                              visitor.sid, visitor.key,
                                              &info), 1);
            assert_memory_equal(info.release, release[i], 32);
            assert_int_equal(info.cursor, 2);
        }
    }

    assert_int_equal(set_cursor(f, visitor.customer, 1, visitor.sid, 3),
                     SC_E_NONE);
    TWICE(f) {
        assert_int_equal(sc_store_session(f->store, visitor.customer,
                                          visitor.sid, visitor.key, &info),
                         1);
        assert_memory_equal(info.release, release[1], 32);
        assert_int_equal(info.cursor, 3);
    }
}


/* --- blocking ------------------------------------------------------------ */

static enum sc_error_code
block_session(struct fixture *f, const struct chat *chat, int blocked,
              int *repeated)
{
    struct sc_op op = { .kind = SC_OP_BLOCK };

    op.block.customer = chat->customer;
    op.block.sid = chat->sid;
    op.block.time = 1700000000000ull;
    op.block.blocked = blocked;
    (void) apply_one(f, &op);
    *repeated = op.block.repeated;
    return op.error;
}

/* As one asks for it, and in its customer's list. */
static void
assert_blocked(struct fixture *f, const struct chat *chat, int blocked)
{
    struct sc_session_info info;

    assert_int_equal(sc_store_session(f->store, chat->customer, chat->sid,
                                      chat->key, &info), 1);
    assert_int_equal(info.blocked, blocked);
    assert_int_equal(sc_store_sessions(f->store, chat->customer, chat->sid,
                                       chat->key, &info, 1), 1);
    assert_memory_equal(info.sid, chat->sid, 32);
    assert_int_equal(info.blocked, blocked);
}

/* Nothing more of the visitor, the same message again included; what is stored
 * stays, the device may write, and others notice nothing. */
static void
test_block(void **state)
{
    struct fixture   *f = *state;
    struct chat       visitor, device, other, never;
    struct message_op again;
    struct sc_page   *page;
    uint64_t          number = register_customer(f, 1);
    int               repeated;

    chat_init(&visitor, number, 1, 0);
    chat_init(&device, number, 1, 7);
    chat_init(&other, number, 2, 0);
    chat_init(&never, number, 3, 0);
    send_many(f, &visitor, 1);
    message_op(&again, &visitor);
    chat_sent(&visitor, &again);
    assert_int_equal(apply_one(f, &again.op), SC_E_NONE);
    send_many(f, &other, 1);
    assert_blocked(f, &visitor, 0);

    assert_int_equal(block_session(f, &never, 1, &repeated),
                     SC_E_UNKNOWN_SESSION);
    never.customer = number + 1;
    assert_int_equal(block_session(f, &never, 1, &repeated), SC_E_NOT_HERE);

    assert_int_equal(block_session(f, &visitor, 1, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 0);
    assert_int_equal(block_session(f, &visitor, 1, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 1);

    TWICE(f) {
        assert_blocked(f, &visitor, 1);
        assert_blocked(f, &other, 0);
        assert_int_equal(try_next(f, &visitor), SC_E_SESSION_BLOCKED);
        assert_int_equal(apply_one(f, &again.op), SC_E_SESSION_BLOCKED);
        send_many(f, &device, 1);
        send_many(f, &other, 1);
    }

    page = sc_store_history(f->store, number, visitor.sid, 0, 9, 65536);
    assert_non_null(page);
    assert_int_equal(page->n, 4);
    sc_store_page_free(page);

    assert_int_equal(block_session(f, &visitor, 0, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 0);
    TWICE(f) {
        assert_blocked(f, &visitor, 0);
        send_many(f, &visitor, 1);
        assert_int_equal(block_session(f, &visitor, 0, &repeated), SC_E_NONE);
        assert_int_equal(repeated, 1);
    }
}

/* The end of a session is the end of that as well: nothing of it is left, and
 * the session does not come back. */
static void
test_block_ends(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor, again;
    int             repeated;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    again = visitor;
    send_many(f, &visitor, 1);
    assert_int_equal(block_session(f, &visitor, 1, &repeated), SC_E_NONE);
    assert_int_equal(delete_session(f, &visitor, 0, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 0);

    TWICE(f) {
        assert_gone(f, &visitor);
        assert_int_equal(try_next(f, &again), SC_E_SESSION_DELETED);
        assert_int_equal(block_session(f, &visitor, 1, &repeated),
                         SC_E_SESSION_DELETED);
        assert_int_equal(block_session(f, &visitor, 0, &repeated),
                         SC_E_SESSION_DELETED);
    }
}

/* One list, in its order: a message, the block, the next message. */
static void
test_block_in_one_list(void **state)
{
    struct fixture   *f = *state;
    struct message_op first, late;
    struct sc_op      op = { .kind = SC_OP_BLOCK };
    struct chat       visitor;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    message_op(&first, &visitor);
    chat_sent(&visitor, &first);
    message_op(&late, &visitor);
    op.block.customer = visitor.customer;
    op.block.sid = visitor.sid;
    op.block.blocked = 1;

    first.op.next = &op;
    op.next = &late.op;
    assert_int_equal(sc_store_apply(f->store, &first.op, f->why, WHY), 0);
    assert_int_equal(first.op.error, SC_E_NONE);
    assert_int_equal(op.error, SC_E_NONE);
    assert_int_equal(late.op.error, SC_E_SESSION_BLOCKED);

    TWICE(f) {
        assert_blocked(f, &visitor, 1);
        assert_int_equal(try_next(f, &visitor), SC_E_SESSION_BLOCKED);
    }
}

/* The process ends right behind the answer.  checkpoints: whether the session
 * has a row by then, or comes out of the log. */
static void
crash_blocked(struct fixture *f, struct chat *visitor, uint32_t every)
{
    pid_t child;
    int   status, repeated;

    sc_store_close(f->store);
    f->store = NULL;
    f->options.checkpoint_every = every;

    child = fork();
    if (child == 0) {
        fixture_open(f);
        send_many(f, visitor, 40);
        _exit(block_session(f, visitor, 1, &repeated) == SC_E_NONE ? 0 : 2);
    }

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    visitor->seq += 40;
}

static void
test_block_crash(void **state)
{
    static const uint32_t every[] = { 100000, 1 };

    struct fixture        *f;
    struct sc_session_info info;
    struct chat            visitor;
    int                    repeated;

    for (size_t i = 0; i < 2; i++) {
        f = *state;
        chat_init(&visitor, register_customer(f, 1), 1, 0);
        crash_blocked(f, &visitor, every[i]);
        fixture_open(f);

        TWICE(f) {
            assert_blocked(f, &visitor, 1);
            assert_int_equal(try_next(f, &visitor), SC_E_SESSION_BLOCKED);
        }

        assert_int_equal(block_session(f, &visitor, 0, &repeated), SC_E_NONE);
        assert_int_equal(sc_store_session(f->store, visitor.customer,
                                          visitor.sid, visitor.key, &info),
                         1);
        memcpy(visitor.last_id, info.id, 32);
        assert_int_equal(info.seq, visitor.seq);
        send_many(f, &visitor, 1);

        (void) fixture_teardown(state);
        assert_int_equal(fixture_setup(state), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_delete),
        STORE_TEST(test_in_one_list),
        STORE_TEST(test_never_comes_back),
        STORE_TEST(test_before_first),
        STORE_TEST(test_release),
        STORE_TEST(test_block),
        STORE_TEST(test_block_ends),
        STORE_TEST(test_block_in_one_list),
    };
    const struct CMUnitTest lmdb_tests[] = {
        STORE_TEST(test_steps),
        STORE_TEST(test_map_full),
        STORE_TEST(test_crash),
        STORE_TEST(test_block_crash),
    };

    return RUN_ON_ENGINES(tests, lmdb_tests);
}
