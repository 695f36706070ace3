/*
 * The commit thread: takes what has gathered, applies it, hands it back.
 *
 * It knows operations only by their weight.  The thread touches the store and
 * the two lists under the lock; everything else belongs to the loop's thread.
 */

#include "commit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The store's clock counts whole ms. */
#define GRAIN_NS  1000000ull

struct list {
    struct sc_op *first;
    struct sc_op *last;
};

struct sc_commit {
    struct sc_commit_options  options;
    uv_async_t                async;
    uv_thread_t               thread;

    uv_mutex_t                lock;
    uv_cond_t                 wake;
    struct list               queue;     /* under the lock */
    struct list               finished;  /* under the lock */
    struct sc_commit_counters made;      /* under the lock */
    char                      why[256];  /* under the lock */
    int                       stopping;  /* under the lock */

    uint64_t                  queued_ops;    /* the loop's */
    uint64_t                  queued_bytes;  /* the loop's */
    int                       full;          /* the loop's */
};

static void
push(struct list *list, struct sc_op *first, struct sc_op *last)
{
    if (list->first == NULL) {
        list->first = first;
    } else {
        list->last->next = first;
    }

    list->last = last;
}

static struct list
take(struct list *list)
{
    struct list taken = *list;

    list->first = NULL;
    list->last = NULL;
    return taken;
}


/* --- the thread ---------------------------------------------------------- */

static uint64_t
length(const struct sc_op *op)
{
    uint64_t n = 0;

    for (; op != NULL; op = op->next) {
        n++;
    }

    return n;
}

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
    uint64_t n = length(batch.first);
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
        push(&commit->finished, batch.first, batch.last);
    }

    uv_mutex_unlock(&commit->lock);

    if (n > 0 || why[0] != '\0') {
        uv_async_send(&commit->async);
    }
}

static void
thread_main(void *arg)
{
    struct sc_commit *commit = arg;
    struct list       batch, none = { NULL, NULL };
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

static void
on_async(uv_async_t *async)
{
    deliver(async->data);
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

static void
on_closed(uv_handle_t *handle)
{
    struct sc_commit *commit = handle->data;

    uv_cond_destroy(&commit->wake);
    uv_mutex_destroy(&commit->lock);
    free(commit);
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
    if (rc == 0) {
        rc = uv_cond_init(&commit->wake);
        if (rc != 0) {
            uv_mutex_destroy(&commit->lock);
        }
    }
    if (rc != 0) {
        free(commit);
        errno = -rc;
        return NULL;
    }

    rc = uv_async_init(options->loop, &commit->async, on_async);
    if (rc != 0) {
        uv_cond_destroy(&commit->wake);
        uv_mutex_destroy(&commit->lock);
        free(commit);
        errno = -rc;
        return NULL;
    }

    commit->async.data = commit;
    rc = uv_thread_create(&commit->thread, thread_main, commit);
    if (rc != 0) {
        uv_close((uv_handle_t *) &commit->async, on_closed);
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
    int stopping, first;

    op->op.next = NULL;
    op->bytes = weight(&op->op);

    uv_mutex_lock(&commit->lock);
    stopping = commit->stopping;
    first = commit->queue.first == NULL;
    if (!stopping) {
        push(&commit->queue, &op->op, &op->op);
    }
    uv_mutex_unlock(&commit->lock);

    if (stopping) {
        return -1;
    }

    if (first) {
        uv_cond_signal(&commit->wake);
    }

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
    uv_mutex_lock(&commit->lock);
    commit->stopping = 1;
    uv_cond_signal(&commit->wake);
    uv_mutex_unlock(&commit->lock);

    uv_thread_join(&commit->thread);
    deliver(commit);
    uv_close((uv_handle_t *) &commit->async, on_closed);
}
