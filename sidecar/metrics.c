/*
 * The metrics as text.  A snapshot is taken of everything that counts, and a
 * table says where in it each metric lies and what it is called; a name, once
 * published, stays.
 */

#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "service.h"
#include "version.h"

#define P "sealchatd_"

struct snapshot {
    const struct sc_metrics  *own;
    struct sc_commit_counters commit;
    struct sc_store_sizes     sizes;
    uint64_t                  customers;
};

/* One number: per divides it into the unit that its name says. */
struct scalar {
    const char *name;
    const char *type;
    const char *help;
    size_t      at;
    uint64_t    per;
};

#define OWN(name, type, help, member, per) \
    { P name, type, help, offsetof(struct sc_metrics, member), per }
#define SHOT(name, type, help, member, per) \
    { P name, type, help, offsetof(struct snapshot, member), per }

static const struct scalar own[] = {
    OWN("start_time_seconds", "gauge",
        "When sealchatd started, in seconds since 1970.", started, 1000),
    OWN("links", "gauge", "Links of nginx workers that are open.", links, 1),
    OWN("links_opened_total", "counter", "Links that were opened.",
        links_opened, 1),
    OWN("links_refused_total", "counter",
        "Connections refused because of the user at their other end.",
        links_refused, 1),
    OWN("accepts_failed_total", "counter",
        "Times that a connection could not be accepted, and waited.",
        accepts_failed, 1),
    OWN("link_receive_bytes_total", "counter", "Bytes read from links.",
        bytes_in, 1),
    OWN("link_transmit_bytes_total", "counter", "Bytes given to links.",
        bytes_out, 1),
    OWN("streams_opened_total", "counter", "Browsers that came.", opened, 1),
    OWN("streams_resumed_total", "counter",
        "Browsers that went on by a ticket after their link broke.", resumed,
        1),
    OWN("tickets_refused_total", "counter",
        "Browsers that had a ticket and were made to log in again.",
        tickets_refused, 1),
    OWN("delivered_messages_total", "counter",
        "Messages delivered, once for each receiver and delivery.",
        delivered, 1),
};

static const struct scalar shot[] = {
    SHOT("customers_online", "gauge",
         "Customers of whom somebody is logged in.", customers, 1),
    SHOT("commits_total", "counter", "Transactions of the store.",
         commit.commits, 1),
    SHOT("commits_failed_total", "counter",
         "Transactions that could not be made durable.", commit.failed, 1),
    SHOT("queue_operations", "gauge",
         "Operations that wait for the commit thread, or are in it.",
         commit.queued_ops, 1),
    SHOT("queue_bytes", "gauge", "What these weigh.",
         commit.queued_bytes, 1),
    SHOT("checkpoints_total", "counter", "Checkpoints written.",
         commit.store.checkpoints, 1),
    SHOT("checkpoint_timestamp_seconds", "gauge",
         "When the last one was, in seconds since 1970; 0: none since the "
         "start.", commit.store.checkpoint_time, 1000),
    SHOT("replay_messages", "gauge",
         "Messages behind the last checkpoint, which a start would replay.",
         commit.store.unindexed, 1),
    SHOT("removed_messages_total", "counter",
         "Messages taken out of the logs.", commit.store.removed, 1),
    SHOT("expired_messages_total", "counter",
         "Of these, messages that retention removed.",
         commit.store.expired, 1),
    SHOT("refused_for_room_total", "counter",
         "Messages and registrations refused because the store is full.",
         commit.store.refused_full, 1),
    SHOT("refused_for_quota_total", "counter",
         "Messages refused because of a quota.",
         commit.store.refused_quota, 1),
    SHOT("store_failures_total", "counter",
         "Transactions that failed, those of upkeep included.",
         commit.store.failed, 1),
    SHOT("store_needed_bytes", "gauge",
         "What is stored, without pages that are free.",
         commit.store.used, 1),
    SHOT("store_room_bytes", "gauge",
         "What still fits, whichever is less of map and disk.",
         commit.store.room, 1),
    SHOT("store_reserve_bytes", "gauge",
         "Of the room, what messages do not get.", commit.store.reserve, 1),
    SHOT("store_unsure", "gauge",
         "1: the disk failed, and nothing is accepted before a restart.",
         commit.store.unsure, 1),
    SHOT("retention_clock_seconds", "gauge",
         "The time by which messages expire, in seconds since 1970.",
         commit.store.clock, 1000),
    SHOT("sessions_in_memory", "gauge", "Sessions kept in memory.",
         commit.store.sessions, 1),
    SHOT("sessions_dirty", "gauge",
         "Of these, sessions that changed since the last checkpoint.",
         commit.store.sessions_dirty, 1),
};

static const struct scalar stored[] = {
    SHOT("store_limit_bytes", "gauge",
         "What the store may grow to (map_size).", sizes.limit, 1),
    SHOT("store_used_bytes", "gauge",
         "What the store grew to, pages that are free again included.",
         sizes.used, 1),
    SHOT("store_disk_free_bytes", "gauge",
         "What is free on the store's file system.", sizes.disk_free, 1),
    SHOT("store_readers", "gauge", "Reads of the store under way.",
         sizes.readers, 1),
    SHOT("store_oldest_reader_seconds", "gauge",
         "For how long the oldest of them has kept pages from being reused.",
         sizes.oldest_reader_ns, 1000000000),
};

#define N(table) (sizeof(table) / sizeof((table)[0]))


static void
head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}


static void
scalars(FILE *to, const struct scalar *table, size_t n, const void *from)
{
    uint64_t value;

    for (size_t i = 0; i < n; i++) {
        value = *(const uint64_t *) (const void *)
                ((const char *) from + table[i].at);
        head(to, table[i].name, table[i].type, table[i].help);

        if (table[i].per == 1) {
            fprintf(to, "%s %" PRIu64 "\n", table[i].name, value);
        } else {
            fprintf(to, "%s %.9g\n", table[i].name,
                    (double) value / (double) table[i].per);
        }
    }
}


static void
histogram(FILE *to, const char *name, const char *help,
          const struct sc_histogram *h, uint64_t base, double unit)
{
    uint64_t below = 0;

    head(to, name, "histogram", help);

    for (unsigned i = 0; i < SC_HISTOGRAM_BOUNDS; i++) {
        below += h->counts[i];
        fprintf(to, "%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name,
                (double) (base << i) / unit, below);
    }

    below += h->counts[SC_HISTOGRAM_BOUNDS];
    fprintf(to, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n"
            "%s_sum %.9g\n%s_count %" PRIu64 "\n",
            name, below, name, (double) h->sum / unit, name, below);
}


static void
histograms(FILE *to, const struct sc_commit_counters *commit)
{
    histogram(to, P "commit_operations",
              "Operations that shared one transaction.",
              &commit->batches, 1, 1);
    histogram(to, P "commit_duration_seconds",
              "Time of a transaction, its sync included.",
              &commit->times, SC_COMMIT_TIME_BASE, 1e9);
    histogram(to, P "sync_duration_seconds",
              "Time in which the store writes and syncs a transaction.",
              &commit->store.syncs, SC_STORE_SYNC_BASE, 1e9);
}


static void
labelled(FILE *to, const char *name, const char *label, const char *of,
         uint64_t value)
{
    fprintf(to, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, of, value);
}


static void
clients(FILE *to, const struct sc_metrics *m)
{
    head(to, P "streams", "gauge", "Browsers connected, by what they are "
         "logged in as.");
#define ROLE(number, NAME, name)                                              \
    if (number != SC_ROLE_REGISTRATION) {                                     \
        labelled(to, P "streams", "role", #name, m->streams[number]);         \
    }
    SC_ROLES(ROLE)
#undef ROLE

    head(to, P "frames_total", "counter", "Frames from browsers, by type.");
#define FRAME(type, NAME, name, roles, max, repeat, answer) \
    labelled(to, P "frames_total", "type", #name, m->frames[type]);
    SC_CLIENT_FRAMES(FRAME)
#undef FRAME

    head(to, P "refusals_total", "counter", "Errors told to browsers, by "
         "code.");
#define ERROR(code, NAME, name, close, sentence) \
    labelled(to, P "refusals_total", "code", name, m->errors[code]);
    SC_ERRORS(ERROR)
#undef ERROR

    head(to, P "limited_total", "counter", "Requests that were put off, or "
         "asked for a puzzle, by limit.");
#define LIMIT(NAME, name) \
    labelled(to, P "limited_total", "limit", #name, \
             m->limited.refused[SC_LIMIT_##NAME]);
    SC_LIMITS(LIMIT)
#undef LIMIT

    head(to, P "puzzles_total", "counter", "Puzzles that came back, solved or "
         "not.");
    labelled(to, P "puzzles_total", "solved", "yes", m->limited.solved);
    labelled(to, P "puzzles_total", "solved", "no", m->limited.unsolved);
}


static void
tables(FILE *to, const struct sc_store_sizes *sizes)
{
    head(to, P "store_entries", "gauge", "Entries, by table; log.<days> are "
         "the messages.");
    for (size_t i = 0; i < sizes->n_tables; i++) {
        labelled(to, P "store_entries", "table", sizes->tables[i].name,
                 sizes->tables[i].entries);
    }

    head(to, P "store_bytes", "gauge", "Bytes in use, by table.");
    for (size_t i = 0; i < sizes->n_tables; i++) {
        labelled(to, P "store_bytes", "table", sizes->tables[i].name,
                 sizes->tables[i].bytes);
    }
}


char *
sc_metrics_text(struct sc_service *service, size_t *n)
{
    struct snapshot now = { .own = &service->metrics };
    char           *text = NULL;
    FILE           *to = open_memstream(&text, n);

    if (to == NULL) {
        return NULL;
    }

    sc_commit_counters(service->commit, &now.commit);
    now.customers = service->customers.n;

    head(to, P "info", "gauge", "The version that runs.");
    fprintf(to, P "info{version=\"" SC_VERSION "\"} 1\n");
    scalars(to, own, N(own), now.own);
    scalars(to, shot, N(shot), &now);
    histograms(to, &now.commit);
    clients(to, now.own);

    /* What cannot be read is left out rather than shown as zero. */
    if (sc_store_sizes(service->store, &now.sizes) == 0) {
        scalars(to, stored, N(stored), &now);
        tables(to, &now.sizes);
    }

    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }

    return text;
}
