/*
 * The store when things go wrong: a second daemon, a newer schema, a full
 * map, a full disk, a sync that fails, a log that is damaged.  Disk errors are
 * made by taking the place of the system calls that LMDB writes with.
 */

#define _GNU_SOURCE

#include "store_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "store/db.h"
#include "store/entry.h"

static int write_error;          /* what writes fail with, 0: they work */
static int write_errors;         /* how many of them, 0: all */
static int sync_error;
static int syncs;
static int full_after_syncs;     /* the disk is full after so many, 0: never */

/* What this write fails with, or 0. */
static int
next_write_error(void)
{
    int error = write_error;

    if (error && write_errors > 0 && --write_errors == 0) {
        write_error = 0;
    }

    return error;
}

/* The meta page goes out behind the sync of its own commit: one more write. */
static int
disk_is_full(void)
{
    static int metas;

    if (full_after_syncs == 0 || syncs < full_after_syncs) {
        metas = 0;
        return 0;
    }

    return metas++ > 0;
}

int
fdatasync(int fd)
{
    static int (*real)(int);

    syncs++;
    if (sync_error) {
        errno = sync_error;
        return -1;
    }
    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "fdatasync");
    }
    return real(fd);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);

    int error = next_write_error();

    if (error || disk_is_full()) {
        errno = error ? error : ENOSPC;
        return -1;
    }
    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "pwrite");
    }
    return real(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *parts, int n)
{
    static ssize_t (*real)(int, const struct iovec *, int);

    int error = next_write_error();

    if (error || disk_is_full()) {
        errno = error ? error : ENOSPC;
        return -1;
    }
    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "writev");
    }
    return real(fd, parts, n);
}

static void
assert_why(const struct fixture *f, const char *part)
{
    if (strstr(f->why, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, f->why);
    }
}

static void
assert_open_fails(struct fixture *f, const char *part)
{
    f->why[0] = '\0';
    assert_null(sc_store_open(&f->options, f->why, WHY));
    assert_why(f, part);
}


/* --- opening ------------------------------------------------------------- */

static void
test_second_open(void **state)
{
    struct fixture *f = *state;

    assert_open_fails(f, "another sealchatd uses the store");
    assert_int_equal(register_customer(f, 1), 1);
    fixture_reopen(f);
}

static void
put_meta(struct fixture *f, const char *key, const void *value, size_t n)
{
    struct sc_db  *db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    struct sc_txn *txn;

    assert_non_null(db);
    txn = sc_txn_write(db);
    if (value == NULL) {
        sc_txn_del(txn, SC_DB_META, key, strlen(key));
    } else {
        sc_txn_put(txn, SC_DB_META, key, strlen(key), value, n);
    }
    assert_int_equal(sc_txn_commit(txn, f->why, WHY), SC_E_NONE);
    sc_db_close(db);
}

static void
refuse_schema(struct fixture *f, uint8_t number, const char *part)
{
    uint8_t schema[8] = { 0 };
    char    text[32];

    schema[7] = number;
    snprintf(text, sizeof(text), "has schema %u", number);
    sc_store_close(f->store);
    f->store = NULL;
    put_meta(f, "schema", schema, sizeof(schema));
    assert_open_fails(f, text);
    assert_open_fails(f, part);
}

static void
test_newer_schema(void **state)
{
    refuse_schema(*state, SC_DB_SCHEMA + 1, "newer version");
}

static void
test_older_schema(void **state)
{
    refuse_schema(*state, SC_DB_SCHEMA - 1, "older version");
}

static void
test_no_schema(void **state)
{
    struct fixture *f = *state;

    sc_store_close(f->store);
    f->store = NULL;
    put_meta(f, "schema", NULL, 0);
    assert_open_fails(f, "is no store of sealchatd");
}

static void
test_no_database(void **state)
{
    struct fixture *f = *state;
    char            path[128];
    FILE           *file;
    int             i;

    sc_store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof(path), "%s/store.mdb", f->dir);
    file = fopen(path, "w");
    for (i = 0; i < 9000; i++) {
        fputc('x', file);
    }
    fclose(file);
    assert_open_fails(f, "could not open");
}

static void
test_bad_directory(void **state)
{
    struct fixture          *f = *state;
    struct sc_store_options  was = f->options;
    char                     path[8192];

    snprintf(path, sizeof(path), "%s/a/b", f->dir);
    f->options.path = path;
    assert_open_fails(f, "could not make");

    snprintf(path, sizeof(path), "%s/lock", f->dir);
    assert_open_fails(f, "could not open");

    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_open_fails(f, "");
    f->options = was;
}

/* A directory that is not there yet is made, for its owner alone. */
static void
test_makes_directory(void **state)
{
    struct fixture *f = *state;
    struct stat     st;
    struct fixture  inner = *f;

    snprintf(inner.dir, sizeof(inner.dir), "%.50s/in", f->dir);
    inner.options.path = inner.dir;
    fixture_open(&inner);
    assert_int_equal(stat(inner.dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    sc_store_close(inner.store);
    fixture_unlink(&inner, "store.mdb");
    fixture_unlink(&inner, "store.mdb-lock");
    fixture_unlink(&inner, "lock");
    assert_int_equal(rmdir(inner.dir), 0);
}


/* --- writing ------------------------------------------------------------- */

/* What a failed list must have left as it was. */
static void
assert_as_before(struct fixture *f, const struct chat *visitor,
                 uint64_t cursor)
{
    struct sc_customer     customer;
    struct sc_session_info info;
    struct sc_page        *page;

    assert_int_equal(sc_store_customer(f->store, name_of('c', 1), &customer),
                     1);
    assert_int_equal(customer.head, visitor->seq);
    assert_int_equal(sc_store_customer(f->store, name_of('c', 2), &customer),
                     0);
    assert_int_equal(sc_store_session(f->store, visitor->customer,
                                      visitor->sid, visitor->key, &info), 1);
    assert_int_equal(info.seq, visitor->seq);
    assert_int_equal(info.head, visitor->seq);
    assert_int_equal(info.cursor, cursor);
    assert_int_equal(sc_store_session(f->store, visitor->customer,
                                      name_of('s', 2), visitor->key, &info),
                     0);

    page = sc_store_read(f->store, visitor->customer, visitor->seq, NULL, 9,
                         65536);
    assert_int_equal(page->n, 1);
    assert_int_equal(page->next, 0);
    assert_message(&page->messages[0], visitor, visitor->seq);
    sc_store_page_free(page);
}

/* Of everything something: a known and a new session, a new customer with a
 * message of its own, a cursor, a refusal. */
struct mixed {
    struct message_op known, fresh, of_new, gap;
    struct account_op account;
    struct sc_op      cursor;
};

static int
apply_mixed(struct fixture *f, const struct chat *visitor,
            struct mixed *mixed)
{
    struct chat chat;

    message_op(&mixed->known, visitor);
    chat_init(&chat, visitor->customer, 2, 0);
    message_op(&mixed->fresh, &chat);
    account_op(&mixed->account, SC_OP_REGISTER, 2, 1, 1);
    chat_init(&chat, visitor->customer + 1, 3, 0);
    message_op(&mixed->of_new, &chat);
    message_op(&mixed->gap, visitor);
    mixed->gap.op.append.seq += 5;
    memset(&mixed->cursor, 0, sizeof(mixed->cursor));
    mixed->cursor.kind = SC_OP_CURSOR;
    mixed->cursor.cursor.customer = visitor->customer;
    mixed->cursor.cursor.id = visitor->sid;
    mixed->cursor.cursor.of_session = 1;
    mixed->cursor.cursor.position = 1;

    mixed->known.op.next = &mixed->fresh.op;
    mixed->fresh.op.next = &mixed->account.op;
    mixed->account.op.next = &mixed->of_new.op;
    mixed->of_new.op.next = &mixed->gap.op;
    mixed->gap.op.next = &mixed->cursor;

    return sc_store_apply(f->store, &mixed->known.op, f->why, WHY);
}

static void
assert_all_failed(struct mixed *mixed, enum sc_error_code error)
{
    const struct sc_op *op;

    for (op = &mixed->known.op; op != NULL; op = op->next) {
        assert_int_equal(op->error, error);
    }
}

static void
assert_mixed_works(struct fixture *f, struct chat *visitor,
                   struct mixed *mixed)
{
    assert_int_equal(apply_mixed(f, visitor, mixed), 0);
    assert_int_equal(mixed->known.op.error, SC_E_NONE);
    assert_int_equal(mixed->known.op.append.position, visitor->seq + 1);
    assert_int_equal(mixed->known.op.append.repeated, 0);
    assert_int_equal(mixed->fresh.op.error, SC_E_NONE);
    assert_int_equal(mixed->fresh.op.append.first, 1);
    assert_int_equal(mixed->account.op.error, SC_E_NONE);
    assert_int_equal(mixed->account.op.account.customer,
                     visitor->customer + 1);
    assert_int_equal(mixed->of_new.op.error, SC_E_NONE);
    assert_int_equal(mixed->of_new.op.append.position, 1);
    assert_int_equal(mixed->gap.op.error, SC_E_SEQ_GAP);
    assert_int_equal(mixed->cursor.error, SC_E_NONE);
}

static void
test_disk_full(void **state)
{
    struct fixture *f = *state;
    struct mixed    mixed;
    struct chat     visitor;
    int             i;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    send_many(f, &visitor, 3);

    /* What takes room is refused, and what takes none is not. */
    for (i = 0; i < 3; i++) {
        write_error = ENOSPC;
        assert_int_equal(apply_mixed(f, &visitor, &mixed), 0);
        write_error = 0;
        assert_int_equal(mixed.known.op.error, SC_E_STORAGE_FULL);
        assert_int_equal(mixed.fresh.op.error, SC_E_STORAGE_FULL);
        assert_int_equal(mixed.account.op.error, SC_E_STORAGE_FULL);
        assert_int_equal(mixed.of_new.op.error, SC_E_NOT_HERE);
        assert_int_equal(mixed.gap.op.error, SC_E_SEQ_GAP);
        assert_int_equal(mixed.cursor.error, SC_E_NONE);
        assert_why(f, "No space left");
        assert_as_before(f, &visitor, 1);
    }

    /* Where not even that can be written, nothing is. */
    account_op(&mixed.account, SC_OP_ACCOUNT, 1, 2, 2);
    write_error = ENOSPC;
    assert_int_equal(apply_one(f, &mixed.account.op), SC_E_STORAGE_FULL);
    write_error = 0;
    assert_why(f, "No space left");
    assert_as_before(f, &visitor, 1);

    assert_mixed_works(f, &visitor, &mixed);
    fixture_reopen(f);
    message_op(&mixed.known, &visitor);
    assert_int_equal(apply_one(f, &mixed.known.op), SC_E_NONE);
    assert_int_equal(mixed.known.op.append.repeated, 1);
}

static void
test_map_full(void **state)
{
    struct fixture    *f = *state;
    struct chat        visitor, other;
    struct message_op  m;
    struct sc_customer customer;
    struct sc_page    *page;
    uint64_t           next, n = 0;

    sc_store_close(f->store);
    f->options.map_size = 1024 * 1024;
    fixture_open(f);
    chat_init(&visitor, register_customer(f, 1), 1, 0);

    do {
        message_op(&m, &visitor);
        if (apply_one(f, &m.op) == SC_E_NONE) {
            chat_sent(&visitor, &m);
            n++;
        }
    } while (m.op.error == SC_E_NONE && n < 2000);

    assert_int_equal(m.op.error, SC_E_STORAGE_FULL);
    assert_true(n > 200);
    chat_init(&other, visitor.customer, 2, 0);
    message_op(&m, &other);
    assert_int_equal(apply_one(f, &m.op), SC_E_STORAGE_FULL);

    /* Nothing is lost, nothing of what was refused is there; a close whose
     * checkpoint finds no room loses nothing either. */
    fixture_reopen(f);
    assert_int_equal(sc_store_customer(f->store, name_of('c', 1), &customer),
                     1);
    assert_int_equal(customer.head, n);
    for (next = 1; next != 0; sc_store_page_free(page)) {
        page = sc_store_read(f->store, visitor.customer, next, NULL, 64,
                             1 << 20);
        assert_true(page->n > 0);
        assert_message(&page->messages[0], &visitor, next);
        next = page->next;
    }

    /* A larger map goes on where it stopped. */
    sc_store_close(f->store);
    f->options.map_size = 4 * 1024 * 1024;
    fixture_open(f);
    assert_int_equal(send_next(f, &visitor), n + 1);
}

/* After a sync that failed nothing is promised until the next open. */
static void
test_sync_failed(void **state)
{
    struct fixture *f = *state;
    struct mixed    mixed;
    struct chat     visitor;
    uint8_t         cursor[32];

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    send_many(f, &visitor, 3);

    sync_error = EIO;
    assert_int_equal(apply_mixed(f, &visitor, &mixed), -1);
    sync_error = 0;
    assert_all_failed(&mixed, SC_E_STORAGE_FAILED);
    assert_why(f, "Input/output error");
    assert_as_before(f, &visitor, 0);

    assert_int_equal(apply_mixed(f, &visitor, &mixed), -1);
    assert_all_failed(&mixed, SC_E_STORAGE_FAILED);
    assert_why(f, "reopened");
    assert_as_before(f, &visitor, 0);

    memcpy(cursor, name_of('d', 1), 32);
    assert_int_equal(set_cursor(f, visitor.customer, 0, cursor, 1),
                     SC_E_STORAGE_FAILED);

    fixture_reopen(f);
    assert_as_before(f, &visitor, 0);
    assert_mixed_works(f, &visitor, &mixed);
}

static void
test_write_failed(void **state)
{
    struct fixture *f = *state;
    struct mixed    mixed;
    struct chat     visitor;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    send_many(f, &visitor, 3);

    write_error = EIO;
    assert_int_equal(apply_mixed(f, &visitor, &mixed), -1);
    write_error = 0;
    assert_all_failed(&mixed, SC_E_STORAGE_FAILED);
    assert_int_equal(apply_mixed(f, &visitor, &mixed), -1);
    fixture_reopen(f);
    assert_as_before(f, &visitor, 0);
    assert_mixed_works(f, &visitor, &mixed);
}

/* A checkpoint goes along with messages, at no sync of its own.  When it
 * fails with them, the next attempt catches up. */
static void
test_checkpoint_failed(void **state)
{
    struct fixture          *f = *state;
    struct chat              visitor;
    struct message_op        m;
    struct sc_store_counters counters;
    struct sc_customer       customer;
    unsigned                 i;

    sc_store_close(f->store);
    f->options.checkpoint_every = 10;
    fixture_open(f);
    chat_init(&visitor, register_customer(f, 1), 1, 0);

    for (i = 1; i <= 40; i++) {
        if (i % 10 == 1) {
            message_op(&m, &visitor);
            write_error = ENOSPC;
            assert_int_equal(apply_one(f, &m.op), SC_E_STORAGE_FULL);
            write_error = 0;
            assert_why(f, "No space left");
        }

        syncs = 0;
        (void) send_next(f, &visitor);
        assert_int_equal(syncs, 1);
        sc_store_counters(f->store, &counters);
        assert_true(counters.unindexed <= 11);
    }

    fixture_reopen(f);
    assert_int_equal(sc_store_customer(f->store, name_of('c', 1), &customer),
                     1);
    assert_int_equal(customer.head, 40);
}

/* A disk that takes nothing is not asked a thousand times a second: neither
 * for cursors nor for the steps of a checkpoint. */
static void
test_waits_after_failure(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;

    sc_store_close(f->store);
    f->options.cursor_delay = 1;
    f->options.checkpoint_every = 1;
    fixture_open(f);
    chat_init(&visitor, register_customer(f, 1), 1, 0);
    (void) send_next(f, &visitor);

    assert_in_range(sc_store_wants(f->store), 0, 1);
    write_error = ENOSPC;
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_why(f, "no checkpoint: could not write");
    write_error = 0;
    assert_in_range(sc_store_wants(f->store), 1, 1000);
    usleep((useconds_t) sc_store_wants(f->store) * 1000 + 1000);
    (void) fixture_settle(f);

    assert_int_equal(set_cursor(f, visitor.customer, 1, visitor.sid, 1),
                     SC_E_NONE);
    usleep(2000);
    assert_in_range(sc_store_wants(f->store), 0, 1);
    sync_error = EIO;
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), -1);
    sync_error = 0;
    assert_in_range(sc_store_wants(f->store), 1, 1000);
}

/* Wraps of a customer that can be read. */
static unsigned
count_wraps(struct fixture *f, const struct account_op *a)
{
    struct sc_blob_out wrap;
    unsigned           n = 0;
    uint8_t            kind;

    for (kind = 1; kind <= 6; kind++) {
        n += sc_store_wrap(f->store, a->op.account.account_id, 1, kind, &wrap)
             == 1;
        free(wrap.p);
    }

    return n;
}

/* What goes under another key passes over no row when it is tried again: by
 * the store itself, or by whoever asked. */
static void
test_reseal_failed(void **state)
{
    struct fixture    *f = *state;
    struct account_op  a;
    struct sc_op       op;
    unsigned           i, n;

    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_NONE);
    n = count_wraps(f, &a);
    assert_true(n > 0);

    for (i = 0; i < 2; i++) {
        assert_int_equal(sc_vault_add_key(f->options.vault), 0);
        op = (struct sc_op) { .kind = SC_OP_RESEAL };

        write_error = ENOSPC;
        write_errors = i == 0 ? 1 : 0;
        (void) apply_one(f, &op);
        write_error = 0;
        if (i == 1) {
            assert_int_equal(op.error, SC_E_STORAGE_FULL);
            assert_int_equal(apply_one(f, &op), SC_E_NONE);
        }

        assert_int_equal(op.error, SC_E_NONE);
        assert_int_equal(op.reseal.resealed, n);
        assert_int_equal(op.reseal.done, 1);
        sc_vault_drop_old(f->options.vault);
        assert_int_equal(count_wraps(f, &a), n);
        fixture_reopen(f);
        assert_int_equal(count_wraps(f, &a), n);
    }
}

/* STORED follows a sync: one for each list that wrote, none for others. */
static void
test_syncs(void **state)
{
    struct fixture   *f = *state;
    struct message_op m;
    struct chat       visitor;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    syncs = 0;
    (void) send_next(f, &visitor);
    assert_int_equal(syncs, 1);
    message_op(&m, &visitor);
    m.op.append.seq = 9;
    assert_int_equal(apply_one(f, &m.op), SC_E_SEQ_GAP);
    assert_int_equal(set_cursor(f, visitor.customer, 1, visitor.sid, 1),
                     SC_E_NONE);
    assert_int_equal(syncs, 1);
}

/* A cursor lingers in memory, and an empty list writes it in time. */
static void
test_lingering_cursor(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;

    sc_store_close(f->store);
    f->options.cursor_delay = 50;
    fixture_open(f);
    chat_init(&visitor, register_customer(f, 1), 1, 0);
    (void) send_next(f, &visitor);

    syncs = 0;
    assert_int_equal(set_cursor(f, visitor.customer, 1, visitor.sid, 1),
                     SC_E_NONE);
    assert_int_equal(syncs, 0);
    usleep(60 * 1000);
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_int_equal(syncs, 1);
    assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
    assert_int_equal(syncs, 1);
}


/* --- damage -------------------------------------------------------------- */

static void
append_entry(struct fixture *f, uint64_t serial, const struct sc_entry *entry)
{
    struct sc_db  *db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    struct sc_txn *txn = sc_txn_write(db);
    size_t         n = entry ? sc_entry_size(entry) : 20;
    uint8_t       *out = sc_txn_append(txn, SC_DB_LOG_90,
                                          sc_place_of(serial, 2), n);

    assert_non_null(out);
    memset(out, 0, n);
    if (entry != NULL) {
        sc_entry_write(out, entry);
    }
    assert_int_equal(sc_txn_commit(txn, f->why, WHY), SC_E_NONE);
    sc_db_close(db);
}

/* What does not follow from what is before it is not replayed, but said. */
static void
test_damaged_log(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    struct sc_entry entry = { 0 };
    uint8_t         name[32];
    int             i;

    memcpy(name, name_of('s', 1), 32);
    chat_init(&visitor, register_customer(f, 1), 1, 0);
    send_many(f, &visitor, 3);

    for (i = 0; i < 5; i++) {
        entry = (struct sc_entry) {
            .position = 4, .customer = 1, .ordinal = 4, .seq = 4,
            .prev = sc_place_of(3, 2),
            .sid = name, .signkey_id = name, .id = name
        };
        switch (i) {
        case 0: entry.position = 5; break;
        case 1: entry.customer = 2; break;
        case 2: entry.ordinal = 1; break;
        case 3: entry.prev = sc_place_of(2, 2); break;
        default: break;
        }

        fixture_reopen(f);
        sc_store_close(f->store);
        f->store = NULL;
        append_entry(f, 4, i < 4 ? &entry : NULL);
        assert_open_fails(f, "behind serial 3 is damaged");

        (void) fixture_teardown(state);
        assert_int_equal(fixture_setup(state), 0);
        f = *state;
        chat_init(&visitor, register_customer(f, 1), 1, 0);
        send_many(f, &visitor, 3);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_second_open),
        STORE_TEST(test_newer_schema),
        STORE_TEST(test_older_schema),
        STORE_TEST(test_no_schema),
        STORE_TEST(test_no_database),
        STORE_TEST(test_bad_directory),
        STORE_TEST(test_makes_directory),
        STORE_TEST(test_disk_full),
        STORE_TEST(test_map_full),
        STORE_TEST(test_sync_failed),
        STORE_TEST(test_write_failed),
        STORE_TEST(test_checkpoint_failed),
        STORE_TEST(test_waits_after_failure),
        STORE_TEST(test_reseal_failed),
        STORE_TEST(test_syncs),
        STORE_TEST(test_lingering_cursor),
        STORE_TEST(test_damaged_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
