/*
 * Filling a store without a daemon in front of it.
 *
 * The store's clock is what it is told here: messages may be from days ago,
 * as long as they come in the order of their times.
 */

#include "world.h"

#include "store.h"
#include "vault.h"

#define LIST   1000u             /* messages of one commit */
#define STEPS  50u               /* that are told of */
#define GROUP  100u              /* sessions that talk in the same span */

/* One list, and what its operations point to. */
struct list {
    struct sc_op ops[LIST];
    uint8_t      ids[LIST][32];
    uint8_t      prevs[LIST][32];
    uint8_t      envelopes[LIST][SC_ENVELOPE_MIN];
};

/* A store while it is filled. */
struct filling {
    struct sc_store *store;
    struct sc_vault *vault;
    struct list      list;
};

static uint64_t store_time;      /* ms since 1970 */

static uint64_t
clock_of_store(void)
{
    return store_time;
}

static void
open_store(struct filling *filling, const struct side *side)
{
    struct sc_store_options options = {
        .map_size = 32ull << 30, .clock = clock_of_store,
        .catch_up = UINT32_MAX
    };
    char                    path[96], why[256] = "";

    snprintf(path, sizeof(path), "%s/store.key", side->daemon.dir);
    filling->vault = sc_vault_load(path, why, sizeof(why));
    if (filling->vault == NULL) {
        die("no %s: %s", path, why);
    }

    snprintf(path, sizeof(path), "%s/store", side->daemon.dir);
    options.path = path;
    options.vault = filling->vault;

    filling->store = sc_store_open(&options, why, sizeof(why));
    if (filling->store == NULL) {
        die("%s", why);
    }
}

static void
close_store(struct filling *filling)
{
    sc_store_close(filling->store);
    sc_vault_free(filling->vault);
}

void
store_make(const struct side *side, uint64_t time)
{
    static struct filling filling;

    struct sc_vault *vault = sc_vault_new();
    char             path[96], why[256] = "no memory";

    snprintf(path, sizeof(path), "%s/store.key", side->daemon.dir);
    if (vault == NULL || sc_vault_save(vault, path, 0, why, sizeof(why)) != 0)
    {
        die("%s", why);
    }
    sc_vault_free(vault);

    store_time = time;
    open_store(&filling, side);
    close_store(&filling);
}

static uint64_t
number_of(struct sc_store *store, struct shop *shop)
{
    struct sc_customer customer;

    if (shop->number == 0) {
        assert_int_equal(sc_store_customer(store, shop->owner.cid, &customer),
                         1);
        shop->number = customer.number;
    }
    return shop->number;
}

static void
add(struct filling *filling, size_t i, struct session *s)
{
    struct list *list = &filling->list;

    memcpy(list->prevs[i], s->id, 32);
    session_write(s);
    s->stored = s->seq;
    memcpy(list->ids[i], s->id, 32);
    memcpy(list->envelopes[i], s->envelope, sizeof(s->envelope));

    list->ops[i] = (struct sc_op) { .kind = SC_OP_APPEND, .append = {
        .customer = number_of(filling->store, s->shop),
        .sid = s->visitor.sid, .signkey_id = s->visitor.keys.id,
        .prev = list->prevs[i], .id = list->ids[i], .seq = s->seq,
        .time = now_ms(), .by_session = 1,
        .hello = { s->visitor.hello, s->visitor.hello_n },
        .envelope = { list->envelopes[i], sizeof(s->envelope) }
    } };
}

static void
apply(struct filling *filling, size_t n)
{
    struct sc_op *ops = filling->list.ops;
    char          why[256];
    size_t        i;

    for (i = 0; i + 1 < n; i++) {
        ops[i].next = &ops[i + 1];
    }

    if (sc_store_apply(filling->store, n > 0 ? ops : NULL, why, sizeof(why))
        != 0)
    {
        die("%s", why);
    }
    for (i = 0; i < n; i++) {
        if (ops[i].error != SC_E_NONE) {
            die("a message was refused: %s",
                sc_error_info(ops[i].error)->name);
        }
        assert_int_equal(ops[i].append.repeated, 0);
    }
}

void
fill(const struct side *side, struct session **sessions, size_t n,
     size_t messages, uint64_t time,
     void (*step)(void *data, size_t stored, double a_second), void *data)
{
    static struct filling filling;

    size_t   done = 0, last = 0, i;
    uint64_t since = now_us();

    store_time = time;
    open_store(&filling, side);

    while (done < messages) {
        for (i = 0; i < LIST && done + i < messages; i++) {
            size_t burst = (done + i) / FILL_BURST;

            /* In each turn in another order. */
            add(&filling, i,
                sessions[(burst % n * 7919 + burst / n * 104729) % n]);
        }
        apply(&filling, i);
        done += i;

        if (done - last >= messages / STEPS) {
            step(data, done, (double) (done - last) * 1e6
                             / (double) (now_us() - since));
            last = done;
            since = now_us();
        }
    }

    close_store(&filling);
}

void
fill_spans(const struct side *side, struct session *sessions, size_t each,
           const struct span *spans, size_t n, unsigned rate)
{
    static struct filling filling;

    size_t   list = rate * SPAN_GRAIN / 1000, done = 0, i, k;
    uint64_t time;

    assert_true(list > 0 && list <= LIST);
    store_time = spans[0].from;
    open_store(&filling, side);

    for (k = 0; k < n; k++) {
        for (time = spans[k].from; time < spans[k].to; time += SPAN_GRAIN) {
            store_time = time;
            for (i = 0; i < list; i++, done++) {
                size_t group = done / (GROUP * each);

                add(&filling, i, &sessions[group * GROUP
                                           + done / FILL_BURST % GROUP]);
            }
            apply(&filling, i);
        }
    }

    /* From here on it is today again. */
    store_time = now_ms();
    apply(&filling, 0);
    close_store(&filling);
}
