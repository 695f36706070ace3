/*
 * Group commit: operations from the event loop to the store and back.
 *
 * The loop submits operations; one thread of its own takes everything that
 * has gathered, applies it with one sc_store_apply(), and hands the finished
 * list back to the loop.  There is no timer: while one commit syncs, the next
 * batch gathers, so that batches grow with the load by themselves.
 *
 * Every function here is called on the loop's thread, and every callback runs
 * there.  Nothing is allocated for an operation: it is linked through op.next
 * and belongs to its submitter, who keeps it and all bytes it points to in
 * place until done() was called.
 */

#ifndef SEALCHAT_COMMIT_H
#define SEALCHAT_COMMIT_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "histogram.h"
#include "store.h"

/* Where sc_commit_full() begins, unless options say otherwise. */
#define SC_COMMIT_MAX_OPS    8192u
#define SC_COMMIT_MAX_BYTES  (16u * 1024 * 1024)

struct sc_commit;

struct sc_commit_op {
    struct sc_op op;             /* filled in by the submitter, but for next */

    /* Called once, when op's outputs stand; op may be freed or submitted
     * again from there. */
    void       (*done)(struct sc_commit_op *op);
    void        *data;           /* the submitter's own */

    size_t       bytes;          /* what it weighs in the queue; ours */
};

struct sc_commit_options {
    uv_loop_t       *loop;
    struct sc_store *store;      /* outlives the commit thread */
    size_t           max_ops;    /* 0: SC_COMMIT_MAX_OPS */
    size_t           max_bytes;  /* 0: SC_COMMIT_MAX_BYTES */

    /* The queue was full and is at most half full again.  May be NULL. */
    void           (*room)(void *data);

    /* The store has something to say that belongs into the log: a commit
     * failed, or upkeep did.  May be NULL. */
    void           (*trouble)(void *data, const char *why);

    void            *data;       /* for room and trouble */
};

/* What status shows.  Times are of sc_store_apply() as a whole, which is the
 * sync but for a few microseconds.  The apply that writes lingering cursors
 * of an idle service is not counted. */
struct sc_commit_counters {
    uint64_t commits;            /* calls of sc_store_apply() */
    uint64_t failed;             /* of these, how many returned -1 */
    uint64_t ops;                /* operations in them */
    uint64_t ops_last;           /* in the last of them */
    uint64_t ops_max;            /* in the largest of them */
    uint64_t ns;                 /* time spent in them */
    uint64_t ns_last;
    uint64_t ns_max;
    struct sc_histogram batches; /* of operations, from 1 */
    struct sc_histogram times;   /* ns, from SC_COMMIT_TIME_BASE */
    struct sc_store_counters store;  /* as of the last call */
    uint64_t queued_ops;         /* submitted and not done, now */
    uint64_t queued_bytes;
};

/* The lowest bound of counted times, ns. */
#define SC_COMMIT_TIME_BASE  125000u

/* Starts the thread.  NULL on failure, with errno set. */
struct sc_commit *sc_commit_start(const struct sc_commit_options *options);

/*
 * Queues an operation.  done() of operations are called in the order of
 * submission, never from inside this call.  Returns 0, or -1 when
 * sc_commit_stop() was called: then nothing was done and done() will not be
 * called.
 *
 * A full queue still takes operations, because ACKs and account changes must
 * not wait behind messages: it is the caller who looks at sc_commit_full()
 * and stops reading SENDs until room() is called.
 */
int sc_commit_submit(struct sc_commit *commit, struct sc_commit_op *op);

/* The thread gets now what was submitted so far in this turn of the loop, not
 * only before the loop waits.  For a caller that has long work to do. */
void sc_commit_hand_over(struct sc_commit *commit);

/* True while as many operations or bytes as the bound are queued, and after
 * that until room() was called. */
int sc_commit_full(const struct sc_commit *commit);

void sc_commit_counters(struct sc_commit *commit,
                        struct sc_commit_counters *out);

/*
 * Applies what is queued, calls done() of all of it and ends the thread:
 * blocks for as long as these last commits take.  The memory is freed by a
 * later turn of the loop, which must still run (uv_run) before it is closed;
 * the store may be closed as soon as this returns.  Not to be called from a
 * callback of this file.
 */
void sc_commit_stop(struct sc_commit *commit);

#endif
