/*
 * Commands that tell how the service is: status for people, metrics for
 * machines.
 */

#include <stdlib.h>

#include "../version.h"
#include "commands.h"

struct view {
    struct sc_metrics         metrics;
    struct sc_commit_counters commit;
    uint64_t                  customers;
    char                     *text;
    size_t                    n;
};


static void
look(struct sc_service *service, void *data)
{
    struct view *view = data;

    view->metrics = service->metrics;
    view->customers = service->customers.n;
    sc_commit_counters(service->commit, &view->commit);
}


static json_t *
streams_of(const struct sc_metrics *metrics)
{
    json_t *streams = json_object();

#define ROLE(number, NAME, name)                                              \
    if (number != SC_ROLE_REGISTRATION) {                                     \
        json_object_set_new(streams, #name,                                   \
            json_integer((json_int_t) metrics->streams[number]));             \
    }
    SC_ROLES(ROLE)
#undef ROLE

    return streams;
}


static json_t *
store_of(const struct sc_store_sizes *sizes, const struct view *view)
{
    return json_pack("{s:I, s:I, s:I, s:f, s:I, s:I}",
                     "used_bytes", (json_int_t) sizes->used,
                     "limit_bytes", (json_int_t) sizes->limit,
                     "disk_free_bytes", (json_int_t) sizes->disk_free,
                     "oldest_reader_seconds",
                     (double) sizes->oldest_reader_ns / 1e9,
                     "replay_messages",
                     (json_int_t) view->commit.store.unindexed,
                     "checkpoint_ms",
                     (json_int_t) view->commit.store.checkpoint_time);
}


void
sc_admin_status(struct sc_admin_exchange *exchange)
{
    struct view           view = { .n = 0 };
    struct sc_store_sizes sizes;

    if (sc_admin_on_loop(exchange, look, &view) != 0) {
        sc_admin_fail(exchange, "stopping", "sealchatd stops.");
        return;
    }

    if (sc_store_sizes(exchange->service->store, &sizes) != 0) {
        sc_admin_fail_code(exchange, SC_E_STORAGE_FAILED);
        return;
    }

    sc_admin_ok(exchange, json_pack(
        "{s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:o}",
        "version", SC_VERSION,
        "origin", exchange->service->config->origin,
        "started_ms", (json_int_t) view.metrics.started,
        "links", (json_int_t) view.metrics.links,
        "streams", streams_of(&view.metrics),
        "customers_online", (json_int_t) view.customers,
        "commits", (json_int_t) view.commit.commits,
        "commits_failed", (json_int_t) view.commit.failed,
        "queued", (json_int_t) view.commit.queued_ops,
        "store", store_of(&sizes, &view)));
}


static void
write_metrics(struct sc_service *service, void *data)
{
    struct view *view = data;

    view->text = sc_metrics_text(service, &view->n);
}


void
sc_admin_metrics(struct sc_admin_exchange *exchange)
{
    struct view view = { .text = NULL };

    if (sc_admin_on_loop(exchange, write_metrics, &view) != 0
        || view.text == NULL)
    {
        sc_admin_fail(exchange, "internal", "There are no metrics now.");
        return;
    }

    sc_admin_ok(exchange, json_pack("{s:s#}", "text", view.text,
                                    (int) view.n));
    free(view.text);
}
