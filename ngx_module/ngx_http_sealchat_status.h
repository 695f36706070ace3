
/*
 * What is counted: each worker has a slot of its own in the shared zone and is
 * the only one to write there, so that nothing is locked.
 */


#ifndef _NGX_HTTP_SEALCHAT_STATUS_H_INCLUDED_
#define _NGX_HTTP_SEALCHAT_STATUS_H_INCLUDED_


#include "ngx_http_sealchat.h"


/*
 * X(FIELD, field, family, label, help); label is NULL where the family has no
 * more than this one.  Gauges are true while their worker lives, counters
 * stay.
 */

#define NGX_HTTP_SEALCHAT_GAUGES(X)                                           \
    X(WAITING, waiting, "sessions", "state=\"waiting\"",                      \
      "Browsers, by state of their session.")                                 \
    X(UNAUTHENTICATED, unauthenticated, "sessions",                           \
      "state=\"unauthenticated\"", NULL)                                      \
    X(AUTHENTICATED, authenticated, "sessions",                               \
      "state=\"authenticated\"", NULL)                                        \
    X(CLOSING, closing, "sessions", "state=\"closing\"", NULL)                \
    X(PAUSED, paused, "sessions_paused", NULL,                                \
      "Sessions that get no more because their browser is slow.")             \
    X(DRAINING, draining, "sessions_draining", NULL,                          \
      "Sessions of workers that are leaving.")                                \
    X(LINKS, links, "links", NULL, "Links to sidecars that are up.")          \
    X(SESSION_QUEUE, session_queue, "queue_bytes", "to=\"browsers\"",         \
      "Bytes that wait for a socket.")                                        \
    X(LINK_QUEUE, link_queue, "queue_bytes", "to=\"sidecars\"", NULL)

#define NGX_HTTP_SEALCHAT_COUNTERS(X)                                         \
    X(OPENED, opened, "sessions_opened_total", NULL, "Sessions opened.")      \
    X(REFUSED, refused, "sessions_refused_total", NULL,                       \
      "Upgrades that found no link to a sidecar.")                            \
    X(FRAMES_IN, frames_in, "frames_total", "direction=\"in\"",               \
      "Messages from and to browsers.")                                       \
    X(FRAMES_OUT, frames_out, "frames_total", "direction=\"out\"", NULL)      \
    X(BYTES_IN, bytes_in, "bytes_total", "direction=\"in\"",                  \
      "Bytes of these messages.")                                             \
    X(BYTES_OUT, bytes_out, "bytes_total", "direction=\"out\"", NULL)         \
    X(LINKS_UP, links_up, "links_up_total", NULL,                             \
      "Links that came up.")                                                  \
    X(LINKS_LOST, links_lost, "links_lost_total", NULL,                       \
      "Links that broke under sessions.")                                     \
    X(CLOSED_1000, closed_1000, "sessions_closed_total", "code=\"1000\"",     \
      "Sessions closed, by code.")                                            \
    X(CLOSED_1001, closed_1001, "sessions_closed_total", "code=\"1001\"",     \
      NULL)                                                                   \
    X(CLOSED_1002, closed_1002, "sessions_closed_total", "code=\"1002\"",     \
      NULL)                                                                   \
    X(CLOSED_1003, closed_1003, "sessions_closed_total", "code=\"1003\"",     \
      NULL)                                                                   \
    X(CLOSED_1005, closed_1005, "sessions_closed_total", "code=\"1005\"",     \
      NULL)                                                                   \
    X(CLOSED_1006, closed_1006, "sessions_closed_total", "code=\"1006\"",     \
      NULL)                                                                   \
    X(CLOSED_1007, closed_1007, "sessions_closed_total", "code=\"1007\"",     \
      NULL)                                                                   \
    X(CLOSED_1008, closed_1008, "sessions_closed_total", "code=\"1008\"",     \
      NULL)                                                                   \
    X(CLOSED_1009, closed_1009, "sessions_closed_total", "code=\"1009\"",     \
      NULL)                                                                   \
    X(CLOSED_1011, closed_1011, "sessions_closed_total", "code=\"1011\"",     \
      NULL)                                                                   \
    X(CLOSED_1012, closed_1012, "sessions_closed_total", "code=\"1012\"",     \
      NULL)                                                                   \
    X(CLOSED_1013, closed_1013, "sessions_closed_total", "code=\"1013\"",     \
      NULL)                                                                   \
    X(CLOSED_OTHER, closed_other, "sessions_closed_total", "code=\"other\"",  \
      NULL)


typedef enum {
#define X(NAME, name, family, label, help)  NGX_HTTP_SEALCHAT_##NAME,
    NGX_HTTP_SEALCHAT_GAUGES(X)
    NGX_HTTP_SEALCHAT_NGAUGES,
    NGX_HTTP_SEALCHAT_GAUGE_LAST = NGX_HTTP_SEALCHAT_NGAUGES - 1,
    NGX_HTTP_SEALCHAT_COUNTERS(X)
#undef X
    NGX_HTTP_SEALCHAT_NMETRICS
} ngx_http_sealchat_metric_t;


/* what a status page shows: sums over all slots */

typedef struct {
    uint64_t                         values[NGX_HTTP_SEALCHAT_NMETRICS];
    ngx_uint_t                       workers;
    ngx_uint_t                       leaving;
} ngx_http_sealchat_sums_t;


/* a sidecar's own metrics, or what was the matter */

typedef struct {
    ngx_str_t                        peer;
    ngx_str_t                        text;
    ngx_uint_t                       up;
} ngx_http_sealchat_answer_t;


typedef enum {
    NGX_HTTP_SEALCHAT_STATUS_OFF = 0,
    NGX_HTTP_SEALCHAT_STATUS_TEXT,
    NGX_HTTP_SEALCHAT_STATUS_JSON,
    NGX_HTTP_SEALCHAT_STATUS_PROMETHEUS
} ngx_http_sealchat_format_t;


void ngx_http_sealchat_status_sum(ngx_http_sealchat_sums_t *sums);
ngx_int_t ngx_http_sealchat_status_handler(ngx_http_request_t *r);
ngx_buf_t *ngx_http_sealchat_page(ngx_pool_t *pool, ngx_uint_t format,
    ngx_http_sealchat_sums_t *sums, ngx_array_t *answers);


#endif /* _NGX_HTTP_SEALCHAT_STATUS_H_INCLUDED_ */
