
/*
 * A session: one browser's WebSocket, from the upgrade to its close.
 */


#include "ngx_http_sealchat_status.h"


#define NGX_HTTP_SEALCHAT_READ_BUFFER    65536
#define NGX_HTTP_SEALCHAT_LIMITED_READ   4096
#define NGX_HTTP_SEALCHAT_READS          8
#define NGX_HTTP_SEALCHAT_CLOSE_TIMEOUT  5000


static ngx_int_t ngx_http_sealchat_join(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_refuse(ngx_http_sealchat_session_t *s,
    ngx_int_t status);
static void ngx_http_sealchat_cleanup(void *data);

static void ngx_http_sealchat_read_handler(ngx_event_t *rev);
static void ngx_http_sealchat_timeout(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_read(ngx_http_sealchat_session_t *s);

static void ngx_http_sealchat_write_handler(ngx_event_t *wev);
static void ngx_http_sealchat_sent(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_abort(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_end(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_finalize(ngx_http_sealchat_session_t *s,
    ngx_int_t rc);


#define ngx_http_sealchat_reason(s, text)                                     \
    ngx_http_sealchat_session_reason(s, text, sizeof(text) - 1)


/* never in use by two sessions at once: what is left over is copied */

static u_char  ngx_http_sealchat_buffer[NGX_HTTP_SEALCHAT_READ_BUFFER];


ngx_int_t
ngx_http_sealchat_session_create(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_int_t                      rc;
    ngx_connection_t              *c;
    ngx_http_cleanup_t            *cln;
    ngx_http_sealchat_session_t   *s;
    ngx_http_sealchat_loc_conf_t  *slcf;

    c = r->connection;

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_sealchat_session_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    s->request = r;
    s->conf = slcf;
    s->origin = *origin;
    s->out.gauge = NGX_HTTP_SEALCHAT_SESSION_QUEUE;
    ws_parser_init(&s->parser, slcf->max_message_size);

    cln->handler = ngx_http_sealchat_cleanup;
    cln->data = s;

    ngx_http_set_ctx(r, s, ngx_http_sealchat_module);
    ngx_http_sealchat_count_state(s, NGX_HTTP_SEALCHAT_WAITING);

    if (ngx_http_sealchat_upstream_create(r) != NGX_OK) {
        ngx_http_sealchat_end(s);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sealchat_join(s);

    if (rc != NGX_OK) {
        ngx_http_sealchat_end(s);
        return rc;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_sealchat_end(s);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    c->log->action = "waiting for sidecar";

    r->main->count++;

    return NGX_DONE;
}


/* NGX_OK, or the status to refuse with */

static ngx_int_t
ngx_http_sealchat_join(ngx_http_sealchat_session_t *s)
{
    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_sealchat_loc_conf_t  *slcf;

    r = s->request;
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    do {
        rc = ngx_http_sealchat_upstream_get(r);

        if (rc != NGX_OK) {
            return (rc == NGX_BUSY) ? NGX_HTTP_BAD_GATEWAY
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_http_sealchat_link_join(s, &s->peer);

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        ngx_http_sealchat_upstream_free(r, (rc == NGX_DECLINED)
                                           ? NGX_PEER_FAILED : 0);

        if (rc != NGX_DECLINED) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } while (slcf->next_upstream && s->peer.tries);

    return NGX_HTTP_BAD_GATEWAY;
}


static void
ngx_http_sealchat_cleanup(void *data)
{
    ngx_http_sealchat_session_t  *s = data;

    ngx_http_sealchat_end(s);
}


/* the link is up, and the request becomes a WebSocket */

void
ngx_http_sealchat_session_start(ngx_http_sealchat_session_t *s)
{
    ngx_buf_t                     *b;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_sealchat_loc_conf_t  *slcf;

    r = s->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ngx_http_sealchat_link_open(s) != NGX_OK) {
        ngx_http_sealchat_refuse(s, NGX_HTTP_BAD_GATEWAY);
        return;
    }

    s->open = 1;
    s->start = ngx_current_msec;
    ngx_http_sealchat_drain_enter();
    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_OPENED, 1);
    ngx_http_sealchat_count_state(s, NGX_HTTP_SEALCHAT_UNAUTHENTICATED);
    s->request_handler = c->read->handler;

    c->read->handler = ngx_http_sealchat_read_handler;
    c->write->handler = ngx_http_sealchat_write_handler;
    c->log->action = "carrying a sealchat session";

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "sealchat session opened, link: \"%V#%ui\", stream: %uD",
                  &s->link->name, s->link->number, s->stream);

    if (ngx_http_sealchat_send_upgrade(r) != NGX_OK) {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->tcp_nodelay && ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    b = r->header_in;

    if (b->pos < b->last
        && ngx_http_sealchat_session_keep(s, b->pos, b->last) != NGX_OK)
    {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    b->pos = b->last;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    c->idle = 1;
    c->read->cancelable = 1;

    if (slcf->ping_interval) {
        ngx_add_timer(c->read, slcf->ping_interval);
    }

    ngx_http_sealchat_limit_start(s);

    ngx_post_event(c->write, &ngx_posted_events);
    ngx_http_sealchat_session_wake(s);

    if (ngx_exiting || ngx_terminate) {
        ngx_http_sealchat_drain_join(s);
    }
}


/* the link never came up; nothing of the session has left yet */

void
ngx_http_sealchat_session_retry(ngx_http_sealchat_session_t *s,
    ngx_uint_t state, ngx_int_t status)
{
    ngx_http_request_t            *r;
    ngx_http_sealchat_loc_conf_t  *slcf;

    r = s->request;
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    ngx_http_set_log_request(r->connection->log, r);

    ngx_http_sealchat_upstream_free(r, state);

    if (slcf->next_upstream && s->peer.tries) {

        status = ngx_http_sealchat_join(s);

        if (status == NGX_OK) {
            return;
        }
    }

    ngx_http_sealchat_refuse(s, status);
}


static void
ngx_http_sealchat_refuse(ngx_http_sealchat_session_t *s, ngx_int_t status)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = r->connection;

    ngx_http_sealchat_end(s);

    ngx_http_finalize_request(r, status);
    ngx_http_run_posted_requests(c);
}


void
ngx_http_sealchat_session_data(ngx_http_sealchat_session_t *s, u_char *data,
    size_t len)
{
    u_char                        *p;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = s->conf;

    /* what was in flight when PAUSE left has to fit; more is no sidecar's */

    if (s->out.size > slcf->send_queue + 2 * SC_LINK_WINDOW) {
        ngx_log_error(NGX_LOG_ERR, s->request->connection->log, 0,
                      "sidecar goes on sending to a paused session");
        s->close_code = WS_CLOSE_POLICY;
        ngx_http_sealchat_reason(s, "sidecar goes on sending");
        ngx_http_sealchat_abort(s);
        return;
    }

    p = ngx_http_sealchat_session_send(s, WS_OPCODE_BINARY, len);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, data, len);

    s->frames_out++;
    s->bytes_out += len;

    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_FRAMES_OUT, 1);
    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_BYTES_OUT, len);

    if (s->out.size > slcf->send_queue && !s->paused) {
        s->paused = 1;
        ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_PAUSED, 1);
        ngx_http_sealchat_link_pause(s, 1);
    }
}


void
ngx_http_sealchat_session_hold(ngx_http_sealchat_session_t *s,
    ngx_uint_t held)
{
    s->held = held;

    if (!held) {
        ngx_http_sealchat_session_wake(s);
    }
}


void
ngx_http_sealchat_session_wake(ngx_http_sealchat_session_t *s)
{
    ngx_post_event(s->request->connection->read, &ngx_posted_events);
}


/* begins the closing handshake; a second call does nothing */

void
ngx_http_sealchat_session_close(ngx_http_sealchat_session_t *s,
    ngx_uint_t code, u_char *reason, size_t len)
{
    size_t             n;
    u_char            *p, frame[WS_CLOSE_MAX];
    ngx_connection_t  *c;

    if (s->closing) {
        return;
    }

    c = s->request->connection;

    s->closing = 1;
    s->close_code = code;
    ngx_http_sealchat_count_state(s, NGX_HTTP_SEALCHAT_CLOSING);

    ngx_http_sealchat_session_reason(s, (char *) reason, len);
    ngx_http_sealchat_limit_stop(s);
    ngx_http_sealchat_session_drop(s);
    ngx_http_sealchat_link_leave(s, code, reason, len);

    n = ws_put_close(frame, code, reason, len);

    p = ngx_http_sealchat_queue_alloc(&s->out, n,
                                      NGX_HTTP_SEALCHAT_SESSION_BLOCK,
                                      c->log);
    if (p == NULL) {
        ngx_http_sealchat_abort(s);
        return;
    }

    ngx_memcpy(p, frame, n);

    c->read->cancelable = 0;
    ngx_add_timer(c->read, NGX_HTTP_SEALCHAT_CLOSE_TIMEOUT);

    ngx_post_event(c->write, &ngx_posted_events);
    ngx_http_sealchat_session_wake(s);
}


static void
ngx_http_sealchat_read_handler(ngx_event_t *rev)
{
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_sealchat_session_t  *s;

    c = rev->data;
    r = c->data;
    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    ngx_http_set_log_request(c->log, r);

    if (c->close) {
        c->close = 0;

        if (c->error) {
            ngx_http_sealchat_finalize(s, NGX_ERROR);
            return;
        }

        /*
         * nginx closes idle connections between two turns of its loop, and
         * only events posted for the next one keep that from sleeping
         */

        ngx_post_event(rev, &ngx_posted_next_events);
        ngx_http_sealchat_drain_join(s);
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_http_sealchat_timeout(s);
        return;
    }

    ngx_http_sealchat_read(s);
}


static void
ngx_http_sealchat_timeout(ngx_http_sealchat_session_t *s)
{
    ngx_connection_t              *c;
    ngx_http_sealchat_loc_conf_t  *slcf;

    c = s->request->connection;

    if (s->closing) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client did not answer the close of its session");
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    if (s->pinged) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client did not answer a ping");
        ngx_http_sealchat_reason(s, "ping timed out");
        c->timedout = 1;
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    slcf = s->conf;

    if (ngx_http_sealchat_session_send(s, WS_OPCODE_PING, 0) == NULL) {
        return;
    }

    s->pinged = 1;
    ngx_add_timer(c->read, slcf->ping_timeout);
}


static void
ngx_http_sealchat_read(ngx_http_sealchat_session_t *s)
{
    u_char                        *p, *rest;
    size_t                         size;
    ssize_t                        n;
    ngx_int_t                      rc;
    ngx_uint_t                     i, heard;
    ngx_event_t                   *rev;
    ngx_connection_t              *c;
    ngx_http_sealchat_loc_conf_t  *slcf;

    c = s->request->connection;
    rev = c->read;
    heard = 0;

    slcf = s->conf;

    /* what is read and may not be parsed yet has to be kept */

    size = (slcf->rate_messages || slcf->rate_bytes)
           ? NGX_HTTP_SEALCHAT_LIMITED_READ : NGX_HTTP_SEALCHAT_READ_BUFFER;

    for (i = 0; i < NGX_HTTP_SEALCHAT_READS; i++) {

        if (ngx_http_sealchat_session_stopped(s)) {
            goto stopped;
        }

        rest = s->rest;

        if (rest) {
            p = rest;
            n = s->rest_len;
            s->rest = NULL;

        } else {
            p = ngx_http_sealchat_buffer;
            n = c->recv(c, p, size);
        }

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_log_error(NGX_LOG_INFO, c->log, 0,
                          "client closed its connection without a close");
            ngx_http_sealchat_reason(s, "connection closed");
            ngx_http_sealchat_finalize(s, NGX_ERROR);
            return;
        }

        heard = 1;

        rc = ngx_http_sealchat_session_parse(s, p, p + n);

        if (rest) {
            ngx_free(rest);
        }

        if (rc == NGX_ERROR) {
            ngx_http_sealchat_finalize(s, NGX_ERROR);
            return;
        }

        if (s->closed) {
            ngx_http_sealchat_write_handler(c->write);
            return;
        }
    }

    if (i == NGX_HTTP_SEALCHAT_READS) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (!s->closing && (heard || !rev->timer_set)) {
        s->pinged = 0;

        if (slcf->ping_interval) {
            ngx_add_timer(rev, slcf->ping_interval);
        }
    }

    goto done;

stopped:

    /* nobody listens, so nobody may be blamed for silence */

    s->pinged = 0;

    if (rev->timer_set) {
        ngx_del_timer(rev);
    }

done:

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
    }
}


static void
ngx_http_sealchat_write_handler(ngx_event_t *wev)
{
    size_t                         size;
    ngx_int_t                      rc;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_sealchat_session_t   *s;
    ngx_http_sealchat_loc_conf_t  *slcf;

    c = wev->data;
    r = c->data;
    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    ngx_http_set_log_request(c->log, r);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client does not read");
        ngx_http_sealchat_reason(s, "send timed out");
        c->timedout = 1;
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    if (s->aborted) {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    if (c->buffered & NGX_HTTP_WRITE_BUFFERED) {

        rc = ngx_http_output_filter(r, NULL);

    } else {
        rc = NGX_OK;
    }

    size = s->out.size;

    if (rc == NGX_OK) {
        rc = ngx_http_sealchat_queue_send(&s->out, c);
    }

    if (rc == NGX_ERROR) {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    if (rc == NGX_AGAIN) {
        if (!wev->timer_set || s->out.size < size) {
            slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);
            ngx_add_timer(wev, slcf->upstream.send_timeout);
        }

    } else {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        if (s->closed) {
            ngx_http_sealchat_finalize(s, NGX_OK);
            return;
        }
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_http_sealchat_finalize(s, NGX_ERROR);
        return;
    }

    ngx_http_sealchat_sent(s);
}


/* the queue is shorter now: let go what was stopped for it */

static void
ngx_http_sealchat_sent(ngx_http_sealchat_session_t *s)
{
    ngx_connection_t              *c;
    ngx_http_sealchat_loc_conf_t  *slcf;

    c = s->request->connection;

#if (NGX_HTTP_SSL)

    if (c->ssl && s->out.size == 0 && !c->buffered) {
        ngx_ssl_free_buffer(c);
    }

#endif

    slcf = s->conf;

    if (s->out.size > slcf->send_queue / 2) {
        return;
    }

    if (s->paused && s->link) {
        s->paused = 0;
        ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_PAUSED, -1);
        ngx_http_sealchat_link_pause(s, 0);
    }

    if (s->choked) {
        s->choked = 0;
        ngx_http_sealchat_session_wake(s);
    }
}


/* queues a frame and returns where its payload goes */

u_char *
ngx_http_sealchat_session_send(ngx_http_sealchat_session_t *s,
    ngx_uint_t opcode, size_t len)
{
    size_t             n;
    u_char            *p, header[WS_HEADER_MAX];
    ngx_connection_t  *c;

    c = s->request->connection;

    n = ws_put_header(header, opcode, len);

    p = ngx_http_sealchat_queue_alloc(&s->out, n + len,
                                      NGX_HTTP_SEALCHAT_SESSION_BLOCK,
                                      c->log);
    if (p == NULL) {
        ngx_http_sealchat_abort(s);
        return NULL;
    }

    ngx_post_event(c->write, &ngx_posted_events);

    return ngx_cpymem(p, header, n);
}


/* gives up without a Close frame, at the end of this turn of the loop */

static void
ngx_http_sealchat_abort(ngx_http_sealchat_session_t *s)
{
    s->closing = 1;
    s->aborted = 1;
    ngx_http_sealchat_count_state(s, NGX_HTTP_SEALCHAT_CLOSING);

    ngx_http_sealchat_limit_stop(s);
    ngx_http_sealchat_link_leave(s, WS_CLOSE_ABNORMAL, NULL, 0);

    ngx_post_event(s->request->connection->write, &ngx_posted_events);
}


/* the first reason is the one that counts */

void
ngx_http_sealchat_session_reason(ngx_http_sealchat_session_t *s,
    const char *reason, size_t len)
{
    if (len == 0 || s->close_reason.len) {
        return;
    }

    s->close_reason.data = ngx_pnalloc(s->request->pool, len);
    if (s->close_reason.data == NULL) {
        return;
    }

    ngx_memcpy(s->close_reason.data, reason, len);
    s->close_reason.len = len;
}


/* gives back all that the session holds, on whatever way it has ended */

static void
ngx_http_sealchat_end(ngx_http_sealchat_session_t *s)
{
    ngx_connection_t  *c;

    if (s->ended) {
        return;
    }

    s->ended = 1;

    c = s->request->connection;

    if (s->close_code == 0) {
        s->close_code = WS_CLOSE_ABNORMAL;
    }

    ngx_http_sealchat_link_leave(s, s->close_code, NULL, 0);
    ngx_http_sealchat_upstream_free(s->request, 0);

    ngx_http_sealchat_limit_stop(s);
    ngx_http_sealchat_session_drop(s);
    ngx_http_sealchat_queue_free(&s->out);

    ngx_http_sealchat_session_ticket(s, NULL, 0);
    ngx_http_sealchat_count_end(s);

    if (s->rest) {
        ngx_free(s->rest);
        s->rest = NULL;
    }

    if (!s->open) {
        return;
    }

    s->time = ngx_current_msec - s->start;

    c->idle = 0;
    c->read->cancelable = 0;

    ngx_http_sealchat_drain_leave();

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "sealchat session closed with %ud, frames in: %uL, "
                  "out: %uL", (unsigned) s->close_code, s->frames_in,
                  s->frames_out);
}


static void
ngx_http_sealchat_finalize(ngx_http_sealchat_session_t *s, ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->request;
    c = r->connection;

    ngx_http_sealchat_end(s);

    /* the request is nginx's again */

    c->read->handler = s->request_handler;
    c->write->handler = s->request_handler;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}
