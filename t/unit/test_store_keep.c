/*
 * What may be stored and for how long: retention, limits, quotas, and the end
 * of an account; what is hidden at once and what leaves step by step.
 */

#include "store_fixture.h"

#include <sealchat/limits.h>

#include "store/db.h"
#include "store/state.h"

#define DAY    86400000ull
#define START  1700000000000ull

static uint64_t now;

static const uint8_t zeros[32];

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
    sc_store_close(f->store);
    fixture_unlink(f, "store.mdb");
    fixture_unlink(f, "store.mdb-lock");
    sc_memory_forget(f->dir);
    fixture_open(f);
    return 0;
}

static void
pass_days(struct fixture *f, unsigned days)
{
    now += days * DAY;
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    (void) fixture_settle(f);
}

static enum sc_error_code
set_limits(struct fixture *f, uint64_t customer, unsigned set, uint16_t days,
           const struct sc_quotas *quotas)
{
    struct sc_op op = { .kind = SC_OP_LIMITS };

    op.limits.cid = name_of('c', customer);
    op.limits.set = set;
    op.limits.days = days;
    if (quotas != NULL) {
        op.limits.quotas = *quotas;
    }
    return apply_one(f, &op);
}

static void
set_days(struct fixture *f, uint64_t customer, uint16_t days)
{
    assert_int_equal(set_limits(f, customer, SC_SET_DAYS, days, NULL),
                     SC_E_NONE);
}

static struct sc_limits
limits_of(struct fixture *f, uint64_t customer)
{
    struct sc_limits limits;

    assert_int_equal(sc_store_limits(f->store, name_of('c', customer),
                                     &limits), 1);
    return limits;
}

static uint64_t
earliest_of(struct fixture *f, uint64_t customer)
{
    struct sc_customer out;

    assert_int_equal(sc_store_customer(f->store, name_of('c', customer),
                                       &out), 1);
    return out.earliest;
}

static enum sc_error_code
try_next(struct fixture *f, const struct chat *chat)
{
    struct message_op m;

    message_op(&m, chat);
    return apply_one(f, &m.op);
}

/* What a device that never read before gets: n messages up to head, none of
 * them below the earliest, and with each session's first the hello. */
static void
assert_readable(struct fixture *f, uint64_t customer, uint64_t first,
                unsigned n, unsigned hellos)
{
    struct sc_page *page;
    uint64_t        next = 1;
    unsigned        got = 0, seen = 0;
    size_t          i;

    while (next != 0) {
        page = sc_store_read(f->store, customer, next, NULL, 64, 1 << 20);
        assert_non_null(page);
        for (i = 0; i < page->n; i++) {
            assert_true(page->messages[i].position >= first);
            if (got == 0) {
                assert_int_equal(page->messages[i].position, first);
                assert_int_equal(page->messages[i].first, 1);
            }
            assert_int_equal(page->messages[i].first,
                             page->messages[i].hello.n != 0);
            seen += page->messages[i].first != 0;
            got++;
        }
        next = page->next;
        sc_store_page_free(page);
    }

    assert_int_equal(got, n);
    assert_int_equal(seen, hellos);
}

/* HISTORY from the newest, and a visitor's queue from the beginning. */
static void
assert_session(struct fixture *f, const struct chat *chat, unsigned n)
{
    struct sc_page *page;
    uint64_t        before = 0, above = 0;
    unsigned        got = 0;

    do {
        page = sc_store_history(f->store, chat->customer, chat->sid, before,
                                7, 1 << 20);
        assert_non_null(page);
        got += (unsigned) page->n;
        before = page->next;
        sc_store_page_free(page);
    } while (before != 0);
    assert_int_equal(got, n);

    got = 0;
    do {
        page = sc_store_read_session(f->store, chat->customer, chat->sid,
                                     above, NULL, 7, 1 << 20);
        assert_non_null(page);
        assert_true(got > 0 || page->n == 0 || page->messages[0].first);
        got += (unsigned) page->n;
        above = page->next;
        sc_store_page_free(page);
    } while (above != 0);
    assert_int_equal(got, n);
}

static void
assert_ended(struct fixture *f, const struct chat *visitor)
{
    struct sc_session_info info;

    assert_int_equal(sc_store_session(f->store, visitor->customer,
                                      visitor->sid, visitor->key, &info), 0);
    assert_int_equal(info.deleted, 1);
    assert_session(f, visitor, 0);
    assert_int_equal(try_next(f, visitor), SC_E_SESSION_DELETED);
    assert_int_equal(set_cursor(f, visitor->customer, 1, visitor->sid, 0),
                     SC_E_SESSION_DELETED);
}

/* Rows of a database whose key begins so; the store is closed meanwhile. */
static unsigned
rows(struct fixture *f, enum sc_db_name name, const void *prefix, size_t n)
{
    struct sc_db   *db;
    struct sc_txn  *txn;
    struct sc_walk *walk;
    struct sc_bytes key, value;
    unsigned        found = 0;
    int             more;

    sc_store_close(f->store);
    db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    assert_non_null(db);
    txn = sc_txn_read(db);
    walk = sc_walk_open(txn, name);
    more = sc_walk_seek(walk, n ? prefix : "", n ? n : 1, &key, &value);
    while (more && key.n >= n && memcmp(key.p, prefix, n) == 0) {
        found++;
        more = sc_walk_next(walk, &key, &value);
    }
    sc_walk_close(walk);
    sc_txn_end(txn);
    sc_db_close(db);
    fixture_open(f);
    return found;
}

static unsigned
entries(struct fixture *f)
{
    struct sc_db   *db;
    struct sc_txn  *txn;
    struct sc_walk *walk;
    struct sc_bytes value;
    uint64_t        place;
    unsigned        class, found = 0;
    int             more;

    sc_store_close(f->store);
    db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    assert_non_null(db);
    txn = sc_txn_read(db);
    for (class = 0; class < SC_CLASSES; class++) {
        walk = sc_walk_open(txn, sc_log_of(class));
        more = sc_walk_seek_number(walk, 0, &place, &value);
        for (; more; found++) {
            assert_int_equal(sc_class_of(place), class);
            more = sc_walk_next_number(walk, &place, &value);
        }
        sc_walk_close(walk);
    }
    sc_txn_end(txn);
    sc_db_close(db);
    fixture_open(f);
    return found;
}

static int
on_lmdb(const struct fixture *f)
{
    return f->options.engine == &sc_engine_lmdb;
}

/* What is left in the logs, where one can look. */
static void
assert_entries(struct fixture *f, unsigned n)
{
    if (on_lmdb(f)) {
        assert_int_equal(entries(f), n);
    }
}


/* --- retention ----------------------------------------------------------- */

/* Old ones go, with a hello on what is then the first; ends are clean. */
static void
test_expiry(void **state)
{
    struct fixture *f = *state;
    struct chat     a, b, device;
    uint64_t        number = register_customer(f, 1);

    chat_init(&a, number, 1, 0);
    chat_init(&device, number, 1, 5);
    chat_init(&b, number, 2, 0);
    send_many(f, &a, 3);
    send_many(f, &b, 2);
    pass_days(f, 60);
    send_many(f, &a, 1);
    send_many(f, &device, 2);
    send_many(f, &a, 1);
    assert_readable(f, number, 1, 9, 2);
    assert_int_equal(limits_of(f, 1).messages, 9);

    pass_days(f, 29);
    assert_int_equal(earliest_of(f, 1), 1);

    pass_days(f, 1);
    TWICE(f) {
        assert_int_equal(earliest_of(f, 1), 6);
        assert_readable(f, number, 6, 4, 1);
        assert_session(f, &a, 4);
        assert_ended(f, &b);
        assert_int_equal(limits_of(f, 1).messages, 4);
        assert_int_equal(limits_of(f, 1).sessions, 1);
        assert_int_equal(limits_of(f, 1).bytes, 4 * ENVELOPE);
    }
    assert_entries(f, 4);

    /* It goes on behind what has expired. */
    assert_int_equal(send_next(f, &a), 10);
    assert_int_equal(send_next(f, &device), 11);
    assert_int_equal(set_cursor(f, number, 0, device.key, 2), SC_E_NONE);

    pass_days(f, 90);
    TWICE(f) {
        assert_int_equal(earliest_of(f, 1), 12);
        assert_readable(f, number, 0, 0, 0);
        assert_ended(f, &a);
        assert_int_equal(limits_of(f, 1).messages, 0);
        assert_int_equal(limits_of(f, 1).bytes, 0);
    }
    assert_entries(f, 0);

    chat_init(&b, number, 3, 0);
    assert_int_equal(send_next(f, &b), 12);
    assert_readable(f, number, 12, 1, 1);
}

/* Each class at its own time. */
static void
test_classes(void **state)
{
    static const uint16_t days[] = { 7, 30, 90, 365, SC_KEPT };
    struct fixture *f = *state;
    struct chat     chats[5];
    unsigned        i, k;

    for (i = 0; i < 5; i++) {
        chat_init(&chats[i], register_customer(f, i + 1), i, 0);
        assert_int_equal(limits_of(f, i + 1).days, 90);
        set_days(f, i + 1, days[i]);
    }
    for (k = 0; k < 3; k++) {
        for (i = 0; i < 5; i++) {
            send_many(f, &chats[i], 1);
        }
    }
    fixture_reopen(f);

    for (i = 0; i < 5; i++) {
        if (days[i] == SC_KEPT) {
            pass_days(f, 40000);
            assert_int_equal(earliest_of(f, i + 1), 1);
            assert_readable(f, chats[i].customer, 1, 3, 1);
            continue;
        }
        now = START + days[i] * DAY - 1;
        assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
        assert_int_equal(earliest_of(f, i + 1), 1);
        now++;
        pass_days(f, 0);
        assert_int_equal(earliest_of(f, i + 1), 4);
        assert_int_equal(limits_of(f, i + 1).days, days[i]);
        assert_ended(f, &chats[i]);
    }
    assert_entries(f, 3);
}

/* A shorter class takes older messages of a longer one with it, all of them
 * leave, and what is left is without gaps. */
static void
test_shorter(void **state)
{
    struct fixture *f = *state;
    struct chat     a, b;
    uint64_t        number = register_customer(f, 1);

    chat_init(&a, number, 1, 0);
    chat_init(&b, number, 2, 0);
    set_days(f, 1, SC_KEPT);
    send_many(f, &a, 300);
    send_many(f, &b, 300);
    set_days(f, 1, 7);
    send_many(f, &a, 1);
    pass_days(f, 6);
    send_many(f, &a, 2);
    assert_readable(f, number, 1, 603, 2);

    pass_days(f, 1);
    TWICE(f) {
        assert_int_equal(earliest_of(f, 1), 602);
        assert_readable(f, number, 602, 2, 1);
        assert_session(f, &a, 2);
        assert_ended(f, &b);
    }
    (void) fixture_settle(f);
    assert_entries(f, 2);
    assert_int_equal(limits_of(f, 1).messages, 2);
    assert_int_equal(limits_of(f, 1).sessions, 1);
}

/* To a longer class: those of before keep their time. */
static void
test_longer(void **state)
{
    struct fixture *f = *state;
    struct chat     a;
    uint64_t        number = register_customer(f, 1);

    chat_init(&a, number, 1, 0);
    set_days(f, 1, 7);
    send_many(f, &a, 2);
    set_days(f, 1, 365);
    send_many(f, &a, 2);
    pass_days(f, 7);
    assert_readable(f, number, 3, 2, 1);
    pass_days(f, 300);
    assert_readable(f, number, 3, 2, 1);
    pass_days(f, 58);
    assert_ended(f, &a);
}

/* At most a step at a time, and all of it in the end; over a deleted session
 * as well, and over a crash. */
static void
test_expiry_steps(void **state)
{
    struct fixture *f = *state;
    struct chat     chats[8];
    struct sc_op    op = { .kind = SC_OP_DELETE };
    uint64_t        number = register_customer(f, 1), last;
    unsigned        i, k, steps = 0;

    for (i = 0; i < 8; i++) {
        chat_init(&chats[i], number, i, 0);
    }
    for (k = 0; k < 100; k++) {
        for (i = 0; i < 8; i++) {
            send_many(f, &chats[i], 1);
        }
    }
    op.remove.customer = number;
    op.remove.sid = chats[3].sid;
    assert_int_equal(apply_one(f, &op), SC_E_NONE);
    fixture_reopen(f);

    now += 90 * DAY;
    for (last = 1; last < 801; steps++) {
        uint64_t earliest;

        assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
        assert_string_equal(f->why, "");
        earliest = earliest_of(f, 1);
        assert_true(earliest - last <= SC_STEP_MESSAGES + 100);
        assert_true(steps < 100);
        last = earliest;
    }
    assert_true(steps >= 3);
    (void) fixture_settle(f);
    assert_int_equal(limits_of(f, 1).messages, 0);
    assert_int_equal(limits_of(f, 1).sessions, 0);
    assert_entries(f, 0);
    assert_int_equal(rows(f, SC_DB_BLOCKS, "", 0), 0);
    assert_int_equal(rows(f, SC_DB_SESSIONS, "", 0), 0);
    assert_int_equal(rows(f, SC_DB_HELLOS, "", 0), 0);
    assert_int_equal(rows(f, SC_DB_PURGES, "", 0), 0);
    assert_int_equal(rows(f, SC_DB_REMOVALS, "", 0), 0);
}

static void
soak_list(struct fixture *f, struct chat *chats, unsigned n, uint64_t *names)
{
    static struct message_op m[64];
    unsigned                 i;

    for (i = 0; i < 64; i++) {
        struct chat *chat = &chats[(i * 7 + *names) % n];

        if (chat->seq >= 20) {
            chat_init(chat, chat->customer, ++*names, 0);
        }
        message_op(&m[i], chat);
        chat_sent(chat, &m[i]);
        m[i].op.next = i < 63 ? &m[i + 1].op : NULL;
    }

    assert_int_equal(sc_store_apply(f->store, &m[0].op, f->why, WHY), 0);
    assert_string_equal(f->why, "");
    for (i = 0; i < 64; i++) {
        assert_int_equal(m[i].op.error, SC_E_NONE);
    }

    /* As the commit thread does. */
    if (sc_store_wants(f->store) == 0) {
        assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
        assert_string_equal(f->why, "");
    }
}

/* Ten times what is kept is written and expires: once the first has gone the
 * file stops growing.  SOAK is how many times more, for a long one. */
static void
test_soak(void **state)
{
    enum { WEEK = 128 };             /* lists of 64 messages */
    struct fixture        *f = *state;
    struct sc_store_sizes  sizes;
    struct chat            chats[200];
    const char            *more = getenv("SOAK");
    unsigned               times = more ? 10 * (unsigned) atoi(more) : 10;
    uint64_t               names = 0, after_two = 0;
    unsigned               i;

    f->options.checkpoint_every = 1000;
    fixture_reopen(f);
    for (i = 0; i < 200; i++) {
        if (i % 20 == 0) {
            (void) register_customer(f, i / 20 + 1);
            set_days(f, i / 20 + 1, 7);
        }
        chat_init(&chats[i], i / 20 + 1, ++names, 0);
    }

    for (i = 0; i < times * WEEK; i++) {
        soak_list(f, chats, 200, &names);
        now += 7 * DAY / WEEK;
        assert_int_equal(sc_store_sizes(f->store, &sizes), 0);
        if (i == 2 * WEEK) {
            after_two = sizes.used;
        }
    }

    print_message("# %u messages, %llu bytes after two weeks, %llu after %u\n",
                  64 * i, (unsigned long long) after_two,
                  (unsigned long long) sizes.used, times);
    assert_true(sizes.used < after_two + after_two / 5 + 100ull * names);
    (void) fixture_settle(f);
    assert_true(entries(f) <= 64 * (WEEK + 2) + 1000);
}

/* A clock that is wrong makes nothing older at once, and nothing younger. */
static void
test_wrong_clock(void **state)
{
    struct fixture *f = *state;
    struct chat     a;
    uint64_t        number = register_customer(f, 1);

    chat_init(&a, number, 1, 0);
    send_many(f, &a, 2);
    f->options.catch_up = 1;
    fixture_reopen(f);
    pass_days(f, 4000);
    send_many(f, &a, 1);
    assert_readable(f, number, 1, 3, 1);

    f->options.catch_up = UINT32_MAX;
    fixture_reopen(f);
    now = START + 60 * DAY;
    pass_days(f, 0);
    now = START - 500 * DAY;
    pass_days(f, 0);
    send_many(f, &a, 1);
    now = START + 90 * DAY + DAY / 24;   /* what passed before, passed too */
    pass_days(f, 0);
    assert_int_equal(earliest_of(f, 1), 4);
    now = START + 149 * DAY;
    pass_days(f, 0);
    assert_readable(f, number, 4, 1, 1);
    pass_days(f, 1);
    assert_ended(f, &a);
}

/* A clock that is wrong removes nothing at once, and says so. */
static void
test_clock(void **state)
{
    struct fixture          *f = *state;
    struct sc_store_counters counters;
    struct chat              a;
    uint64_t                 number = register_customer(f, 1);

    f->options.catch_up = 0;
    fixture_reopen(f);
    chat_init(&a, number, 1, 0);
    send_many(f, &a, 3);

    /* It follows a little, once a millisecond has passed. */
    now += 4000 * DAY;
    usleep(2000);
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_non_null(strstr(f->why, "days ahead"));
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_string_equal(f->why, "");
    send_many(f, &a, 1);
    fixture_reopen(f);
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_non_null(strstr(f->why, "days ahead"));
    assert_readable(f, number, 1, 4, 1);

    /* Nor does one that went back make anything younger. */
    now = START - 500 * DAY;
    send_many(f, &a, 1);
    sc_store_counters(f->store, &counters);
    assert_true(counters.clock >= START);
    assert_readable(f, number, 1, 5, 1);
    now = START + 80 * DAY;
    fixture_reopen(f);
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_readable(f, number, 1, 5, 1);
}


/* --- quotas -------------------------------------------------------------- */

static void
test_quotas(void **state)
{
    struct fixture  *f = *state;
    struct sc_quotas quotas = { .messages = 4 };
    struct chat      a, b, device;
    uint64_t         number = register_customer(f, 1);

    chat_init(&a, number, 1, 0);
    chat_init(&b, number, 2, 0);
    chat_init(&device, number, 1, 5);

    assert_int_equal(set_limits(f, 1, SC_SET_MESSAGES, 0, &quotas),
                     SC_E_NONE);
    send_many(f, &a, 3);
    send_many(f, &device, 1);
    TWICE(f) {
        assert_int_equal(try_next(f, &a), SC_E_QUOTA_FULL);
        assert_int_equal(try_next(f, &device), SC_E_QUOTA_FULL);
        assert_int_equal(try_next(f, &b), SC_E_QUOTA_FULL);
        assert_int_equal(limits_of(f, 1).quotas.messages, 4);
        assert_readable(f, number, 1, 4, 1);
    }

    /* What is stored is stored, and may be asked for again. */
    a.seq = 2;
    assert_int_equal(try_next(f, &a), SC_E_NONE);
    a.seq = 3;

    quotas.messages = SC_NO_LIMIT;
    quotas.sessions = 1;
    assert_int_equal(set_limits(f, 1, SC_SET_MESSAGES | SC_SET_SESSIONS, 0,
                                &quotas), SC_E_NONE);
    assert_int_equal(try_next(f, &b), SC_E_QUOTA_FULL);
    send_many(f, &a, 1);

    quotas.sessions = SC_NO_LIMIT;
    quotas.bytes = limits_of(f, 1).bytes + 2 * ENVELOPE + HELLO;
    assert_int_equal(limits_of(f, 1).bytes, 5 * ENVELOPE + HELLO);
    assert_int_equal(set_limits(f, 1, SC_SET_BYTES | SC_SET_SESSIONS, 0,
                                &quotas), SC_E_NONE);
    send_many(f, &b, 2);
    assert_int_equal(try_next(f, &b), SC_E_QUOTA_FULL);
    assert_int_equal(limits_of(f, 1).sessions, 2);

    /* Deleting makes room, once it is done. */
    {
        struct sc_op op = { .kind = SC_OP_DELETE };

        op.remove.customer = number;
        op.remove.sid = a.sid;
        assert_int_equal(apply_one(f, &op), SC_E_NONE);
        (void) fixture_settle(f);
    }
    assert_int_equal(limits_of(f, 1).bytes, 2 * ENVELOPE + HELLO);
    TWICE(f) {
        assert_int_equal(limits_of(f, 1).messages, 2);
        assert_int_equal(limits_of(f, 1).sessions, 1);
    }
    send_many(f, &b, 1);

    assert_int_equal(set_limits(f, 1, SC_SET_DAYS, 8, NULL), SC_E_INTERNAL);
    assert_int_equal(set_limits(f, 2, SC_SET_DAYS, 7, NULL), SC_E_NOT_FOUND);
    assert_int_equal(limits_of(f, 1).days, 90);
}

/* Before its first reply a session has quotas of its own; the service's hold
 * where the customer has none. */
static void
test_reply_first(void **state)
{
    struct fixture  *f = *state;
    struct sc_quotas quotas = { .first_messages = 5 };
    struct chat      a, b, device;
    uint64_t         number = register_customer(f, 1);

    f->options.quotas.first_messages = 3;
    f->options.quotas.first_bytes = 10 * ENVELOPE;
    fixture_reopen(f);

    chat_init(&a, number, 1, 0);
    chat_init(&device, number, 1, 5);
    chat_init(&b, number, 2, 0);
    send_many(f, &a, 3);
    TWICE(f) {
        assert_int_equal(try_next(f, &a), SC_E_REPLY_FIRST);
    }
    send_many(f, &device, 1);
    send_many(f, &a, 20);

    assert_int_equal(set_limits(f, 1, SC_SET_FIRST_MESSAGES, 0, &quotas),
                     SC_E_NONE);
    send_many(f, &b, 5);
    assert_int_equal(try_next(f, &b), SC_E_REPLY_FIRST);
    quotas.first_messages = SC_NO_LIMIT;
    assert_int_equal(set_limits(f, 1, SC_SET_FIRST_MESSAGES, 0, &quotas),
                     SC_E_NONE);
    send_many(f, &b, 4);
    assert_int_equal(try_next(f, &b), SC_E_REPLY_FIRST);
}


/* --- the end of an account ----------------------------------------------- */

static enum sc_error_code
erase(struct fixture *f, uint64_t customer, uint64_t account, int *repeated)
{
    struct sc_op op = { .kind = SC_OP_ERASE };

    op.erase.cid = name_of('c', customer);
    op.erase.account_id = account ? name_of('a', account) : NULL;
    op.erase.time = now;
    (void) apply_one(f, &op);
    if (repeated) {
        *repeated = op.erase.repeated;
    }
    return op.error;
}

static void
assert_erased(struct fixture *f, uint64_t customer, const struct chat *chat)
{
    struct account_op      a;
    struct sc_customer     out;
    struct sc_limits       limits;
    struct sc_blob_out     blob;
    struct sc_session_info info;
    struct chat            fresh;
    uint8_t                cid[32];

    assert_int_equal(sc_store_customer(f->store, name_of('c', customer),
                                       &out), 0);
    assert_int_equal(sc_store_limits(f->store, name_of('c', customer),
                                     &limits), 0);
    assert_int_equal(sc_store_account(f->store, name_of('a', customer), cid,
                                      &blob), 0);
    assert_int_equal(try_next(f, chat), SC_E_NOT_HERE);
    chat_init(&fresh, chat->customer, 77, 0);
    assert_int_equal(try_next(f, &fresh), SC_E_NOT_HERE);
    assert_int_equal(set_cursor(f, chat->customer, 0, chat->key, 1),
                     SC_E_NOT_HERE);
    assert_readable(f, chat->customer, 0, 0, 0);
    assert_session(f, chat, 0);
    assert_int_equal(sc_store_sessions(f->store, chat->customer, zeros,
                                       chat->key, &info, 1), 0);
    assert_int_equal(sc_store_session(f->store, chat->customer, chat->sid,
                                      chat->key, &info), 0);
    assert_int_equal(sc_store_roster(f->store, chat->customer, 0, &blob), 0);
    assert_int_equal(sc_store_roster_by_id(f->store, chat->customer,
                                           name_of('r', customer * 1000 + 1),
                                           &blob), 0);
    assert_int_equal(sc_store_wrap(f->store, name_of('a', customer), 2, 1,
                                   &blob), 0);

    /* Neither name comes back, alone or together. */
    account_op(&a, SC_OP_REGISTER, customer, 1, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);
    memcpy(a.names[0], name_of('c', 50), 32);
    assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);
    account_op(&a, SC_OP_REGISTER, customer, 1, 1);
    memcpy(a.names[1], name_of('a', 50), 32);
    assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);
    account_op(&a, SC_OP_ACCOUNT, customer, 2, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_NOT_FOUND);
}

static void
assert_no_rows(struct fixture *f, uint64_t number)
{
    uint8_t key[8];
    int     i;

    sc_put_number(key, number);
    for (i = SC_DB_CUSTOMERS; i < SC_DB_LOG; i++) {
        if (i != SC_DB_ACCOUNTS && i != SC_DB_WRAPS) {
            assert_int_equal(rows(f, (enum sc_db_name) i, key, sizeof(key)),
                             0);
        }
    }
}

static void
test_erase(void **state)
{
    struct fixture  *f = *state;
    struct account_op a;
    struct chat      gone[3], other;
    uint64_t         number = register_customer(f, 1);
    uint8_t          cids[4][32];
    uint64_t         next;
    unsigned         i;
    int              repeated;

    chat_init(&other, register_customer(f, 2), 9, 0);
    account_op(&a, SC_OP_ACCOUNT, 1, 2, 2);
    assert_int_equal(apply_one(f, &a.op), SC_E_NONE);
    for (i = 0; i < 3; i++) {
        chat_init(&gone[i], number, i + 1, 0);
        send_many(f, &gone[i], 150);
        send_many(f, &other, 10);
        assert_int_equal(set_cursor(f, number, 1, gone[i].sid, 3), SC_E_NONE);
    }
    assert_int_equal(set_cursor(f, number, 0, gone[0].key, 3), SC_E_NONE);

    assert_int_equal(erase(f, 7, 0, NULL), SC_E_NOT_FOUND);
    assert_int_equal(erase(f, 1, 2, NULL), SC_E_NOT_FOUND);
    assert_int_equal(sc_store_customers(f->store, 0, cids, 4, &next), 2);
    assert_int_equal(erase(f, 1, 1, &repeated), SC_E_NONE);
    assert_int_equal(repeated, 0);

    TWICE(f) {
        assert_erased(f, 1, &gone[0]);
        assert_int_equal(erase(f, 1, 0, &repeated), SC_E_NONE);
        assert_int_equal(repeated, 1);
        assert_int_equal(sc_store_customers(f->store, 0, cids, 4, &next), 1);
        assert_memory_equal(cids[0], name_of('c', 2), 32);
        assert_int_equal(next, 0);
    }

    (void) fixture_settle(f);
    assert_entries(f, 30);
    if (on_lmdb(f)) {
        assert_no_rows(f, number);
        assert_int_equal(rows(f, SC_DB_WRAPS, name_of('a', 1), 32), 0);
        assert_int_equal(rows(f, SC_DB_WRAPS, name_of('a', 2), 32), 5);
    }

    TWICE(f) {
        assert_erased(f, 1, &gone[0]);
        assert_readable(f, other.customer, 1, 30, 1);
    }
    send_many(f, &other, 1);
    assert_int_equal(register_customer(f, 3), 3);
}

/* What of it expires meanwhile does not make its purge begin before all of it
 * is in the index. */
static void
test_erase_what_expires(void **state)
{
    struct fixture *f = *state;
    struct chat     a, other;
    uint64_t        number = register_customer(f, 1);

    chat_init(&other, register_customer(f, 2), 9, 0);
    chat_init(&a, number, 1, 0);
    set_days(f, 1, 7);
    send_many(f, &a, 10);
    fixture_reopen(f);

    now += 7 * DAY;
    send_many(f, &a, 5);
    send_many(f, &other, 3);
    assert_int_equal(erase(f, 1, 0, NULL), SC_E_NONE);
    (void) fixture_settle(f);
    assert_entries(f, 3);
    assert_erased(f, 1, &a);
    assert_readable(f, other.customer, 1, 3, 1);
}

#define KEEP_TEST(name)  STORE_TEST_WITH(name, setup)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        KEEP_TEST(test_expiry),
        KEEP_TEST(test_classes),
        KEEP_TEST(test_shorter),
        KEEP_TEST(test_longer),
        KEEP_TEST(test_wrong_clock),
        KEEP_TEST(test_quotas),
        KEEP_TEST(test_reply_first),
        KEEP_TEST(test_erase),
        KEEP_TEST(test_erase_what_expires),
    };
    const struct CMUnitTest lmdb_tests[] = {
        KEEP_TEST(test_expiry_steps),
        KEEP_TEST(test_soak),
        KEEP_TEST(test_clock),
    };

    return RUN_ON_ENGINES(tests, lmdb_tests);
}
