/*
 * What sealchatd counts of itself, and the one text that says it, in the
 * exposition format of Prometheus: nginx's status page has it, and the admin
 * socket.  Nothing in it names a customer.
 */

#ifndef SEALCHAT_METRICS_H
#define SEALCHAT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <sealchat/frames.h>

#include "throttle.h"

struct sc_service;

#define SC_METRICS_COUNT(...) + 1
enum { SC_METRICS_ERRORS = 1 SC_ERRORS(SC_METRICS_COUNT) };
#undef SC_METRICS_COUNT

/* Counted on the loop's thread, in place: an increment each. */
struct sc_metrics {
    uint64_t started;                    /* ms since 1970 */
    uint64_t links;                      /* open now */
    uint64_t links_opened;
    uint64_t links_refused;              /* by who asked */
    uint64_t accepts_failed;             /* for want of a descriptor, say */
    uint64_t bytes_in;                   /* on links */
    uint64_t bytes_out;
    uint64_t streams[SC_ROLE_COUNT];     /* open now, by role */
    uint64_t opened;                     /* streams, of new browsers */
    uint64_t resumed;                    /* streams, by a ticket */
    uint64_t tickets_refused;
    uint64_t delivered;                  /* messages */
    uint64_t frames[256];                /* from clients, by type */
    uint64_t errors[SC_METRICS_ERRORS];  /* told to clients, by code */
    struct sc_limited limited;
};

/* The text, n bytes and a zero byte; the caller frees it.  NULL when there is
 * no memory.  On the loop's thread. */
char *sc_metrics_text(struct sc_service *service, size_t *n);

#endif
