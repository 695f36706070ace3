/*
 * Spare keys in the store: found by their name alone, one of each session, and
 * gone with it.
 */

#include "store_fixture.h"

#include <sys/wait.h>

#include <sealchat/limits.h>

#include "store/db.h"
#include "store/state.h"

static enum sc_error_code
put(struct fixture *f, const struct chat *chat, uint64_t name, uint8_t byte,
    size_t n)
{
    static uint8_t sealed[SC_SPARE_MAX + 1];

    struct sc_op op = { .kind = SC_OP_SPARE };

    memset(sealed, byte, sizeof(sealed));
    op.spare.customer = chat->customer;
    op.spare.sid = chat->sid;
    op.spare.name = name_of('x', name);
    op.spare.sealed.p = sealed;
    op.spare.sealed.n = n;
    return apply_one(f, &op);
}

/* n bytes of that value under the name; n 0: nothing. */
static void
assert_spare(struct fixture *f, uint64_t customer, uint64_t name,
             uint8_t byte, size_t n)
{
    struct sc_blob_out sealed = { (uint8_t *) "", 1 };

    assert_int_equal(sc_store_spare(f->store, customer, name_of('x', name),
                                    &sealed), n > 0);
    assert_int_equal(sealed.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sealed.p[i], byte);
    }
    free(sealed.p);
}

static enum sc_error_code
delete_session(struct fixture *f, const struct chat *chat)
{
    struct sc_op op = { .kind = SC_OP_DELETE };

    op.remove.customer = chat->customer;
    op.remove.sid = chat->sid;
    op.remove.time = 1700000000000ull;
    op.remove.by_session = 1;
    return apply_one(f, &op);
}

static void
test_spare(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    uint64_t        number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    assert_spare(f, number, 1, 0, 0);
    assert_int_equal(put(f, &visitor, 1, 7, 16), SC_E_UNKNOWN_SESSION);
    (void) send_next(f, &visitor);
    assert_int_equal(put(f, &visitor, 1, 7, SC_SPARE_MAX + 1),
                     SC_E_TOO_LARGE);
    assert_spare(f, number, 1, 0, 0);

    assert_int_equal(put(f, &visitor, 1, 7, 16), SC_E_NONE);
    assert_int_equal(put(f, &visitor, 1, 7, 16), SC_E_NONE);
    TWICE(f) {
        assert_spare(f, number, 1, 7, 16);
        assert_spare(f, number, 2, 0, 0);
    }

    /* Under the name that they have, and under another one. */
    assert_int_equal(put(f, &visitor, 1, 8, SC_SPARE_MAX), SC_E_NONE);
    assert_spare(f, number, 1, 8, SC_SPARE_MAX);
    assert_int_equal(put(f, &visitor, 2, 9, 400), SC_E_NONE);
    TWICE(f) {
        assert_spare(f, number, 1, 0, 0);
        assert_spare(f, number, 2, 9, 400);
    }

    visitor.customer = number + 9;
    assert_int_equal(put(f, &visitor, 3, 7, 16), SC_E_NOT_HERE);
    assert_spare(f, number + 9, 2, 0, 0);
}

static void
test_names(void **state)
{
    struct fixture *f = *state;
    struct chat     first, second, elsewhere;
    uint64_t        number = register_customer(f, 1);
    uint64_t        other = register_customer(f, 2);

    chat_init(&first, number, 1, 0);
    chat_init(&second, number, 2, 0);
    chat_init(&elsewhere, other, 1, 0);
    (void) send_next(f, &first);
    (void) send_next(f, &second);
    (void) send_next(f, &elsewhere);

    assert_int_equal(put(f, &first, 1, 7, 16), SC_E_NONE);
    assert_int_equal(put(f, &second, 1, 8, 16), SC_E_CONFLICT);
    TWICE(f) {
        assert_spare(f, number, 1, 7, 16);
    }

    /* Once it is given up, anybody may have it; other customers' names are
     * other names. */
    assert_int_equal(put(f, &first, 2, 7, 16), SC_E_NONE);
    assert_int_equal(put(f, &second, 1, 8, 16), SC_E_NONE);
    assert_int_equal(put(f, &elsewhere, 1, 9, 16), SC_E_NONE);
    TWICE(f) {
        assert_spare(f, number, 1, 8, 16);
        assert_spare(f, number, 2, 7, 16);
        assert_spare(f, other, 1, 9, 16);
        assert_spare(f, other, 2, 0, 0);
    }
}

/* With the session, or the account. */
static void
test_ends(void **state)
{
    struct fixture *f = *state;
    struct chat     gone, left;
    struct sc_op    erase = { .kind = SC_OP_ERASE };
    uint64_t        number = register_customer(f, 1);

    chat_init(&gone, number, 1, 0);
    chat_init(&left, number, 2, 0);
    (void) send_next(f, &gone);
    (void) send_next(f, &left);
    assert_int_equal(put(f, &gone, 1, 7, 16), SC_E_NONE);
    assert_int_equal(put(f, &left, 2, 8, 16), SC_E_NONE);

    assert_int_equal(delete_session(f, &gone), SC_E_NONE);
    TWICE(f) {
        assert_spare(f, number, 1, 0, 0);
        assert_spare(f, number, 2, 8, 16);
        assert_int_equal(put(f, &gone, 1, 7, 16), SC_E_SESSION_DELETED);
    }

    erase.erase.cid = name_of('c', 1);
    erase.erase.time = 1700000000000ull;
    assert_int_equal(apply_one(f, &erase), SC_E_NONE);
    TWICE(f) {
        assert_spare(f, number, 2, 0, 0);
        assert_int_equal(put(f, &left, 2, 8, 16), SC_E_NOT_HERE);
    }
}

/* A visitor may have asked for both before it hears of the block, and be in
 * the same list. */
static void
test_blocked(void **state)
{
    static uint8_t sealed[16] = { 8 };

    struct fixture *f = *state;
    struct chat     visitor;
    struct sc_op    block = { .kind = SC_OP_BLOCK };
    struct sc_op    spare = { .kind = SC_OP_SPARE };
    struct sc_op    end = { .kind = SC_OP_DELETE };
    uint64_t        number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    (void) send_next(f, &visitor);
    assert_int_equal(put(f, &visitor, 1, 7, 16), SC_E_NONE);

    block.block.customer = spare.spare.customer = end.remove.customer = number;
    block.block.sid = spare.spare.sid = end.remove.sid = visitor.sid;
    block.block.blocked = 1;
    spare.spare.name = name_of('x', 2);
    spare.spare.sealed = (struct sc_bytes) { sealed, sizeof(sealed) };
    end.remove.by_session = 1;
    block.next = &spare;
    spare.next = &end;

    assert_int_equal(sc_store_apply(f->store, &block, f->why, WHY), 0);
    assert_int_equal(block.error, SC_E_NONE);
    assert_int_equal(spare.error, SC_E_SESSION_BLOCKED);
    assert_int_equal(end.error, SC_E_SESSION_BLOCKED);

    TWICE(f) {
        assert_int_equal(put(f, &visitor, 2, 8, 16), SC_E_SESSION_BLOCKED);
        assert_int_equal(delete_session(f, &visitor), SC_E_SESSION_BLOCKED);
        assert_spare(f, number, 1, 7, 16);
        assert_spare(f, number, 2, 0, 0);
    }

    block.next = NULL;
    block.block.blocked = 0;
    assert_int_equal(apply_one(f, &block), SC_E_NONE);
    TWICE(f) {
        assert_int_equal(put(f, &visitor, 2, 8, 16), SC_E_NONE);
    }
    assert_int_equal(delete_session(f, &visitor), SC_E_NONE);
    TWICE(f) {
        assert_spare(f, number, 2, 0, 0);
    }
}

static unsigned
rows(struct fixture *f, enum sc_db_name name)
{
    struct sc_db_sizes sizes;

    assert_int_equal(sc_db_sizes(f->store->db, &sizes), 0);
    return (unsigned) sizes.tables[name].entries;
}

/* On disk nothing is left of them. */
static void
test_rows(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor, other;
    struct sc_op    erase = { .kind = SC_OP_ERASE };
    uint64_t        number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    chat_init(&other, number, 2, 0);
    (void) send_next(f, &visitor);
    (void) send_next(f, &other);
    for (uint64_t name = 1; name < 20; name++) {
        assert_int_equal(put(f, &visitor, name, 7, 900), SC_E_NONE);
    }
    assert_int_equal(put(f, &other, 20, 7, 900), SC_E_NONE);
    assert_int_equal(rows(f, SC_DB_SPARES), 2);
    assert_int_equal(rows(f, SC_DB_SPARE_NAMES), 2);

    assert_int_equal(delete_session(f, &visitor), SC_E_NONE);
    assert_int_equal(rows(f, SC_DB_SPARES), 1);
    assert_int_equal(rows(f, SC_DB_SPARE_NAMES), 1);

    erase.erase.cid = name_of('c', 1);
    erase.erase.time = 1700000000000ull;
    assert_int_equal(apply_one(f, &erase), SC_E_NONE);
    (void) fixture_settle(f);
    assert_int_equal(rows(f, SC_DB_SPARES), 0);
    assert_int_equal(rows(f, SC_DB_SPARE_NAMES), 0);
}

/* What was put survives an end without a close; what it replaced is gone. */
static void
test_crash(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    uint64_t        number = register_customer(f, 1);
    pid_t           child;
    int             status;

    chat_init(&visitor, number, 1, 0);
    (void) send_next(f, &visitor);
    assert_int_equal(put(f, &visitor, 1, 7, 500), SC_E_NONE);
    sc_store_close(f->store);
    f->store = NULL;

    child = fork();
    if (child == 0) {
        fixture_open(f);
        _exit(put(f, &visitor, 2, 8, 600) == SC_E_NONE ? 0 : 2);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    fixture_open(f);
    assert_spare(f, number, 1, 0, 0);
    assert_spare(f, number, 2, 8, 600);
}

#define DAY  86400000ull

static uint64_t now = 1700000000000ull;

static uint64_t
machine_clock(void)
{
    return now;
}

/* With the session's last message. */
static void
test_expiry(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    uint64_t        number;

    f->options.clock = machine_clock;
    f->options.catch_up = UINT32_MAX;
    f->options.days = 7;
    sc_store_close(f->store);
    fixture_unlink(f, "store.mdb");
    fixture_unlink(f, "store.mdb-lock");
    fixture_open(f);

    number = register_customer(f, 1);
    chat_init(&visitor, number, 1, 0);
    (void) send_next(f, &visitor);
    assert_int_equal(put(f, &visitor, 1, 7, 16), SC_E_NONE);

    now += 6 * DAY;
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    (void) fixture_settle(f);
    assert_spare(f, number, 1, 7, 16);

    now += DAY;
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    (void) fixture_settle(f);
    assert_spare(f, number, 1, 0, 0);
    assert_int_equal(rows(f, SC_DB_SPARES), 0);
    assert_int_equal(rows(f, SC_DB_SPARE_NAMES), 0);
    assert_int_equal(put(f, &visitor, 1, 7, 16), SC_E_SESSION_DELETED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_spare),
        STORE_TEST(test_names),
        STORE_TEST(test_ends),
        STORE_TEST(test_blocked),
    };
    const struct CMUnitTest lmdb_tests[] = {
        STORE_TEST(test_rows),
        STORE_TEST(test_crash),
        STORE_TEST(test_expiry),
    };

    return RUN_ON_ENGINES(tests, lmdb_tests);
}
