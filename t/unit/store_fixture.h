/*
 * What the store's tests share: a store in a directory of its own, operations
 * made of small numbers, and applying them; and running tests on engines.
 */

#ifndef SEALCHAT_T_STORE_FIXTURE_H
#define SEALCHAT_T_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "store.h"

#include "vault.h"

#include "../engine/memory.h"

#define WHY        256
#define ENVELOPE   782u
#define HELLO      207u

struct fixture {
    char                    dir[64];
    struct sc_store_options options;
    struct sc_store        *store;
    char                    why[WHY];
};

/* 32 bytes that depend on a kind of thing and its number. */
static inline const uint8_t *
name_of(char kind, uint64_t number)
{
    static _Thread_local uint8_t names[64][32];
    static _Thread_local unsigned turn;
    uint8_t        *name = names[turn++ % 64];
    uint8_t         input[9];

    input[0] = (uint8_t) kind;
    memcpy(input + 1, &number, 8);
    crypto_generichash(name, 32, input, sizeof(input), NULL, 0);
    return name;
}

static inline void
fixture_open(struct fixture *f)
{
    f->why[0] = '\0';
    f->store = sc_store_open(&f->options, f->why, sizeof(f->why));
    if (f->store == NULL) {
        fail_msg("open: %s", f->why);
    }
}

static inline void
fixture_reopen(struct fixture *f)
{
    sc_store_close(f->store);
    fixture_open(f);
}

/* Runs the body first as things are, then after a close and an open. */
#define TWICE(f)  for (int again_ = 0; again_ < 2; \
                       again_ ? (void) 0 : fixture_reopen(f), again_++)

/* *state is the engine, NULL for LMDB; it is again after the teardown. */
static inline int
fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const char     *base = getenv("TMPDIR");

    snprintf(f->dir, sizeof(f->dir), "%.30s/sc-store-XXXXXX",
             base && strlen(base) <= 30 ? base : "/tmp");
    if (sodium_init() < 0 || mkdtemp(f->dir) == NULL) {
        free(f);
        return -1;
    }

    f->options.engine = *state ? *state : &sc_engine_lmdb;
    f->options.path = f->dir;
    f->options.map_size = 256u * 1024 * 1024;
    f->options.vault = sc_vault_new();
    fixture_open(f);
    *state = f;
    return 0;
}

static inline void
fixture_unlink(const struct fixture *f, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    unlink(path);
}

static inline int
fixture_teardown(void **state)
{
    struct fixture *f = *state;

    if (f->store != NULL) {
        sc_store_close(f->store);
    }

    fixture_unlink(f, "store.mdb");
    fixture_unlink(f, "store.mdb-lock");
    fixture_unlink(f, "lock");
    rmdir(f->dir);
    sc_memory_forget(f->dir);
    *state = (void *) (uintptr_t) f->options.engine;
    sc_vault_free(f->options.vault);
    free(f);
    return 0;
}

#define STORE_TEST_WITH(name, setup) \
    cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
#define STORE_TEST(name)  STORE_TEST_WITH(name, fixture_setup)

#define STORE_TESTS_MAX  64u

/*
 * Runs n tests of what store.h says on every engine, and n_lmdb more, which
 * look inside LMDB's, on that one.  With ENGINE=name in the environment: the
 * first of them, on that engine alone.
 */
static inline int
run_on_engines(const struct CMUnitTest *tests, size_t n,
               const struct CMUnitTest *lmdb_tests, size_t n_lmdb)
{
    static const struct sc_engine *const engines[] = {
        &sc_engine_lmdb, &sc_engine_memory
    };
    static struct CMUnitTest run[2 * STORE_TESTS_MAX];
    static char              names[2 * STORE_TESTS_MAX][64];

    const char *only = getenv("ENGINE");
    size_t      total = 0, i, k;

    for (k = 0; k < 2; k++) {
        if (only != NULL && strcmp(only, engines[k]->name) != 0) {
            continue;
        }
        for (i = 0; i < n && total < 2 * STORE_TESTS_MAX; i++, total++) {
            snprintf(names[total], sizeof(names[total]), "%s on %s",
                     tests[i].name, engines[k]->name);
            run[total] = tests[i];
            run[total].name = names[total];
            run[total].initial_state
                = (void *) (uintptr_t) engines[k];
        }
    }

    for (i = 0; only == NULL && i < n_lmdb; i++) {
        run[total++] = lmdb_tests[i];
    }

    return _cmocka_run_group_tests("store", run, total, NULL, NULL);
}

#define RUN_ON_ENGINES(tests, lmdb_tests) \
    run_on_engines(tests, sizeof(tests) / sizeof((tests)[0]), \
                   lmdb_tests, sizeof(lmdb_tests) / sizeof((lmdb_tests)[0]))

/* Applies one operation and returns its error. */
static inline enum sc_error_code
apply_one(struct fixture *f, struct sc_op *op)
{
    op->next = NULL;
    op->error = SC_E_INTERNAL;
    if (sc_store_apply(f->store, op, f->why, sizeof(f->why)) != 0) {
        assert_true(op->error == SC_E_STORAGE_FULL
                    || op->error == SC_E_STORAGE_FAILED);
        assert_true(f->why[0] != '\0');
    }

    return op->error;
}

/* Whether nothing is to be done now or soon. */
static inline int
fixture_idle(const struct fixture *f)
{
    int64_t ms = sc_store_wants(f->store);

    return ms < 0 || ms > 1000;
}

/* As the commit thread does while nothing comes.  Returns the calls. */
static inline unsigned
fixture_settle(struct fixture *f)
{
    int64_t  ms;
    unsigned n;

    for (n = 0; !fixture_idle(f); n++) {
        ms = sc_store_wants(f->store);
        usleep((useconds_t) ms * 1000 + 1000);
        assert_int_equal(sc_store_apply(f->store, NULL, f->why, WHY), 0);
        assert_string_equal(f->why, "");
        assert_true(n < 1000);
    }

    return n;
}


/* --- accounts ------------------------------------------------------------ */

/* An account's operation with bytes that depend on customer and version. */
struct account_op {
    struct sc_op    op;
    uint8_t         names[4][32];
    uint8_t         account[385];
    uint8_t         roster[300];
    uint8_t         wraps[6][120];
    struct sc_bytes list[6];
};

static inline void
account_op(struct account_op *a, enum sc_op_kind kind, uint64_t customer,
           uint64_t version, uint64_t generation)
{
    uint8_t k;

    memset(a, 0, sizeof(*a));
    memcpy(a->names[0], name_of('c', customer), 32);
    memcpy(a->names[1], name_of('a', customer), 32);
    memcpy(a->names[2], name_of('r', customer * 1000 + version), 32);
    if (version > 1) {
        memcpy(a->names[3], name_of('r', customer * 1000 + version - 1), 32);
    }

    memset(a->account, (int) version, sizeof(a->account));
    a->account[0] = (uint8_t) customer;
    memset(a->roster, (int) version, sizeof(a->roster));
    a->roster[0] = (uint8_t) customer;

    for (k = 0; k < 6; k++) {
        memset(a->wraps[k], (int) generation, sizeof(a->wraps[k]));
        memcpy(a->wraps[k], "SCK1", 4);
        a->wraps[k][4] = (uint8_t) (k + 1);
        a->list[k].p = a->wraps[k];
        a->list[k].n = sizeof(a->wraps[k]);
    }

    a->op.kind = kind;
    a->op.account.cid = a->names[0];
    a->op.account.account_id = a->names[1];
    a->op.account.roster_id = a->names[2];
    a->op.account.prev = a->names[3];
    a->op.account.version = version;
    a->op.account.generation = generation;
    a->op.account.time = 1700000000000ull;
    a->op.account.account.p = a->account;
    a->op.account.account.n = sizeof(a->account);
    a->op.account.roster.p = a->roster;
    a->op.account.roster.n = sizeof(a->roster);
    a->op.account.wraps = a->list;
    a->op.account.n_wraps = generation > 1 ? 6 : 5;
}

/* Registers customer number n of the test; returns its number. */
static inline uint64_t
register_customer(struct fixture *f, uint64_t customer)
{
    struct account_op a;

    account_op(&a, SC_OP_REGISTER, customer, 1, 1);
    assert_int_equal(apply_one(f, &a.op), SC_E_NONE);
    assert_true(a.op.account.customer > 0);
    return a.op.account.customer;
}


/* --- messages ------------------------------------------------------------ */

/* One sender in one session: what it sends next. */
struct chat {
    uint64_t customer;
    uint64_t session;            /* the test's number of it */
    uint64_t sender;             /* 0: the visitor; else a device */
    uint8_t  sid[32];
    uint8_t  key[32];
    uint8_t  last_id[32];
    uint64_t seq;
};

struct message_op {
    struct sc_op op;
    uint8_t      sid[32];
    uint8_t      key[32];
    uint8_t      prev[32];
    uint8_t      id[32];
    uint8_t      hello[HELLO];
    uint8_t      envelope[ENVELOPE];
};

static inline void
chat_init(struct chat *chat, uint64_t customer, uint64_t session,
          uint64_t sender)
{
    memset(chat, 0, sizeof(*chat));
    chat->customer = customer;
    chat->session = session;
    chat->sender = sender;
    memcpy(chat->sid, name_of('s', session), 32);
    memcpy(chat->key, sender ? name_of('d', sender) : name_of('v', session),
           32);
}

/* The bytes of an envelope and hello follow from id and sid. */
static inline void
fill_from(uint8_t *out, size_t n, const uint8_t seed[32])
{
    randombytes_buf_deterministic(out, n, seed);
}

/* The next message of a sender, not yet counted as sent. */
static inline void
message_op(struct message_op *m, const struct chat *chat)
{
    memset(m, 0, sizeof(*m));
    memcpy(m->sid, chat->sid, 32);
    memcpy(m->key, chat->key, 32);
    memcpy(m->prev, chat->last_id, 32);
    memcpy(m->id, name_of('m', chat->session << 32 | chat->sender << 20
                               | (chat->seq + 1)), 32);
    fill_from(m->hello, sizeof(m->hello), m->sid);
    fill_from(m->envelope, sizeof(m->envelope), m->id);

    m->op.kind = SC_OP_APPEND;
    m->op.append.customer = chat->customer;
    m->op.append.sid = m->sid;
    m->op.append.signkey_id = m->key;
    m->op.append.prev = m->prev;
    m->op.append.id = m->id;
    m->op.append.seq = chat->seq + 1;
    m->op.append.time = 1700000000000ull + chat->seq;
    m->op.append.by_session = chat->sender == 0;
    m->op.append.hello.p = m->hello;
    m->op.append.hello.n = sizeof(m->hello);
    m->op.append.envelope.p = m->envelope;
    m->op.append.envelope.n = sizeof(m->envelope);
}

static inline void
chat_sent(struct chat *chat, const struct message_op *m)
{
    chat->seq = m->op.append.seq;
    memcpy(chat->last_id, m->id, 32);
}

/* Sends a sender's next message; returns its position. */
static inline uint64_t
send_next(struct fixture *f, struct chat *chat)
{
    struct message_op m;

    message_op(&m, chat);
    assert_int_equal(apply_one(f, &m.op), SC_E_NONE);
    assert_false(m.op.append.repeated);
    chat_sent(chat, &m);
    return m.op.append.position;
}

static inline void
send_many(struct fixture *f, struct chat *chat, unsigned n)
{
    while (n-- > 0) {
        (void) send_next(f, chat);
    }
}

/* Whether a message read is the one of that sender and number. */
static inline void
assert_message(const struct sc_stored *message, const struct chat *chat,
               uint64_t seq)
{
    struct chat       before = *chat;
    struct message_op m;

    before.seq = seq - 1;
    message_op(&m, &before);
    assert_int_equal(message->envelope.n, sizeof(m.envelope));
    assert_memory_equal(message->envelope.p, m.envelope, sizeof(m.envelope));
    assert_int_equal(message->time, m.op.append.time);

    if (message->first) {
        assert_int_equal(message->hello.n, sizeof(m.hello));
        assert_memory_equal(message->hello.p, m.hello, sizeof(m.hello));
    } else {
        assert_int_equal(message->hello.n, 0);
    }
}

static inline enum sc_error_code
set_cursor(struct fixture *f, uint64_t customer, int of_session,
           const uint8_t id[32], uint64_t position)
{
    struct sc_op op = { .kind = SC_OP_CURSOR };

    op.cursor.customer = customer;
    op.cursor.id = id;
    op.cursor.of_session = of_session;
    op.cursor.position = position;
    op.cursor.time = 1700000000000ull;
    return apply_one(f, &op);
}

#endif
