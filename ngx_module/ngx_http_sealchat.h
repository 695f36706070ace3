
/*
 * Browsers' WebSockets are carried over shared links to sidecars:
 *
 *     handshake -> session -> link -> sidecar
 *
 * A session ends its request from its own event handlers only; what a link
 * has to say to a session is noted there and an event is posted.  Likewise a
 * link is broken from its own event handlers only.  So neither vanishes under
 * the other's hands.
 */


#ifndef _NGX_HTTP_SEALCHAT_H_INCLUDED_
#define _NGX_HTTP_SEALCHAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <sealchat/record.h>

#include "ws_frame.h"


typedef struct ngx_http_sealchat_link_s     ngx_http_sealchat_link_t;
typedef struct ngx_http_sealchat_session_s  ngx_http_sealchat_session_t;


typedef struct {
    ngx_shm_zone_t                  *zone;
    ngx_array_t                      upstreams; /* of sealchat_pass */
} ngx_http_sealchat_main_conf_t;


typedef struct {
    ngx_http_upstream_conf_t         upstream;

    size_t                           max_message_size;
    size_t                           send_queue;
    ngx_msec_t                       ping_interval;
    ngx_msec_t                       ping_timeout;
    ngx_msec_t                       auth_timeout;
    ngx_msec_t                       max_lifetime;
    ngx_msec_t                       drain_timeout;
    ngx_uint_t                       rate_messages;     /* a second */
    size_t                           rate_bytes;
    ngx_uint_t                       links;
    ngx_flag_t                       next_upstream;
    ngx_uint_t                       status;
    ngx_array_t                     *allowed_origins;   /* ngx_str_t */
} ngx_http_sealchat_loc_conf_t;


/* bytes that wait for a socket, in blocks that are freed as they leave */

typedef struct {
    ngx_chain_t                     *head;
    ngx_chain_t                     *last;
    size_t                           size;
    ngx_uint_t                       gauge;     /* that counts its bytes */
} ngx_http_sealchat_queue_t;


struct ngx_http_sealchat_session_s {
    ngx_http_request_t              *request;
    ngx_http_sealchat_loc_conf_t    *conf;
    ngx_http_sealchat_link_t        *link;
    ngx_queue_t                      queue;     /* of the link */
    uint32_t                         stream;

    ngx_uint_t                       link_number;

    ngx_peer_connection_t            peer;      /* as the balancer left it */
    ngx_http_upstream_state_t       *peer_state;

    uint16_t                         close_code;
    ngx_str_t                        close_reason;

    u_char                           role;      /* 0: not authenticated */
    u_char                           state;     /* as which it is counted */
    uint16_t                         ticket_len;
    u_char                          *ticket;    /* reopens the stream */

    unsigned                         queued:1;
    unsigned                         open:1;    /* the 101 is on its way */
    unsigned                         held:1;    /* the sidecar said PAUSE */
    unsigned                         paused:1;  /* so did we */
    unsigned                         choked:1;  /* pings, and nothing read */
    unsigned                         limited:1; /* sealchat_rate is used up */
    unsigned                         pinged:1;
    unsigned                         draining:1;
    unsigned                         closing:1; /* our Close is queued */
    unsigned                         closed:1;  /* and nothing more comes */
    unsigned                         aborted:1;
    unsigned                         ended:1;

    ws_parser_t                      parser;

    u_char                          *message;   /* what came of it so far */
    size_t                           message_len;
    size_t                           message_size;

    u_char                          *rest;      /* read, but not parsed */
    size_t                           rest_len;

    ngx_http_sealchat_queue_t        out;

    ngx_event_t                      timer;     /* of its limits */
    ngx_msec_t                       auth_start;
    ngx_msec_t                       drain_time;
    ngx_msec_t                       rate_time; /* the buckets' last leak */
    ngx_msec_t                       rate_wait;
    uint64_t                         rate_messages;
    uint64_t                         rate_bytes;

    ngx_event_handler_pt             request_handler;

    ngx_str_t                        origin;
    ngx_msec_t                       start;
    ngx_msec_t                       time;
    uint64_t                         frames_in;
    uint64_t                         frames_out;
    uint64_t                         bytes_in;
    uint64_t                         bytes_out;
};


/* the streams of a link: id to session */

typedef struct {
    ngx_http_sealchat_session_t     *session;
    uint32_t                         next;      /* free one */
    unsigned                         closed:1;  /* by us; their CLOSE is due */
} ngx_http_sealchat_stream_t;


typedef struct {
    ngx_http_sealchat_stream_t      *elts;      /* elts[0] is not used */
    uint32_t                         nalloc;
    uint32_t                         free;
    uint32_t                         free_last;
} ngx_http_sealchat_streams_t;


struct ngx_http_sealchat_link_s {
    ngx_queue_t                   queue;      /* of all links */
    ngx_queue_t                   waiting;    /* sessions, until it is up */
    ngx_queue_t                   blocked;    /* sessions, while it is full */
    ngx_queue_t                   returning;  /* sessions, after it broke */
    ngx_queue_t                   asking;     /* for its sidecar's metrics */
    ngx_http_sealchat_streams_t   streams;
    ngx_http_sealchat_queue_t     out;

    ngx_peer_connection_t         peer;
    ngx_connection_t             *connection;
    ngx_pool_t                   *pool;
    ngx_log_t                     log;
    ngx_str_t                     name;
    ngx_uint_t                    number;
    ngx_uint_t                    sessions;   /* waiting ones too */
    ngx_msec_t                    connect_timeout;
    ngx_msec_t                    send_timeout;
    ngx_msec_t                    heard;
    ngx_msec_t                    since;      /* it is up, or lost */
    ngx_msec_t                    backoff;
    ngx_event_t                   retry;

    u_char                       *start;
    u_char                       *last;

    unsigned                      connected:1;
    unsigned                      up:1;
    unsigned                      lost:1;     /* it was up before */
    unsigned                      paused:1;   /* the sidecar said so */
    unsigned                      failed:1;
    unsigned                      asked:1;    /* no answer has come yet */
};


/*
 * A question for a sidecar's metrics; whoever asks may take it off its queue
 * while it is waiting.  The handler gets NULL when the link breaks.
 */

typedef struct ngx_http_sealchat_ask_s  ngx_http_sealchat_ask_t;

struct ngx_http_sealchat_ask_s {
    ngx_queue_t                      queue;
    void                           (*handler)(ngx_http_sealchat_ask_t *ask,
                                              u_char *text, size_t len);
    void                            *data;
    unsigned                         waiting:1;
};


/* the handshake: NGX_OK, or how to end the request */

ngx_int_t ngx_http_sealchat_handshake(ngx_http_request_t *r,
    ngx_str_t *origin);
ngx_int_t ngx_http_sealchat_send_upgrade(ngx_http_request_t *r);


/* the session; what comes after "start" is what a link calls */

ngx_int_t ngx_http_sealchat_session_create(ngx_http_request_t *r,
    ngx_str_t *origin);
void ngx_http_sealchat_session_start(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_session_retry(ngx_http_sealchat_session_t *s,
    ngx_uint_t state, ngx_int_t status);
void ngx_http_sealchat_session_data(ngx_http_sealchat_session_t *s,
    u_char *data, size_t len);
void ngx_http_sealchat_session_hold(ngx_http_sealchat_session_t *s,
    ngx_uint_t held);
void ngx_http_sealchat_session_wake(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_session_close(ngx_http_sealchat_session_t *s,
    ngx_uint_t code, u_char *reason, size_t len);


/* limits of a session: on its time and on what it sends */

void ngx_http_sealchat_limit_start(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_limit_authenticated(ngx_http_sealchat_session_t *s,
    u_char role);
void ngx_http_sealchat_limit_restart(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_limit_drain(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_limit_charge(ngx_http_sealchat_session_t *s,
    ngx_uint_t messages, size_t bytes);
void ngx_http_sealchat_limit_stop(ngx_http_sealchat_session_t *s);


/* the drain: open sessions, and how they leave a worker that exits */

void ngx_http_sealchat_drain_enter(void);
void ngx_http_sealchat_drain_leave(void);
void ngx_http_sealchat_drain_join(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_drain_close(ngx_http_sealchat_session_t *s);


/* what is counted, by ngx_http_sealchat_metric_t; the worker's slot of it */

void ngx_http_sealchat_count(ngx_uint_t metric, ngx_int_t n);
void ngx_http_sealchat_count_state(ngx_http_sealchat_session_t *s,
    ngx_uint_t state);
void ngx_http_sealchat_count_end(ngx_http_sealchat_session_t *s);

char *ngx_http_sealchat_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_http_sealchat_zone_enter(ngx_cycle_t *cycle, ngx_shm_zone_t *zone);
void ngx_http_sealchat_zone_leaving(void);
void ngx_http_sealchat_zone_exit(void);


/* between a session and its input */

ngx_uint_t ngx_http_sealchat_session_stopped(ngx_http_sealchat_session_t *s);
ngx_int_t ngx_http_sealchat_session_parse(ngx_http_sealchat_session_t *s,
    u_char *pos, u_char *end);
ngx_int_t ngx_http_sealchat_session_keep(ngx_http_sealchat_session_t *s,
    u_char *pos, u_char *end);
void ngx_http_sealchat_session_drop(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_session_reason(ngx_http_sealchat_session_t *s,
    const char *reason, size_t len);
u_char *ngx_http_sealchat_session_send(ngx_http_sealchat_session_t *s,
    ngx_uint_t opcode, size_t len);


/*
 * The link.  After "join" the link calls start or retry, unless the session
 * leaves before; NGX_DECLINED says that there is no link to be had.
 */

void ngx_http_sealchat_link_init(void);
ngx_int_t ngx_http_sealchat_link_join(ngx_http_sealchat_session_t *s,
    ngx_peer_connection_t *pc);
ngx_int_t ngx_http_sealchat_link_open(ngx_http_sealchat_session_t *s);
ngx_http_sealchat_link_t *ngx_http_sealchat_link_get(
    ngx_peer_connection_t *pc, ngx_http_sealchat_loc_conf_t *slcf);
void ngx_http_sealchat_link_question(ngx_http_sealchat_link_t *link);
ngx_int_t ngx_http_sealchat_link_ask(ngx_http_sealchat_ask_t *ask,
    ngx_peer_connection_t *pc, ngx_http_sealchat_loc_conf_t *slcf);
void ngx_http_sealchat_link_answer(ngx_http_sealchat_link_t *link,
    u_char *text, size_t len);
void ngx_http_sealchat_link_data(ngx_http_sealchat_session_t *s,
    u_char *data, size_t len);
void ngx_http_sealchat_link_pause(ngx_http_sealchat_session_t *s,
    ngx_uint_t paused);
ngx_uint_t ngx_http_sealchat_link_full(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_link_leave(ngx_http_sealchat_session_t *s,
    ngx_uint_t code, u_char *reason, size_t len);


/* a link that broke, and its sessions */

void ngx_http_sealchat_link_break(ngx_http_sealchat_link_t *link,
    ngx_int_t status);
ngx_int_t ngx_http_sealchat_link_connect(ngx_http_sealchat_link_t *link);
void ngx_http_sealchat_session_resume(ngx_http_sealchat_session_t *s);
void ngx_http_sealchat_session_ticket(ngx_http_sealchat_session_t *s,
    u_char *ticket, size_t len);


/* between a link and its input */

void ngx_http_sealchat_link_up(ngx_http_sealchat_link_t *link);
ngx_int_t ngx_http_sealchat_link_parse(ngx_http_sealchat_link_t *link);
u_char *ngx_http_sealchat_link_put(ngx_http_sealchat_link_t *link,
    ngx_uint_t kind, uint32_t stream, ngx_uint_t flags, ngx_uint_t code,
    size_t len);


/* the streams of a link */

uint32_t ngx_http_sealchat_stream_add(ngx_http_sealchat_streams_t *streams,
    ngx_http_sealchat_session_t *s, ngx_log_t *log);
ngx_http_sealchat_stream_t *ngx_http_sealchat_stream_find(
    ngx_http_sealchat_streams_t *streams, uint32_t id);
void ngx_http_sealchat_stream_close(ngx_http_sealchat_streams_t *streams,
    uint32_t id);
void ngx_http_sealchat_stream_free(ngx_http_sealchat_streams_t *streams,
    uint32_t id);
void ngx_http_sealchat_streams_free(ngx_http_sealchat_streams_t *streams);


/* the upstream's peer of a session */

ngx_int_t ngx_http_sealchat_upstream_create(ngx_http_request_t *r);
ngx_int_t ngx_http_sealchat_upstream_get(ngx_http_request_t *r);
void ngx_http_sealchat_upstream_free(ngx_http_request_t *r,
    ngx_uint_t state);


/* of queues; a longer record or frame has a block of its own */

#define NGX_HTTP_SEALCHAT_SESSION_BLOCK  4096
#define NGX_HTTP_SEALCHAT_LINK_BLOCK     (32 * 1024)


/* queues; "send": NGX_OK when all has left, NGX_AGAIN, NGX_ERROR */

u_char *ngx_http_sealchat_queue_alloc(ngx_http_sealchat_queue_t *queue,
    size_t len, size_t block, ngx_log_t *log);
ngx_int_t ngx_http_sealchat_queue_send(ngx_http_sealchat_queue_t *queue,
    ngx_connection_t *c);
void ngx_http_sealchat_queue_free(ngx_http_sealchat_queue_t *queue);
void ngx_http_sealchat_queue_exit(void);


ngx_int_t ngx_http_sealchat_add_variables(ngx_conf_t *cf);


extern ngx_module_t  ngx_http_sealchat_module;


#endif /* _NGX_HTTP_SEALCHAT_H_INCLUDED_ */
