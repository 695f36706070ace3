/*
 * The store, function by function: what each writes, reads and refuses.  All
 * of it runs twice where a checkpoint matters: on what is still in memory, and
 * on what was written and read again.
 */

#include "store_fixture.h"

#include <sealchat/limits.h>

#include "store/db.h"

static void
test_new_store(void **state)
{
    struct fixture    *f = *state;
    struct sc_customer customer;
    struct sc_blob_out blob;
    struct sc_page    *page;
    uint8_t            salt[32], cid[32];
    uint64_t           position;

    memcpy(salt, sc_store_salt_secret(f->store), 32);
    assert_false(sodium_is_zero(salt, 32));

    TWICE(f) {
        assert_memory_equal(sc_store_salt_secret(f->store), salt, 32);
        assert_int_equal(sc_store_customer(f->store, name_of('c', 1),
                                           &customer), 0);
        assert_int_equal(sc_store_account(f->store, name_of('a', 1), cid,
                                          &blob), 0);
        assert_null(blob.p);
        assert_int_equal(sc_store_roster(f->store, 1, 0, &blob), 0);
        assert_int_equal(sc_store_wrap(f->store, name_of('a', 1), 1, 1,
                                       &blob), 0);
        assert_int_equal(sc_store_cursor(f->store, 1, name_of('d', 1),
                                         &position), 0);
        assert_int_equal(position, 0);

        page = sc_store_read(f->store, 1, 1, NULL, 10, 65536);
        assert_non_null(page);
        assert_int_equal(page->n, 0);
        assert_int_equal(page->next, 0);
        sc_store_page_free(page);

        assert_int_equal(sc_store_apply(f->store, NULL, f->why,
                                        sizeof(f->why)), 0);
    }
}


/* --- accounts ------------------------------------------------------------ */

static void
assert_blob(int found, struct sc_blob_out *blob, const uint8_t *p, size_t n)
{
    assert_int_equal(found, 1);
    assert_int_equal(blob->n, n);
    assert_memory_equal(blob->p, p, n);
    free(blob->p);
}

/* That the account stands as the operation left it. */
static void
assert_account(struct fixture *f, const struct account_op *a)
{
    struct sc_customer customer;
    struct sc_blob_out blob;
    uint8_t            cid[32], kind;

    assert_int_equal(sc_store_customer(f->store, a->names[0], &customer), 1);
    assert_int_equal(customer.number, a->op.account.customer);
    assert_int_equal(customer.earliest, 1);
    assert_memory_equal(customer.account_id, a->names[1], 32);

    assert_blob(sc_store_account(f->store, a->names[1], cid, &blob), &blob,
                a->account, sizeof(a->account));
    assert_memory_equal(cid, a->names[0], 32);

    assert_blob(sc_store_roster(f->store, customer.number, 0, &blob), &blob,
                a->roster, sizeof(a->roster));
    assert_blob(sc_store_roster(f->store, customer.number,
                                a->op.account.version, &blob), &blob,
                a->roster, sizeof(a->roster));
    assert_blob(sc_store_roster_by_id(f->store, customer.number, a->names[2],
                                      &blob), &blob,
                a->roster, sizeof(a->roster));

    for (kind = 1; kind <= a->op.account.n_wraps; kind++) {
        assert_blob(sc_store_wrap(f->store, a->names[1],
                                  a->op.account.generation, kind, &blob),
                    &blob, a->wraps[kind - 1], sizeof(a->wraps[0]));
    }
}

static void
test_register(void **state)
{
    struct fixture   *f = *state;
    struct account_op a, b;

    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_NONE);
    assert_int_equal(a.op.account.customer, 1);

    account_op(&b, SC_OP_REGISTER, 2, 1, 1);
    assert_int_equal(apply_one(f, &b.op), SC_E_NONE);
    assert_int_equal(b.op.account.customer, 2);

    TWICE(f) {
        assert_account(f, &a);
        assert_account(f, &b);

        account_op(&a, SC_OP_REGISTER, 1, 1, 1);
        assert_int_equal(apply_one(f, &a.op), SC_E_NONE);
        assert_int_equal(a.op.account.customer, 1);
    }
}

/* Any byte that differs is another registration of a name that is taken. */
static void
test_register_taken(void **state)
{
    struct fixture   *f = *state;
    struct account_op a, was;
    int               i;

    (void) register_customer(f, 1);

    for (i = 0; i < 8; i++) {
        account_op(&a, SC_OP_REGISTER, 1, 1, 1);
        switch (i) {
        case 0: a.account[384] ^= 1; break;
        case 1: a.op.account.account.n--; break;
        case 2: a.roster[299] ^= 1; break;
        case 3: a.wraps[4][119] ^= 1; break;
        case 4: a.op.account.n_wraps = 4; break;
        case 5: a.op.account.n_wraps = 6; break;
        case 6: a.names[0][0] ^= 1; break;      /* account taken */
        default: a.names[1][0] ^= 1; break;     /* cid taken */
        }
        assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);
        assert_int_equal(a.op.account.customer, 0);
    }

    account_op(&was, SC_OP_REGISTER, 1, 1, 1);
    was.op.account.customer = 1;
    assert_account(f, &was);
    assert_int_equal(register_customer(f, 2), 2);
}

static void
test_register_bad_wraps(void **state)
{
    struct fixture    *f = *state;
    struct account_op  a;
    struct sc_customer customer;

    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    a.wraps[1][4] = 1;
    assert_int_equal(apply_one(f, &a.op), SC_E_BAD_WRAPS);

    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    a.list[2].n = 4;
    assert_int_equal(apply_one(f, &a.op), SC_E_BAD_WRAPS);

    assert_int_equal(sc_store_customer(f->store, a.names[0], &customer), 0);
}

/* Two registrations of one name in one list: the first wins. */
static void
test_register_race(void **state)
{
    struct fixture   *f = *state;
    struct account_op a, b;

    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    account_op(&b, SC_OP_REGISTER, 1, 1, 1);
    b.account[100] ^= 1;
    a.op.next = &b.op;

    assert_int_equal(sc_store_apply(f->store, &a.op, f->why, WHY), 0);
    assert_int_equal(a.op.error, SC_E_NONE);
    assert_int_equal(b.op.error, SC_E_ACCOUNT_TAKEN);
    assert_account(f, &a);
}

/* A deletion leaves emptied rows of cid and account. */
static void
test_deleted_names(void **state)
{
    struct fixture    *f = *state;
    struct account_op  a;
    struct sc_customer customer;
    struct sc_blob_out blob;
    struct sc_db      *db;
    struct sc_txn     *txn;
    uint8_t            cid[32];

    (void) register_customer(f, 1);
    sc_store_close(f->store);
    f->store = NULL;

    db = sc_db_open(f->dir, f->options.map_size, f->why, WHY);
    assert_non_null(db);
    txn = sc_txn_write(db);
    sc_txn_put(txn, SC_DB_CIDS, name_of('c', 1), 32, "", 0);
    sc_txn_put(txn, SC_DB_ACCOUNTS, name_of('a', 1), 32, "", 0);
    assert_int_equal(sc_txn_commit(txn, f->why, WHY), SC_E_NONE);
    sc_db_close(db);

    fixture_open(f);
    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);
    a.names[0][0] ^= 1;
    assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);
    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    a.names[1][0] ^= 1;
    assert_int_equal(apply_one(f, &a.op), SC_E_ACCOUNT_TAKEN);

    account_op(&a, SC_OP_ACCOUNT, 1, 2, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_NOT_FOUND);
    assert_int_equal(sc_store_customer(f->store, name_of('c', 1), &customer),
                     0);
    assert_int_equal(sc_store_account(f->store, name_of('a', 1), cid, &blob),
                     0);
}

static void
test_account_swap(void **state)
{
    struct fixture    *f = *state;
    struct account_op  a, rival, first;
    struct sc_blob_out blob;

    (void) register_customer(f, 1);
    account_op(&first, SC_OP_REGISTER, 1, 1, 1);

    account_op(&a, SC_OP_ACCOUNT, 1, 2, 1);
    account_op(&rival, SC_OP_ACCOUNT, 1, 2, 1);
    rival.account[9] ^= 1;
    a.op.next = &rival.op;
    assert_int_equal(sc_store_apply(f->store, &a.op, f->why, WHY), 0);
    assert_int_equal(a.op.error, SC_E_NONE);
    assert_int_equal(rival.op.error, SC_E_CONFLICT);

    TWICE(f) {
        assert_account(f, &a);
        assert_int_equal(apply_one(f, &a.op), SC_E_NONE);
        assert_int_equal(apply_one(f, &rival.op), SC_E_CONFLICT);
        assert_account(f, &a);
        assert_blob(sc_store_roster(f->store, 1, 1, &blob), &blob,
                    first.roster, sizeof(first.roster));
        assert_blob(sc_store_roster_by_id(f->store, 1, first.names[2], &blob),
                    &blob, first.roster, sizeof(first.roster));
        assert_int_equal(sc_store_roster(f->store, 1, 3, &blob), 0);
        assert_int_equal(sc_store_roster_by_id(f->store, 1, name_of('x', 0),
                                               &blob), 0);
    }

    /* The bytes of the registration are no longer the stored ones. */
    assert_int_equal(apply_one(f, &first.op), SC_E_ACCOUNT_TAKEN);
}

static void
test_account_refused(void **state)
{
    struct fixture   *f = *state;
    struct account_op a, now;

    (void) register_customer(f, 1);
    (void) register_customer(f, 2);
    account_op(&now, SC_OP_ACCOUNT, 1, 2, 2);
    assert_int_equal(apply_one(f, &now.op), SC_E_NONE);

    account_op(&a, SC_OP_ACCOUNT, 1, 4, 2);
    assert_int_equal(apply_one(f, &a.op), SC_E_CONFLICT);
    account_op(&a, SC_OP_ACCOUNT, 1, 3, 2);
    a.names[3][0] ^= 1;
    assert_int_equal(apply_one(f, &a.op), SC_E_CONFLICT);
    account_op(&a, SC_OP_ACCOUNT, 1, 3, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_CONFLICT);

    account_op(&a, SC_OP_ACCOUNT, 3, 2, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_NOT_FOUND);
    account_op(&a, SC_OP_ACCOUNT, 1, 3, 2);
    memcpy(a.names[1], name_of('a', 2), 32);
    assert_int_equal(apply_one(f, &a.op), SC_E_NOT_FOUND);
    memcpy(a.names[1], name_of('a', 9), 32);
    assert_int_equal(apply_one(f, &a.op), SC_E_NOT_FOUND);

    account_op(&a, SC_OP_ACCOUNT, 1, 3, 2);
    a.wraps[5][4] = 5;
    assert_int_equal(apply_one(f, &a.op), SC_E_BAD_WRAPS);

    assert_account(f, &now);
}

static void
test_account_generation(void **state)
{
    struct fixture    *f = *state;
    struct account_op  one, two;
    struct sc_blob_out blob;
    uint8_t            kind;

    (void) register_customer(f, 1);
    account_op(&one, SC_OP_REGISTER, 1, 1, 1);
    account_op(&two, SC_OP_ACCOUNT, 1, 2, 2);
    assert_int_equal(apply_one(f, &two.op), SC_E_NONE);

    TWICE(f) {
        assert_account(f, &two);
        for (kind = 1; kind <= 4; kind++) {
            assert_int_equal(sc_store_wrap(f->store, one.names[1], 1, kind,
                                           &blob), 0);
        }
        assert_blob(sc_store_wrap(f->store, one.names[1], 1, 5, &blob), &blob,
                    one.wraps[4], sizeof(one.wraps[4]));
    }
}


/* --- appending ----------------------------------------------------------- */

static void
test_append_refused(void **state)
{
    static uint8_t         large[SC_ENVELOPE_MAX + 1];
    struct fixture        *f = *state;
    struct message_op      m;
    struct chat            visitor, device;
    struct sc_session_info info;
    struct sc_customer     customer;
    uint64_t               number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    chat_init(&device, number, 1, 7);

    message_op(&m, &visitor);
    m.op.append.customer = number + 1;
    assert_int_equal(apply_one(f, &m.op), SC_E_NOT_HERE);
    m.op.append.customer = 0;
    assert_int_equal(apply_one(f, &m.op), SC_E_NOT_HERE);

    message_op(&m, &device);
    assert_int_equal(apply_one(f, &m.op), SC_E_UNKNOWN_SESSION);

    message_op(&m, &visitor);
    m.op.append.hello.n = 0;
    assert_int_equal(apply_one(f, &m.op), SC_E_BAD_HELLO);
    m.op.append.hello.p = large;
    m.op.append.hello.n = sizeof(info.hello) + 1;
    assert_int_equal(apply_one(f, &m.op), SC_E_BAD_HELLO);

    message_op(&m, &visitor);
    m.op.append.seq = 2;
    assert_int_equal(apply_one(f, &m.op), SC_E_SEQ_GAP);

    /* a number that no message has, in a session without one */
    m.op.append.seq = 0;
    assert_int_equal(apply_one(f, &m.op), SC_E_SEQ_OLD);
    message_op(&m, &visitor);
    m.prev[0] = 1;
    assert_int_equal(apply_one(f, &m.op), SC_E_SEQ_CONFLICT);
    message_op(&m, &visitor);
    m.op.append.envelope.p = large;
    m.op.append.envelope.n = sizeof(large);
    assert_int_equal(apply_one(f, &m.op), SC_E_TOO_LARGE);

    TWICE(f) {
        assert_int_equal(sc_store_session(f->store, number, visitor.sid,
                                          visitor.key, &info), 0);
        assert_int_equal(sc_store_customer(f->store, name_of('c', 1),
                                           &customer), 1);
        assert_int_equal(customer.head, 0);
    }

    m.op.append.envelope.n = SC_ENVELOPE_MAX;
    assert_int_equal(apply_one(f, &m.op), SC_E_NONE);
    assert_int_equal(m.op.append.first, 1);
    assert_int_equal(m.op.append.position, 1);
    assert_int_equal(m.op.append.stored_time, m.op.append.time);
}

/* A customer registered and written to in one list, number known or not. */
static void
test_append_in_one_list(void **state)
{
    struct fixture    *f = *state;
    struct account_op  a;
    struct message_op  m[3];
    struct chat        visitor, device;
    struct sc_customer customer;

    account_op(&a, SC_OP_REGISTER, 1, 1, 1);
    chat_init(&visitor, 1, 1, 0);
    chat_init(&device, 1, 1, 7);
    message_op(&m[0], &visitor);
    message_op(&m[1], &device);
    chat_sent(&visitor, &m[0]);
    message_op(&m[2], &visitor);
    a.op.next = &m[0].op;
    m[0].op.next = &m[1].op;
    m[1].op.next = &m[2].op;

    assert_int_equal(sc_store_apply(f->store, &a.op, f->why, WHY), 0);
    assert_int_equal(m[0].op.error, SC_E_NONE);
    assert_int_equal(m[1].op.error, SC_E_NONE);
    assert_int_equal(m[2].op.error, SC_E_NONE);
    assert_int_equal(m[0].op.append.first, 1);
    assert_int_equal(m[1].op.append.first, 0);
    assert_int_equal(m[2].op.append.position, 3);

    TWICE(f) {
        assert_int_equal(sc_store_customer(f->store, name_of('c', 1),
                                           &customer), 1);
        assert_int_equal(customer.head, 3);
    }
}

static enum sc_error_code
send_again(struct fixture *f, const struct chat *chat, uint64_t seq,
           uint64_t position, int other_id)
{
    struct chat       before = *chat;
    struct message_op m;

    before.seq = seq - 1;
    message_op(&m, &before);
    m.op.append.time = 1;
    m.id[0] ^= (uint8_t) other_id;

    if (apply_one(f, &m.op) == SC_E_NONE) {
        assert_int_equal(m.op.append.repeated, 1);
        assert_int_equal(m.op.append.first, 0);
        assert_int_equal(m.op.append.position, position);
        assert_int_equal(m.op.append.stored_time, 1700000000000ull + seq - 1);
    }

    return m.op.error;
}

static void
test_repeated(void **state)
{
    struct fixture    *f = *state;
    struct chat        visitor, device;
    struct sc_customer customer;
    uint64_t           number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    chat_init(&device, number, 1, 7);
    assert_int_equal(send_next(f, &visitor), 1);

    TWICE(f) {
        assert_int_equal(send_again(f, &visitor, 1, 1, 0), SC_E_NONE);
        assert_int_equal(send_again(f, &visitor, 1, 1, 1), SC_E_SEQ_CONFLICT);
    }

    /* Of 64 messages of the chain, the oldest is the visitor's first. */
    send_many(f, &device, SC_REPEAT_DEPTH - 1);
    assert_int_equal(send_again(f, &device, 1, 2, 0), SC_E_NONE);

    TWICE(f) {
        assert_int_equal(send_again(f, &visitor, 1, 1, 0), SC_E_NONE);
        assert_int_equal(send_again(f, &visitor, 1, 1, 1), SC_E_SEQ_CONFLICT);
    }

    send_many(f, &device, 1);

    TWICE(f) {
        assert_int_equal(send_again(f, &visitor, 1, 1, 0), SC_E_SEQ_OLD);
        assert_int_equal(send_again(f, &visitor, 1, 1, 1), SC_E_SEQ_OLD);
        assert_int_equal(sc_store_customer(f->store, name_of('c', 1),
                                           &customer), 1);
        assert_int_equal(customer.head, SC_REPEAT_DEPTH + 1);
    }
}

/* The same message twice in one list, and a rival that comes too late. */
static void
test_repeated_in_one_list(void **state)
{
    struct fixture   *f = *state;
    struct message_op m[3];
    struct chat       visitor;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    message_op(&m[0], &visitor);
    message_op(&m[1], &visitor);
    message_op(&m[2], &visitor);
    m[2].id[0] ^= 1;
    m[0].op.next = &m[1].op;
    m[1].op.next = &m[2].op;

    assert_int_equal(sc_store_apply(f->store, &m[0].op, f->why, WHY), 0);
    assert_int_equal(m[0].op.error, SC_E_NONE);
    assert_int_equal(m[0].op.append.repeated, 0);
    assert_int_equal(m[1].op.error, SC_E_NONE);
    assert_int_equal(m[1].op.append.repeated, 1);
    assert_int_equal(m[1].op.append.position, 1);
    assert_int_equal(m[2].op.error, SC_E_SEQ_CONFLICT);
}


/* --- cursors ------------------------------------------------------------- */

static uint64_t
device_cursor(struct fixture *f, uint64_t customer, uint64_t device)
{
    uint64_t position = 99;

    assert_int_equal(sc_store_cursor(f->store, customer, name_of('d', device),
                                     &position), 0);
    return position;
}

static uint64_t
session_cursor(struct fixture *f, const struct chat *visitor)
{
    struct sc_session_info info;

    assert_int_equal(sc_store_session(f->store, visitor->customer,
                                      visitor->sid, visitor->key, &info), 1);
    return info.cursor;
}

static void
test_cursors(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    uint64_t        number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    send_many(f, &visitor, 9);

    assert_int_equal(set_cursor(f, number, 0, name_of('d', 7), 5), SC_E_NONE);
    assert_int_equal(set_cursor(f, number, 0, name_of('d', 7), 3), SC_E_NONE);
    assert_int_equal(set_cursor(f, number, 0, name_of('d', 8), 9), SC_E_NONE);
    assert_int_equal(set_cursor(f, number, 1, visitor.sid, 4), SC_E_NONE);

    TWICE(f) {
        assert_int_equal(device_cursor(f, number, 7), 5);
        assert_int_equal(device_cursor(f, number, 8), 9);
        assert_int_equal(device_cursor(f, number, 9), 0);
        assert_int_equal(session_cursor(f, &visitor), 4);

        /* below what is on disk, after the reopen */
        assert_int_equal(set_cursor(f, number, 0, name_of('d', 7), 2),
                         SC_E_NONE);
        assert_int_equal(device_cursor(f, number, 7), 5);
    }
    fixture_reopen(f);
    assert_int_equal(device_cursor(f, number, 7), 5);

    assert_int_equal(set_cursor(f, number, 0, name_of('d', 7), 10),
                     SC_E_BAD_POSITION);
    assert_int_equal(set_cursor(f, number + 1, 0, name_of('d', 7), 0),
                     SC_E_NOT_HERE);
    assert_int_equal(set_cursor(f, number, 1, name_of('s', 2), 1),
                     SC_E_UNKNOWN_SESSION);
    assert_int_equal(device_cursor(f, number, 7), 5);
}

/* More than are kept in memory: the rest was written before. */
static void
test_many_cursors(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    uint64_t        number = register_customer(f, 1);
    uint64_t        i;

    chat_init(&visitor, number, 1, 0);
    send_many(f, &visitor, 3);

    for (i = 0; i < 3000; i++) {
        assert_int_equal(set_cursor(f, number, 0, name_of('d', i), 1 + i % 3),
                         SC_E_NONE);
    }

    TWICE(f) {
        for (i = 0; i < 3000; i++) {
            assert_int_equal(device_cursor(f, number, i), 1 + i % 3);
        }
    }
}


/* --- sessions ------------------------------------------------------------ */

static void
assert_session(const struct sc_session_info *info, const struct chat *visitor,
               uint64_t head)
{
    uint8_t hello[HELLO];

    fill_from(hello, sizeof(hello), visitor->sid);
    assert_memory_equal(info->sid, visitor->sid, 32);
    assert_int_equal(info->head, head);
    assert_int_equal(info->hello_len, HELLO);
    assert_memory_equal(info->hello, hello, HELLO);
}

static void
test_session(void **state)
{
    struct fixture        *f = *state;
    struct chat            visitor, device;
    struct sc_session_info info;
    uint64_t               number = register_customer(f, 1);

    chat_init(&visitor, number, 1, 0);
    chat_init(&device, number, 1, 7);
    send_many(f, &visitor, 3);
    send_many(f, &device, 2);

    TWICE(f) {
        assert_int_equal(sc_store_session(f->store, number, visitor.sid,
                                          visitor.key, &info), 1);
        assert_session(&info, &visitor, 5);
        assert_int_equal(info.time, 1700000000001ull);
        assert_int_equal(info.seq, 3);
        assert_memory_equal(info.id, visitor.last_id, 32);

        assert_int_equal(sc_store_session(f->store, number, visitor.sid,
                                          device.key, &info), 1);
        assert_int_equal(info.seq, 2);
        assert_memory_equal(info.id, device.last_id, 32);

        assert_int_equal(sc_store_session(f->store, number, visitor.sid,
                                          name_of('d', 8), &info), 1);
        assert_int_equal(info.seq, 0);
        assert_true(sodium_is_zero(info.id, 32));

        assert_int_equal(sc_store_session(f->store, number, name_of('s', 2),
                                          visitor.key, &info), 0);
        assert_int_equal(sc_store_session(f->store, number + 1, visitor.sid,
                                          visitor.key, &info), 0);
    }
}

/* The hello is that of the first message, whatever comes with later ones. */
static void
test_hello(void **state)
{
    struct fixture        *f = *state;
    struct chat            visitor;
    struct message_op      m;
    struct sc_session_info info;
    struct sc_page        *page;

    chat_init(&visitor, register_customer(f, 1), 1, 0);
    (void) send_next(f, &visitor);

    TWICE(f) {
        message_op(&m, &visitor);
        memset(m.hello, 7, sizeof(m.hello));
        assert_int_equal(apply_one(f, &m.op), SC_E_NONE);
        assert_int_equal(m.op.append.first, 0);
        chat_sent(&visitor, &m);

        assert_int_equal(sc_store_session(f->store, visitor.customer,
                                          visitor.sid, visitor.key, &info),
                         1);
        assert_session(&info, &visitor, visitor.seq);
        page = sc_store_read(f->store, visitor.customer, 1, NULL, 9, 65536);
        assert_non_null(page);
        assert_int_equal(page->n, visitor.seq);
        assert_message(&page->messages[0], &visitor, 1);
        assert_int_equal(page->messages[1].first, 0);
        assert_message(&page->messages[1], &visitor, 2);
        sc_store_page_free(page);
    }
}

/* All sessions by pages of n; returns how many there were. */
static int
walk_sessions(struct fixture *f, uint64_t customer, int n)
{
    struct sc_session_info out[16];
    uint8_t                from[32] = { 0 };
    int                    got, total = 0;

    while ((got = sc_store_sessions(f->store, customer, from,
                                    name_of('d', 7), out, n)) > 0)
    {
        int i;

        for (i = 0; i < got; i++) {
            assert_true(memcmp(out[i].sid, from, 32) >= 0);
            assert_true(i == 0 || memcmp(out[i - 1].sid, out[i].sid, 32) < 0);
            assert_int_equal(out[i].hello_len, HELLO);
            memcpy(from, out[i].sid, 32);
        }
        for (i = 31; i >= 0 && ++from[i] == 0; i--) {
            /* carry */
        }
        total += got;
    }

    assert_int_equal(got, 0);
    return total;
}

/* Sessions on disk and in memory alone, and of two customers, make one
 * sequence for each. */
static void
test_sessions(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor;
    uint64_t        number = register_customer(f, 1);
    uint64_t        other = register_customer(f, 2);
    unsigned        i;

    for (i = 0; i < 40; i++) {
        if (i == 20) {
            fixture_reopen(f);
        }
        chat_init(&visitor, i % 4 ? number : other, i, 0);
        (void) send_next(f, &visitor);
    }

    /* one that is on disk and newer in memory */
    chat_init(&visitor, number, 1, 7);
    (void) send_next(f, &visitor);

    TWICE(f) {
        assert_int_equal(walk_sessions(f, number, 7), 30);
        assert_int_equal(walk_sessions(f, number, 16), 30);
        assert_int_equal(walk_sessions(f, other, 1), 10);
        assert_int_equal(walk_sessions(f, other + 1, 3), 0);
        assert_int_equal(walk_sessions(f, number, 0), 0);
    }
}

/* Sessions come and go in memory; what no checkpoint has written yet stays. */
static void
test_eviction(void **state)
{
    struct fixture        *f = *state;
    struct chat            visitor;
    struct sc_session_info info;
    uint64_t               number, i;

    sc_store_close(f->store);
    f->options.hot_sessions = 10;
    fixture_open(f);
    number = register_customer(f, 1);

    for (i = 0; i < 40; i++) {
        chat_init(&visitor, number, i, 0);
        (void) send_next(f, &visitor);
    }
    fixture_reopen(f);
    (void) send_next(f, &visitor);

    for (i = 0; i < 40 * 39; i++) {
        assert_int_equal(set_cursor(f, number, 1, name_of('s', i % 39), 1),
                         SC_E_NONE);
    }

    assert_int_equal(sc_store_session(f->store, number, visitor.sid,
                                      visitor.key, &info), 1);
    assert_session(&info, &visitor, 41);
    assert_int_equal(info.seq, 2);
    assert_int_equal(send_next(f, &visitor), 42);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_new_store),
        STORE_TEST(test_register),
        STORE_TEST(test_register_taken),
        STORE_TEST(test_register_bad_wraps),
        STORE_TEST(test_register_race),
        STORE_TEST(test_account_swap),
        STORE_TEST(test_account_refused),
        STORE_TEST(test_account_generation),
        STORE_TEST(test_append_refused),
        STORE_TEST(test_append_in_one_list),
        STORE_TEST(test_repeated),
        STORE_TEST(test_repeated_in_one_list),
        STORE_TEST(test_cursors),
        STORE_TEST(test_many_cursors),
        STORE_TEST(test_session),
        STORE_TEST(test_hello),
        STORE_TEST(test_sessions),
        STORE_TEST(test_eviction),
    };
    const struct CMUnitTest lmdb_tests[] = {
        STORE_TEST(test_deleted_names),
    };

    return RUN_ON_ENGINES(tests, lmdb_tests);
}
