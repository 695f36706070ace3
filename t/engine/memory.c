/*
 * The engine in memory: opening, and applying operations.
 *
 * Every list is searched from its beginning: what counts is that it can be
 * read beside store.h.  No memory ends the test.
 */

#include "state.h"

#include <stdio.h>

#include <sodium.h>

#include <sealchat/limits.h>

static struct sc_store *stores;

/* Room for one more at the end of an array, all zero; array points to the
 * pointer to its first. */
static void *
more(void *array, size_t *n, size_t size)
{
    char *p;

    memcpy(&p, array, sizeof(p));

    if ((*n & (*n - 1)) == 0) {
        p = realloc(p, (*n ? 2 * *n : 1) * size);
        if (p == NULL) {
            abort();
        }
        memcpy(array, &p, sizeof(p));
    }

    return memset(p + (*n)++ * size, 0, size);
}

static struct blob
copy_of(struct sc_bytes bytes)
{
    struct blob blob = { malloc(bytes.n ? bytes.n : 1), bytes.n };

    if (blob.p == NULL) {
        abort();
    }

    memcpy(blob.p, bytes.n ? bytes.p : (const uint8_t *) "", bytes.n);
    return blob;
}

static int
same_bytes(struct blob a, struct sc_bytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}


/* --- opening and closing ------------------------------------------------- */

static struct sc_store *
memory_open(const struct sc_store_options *options, char *why,
            size_t why_size)
{
    struct sc_store *store = stores;

    while (store != NULL && strcmp(store->path, options->path) != 0) {
        store = store->next;
    }

    if (store != NULL && store->open) {
        snprintf(why, why_size, "another one uses the store in %s",
                 options->path);
        return NULL;
    }

    if (store == NULL) {
        store = calloc(1, sizeof(*store));
        if (store == NULL || (store->path = strdup(options->path)) == NULL) {
            abort();
        }
        store->engine = &sc_engine_memory;
        pthread_mutex_init(&store->lock, NULL);
        randombytes_buf(store->salt, sizeof(store->salt));
        store->next = stores;
        stores = store;
    }

    store->open = 1;
    store->options = *options;
    memory_clock_start(store);
    return store;
}

static void
memory_close(struct sc_store *store)
{
    struct customer *customer = customer_of(store, 1);

    store->open = 0;

    if (bug("forgets the last message") && customer && customer->n_messages) {
        free(customer->messages[--customer->n_messages].envelope.p);
    }
    if (bug("another salt")) {
        store->salt[0] ^= 1;
    }
}

static const uint8_t *
memory_salt_secret(struct sc_store *store)
{
    return store->salt;
}

static void
customer_free(struct customer *customer)
{
    struct session *session;
    size_t          i;

    while ((session = customer->sessions) != NULL) {
        customer->sessions = session->next;
        free(session->hello.p);
        free(session->spare.p);
        free(session->senders);
        free(session);
    }
    for (i = 0; i < customer->n_messages; i++) {
        free(customer->messages[i].envelope.p);
    }
    for (i = 0; i < customer->n_rosters; i++) {
        free(customer->rosters[i].bytes.p);
    }
    for (i = 0; i < customer->n_wraps; i++) {
        free(customer->wraps[i].bytes.p);
    }

    free(customer->account.p);
    free(customer->messages);
    free(customer->rosters);
    free(customer->wraps);
    free(customer->cursors);
    free(customer);
}

void
sc_memory_forget(const char *path)
{
    struct sc_store **at = &stores, *store;

    while ((store = *at) != NULL && strcmp(store->path, path) != 0) {
        at = &store->next;
    }

    if (store == NULL || store->open) {
        return;
    }

    *at = store->next;
    while (store->n_customers > 0) {
        customer_free(store->customers[--store->n_customers]);
    }
    pthread_mutex_destroy(&store->lock);
    free(store->customers);
    free(store->path);
    free(store);
}


/* --- accounts ------------------------------------------------------------ */

static struct customer *
find(const struct sc_store *store, const uint8_t *cid,
     const uint8_t *account_id)
{
    struct customer *customer = customer_by_cid(store, cid);
    size_t           i;

    for (i = 0; customer == NULL && i < store->n_customers; i++) {
        if (same_id(store->customers[i]->account_id, account_id)) {
            customer = store->customers[i];
        }
    }

    return customer;
}

static int
wraps_in_order(const struct sc_op *op)
{
    int    last = -1;
    size_t i;

    for (i = 0; i < op->account.n_wraps; i++) {
        struct sc_bytes wrap = op->account.wraps[i];

        if (wrap.n <= WRAP_KIND_AT || wrap.p[WRAP_KIND_AT] <= last) {
            return 0;
        }
        last = wrap.p[WRAP_KIND_AT];
    }

    return 1;
}

static int
same_wraps(const struct customer *customer, const struct sc_op *op)
{
    size_t i, given = 0;

    for (i = 0; i < customer->n_wraps; i++) {
        const struct wrap *wrap = &customer->wraps[i];

        if (wrap->generation == op->account.generation
            && (given == op->account.n_wraps
                || !same_bytes(wrap->bytes, op->account.wraps[given++])))
        {
            return 0;
        }
    }

    return given == op->account.n_wraps;
}

static int
same_as_stored(const struct customer *customer, const struct sc_op *op)
{
    const struct roster *roster;

    if (customer->erased || customer->n_rosters != op->account.version) {
        return 0;
    }

    roster = &customer->rosters[customer->n_rosters - 1];
    return customer->generation == op->account.generation
           && same_id(customer->cid, op->account.cid)
           && same_id(customer->account_id, op->account.account_id)
           && same_id(roster->id, op->account.roster_id)
           && same_bytes(customer->account, op->account.account)
           && same_bytes(roster->bytes, op->account.roster)
           && same_wraps(customer, op);
}

static void
put_account(struct customer *customer, struct sc_op *op)
{
    struct roster *roster;
    struct wrap   *wrap;
    size_t         i;

    free(customer->account.p);
    customer->account = copy_of(op->account.account);
    customer->generation = op->account.generation;
    op->account.customer = customer->number;

    roster = more(&customer->rosters, &customer->n_rosters, sizeof(*roster));
    memcpy(roster->id, op->account.roster_id, 32);
    roster->bytes = copy_of(op->account.roster);

    /* Those of this generation come anew. */
    for (i = 0; i < customer->n_wraps; i++) {
        wrap = &customer->wraps[i];
        if (wrap->generation == op->account.generation) {
            free(wrap->bytes.p);
            *wrap = customer->wraps[--customer->n_wraps];
            i--;
        }
    }

    for (i = 0; i < op->account.n_wraps; i++) {
        wrap = more(&customer->wraps, &customer->n_wraps, sizeof(*wrap));
        wrap->generation = op->account.generation;
        wrap->kind = op->account.wraps[i].p[WRAP_KIND_AT];
        wrap->bytes = copy_of(op->account.wraps[i]);
    }
}

static void
delete_owner_wraps(struct customer *customer)
{
    size_t i = 0;

    while (i < customer->n_wraps) {
        struct wrap *wrap = &customer->wraps[i];

        if (wrap->generation == customer->generation && wrap->kind <= 4) {
            free(wrap->bytes.p);
            *wrap = customer->wraps[--customer->n_wraps];
        } else {
            i++;
        }
    }
}

static enum sc_error_code
do_register(struct sc_store *store, struct sc_op *op)
{
    struct customer *customer = find(store, op->account.cid,
                                     op->account.account_id);

    op->account.customer = 0;
    if (!wraps_in_order(op)) {
        return SC_E_BAD_WRAPS;
    }

    if (customer != NULL && !bug("registers twice")) {
        if (!same_as_stored(customer, op)) {
            return SC_E_ACCOUNT_TAKEN;
        }
        op->account.customer = customer->number;
        return SC_E_NONE;
    }

    customer = calloc(1, sizeof(*customer));
    if (customer == NULL) {
        abort();
    }

    *(struct customer **) more(&store->customers, &store->n_customers,
                               sizeof(customer)) = customer;
    customer->number = store->n_customers;
    memcpy(customer->cid, op->account.cid, 32);
    memcpy(customer->account_id, op->account.account_id, 32);
    customer->days = store->options.days ? store->options.days : 90;
    customer->earliest = 1;
    put_account(customer, op);
    return SC_E_NONE;
}

static enum sc_error_code
do_account(struct sc_store *store, struct sc_op *op)
{
    struct customer     *customer = customer_by_cid(store, op->account.cid);
    const struct roster *roster;

    op->account.customer = 0;
    if (!wraps_in_order(op)) {
        return SC_E_BAD_WRAPS;
    }

    if (customer == NULL || customer->erased
        || !same_id(customer->account_id, op->account.account_id))
    {
        return SC_E_NOT_FOUND;
    }

    if (same_as_stored(customer, op)) {
        op->account.customer = customer->number;
        return SC_E_NONE;
    }

    roster = &customer->rosters[customer->n_rosters - 1];
    if (op->account.version != customer->n_rosters + 1
        || op->account.generation < customer->generation
        || (!same_id(roster->id, op->account.prev)
            && !bug("swaps without comparing")))
    {
        return SC_E_CONFLICT;
    }

    if (op->account.generation > customer->generation
        && !bug("keeps the old password's wraps"))
    {
        delete_owner_wraps(customer);
    }

    put_account(customer, op);
    return SC_E_NONE;
}


/* --- messages ------------------------------------------------------------ */

static struct session *
session_new(struct customer *customer, const uint8_t *sid)
{
    struct session *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        abort();
    }

    memcpy(session->sid, sid, 32);
    session->next = customer->sessions;
    customer->sessions = session;
    return session;
}

static enum sc_error_code
repeat(const struct customer *customer, const struct session *session,
       struct sc_op *op)
{
    uint64_t position = session ? session->head : 0;
    unsigned depth = bug("looks too far back") ? 100 : SC_REPEAT_DEPTH;

    for ( ; depth > 0 && position >= customer->earliest; depth--) {
        const struct message *m = &customer->messages[position - 1];

        if (m->seq == op->append.seq
            && same_id(m->signkey_id, op->append.signkey_id))
        {
            if (!same_id(m->id, op->append.id)
                && !bug("any repeat is the same"))
            {
                return SC_E_SEQ_CONFLICT;
            }

            op->append.repeated = 1;
            op->append.position = position;
            op->append.stored_time = m->time;
            return SC_E_NONE;
        }
        position = m->before;
    }

    return SC_E_SEQ_OLD;
}

/* Sets repeated. */
static enum sc_error_code
compare(const struct customer *customer, const struct session *session,
        struct sc_op *op)
{
    static const struct sender none;

    const struct sender *sender = sender_of(session, op->append.signkey_id);

    if (sender == NULL) {
        sender = &none;
    }

    if (op->append.seq > sender->seq + 1) {
        return bug("takes a gap") ? SC_E_NONE : SC_E_SEQ_GAP;
    }

    if (op->append.seq <= sender->seq && !bug("appends a repeat")) {
        return repeat(customer, session, op);
    }

    return same_id(op->append.prev, sender->id) || bug("ignores prev")
           ? SC_E_NONE : SC_E_SEQ_CONFLICT;
}

static void
put_message(const struct sc_store *store, struct customer *customer,
            struct session *session, struct sc_op *op)
{
    struct message *m;
    struct sender  *sender;

    op->append.first = session->n == 0;
    if (session->n == 0 || bug("any hello")) {
        free(session->hello.p);
        session->hello = copy_of(op->append.hello);
    }

    m = more(&customer->messages, &customer->n_messages, sizeof(*m));
    m->time = op->append.time;
    m->expires = memory_expires(store, customer);
    m->seq = op->append.seq;
    m->before = session->head;
    m->session = session;
    memcpy(m->signkey_id, op->append.signkey_id, 32);
    memcpy(m->id, op->append.id, 32);
    m->envelope = copy_of(op->append.envelope);

    op->append.position = session->head = customer->n_messages;
    op->append.stored_time = session->time = m->time;
    session->n++;
    session->bytes += m->envelope.n + (m->before ? 0 : session->hello.n);

    sender = (struct sender *) (uintptr_t) sender_of(session, m->signkey_id);
    if (sender == NULL) {
        sender = more(&session->senders, &session->n_senders,
                      sizeof(*sender));
        memcpy(sender->signkey_id, m->signkey_id, 32);
    }
    sender->seq = m->seq;
    memcpy(sender->id, m->id, 32);
}

static enum sc_error_code
check_session(const struct session *session, const struct sc_op *op)
{
    const size_t hello_max = sizeof(((struct sc_session_info *) NULL)->hello);

    if (session != NULL && session->deleted && !bug("the deleted come back")) {
        return SC_E_SESSION_DELETED;
    }

    if (session != NULL && session->blocked && op->append.by_session
        && !bug("the blocked go on"))
    {
        return SC_E_SESSION_BLOCKED;
    }

    if (session == NULL && !op->append.by_session) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (session == NULL
        && (op->append.hello.n == 0 || op->append.hello.n > hello_max))
    {
        return SC_E_BAD_HELLO;
    }

    return op->append.envelope.n > SC_ENVELOPE_MAX ? SC_E_TOO_LARGE
                                                   : SC_E_NONE;
}

static enum sc_error_code
do_append(struct sc_store *store, struct sc_op *op)
{
    struct customer   *customer = customer_of(store, op->append.customer);
    struct session    *session = session_of(customer, op->append.sid);
    enum sc_error_code error;

    op->append.repeated = 0;
    op->append.first = 0;
    op->append.position = 0;
    op->append.stored_time = 0;

    if (customer == NULL) {
        return SC_E_NOT_HERE;
    }

    error = check_session(session, op);
    if (error == SC_E_NONE) {
        error = compare(customer, session, op);
    }

    if (error == SC_E_NONE && !op->append.repeated) {
        error = memory_quota(store, customer, session, op);
    }

    if (error == SC_E_NONE && !op->append.repeated) {
        if (session == NULL) {
            session = session_new(customer, op->append.sid);
        }
        session->deleted = 0;
        put_message(store, customer, session, op);
    }

    return error;
}


/* --- cursors and deletions ----------------------------------------------- */

static void
move(uint64_t *cursor, uint64_t position)
{
    if (position > *cursor || bug("cursors go back")) {
        *cursor = position;
    }
}

static enum sc_error_code
do_cursor(struct sc_store *store, const struct sc_op *op)
{
    struct customer *customer = customer_of(store, op->cursor.customer);
    struct session  *session;
    struct cursor   *cursor;
    size_t           i;

    if (customer == NULL) {
        return SC_E_NOT_HERE;
    }

    if (op->cursor.position > customer->n_messages
        && !bug("cursors beyond the head"))
    {
        return SC_E_BAD_POSITION;
    }

    if (op->cursor.of_session) {
        session = session_of(customer, op->cursor.id);
        if (session == NULL) {
            return SC_E_UNKNOWN_SESSION;
        }
        if (session->deleted) {
            return SC_E_SESSION_DELETED;
        }
        if (op->cursor.release != NULL) {
            memcpy(session->release, op->cursor.release, 32);
        }
        move(&session->cursor, op->cursor.position);
        return SC_E_NONE;
    }

    for (i = 0; i < customer->n_cursors; i++) {
        if (same_id(customer->cursors[i].signkey_id, op->cursor.id)) {
            move(&customer->cursors[i].position, op->cursor.position);
            return SC_E_NONE;
        }
    }

    cursor = more(&customer->cursors, &customer->n_cursors, sizeof(*cursor));
    memcpy(cursor->signkey_id, op->cursor.id, 32);
    cursor->position = op->cursor.position;
    return SC_E_NONE;
}

static enum sc_error_code
do_delete(struct sc_store *store, struct sc_op *op)
{
    struct customer *customer = customer_of(store, op->remove.customer);
    struct session  *session = session_of(customer, op->remove.sid);

    op->remove.repeated = 0;
    if (customer == NULL) {
        return SC_E_NOT_HERE;
    }

    if (session == NULL) {
        if (!op->remove.by_session) {
            return SC_E_UNKNOWN_SESSION;
        }
        session = session_new(customer, op->remove.sid);
    }

    if (session->blocked && !session->deleted && op->remove.by_session
        && !bug("the blocked delete"))
    {
        return SC_E_SESSION_BLOCKED;
    }

    op->remove.repeated = session->deleted;
    session->deleted = 1;
    if (bug("gives positions out again") && customer->n_messages
        && customer->messages[customer->n_messages - 1].session == session)
    {
        free(customer->messages[--customer->n_messages].envelope.p);
    }

    return SC_E_NONE;
}

static enum sc_error_code
do_block(struct sc_store *store, struct sc_op *op)
{
    struct customer *customer = customer_of(store, op->block.customer);
    struct session  *session = session_of(customer, op->block.sid);

    op->block.repeated = 0;
    if (customer == NULL) {
        return SC_E_NOT_HERE;
    }

    if (session == NULL) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (session->deleted) {
        return SC_E_SESSION_DELETED;
    }

    op->block.repeated = !session->blocked == !op->block.blocked;
    if (op->block.blocked || !bug("blocked for ever")) {
        session->blocked = op->block.blocked != 0;
    }

    return SC_E_NONE;
}

static enum sc_error_code
do_spare(struct sc_store *store, const struct sc_op *op)
{
    struct customer      *customer = customer_of(store, op->spare.customer);
    struct session       *session = session_of(customer, op->spare.sid);
    const struct session *holder;

    if (customer == NULL) {
        return SC_E_NOT_HERE;
    }

    if (session == NULL) {
        return SC_E_UNKNOWN_SESSION;
    }

    if (session->deleted) {
        return SC_E_SESSION_DELETED;
    }

    if (session->blocked && !bug("the blocked leave keys")) {
        return SC_E_SESSION_BLOCKED;
    }

    if (op->spare.sealed.n > SC_SPARE_MAX) {
        return SC_E_TOO_LARGE;
    }

    holder = spare_holder(customer, op->spare.name);
    if (holder != NULL && holder != session && !bug("spare keys swapped")) {
        return SC_E_CONFLICT;
    }

    if (session->spare.p != NULL && bug("the first spare keys stay")) {
        return SC_E_NONE;
    }

    free(session->spare.p);
    session->spare = copy_of(op->spare.sealed);
    memcpy(session->spare_name, op->spare.name, 32);
    return SC_E_NONE;
}


/* --- applying ------------------------------------------------------------ */

static enum sc_error_code
apply_one(struct sc_store *store, struct sc_op *op)
{
    switch (op->kind) {
    case SC_OP_APPEND:
        return do_append(store, op);
    case SC_OP_REGISTER:
        return do_register(store, op);
    case SC_OP_ACCOUNT:
        return do_account(store, op);
    case SC_OP_CURSOR:
        return do_cursor(store, op);
    case SC_OP_RESEAL:
        op->reseal.done = 1;     /* nothing leaves the process */
        return SC_E_NONE;
    case SC_OP_INVITE:
    case SC_OP_REVOKE:
        return SC_E_INTERNAL;    /* no part of what engines are compared by */
    case SC_OP_DELETE:
        return do_delete(store, op);
    case SC_OP_BLOCK:
        return do_block(store, op);
    case SC_OP_SPARE:
        return do_spare(store, op);
    case SC_OP_ERASE:
        return memory_erase(store, op);
    case SC_OP_LIMITS:
        return memory_set_limits(store, op);
    }

    return SC_E_INTERNAL;
}

static int
memory_apply(struct sc_store *store, struct sc_op *ops, char *why,
             size_t why_size)
{
    (void) why_size;

    why[0] = '\0';
    pthread_mutex_lock(&store->lock);
    memory_clock_look(store);
    for ( ; ops != NULL; ops = ops->next) {
        ops->error = apply_one(store, ops);
    }
    memory_expire(store);
    pthread_mutex_unlock(&store->lock);
    return 0;
}

static int64_t
memory_wants(struct sc_store *store)
{
    (void) store;
    return -1;
}

const struct sc_engine sc_engine_memory = {
    .name = "memory",
    .open = memory_open,
    .close = memory_close,
    .salt_secret = memory_salt_secret,
    .apply = memory_apply,
    .wants = memory_wants,
    .customer = memory_customer,
    .limits = memory_limits,
    .customers = memory_customers,
    .account = memory_account,
    .wrap = memory_wrap,
    .roster = memory_roster,
    .roster_by_id = memory_roster_by_id,
    .session = memory_session,
    .sessions = memory_sessions,
    .spare = memory_spare,
    .cursor = memory_cursor,
    .read = memory_read,
    .read_session = memory_read_session,
    .history = memory_history
};
