/*
 * The store against a trivial model in memory: 20,000 messages of 200 sessions
 * and 5 customers at random, in lists of random lengths, with mistakes among
 * them and with sessions deleted and blocked between them; compared as it
 * stands, after a close and an open, and after a process that ended without a
 * close.  Then with readers of other threads beside it.
 */

#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define CUSTOMERS  5u
#define SESSIONS   200u
#define SENDERS    3u            /* the visitor and two devices */
#define MESSAGES   20000u
#define LIST_MAX   64u

struct told {
    uint64_t session;
    uint64_t sender;
    uint64_t seq;
};

struct model {
    struct fixture *f;
    uint64_t        seed;
    uint64_t        numbers[CUSTOMERS];
    struct chat     chats[SESSIONS][SENDERS];
    uint64_t        heads[SESSIONS];
    uint64_t        cursors[SESSIONS];
    int             gone[SESSIONS];
    int             blocked[SESSIONS];
    struct told    *told[CUSTOMERS];     /* by position */
    uint64_t        n_told[CUSTOMERS];
    uint64_t        total;
};

static uint64_t
pseudo(struct model *model, uint64_t below)
{
    model->seed ^= model->seed << 13;
    model->seed ^= model->seed >> 7;
    model->seed ^= model->seed << 17;
    return model->seed % below;
}

static struct model *
model_new(struct fixture *f)
{
    struct model *model = calloc(1, sizeof(*model));
    uint64_t      i, k;

    model->f = f;
    model->seed = 88172645463325252ull;

    for (i = 0; i < CUSTOMERS; i++) {
        model->numbers[i] = register_customer(f, i + 1);
        model->told[i] = calloc(2 * MESSAGES, sizeof(struct told));
    }

    for (i = 0; i < SESSIONS; i++) {
        for (k = 0; k < SENDERS; k++) {
            chat_init(&model->chats[i][k], model->numbers[i % CUSTOMERS], i,
                      k ? (i % CUSTOMERS) * 10 + k : 0);
        }
    }

    return model;
}

static void
model_free(struct model *model)
{
    unsigned i;

    for (i = 0; i < CUSTOMERS; i++) {
        free(model->told[i]);
    }
    free(model);
}

/* What the store has to answer to a sender's next message; the model takes it
 * in. */
static enum sc_error_code
tell(struct model *model, struct chat *chat, struct message_op *m)
{
    uint64_t     c = chat->session % CUSTOMERS;
    struct told *told = &model->told[c][model->n_told[c]];

    if (model->gone[chat->session]) {
        return SC_E_SESSION_DELETED;
    }

    if (model->blocked[chat->session] && chat->sender == 0) {
        return SC_E_SESSION_BLOCKED;
    }

    if (model->heads[chat->session] == 0 && chat->sender != 0) {
        return SC_E_UNKNOWN_SESSION;
    }

    told->session = chat->session;
    told->sender = chat->sender;
    told->seq = m->op.append.seq;
    chat_sent(chat, m);
    model->heads[chat->session] = ++model->n_told[c];
    model->total++;
    return SC_E_NONE;
}

/* A message that has a mistake, and the error it must get. */
static enum sc_error_code
spoil(struct model *model, const struct chat *chat, struct message_op *m)
{
    if (model->gone[chat->session]) {
        return SC_E_SESSION_DELETED;
    }

    if (model->blocked[chat->session] && chat->sender == 0) {
        return SC_E_SESSION_BLOCKED;
    }

    if (model->heads[chat->session] == 0 && chat->sender != 0) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (pseudo(model, 2)) {
        m->op.append.seq++;
        return SC_E_SEQ_GAP;
    }

    m->prev[5] ^= 1;
    return SC_E_SEQ_CONFLICT;
}

static void
run_list(struct model *model)
{
    static struct message_op m[LIST_MAX];
    enum sc_error_code       expected[LIST_MAX];
    uint64_t                 position[LIST_MAX];
    uint64_t                 i, n = 1 + pseudo(model, LIST_MAX);

    for (i = 0; i < n; i++) {
        struct chat *chat = &model->chats[pseudo(model, SESSIONS)]
                                         [pseudo(model, SENDERS)];

        message_op(&m[i], chat);
        expected[i] = pseudo(model, 50) ? tell(model, chat, &m[i])
                                        : spoil(model, chat, &m[i]);
        position[i] = model->n_told[chat->session % CUSTOMERS];
        m[i].op.next = i + 1 < n ? &m[i + 1].op : NULL;
    }

    assert_int_equal(sc_store_apply(model->f->store, &m[0].op, model->f->why,
                                    WHY), 0);
    assert_string_equal(model->f->why, "");

    for (i = 0; i < n; i++) {
        assert_int_equal(m[i].op.error, expected[i]);
        if (expected[i] == SC_E_NONE) {
            assert_int_equal(m[i].op.append.position, position[i]);
            assert_int_equal(m[i].op.append.repeated, 0);
        }
    }
}

/* A session that the model draws, or SESSIONS: mostly none. */
static uint64_t
draw_deleted(struct model *model)
{
    uint64_t s = pseudo(model, SESSIONS);

    return pseudo(model, 12) == 0 && model->heads[s] != 0 ? s : SESSIONS;
}

static void
delete_one(struct model *model)
{
    struct sc_op op = { .kind = SC_OP_DELETE };
    uint64_t     s = draw_deleted(model);

    if (s == SESSIONS) {
        return;
    }

    op.remove.customer = model->numbers[s % CUSTOMERS];
    op.remove.sid = model->chats[s][0].sid;
    assert_int_equal(apply_one(model->f, &op), SC_E_NONE);
    assert_int_equal(op.remove.repeated, model->gone[s]);
    model->gone[s] = 1;
}

/* One that is not is blocked, another is let in. */
static void
block_one(struct model *model)
{
    struct sc_op op = { .kind = SC_OP_BLOCK };
    uint64_t     s = pseudo(model, SESSIONS);

    op.block.customer = model->numbers[s % CUSTOMERS];
    op.block.sid = model->chats[s][0].sid;
    op.block.blocked = pseudo(model, 2) != 0;
    assert_int_equal(apply_one(model->f, &op),
                     model->gone[s] ? SC_E_SESSION_DELETED
                     : model->heads[s] == 0 ? SC_E_UNKNOWN_SESSION
                                            : SC_E_NONE);

    if (op.error == SC_E_NONE) {
        assert_int_equal(op.block.repeated,
                         model->blocked[s] == op.block.blocked);
        model->blocked[s] = op.block.blocked;
    }
}

static void
move_cursor(struct model *model)
{
    uint64_t s = pseudo(model, SESSIONS);
    uint64_t position;

    if (model->heads[s] != 0) {
        position = pseudo(model, model->heads[s] + 1);
        assert_int_equal(set_cursor(model->f, model->numbers[s % CUSTOMERS],
                                    1, name_of('s', s), position),
                         model->gone[s] ? SC_E_SESSION_DELETED : SC_E_NONE);
        if (position > model->cursors[s]) {
            model->cursors[s] = position;
        }
    }
}

static void
run_until(struct model *model, uint64_t total)
{
    while (model->total < total) {
        run_list(model);
        delete_one(model);
        block_one(model);
        if (pseudo(model, 3) == 0) {
            move_cursor(model);
        }
    }
}


/* --- comparing ----------------------------------------------------------- */

static const struct chat *
chat_of(struct model *model, const struct told *told)
{
    return &model->chats[told->session][told->sender ? told->sender % 10 : 0];
}

/* The first position above one that is of a session that is there; above the
 * head if there is none. */
static uint64_t
next_told(const struct model *model, uint64_t c, uint64_t position)
{
    do {
        position++;
    } while (position <= model->n_told[c]
             && model->gone[model->told[c][position - 1].session]);

    return position;
}

static void
compare_customer(struct model *model, uint64_t c)
{
    struct sc_customer customer;
    struct sc_page    *page;
    uint64_t           position = next_told(model, c, 0), next = 1;
    size_t             i;

    assert_int_equal(sc_store_customer(model->f->store, name_of('c', c + 1),
                                       &customer), 1);
    assert_int_equal(customer.head, model->n_told[c]);

    while (next != 0) {
        page = sc_store_read(model->f->store, model->numbers[c], next, NULL,
                             300, 1 << 24);
        assert_non_null(page);
        for (i = 0; i < page->n; i++) {
            const struct told *told = &model->told[c][position - 1];

            assert_int_equal(page->messages[i].position, position);
            assert_message(&page->messages[i], chat_of(model, told),
                           told->seq);
            position = next_told(model, c, position);
        }
        next = page->next;
        sc_store_page_free(page);
    }

    assert_int_equal(position, model->n_told[c] + 1);
}

/* Both ways through a session, against its messages of the model. */
static void
compare_chain(struct model *model, uint64_t s)
{
    uint64_t        c = s % CUSTOMERS, position, before = 0, above = 0;
    const uint8_t  *sid = model->chats[s][0].sid;
    struct sc_page *down = NULL, *up = NULL;
    size_t          i = 0, k = 0;

    for (position = model->n_told[c]; position > 0; position--) {
        const struct told *told = &model->told[c][position - 1];

        if (told->session != s || model->gone[s]) {
            continue;
        }
        if (down == NULL || i == down->n) {
            sc_store_page_free(down);
            down = sc_store_history(model->f->store, model->numbers[c], sid,
                                    before, 50, 1 << 20);
            before = down->next;
            i = 0;
        }
        assert_true(i < down->n);
        assert_int_equal(down->messages[i].position, position);
        assert_message(&down->messages[i++], chat_of(model, told), told->seq);
    }

    assert_true(before == 0 && (down == NULL || i == down->n));
    sc_store_page_free(down);

    for (position = 1; position <= model->n_told[c]; position++) {
        if (model->told[c][position - 1].session != s || model->gone[s]) {
            continue;
        }
        if (up == NULL || k == up->n) {
            sc_store_page_free(up);
            up = sc_store_read_session(model->f->store, model->numbers[c],
                                       sid, above, NULL, 37, 1 << 20);
            above = up->next;
            k = 0;
        }
        assert_true(k < up->n);
        assert_int_equal(up->messages[k++].position, position);
    }

    assert_true(above == 0 && (up == NULL || k == up->n));
    sc_store_page_free(up);
}

static void
compare_session(struct model *model, uint64_t s)
{
    struct sc_session_info info;
    struct chat           *chat;
    unsigned               k;

    for (k = 0; k < SENDERS; k++) {
        chat = &model->chats[s][k];
        assert_int_equal(sc_store_session(model->f->store, chat->customer,
                                          chat->sid, chat->key, &info),
                         model->heads[s] != 0 && !model->gone[s]);
        assert_int_equal(info.deleted, model->gone[s]);
        if (model->heads[s] != 0 && !model->gone[s]) {
            assert_int_equal(info.head, model->heads[s]);
            assert_int_equal(info.blocked, model->blocked[s]);
            assert_int_equal(info.cursor, model->cursors[s]);
            assert_int_equal(info.seq, chat->seq);
            assert_memory_equal(info.id, chat->last_id, 32);
            assert_int_equal(info.hello_len, HELLO);
        }
    }
}

static void
compare(struct model *model)
{
    uint64_t i;

    for (i = 0; i < CUSTOMERS; i++) {
        compare_customer(model, i);
    }

    for (i = 0; i < SESSIONS; i++) {
        compare_session(model, i);
        if (i % 10 == 0) {
            compare_chain(model, i);
        }
    }
}


/* --- tests --------------------------------------------------------------- */

static int
setup_with(void **state, uint32_t hot_sessions)
{
    struct fixture *f;
    int             rc = fixture_setup(state);

    if (rc == 0) {
        f = *state;
        sc_store_close(f->store);
        f->options.checkpoint_every = 3000;
        f->options.hot_sessions = hot_sessions;
        f->options.cursor_delay = 5;
        fixture_open(f);
    }

    return rc;
}

/* Rows are written, evicted and loaded again all the time. */
static int
small_setup(void **state)
{
    return setup_with(state, 150);
}

/* Thousands of messages to replay. */
static int
roomy_setup(void **state)
{
    return setup_with(state, 1000);
}

static void
test_model(void **state)
{
    struct fixture *f = *state;
    struct model   *model = model_new(f);

    run_until(model, MESSAGES / 2);
    compare(model);
    fixture_reopen(f);
    compare(model);
    run_until(model, MESSAGES);
    compare(model);
    fixture_reopen(f);
    compare(model);
    model_free(model);
}

/* The child sends and ends without a close; the model is told the same. */
static void
crash_after(struct model *model, uint64_t total)
{
    struct fixture *f = model->f;
    pid_t           child;
    int             status;

    sc_store_close(f->store);
    f->store = NULL;

    child = fork();
    if (child == 0) {
        fixture_open(f);
        run_until(model, total);
        _exit(0);
    }

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The same lists as the child had, without a store. */
static void
tell_again(struct model *model, uint64_t total)
{
    struct message_op m;
    struct chat      *chat;
    uint64_t          i, n, s;
    int               blocked;

    while (model->total < total) {
        n = 1 + pseudo(model, LIST_MAX);
        for (i = 0; i < n; i++) {
            s = pseudo(model, SESSIONS);
            chat = &model->chats[s][pseudo(model, SENDERS)];
            message_op(&m, chat);
            if (pseudo(model, 50)) {
                (void) tell(model, chat, &m);
            } else {
                (void) spoil(model, chat, &m);
            }
        }
        s = draw_deleted(model);
        if (s != SESSIONS) {
            model->gone[s] = 1;
        }
        s = pseudo(model, SESSIONS);
        blocked = pseudo(model, 2) != 0;
        if (model->heads[s] != 0 && !model->gone[s]) {
            model->blocked[s] = blocked;
        }
        if (pseudo(model, 3) == 0) {
            s = pseudo(model, SESSIONS);
            if (model->heads[s] != 0) {
                n = pseudo(model, model->heads[s] + 1);
                model->cursors[s] = n > model->cursors[s]
                                    ? n : model->cursors[s];
            }
        }
    }
}

/* Cursors may be lost by a crash, but only forward ones. */
static void
adopt_cursors(struct model *model)
{
    struct sc_session_info info;
    uint64_t               s;

    for (s = 0; s < SESSIONS; s++) {
        const struct chat *chat = &model->chats[s][0];

        if (model->heads[s] != 0 && !model->gone[s]) {
            assert_int_equal(sc_store_session(model->f->store, chat->customer,
                                              chat->sid, chat->key, &info),
                             1);
            assert_true(info.cursor <= model->cursors[s]);
            model->cursors[s] = info.cursor;
        }
    }
}

static void
test_crash(void **state)
{
    struct fixture *f = *state;
    struct model   *model = model_new(f);
    uint64_t        total;

    /* Between checkpoints, and right behind one. */
    for (total = 1000; total <= 9000; total += 1600) {
        crash_after(model, total);
        tell_again(model, total);
        fixture_open(f);
        adopt_cursors(model);
        compare(model);
    }

    run_until(model, total);
    compare(model);
    model_free(model);
}



/* --- readers beside the writer ------------------------------------------- */

struct reader {
    struct model *model;
    atomic_int   *stop;
    pthread_t     thread;
    unsigned      rounds;
    int           bad;           /* cmocka's assertions are of one thread */
};

static int
page_is_whole(const struct sc_page *page, uint64_t from)
{
    size_t i;

    for (i = 0; i < page->n; i++) {
        if (page->messages[i].position < from
            || page->messages[i].envelope.n != ENVELOPE)
        {
            return 0;
        }
        from = page->messages[i].position + 1;
    }

    return 1;
}

/* The newest message of a session is the one that was told of or a newer one,
 * unless the session was deleted meanwhile. */
static int
newest_is_there(struct sc_store *store, uint64_t customer,
                const struct sc_session_info *told)
{
    struct sc_session_info now;
    struct sc_page        *page;
    int                    ok;

    page = sc_store_history(store, customer, told->sid, 0, 1, 1 << 20);
    ok = page != NULL && page->n == 1
         && page->messages[0].position >= told->head;
    if (page != NULL && page->n == 0) {
        ok = sc_store_session(store, customer, told->sid, told->sid, &now) == 0
             && now.deleted;
    }

    sc_store_page_free(page);
    return ok;
}

/* Whatever head a reader was told, everything below it can be read. */
static int
read_round(struct reader *reader, uint64_t c)
{
    struct sc_store       *store = reader->model->f->store;
    struct sc_session_info infos[8];
    struct sc_customer     customer;
    struct sc_page        *page;
    uint64_t               from;
    int                    i, n, ok;

    if (sc_store_customer(store, name_of('c', c + 1), &customer) != 1) {
        return 0;
    }

    from = customer.head > 100 ? customer.head - 100 : 1;
    page = sc_store_read(store, customer.number, from, NULL, 200, 1 << 20);
    ok = page != NULL && page_is_whole(page, from)
         && (page->next == 0 || page->next > customer.head);
    sc_store_page_free(page);

    n = sc_store_sessions(store, customer.number, name_of('x', from),
                          name_of('d', 1), infos, 8);
    for (i = 0; ok && i < n; i++) {
        ok = newest_is_there(store, customer.number, &infos[i]);
    }

    return ok && n >= 0;
}

static void *
reader_main(void *arg)
{
    struct reader *reader = arg;

    while (!atomic_load(reader->stop) && !reader->bad) {
        reader->bad = !read_round(reader, reader->rounds++ % CUSTOMERS);
    }

    return NULL;
}

static void
test_readers(void **state)
{
    struct fixture *f = *state;
    struct model   *model = model_new(f);
    struct reader   readers[3];
    atomic_int      stop = 0;
    unsigned        i;

    for (i = 0; i < 3; i++) {
        readers[i] = (struct reader) { .model = model, .stop = &stop };
        assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_main,
                                        &readers[i]), 0);
    }

    run_until(model, MESSAGES / 2);
    atomic_store(&stop, 1);

    for (i = 0; i < 3; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].bad, 0);
        assert_true(readers[i].rounds > 0);
    }

    compare(model);
    model_free(model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST_WITH(test_model, small_setup),
        STORE_TEST_WITH(test_model, roomy_setup),
        STORE_TEST_WITH(test_readers, small_setup),
    };
    const struct CMUnitTest lmdb_tests[] = {
        STORE_TEST_WITH(test_crash, small_setup),
        STORE_TEST_WITH(test_crash, roomy_setup),
    };

    return RUN_ON_ENGINES(tests, lmdb_tests);
}
