/*
 * Filling a store without a daemon in front of it.
 */

#include "world.h"

#include "store.h"
#include "vault.h"

#define LIST   1000u             /* messages of one commit */
#define STEPS  50u               /* that are told of */
#define BURST  10u               /* messages of a session in a row */

/* One list, and what its operations point to. */
struct list {
    struct sc_op ops[LIST];
    uint8_t      ids[LIST][32];
    uint8_t      prevs[LIST][32];
    uint8_t      envelopes[LIST][SC_ENVELOPE_MIN];
};

static struct sc_store *
open_store(const struct side *side, struct sc_store_options *options)
{
    char             path[96], why[256] = "";
    struct sc_store *store;

    snprintf(path, sizeof(path), "%s/store.key", side->daemon.dir);
    options->vault = sc_vault_load(path, why, sizeof(why));
    if (options->vault == NULL) {
        die("no %s: %s", path, why);
    }

    snprintf(path, sizeof(path), "%s/store", side->daemon.dir);
    options->path = path;
    options->map_size = 32ull << 30;

    store = sc_store_open(options, why, sizeof(why));
    if (store == NULL) {
        die("%s", why);
    }
    return store;
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
add(struct sc_store *store, struct list *list, size_t i, struct session *s)
{
    memcpy(list->prevs[i], s->id, 32);
    session_write(s);
    s->stored = s->seq;
    memcpy(list->ids[i], s->id, 32);
    memcpy(list->envelopes[i], s->envelope, sizeof(s->envelope));

    list->ops[i] = (struct sc_op) { .kind = SC_OP_APPEND, .append = {
        .customer = number_of(store, s->shop), .sid = s->visitor.sid,
        .signkey_id = s->visitor.keys.id, .prev = list->prevs[i],
        .id = list->ids[i], .seq = s->seq, .time = now_ms(), .by_session = 1,
        .hello = { s->visitor.hello, s->visitor.hello_n },
        .envelope = { list->envelopes[i], sizeof(s->envelope) }
    } };
}

static void
apply(struct sc_store *store, struct list *list, size_t n)
{
    char   why[256];
    size_t i;

    for (i = 0; i + 1 < n; i++) {
        list->ops[i].next = &list->ops[i + 1];
    }

    if (sc_store_apply(store, list->ops, why, sizeof(why)) != 0) {
        die("%s", why);
    }
    for (i = 0; i < n; i++) {
        if (list->ops[i].error != SC_E_NONE) {
            die("a message was refused: %s",
                sc_error_info(list->ops[i].error)->name);
        }
        assert_int_equal(list->ops[i].append.repeated, 0);
    }
}

void
fill(const struct side *side, struct session **sessions, size_t n,
     size_t messages, void (*step)(void *data, size_t stored, double a_second),
     void *data)
{
    static struct list list;

    struct sc_store_options options = { .map_size = 0 };
    struct sc_store        *store = open_store(side, &options);
    size_t                  done = 0, last = 0, i;
    uint64_t                since = now_us();

    while (done < messages) {
        for (i = 0; i < LIST && done + i < messages; i++) {
            size_t burst = (done + i) / BURST;

            /* In each turn in another order. */
            add(store, &list, i,
                sessions[(burst % n * 7919 + burst / n * 104729) % n]);
        }
        apply(store, &list, i);
        done += i;

        if (done - last >= messages / STEPS) {
            step(data, done, (double) (done - last) * 1e6
                             / (double) (now_us() - since));
            last = done;
            since = now_us();
        }
    }

    sc_store_close(store);
    sc_vault_free(options.vault);
}
