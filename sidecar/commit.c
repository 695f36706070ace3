/*
 * The commit thread: takes what has gathered, applies it, hands it back.
 *
 * It knows operations only by their weight.  The thread touches the store and
 * the two lists under the lock; everything else belongs to the loop's thread.
 * What is submitted in one turn of the loop is handed over before the loop
 * waits again, with one lock and at most one waking: woken by the first of
 * many, the thread would commit that one alone.
 */

#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The store's clock counts whole ms. */
#define GRAIN_NS  1000000ull

struct list {
    struct sc_op *first;
    struct sc_op *last;
    uint64_t      n;
};

struct sc_commit {
    struct sc_commit_options  options;
    uv_prepare_t              turn;
    uv_poll_t                 bell;
    int                       bell_fd;
    uv_thread_t               thread;

    uv_mutex_t                lock;
    uv_cond_t                 wake;
    struct list               queue;     /* under the lock */
    struct list               finished;  /* under the lock */
    struct sc_commit_counters made;      /* under the lock */
    char                      why[256];  /* under the lock */
    int                       stopping;  /* the loop's; set under the lock */

    struct list               submitted;     /* the loop's, in this turn */
    uint64_t                  queued_ops;    /* the loop's */
    uint64_t                  queued_bytes;  /* the loop's */
    int                       full;          /* the loop's */
};

static void
push(struct list *list, struct list more)
{
    if (list->first == NULL) {
        list->first = more.first;
    } else {
        list->last->next = more.first;
    }

    list->last = more.last;
    list->n += more.n;
}

static struct list
take(struct list *list)
{
    struct list taken = *list;

    *list = (struct list) { .n = 0 };
    return taken;
}


/* --- the thread ---------------------------------------------------------- */

static void
count(struct sc_commit_counters *made, uint64_t ops, uint64_t ns, int failed)
{
    made->commits++;
    made->failed += failed != 0;
    made->ops += ops;
    made->ops_last = ops;
    made->ns += ns;
    made->ns_last = ns;
    sc_histogram_add(&made->batches, 1, ops);
    sc_histogram_add(&made->times, SC_COMMIT_TIME_BASE, ns);

    if (ops > made->ops_max) {
        made->ops_max = ops;
    }
    if (ns > made->ns_max) {
        made->ns_max = ns;
    }
}

/* Waits until there is something to do.  With an empty list, the wait ended
 * because nothing came for as long as the store can wait, or because of a
 * stop: *stop. */
static struct list
wait_for_work(struct sc_commit *commit, int *stop)
{
    struct list batch;
    int64_t     ms = sc_store_wants(commit->options.store);
    int         waited = 0;

    uv_mutex_lock(&commit->lock);

    while (commit->queue.first == NULL && !commit->stopping && waited == 0) {
        if (ms >= 0) {
            waited = uv_cond_timedwait(&commit->wake, &commit->lock,
                                       (uint64_t) ms * 1000000 + GRAIN_NS);
        } else {
            uv_cond_wait(&commit->wake, &commit->lock);
        }
    }

    *stop = commit->stopping;
    batch = take(&commit->queue);
    uv_mutex_unlock(&commit->lock);

    return batch;
}

static void
run_batch(struct sc_commit *commit, struct list batch)
{
    char     why[sizeof(commit->why)];
    uint64_t n = batch.n;
    uint64_t start = uv_hrtime();
    int      rc;

    rc = sc_store_apply(commit->options.store, batch.first, why, sizeof(why));

    uv_mutex_lock(&commit->lock);
    sc_store_counters(commit->options.store, &commit->made.store);

    if (why[0] != '\0') {
        memcpy(commit->why, why, sizeof(why));
    }

    if (n > 0) {
        count(&commit->made, n, uv_hrtime() - start, rc);
        push(&commit->finished, batch);
    }

    uv_mutex_unlock(&commit->lock);

    if (n > 0 || why[0] != '\0') {
        (void) eventfd_write(commit->bell_fd, 1);
    }
}

static void
thread_main(void *arg)
{
    struct sc_commit *commit = arg;
    struct list       batch, none = { .n = 0 };
    int               stop = 0;

    /* A stop comes with the last batch: nothing is queued behind it. */
    while (!stop) {
        batch = wait_for_work(commit, &stop);
        if (batch.first != NULL || !stop) {
            run_batch(commit, batch);
        }

        /* The batch was handed back: only what comes now waits for this. */
        if (batch.first != NULL && !stop
            && sc_store_wants(commit->options.store) == 0)
        {
            run_batch(commit, none);
        }
    }
}


/* --- the loop ------------------------------------------------------------ */

static void
finish_op(struct sc_commit *commit, struct sc_op *op)
{
    struct sc_commit_op *own = (struct sc_commit_op *) op;

    commit->queued_ops--;
    commit->queued_bytes -= own->bytes;
    own->done(own);
}

static void
look_for_room(struct sc_commit *commit)
{
    if (commit->full
        && commit->queued_ops <= commit->options.max_ops / 2
        && commit->queued_bytes <= commit->options.max_bytes / 2)
    {
        commit->full = 0;
        if (commit->options.room != NULL) {
            commit->options.room(commit->options.data);
        }
    }
}

static void
deliver(struct sc_commit *commit)
{
    struct list   finished;
    struct sc_op *op, *next;
    char          why[sizeof(commit->why)];

    uv_mutex_lock(&commit->lock);
    finished = take(&commit->finished);
    memcpy(why, commit->why, sizeof(why));
    commit->why[0] = '\0';
    uv_mutex_unlock(&commit->lock);

    if (why[0] != '\0' && commit->options.trouble != NULL) {
        commit->options.trouble(commit->options.data, why);
    }

    for (op = finished.first; op != NULL; op = next) {
        next = op->next;
        finish_op(commit, op);
    }

    look_for_room(commit);
}

/* The thread rings when a batch is finished.  An eventfd and not a uv_async_t:
 * that one lets the loop spin until its sender has run on, which on the same
 * processor he cannot. */
static void
on_bell(uv_poll_t *bell, int status, int events)
{
    struct sc_commit *commit = bell->data;
    eventfd_t         rung;

    (void) status;
    (void) events;
    (void) eventfd_read(commit->bell_fd, &rung);
    deliver(commit);
}

void
sc_commit_hand_over(struct sc_commit *commit)
{
    struct list list = take(&commit->submitted);
    int         first;

    if (list.first == NULL) {
        return;
    }

    uv_mutex_lock(&commit->lock);
    first = commit->queue.first == NULL;
    push(&commit->queue, list);
    uv_mutex_unlock(&commit->lock);

    if (first) {
        uv_cond_signal(&commit->wake);
    }
}

static void
on_turn(uv_prepare_t *turn)
{
    sc_commit_hand_over(turn->data);
}

static struct sc_commit *
commit_new(const struct sc_commit_options *options)
{
    struct sc_commit *commit = calloc(1, sizeof(*commit));

    if (commit == NULL) {
        errno = ENOMEM;
        return NULL;
    }

    commit->options = *options;
    if (commit->options.max_ops == 0) {
        commit->options.max_ops = SC_COMMIT_MAX_OPS;
    }
    if (commit->options.max_bytes == 0) {
        commit->options.max_bytes = SC_COMMIT_MAX_BYTES;
    }

    return commit;
}

/* Of the bell, which is closed behind the other. */
static void
on_closed(uv_handle_t *handle)
{
    struct sc_commit *commit = handle->data;

    (void) close(commit->bell_fd);
    uv_cond_destroy(&commit->wake);
    uv_mutex_destroy(&commit->lock);
    free(commit);
}

static void
on_turn_closed(uv_handle_t *handle)
{
    struct sc_commit *commit = handle->data;

    uv_close((uv_handle_t *) &commit->bell, on_closed);
}

static void
close_handles(struct sc_commit *commit)
{
    uv_close((uv_handle_t *) &commit->turn, on_turn_closed);
}

/* 0 or an error of libuv. */
static int
open_bell(struct sc_commit *commit)
{
    int rc;

    commit->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (commit->bell_fd < 0) {
        return -errno;
    }

    rc = uv_poll_init(commit->options.loop, &commit->bell, commit->bell_fd);
    if (rc != 0) {
        (void) close(commit->bell_fd);
        return rc;
    }

    commit->bell.data = commit;
    (void) uv_poll_start(&commit->bell, UV_READABLE, on_bell);

    return 0;
}

static void
watch_turns(struct sc_commit *commit)
{
    uv_prepare_init(commit->options.loop, &commit->turn);
    uv_unref((uv_handle_t *) &commit->turn);
    commit->turn.data = commit;
    uv_prepare_start(&commit->turn, on_turn);
}

struct sc_commit *
sc_commit_start(const struct sc_commit_options *options)
{
    struct sc_commit *commit = commit_new(options);
    int               rc;

    if (commit == NULL) {
        return NULL;
    }

    rc = uv_mutex_init(&commit->lock);
    if (rc != 0) {
        free(commit);
        errno = -rc;
        return NULL;
    }

    rc = uv_cond_init(&commit->wake);
    if (rc == 0) {
        rc = open_bell(commit);
        if (rc != 0) {
            uv_cond_destroy(&commit->wake);
        }
    }
    if (rc != 0) {
        uv_mutex_destroy(&commit->lock);
        free(commit);
        errno = -rc;
        return NULL;
    }

    watch_turns(commit);

    rc = uv_thread_create(&commit->thread, thread_main, commit);
    if (rc != 0) {
        close_handles(commit);
        errno = -rc;
        return NULL;
    }

    return commit;
}

static size_t
weight(const struct sc_op *op)
{
    size_t n = sizeof(struct sc_commit_op);
    size_t i;

    switch (op->kind) {
    case SC_OP_APPEND:
        return n + op->append.hello.n + op->append.envelope.n;
    case SC_OP_REGISTER:
    case SC_OP_ACCOUNT:
        n += op->account.account.n + op->account.roster.n;
        for (i = 0; i < op->account.n_wraps; i++) {
            n += op->account.wraps[i].n;
        }
        return n;
    case SC_OP_SPARE:
        return n + op->spare.sealed.n;
    case SC_OP_CURSOR:
    case SC_OP_DELETE:
    case SC_OP_RESEAL:
    case SC_OP_INVITE:
    case SC_OP_REVOKE:
    case SC_OP_ERASE:
    case SC_OP_LIMITS:
    case SC_OP_BLOCK:
        break;
    }

    return n;
}

int
sc_commit_submit(struct sc_commit *commit, struct sc_commit_op *op)
{
    if (commit->stopping) {
        return -1;
    }

    op->op.next = NULL;
    op->bytes = weight(&op->op);
    push(&commit->submitted, (struct list) { &op->op, &op->op, 1 });

    commit->queued_ops++;
    commit->queued_bytes += op->bytes;
    if (commit->queued_ops >= commit->options.max_ops
        || commit->queued_bytes >= commit->options.max_bytes)
    {
        commit->full = 1;
    }

    return 0;
}

int
sc_commit_full(const struct sc_commit *commit)
{
    return commit->full;
}

void
sc_commit_counters(struct sc_commit *commit, struct sc_commit_counters *out)
{
    uv_mutex_lock(&commit->lock);
    *out = commit->made;
    uv_mutex_unlock(&commit->lock);

    out->queued_ops = commit->queued_ops;
    out->queued_bytes = commit->queued_bytes;
}

void
sc_commit_stop(struct sc_commit *commit)
{
    sc_commit_hand_over(commit);

    uv_mutex_lock(&commit->lock);
    commit->stopping = 1;
    uv_cond_signal(&commit->wake);
    uv_mutex_unlock(&commit->lock);

    uv_thread_join(&commit->thread);
    deliver(commit);
    close_handles(commit);
}
