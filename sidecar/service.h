/*
 * What all parts of the running daemon share.  Everything here belongs to
 * the loop's thread, except store, whose reading functions the thread pool
 * calls too.
 */

#ifndef SEALCHAT_SERVICE_H
#define SEALCHAT_SERVICE_H

#include <stdint.h>

#include <uv.h>

#include "commit.h"
#include "config.h"
#include "log.h"
#include "map.h"
#include "metrics.h"
#include "peers.h"
#include "socket.h"
#include "store.h"
#include "throttle.h"
#include "vault.h"

struct sc_admin;
struct sc_link;
struct sc_stream;
struct sc_tickets;

/* What the store said last that something was wrong. */
struct sc_trouble {
    char     why[256];
    uint64_t time;               /* of the loop's clock, ms */
    unsigned more;               /* times since then */
};

struct sc_service {
    uv_loop_t               loop;
    const struct sc_config *config;
    struct sc_vault        *vault;
    struct sc_store        *store;
    struct sc_commit       *commit;
    struct sc_trouble       trouble;

    uint8_t                 origin_hash[32];
    uint8_t                 decoy_pk[32];   /* its private half was erased */
    uint8_t                 hash_key[16];   /* of the maps below */

    uv_poll_t               listener;
    uv_timer_t              relisten;       /* after it failed */
    struct sc_socket        listening;      /* its file */
    struct sc_peers         peers;          /* who may connect */
    struct sc_admin        *admin;
    uv_prepare_t            flusher;
    struct sc_link         *links;          /* all of them */

    struct sc_rate         *rates[SC_LIMIT_COUNT];  /* NULL: no limit */
    struct sc_metrics       metrics;
    struct sc_map           customers;      /* those with a live stream */
    struct sc_stream       *unsaved;        /* acknowledged, not submitted */
    uv_timer_t              saver;

    struct sc_tickets      *tickets;
    uv_timer_t              renewer;        /* of tickets */

    int                     stopping;
};

/* Hash of an id under the service's key. */
uint64_t sc_service_hash(const struct sc_service *service,
                         const uint8_t id[32]);

/* The service's clock, ms since 1970. */
uint64_t sc_service_time(void);

/*
 * Opens store, commit thread and listener, in this order; the loop and config
 * must be set.  0, or -1 with a sentence for the log in why[]: then
 * everything is closed again but the loop, which the caller still runs once.
 */
int sc_service_start(struct sc_service *service, char *why, size_t why_size);

/* Finishes what is queued, tells links and closes everything.  The loop ends
 * by itself after that; then sc_service_end() closes the store. */
void sc_service_stop(struct sc_service *service);
void sc_service_end(struct sc_service *service);

#endif
