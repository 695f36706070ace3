
/*
 * Links: few connections to each sidecar peer, shared by all sessions of the
 * worker.
 */


#include "ngx_http_sealchat_status.h"


#define NGX_HTTP_SEALCHAT_LINK_INPUT   (256 * 1024)
#define NGX_HTTP_SEALCHAT_LINK_READS   8
#define NGX_HTTP_SEALCHAT_LINK_PACE    (64 * 1024)


static ngx_http_sealchat_link_t *ngx_http_sealchat_link_find(
    ngx_peer_connection_t *pc, ngx_uint_t *more);
static ngx_int_t ngx_http_sealchat_link_make(ngx_peer_connection_t *pc,
    ngx_http_sealchat_loc_conf_t *slcf, ngx_http_sealchat_link_t **made);
static ngx_http_sealchat_link_t *ngx_http_sealchat_link_create(
    ngx_peer_connection_t *pc, ngx_http_sealchat_loc_conf_t *slcf);
static void ngx_http_sealchat_link_times(ngx_http_sealchat_link_t *link,
    ngx_http_sealchat_loc_conf_t *slcf);
static ngx_int_t ngx_http_sealchat_link_connected(
    ngx_http_sealchat_link_t *link);

static void ngx_http_sealchat_link_read_handler(ngx_event_t *rev);
static void ngx_http_sealchat_link_timeout(ngx_http_sealchat_link_t *link);

static void ngx_http_sealchat_link_write_handler(ngx_event_t *wev);
static void ngx_http_sealchat_link_sent(ngx_http_sealchat_link_t *link);
static void ngx_http_sealchat_link_start_sessions(
    ngx_http_sealchat_link_t *link);
static void ngx_http_sealchat_link_unblock(ngx_http_sealchat_link_t *link);

static u_char *ngx_http_sealchat_link_log_error(ngx_log_t *log, u_char *buf,
    size_t len);


static ngx_queue_t  ngx_http_sealchat_links;
static ngx_uint_t   ngx_http_sealchat_link_number;


void
ngx_http_sealchat_link_init(void)
{
    ngx_queue_init(&ngx_http_sealchat_links);
}


ngx_int_t
ngx_http_sealchat_link_join(ngx_http_sealchat_session_t *s,
    ngx_peer_connection_t *pc)
{
    ngx_int_t                      rc;
    ngx_uint_t                     more;
    ngx_http_sealchat_link_t      *link, *another;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(s->request, ngx_http_sealchat_module);

    more = slcf->links;
    link = ngx_http_sealchat_link_find(pc, &more);

    if (link == NULL) {

        rc = ngx_http_sealchat_link_make(pc, slcf, &link);
        if (rc != NGX_OK) {
            return rc;
        }

    } else if (more && link->up && link->sessions) {

        /* nobody waits for it, and nobody is refused when it fails */

        (void) ngx_http_sealchat_link_make(pc, slcf, &another);
    }

    /* a status page may have made it, with times of its own */

    if (link->sessions == 0) {
        ngx_http_sealchat_link_times(link, slcf);
    }

    ngx_queue_insert_tail(&link->waiting, &s->queue);
    s->queued = 1;
    s->link = link;
    s->link_number = link->number;
    s->start = ngx_current_msec;
    link->sessions++;

    /* a worker that exits stays for it */

    link->retry.cancelable = 0;

    if (link->up) {
        ngx_post_event(link->connection->write, &ngx_posted_events);
    }

    return NGX_OK;
}


/* a link for who is no session; NULL if there is none to be had */

ngx_http_sealchat_link_t *
ngx_http_sealchat_link_get(ngx_peer_connection_t *pc,
    ngx_http_sealchat_loc_conf_t *slcf)
{
    ngx_uint_t                 more;
    ngx_http_sealchat_link_t  *link;

    more = slcf->links;
    link = ngx_http_sealchat_link_find(pc, &more);

    if (link == NULL
        && ngx_http_sealchat_link_make(pc, slcf, &link) != NGX_OK)
    {
        return NULL;
    }

    return link;
}


/*
 * The link of that peer with the fewest sessions, one that is up if there is
 * any.  "more" comes in as how many links a peer may have, and goes out as
 * how many more may be made now: one at a time.
 */

static ngx_http_sealchat_link_t *
ngx_http_sealchat_link_find(ngx_peer_connection_t *pc, ngx_uint_t *more)
{
    ngx_queue_t               *q;
    ngx_http_sealchat_link_t  *link, *best;

    best = NULL;

    for (q = ngx_queue_head(&ngx_http_sealchat_links);
         q != ngx_queue_sentinel(&ngx_http_sealchat_links);
         q = ngx_queue_next(q))
    {
        link = ngx_queue_data(q, ngx_http_sealchat_link_t, queue);

        if (link->failed
            || ngx_cmp_sockaddr(link->peer.sockaddr, link->peer.socklen,
                                pc->sockaddr, pc->socklen, 1)
               != NGX_OK)
        {
            continue;
        }

        if (!link->up) {
            *more = 0;

        } else if (*more) {
            (*more)--;
        }

        if (best == NULL
            || link->up > best->up
            || (link->up == best->up && link->sessions < best->sessions))
        {
            best = link;
        }
    }

    return best;
}


static ngx_int_t
ngx_http_sealchat_link_make(ngx_peer_connection_t *pc,
    ngx_http_sealchat_loc_conf_t *slcf, ngx_http_sealchat_link_t **made)
{
    ngx_int_t                  rc;
    ngx_http_sealchat_link_t  *link;

    link = ngx_http_sealchat_link_create(pc, slcf);
    if (link == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_sealchat_link_connect(link);
    if (rc != NGX_OK) {
        ngx_destroy_pool(link->pool);
        return rc;
    }

    ngx_queue_insert_tail(&ngx_http_sealchat_links, &link->queue);

    *made = link;

    return NGX_OK;
}


static ngx_http_sealchat_link_t *
ngx_http_sealchat_link_create(ngx_peer_connection_t *pc,
    ngx_http_sealchat_loc_conf_t *slcf)
{
    ngx_pool_t                *pool;
    ngx_http_sealchat_link_t  *link;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    link = ngx_pcalloc(pool, sizeof(ngx_http_sealchat_link_t));
    if (link == NULL) {
        goto failed;
    }

    link->pool = pool;

    /* the balancer may drop the peer at any time: keep nothing of it */

    link->peer.sockaddr = ngx_pnalloc(pool, pc->socklen);
    link->name.data = ngx_pstrdup(pool, pc->name);
    link->start = ngx_palloc(pool, NGX_HTTP_SEALCHAT_LINK_INPUT);

    if (link->peer.sockaddr == NULL
        || link->name.data == NULL
        || link->start == NULL)
    {
        goto failed;
    }

    ngx_memcpy(link->peer.sockaddr, pc->sockaddr, pc->socklen);
    link->name.len = pc->name->len;
    link->last = link->start;

    link->log = *ngx_cycle->log;
    link->log.handler = ngx_http_sealchat_link_log_error;
    link->log.data = link;

    link->peer.socklen = pc->socklen;
    link->peer.name = &link->name;
    link->peer.get = ngx_event_get_peer;
    link->peer.log = &link->log;
    link->peer.log_error = NGX_ERROR_ERR;

    ngx_http_sealchat_link_times(link, slcf);

    ngx_queue_init(&link->waiting);
    ngx_queue_init(&link->blocked);
    ngx_queue_init(&link->returning);
    ngx_queue_init(&link->asking);

    link->out.gauge = NGX_HTTP_SEALCHAT_LINK_QUEUE;

    return link;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ngx_http_sealchat_link_times(ngx_http_sealchat_link_t *link,
    ngx_http_sealchat_loc_conf_t *slcf)
{
    link->connect_timeout = slcf->upstream.connect_timeout;

    if (link->send_timeout == slcf->upstream.send_timeout) {
        return;
    }

    link->send_timeout = slcf->upstream.send_timeout;

    if (link->up) {
        ngx_add_timer(link->connection->read, (link->send_timeout + 1) / 2);
    }
}


/* each connection is a generation of its own, with a number of its own */

ngx_int_t
ngx_http_sealchat_link_connect(ngx_http_sealchat_link_t *link)
{
    u_char            *p;
    ngx_int_t          rc;
    ngx_connection_t  *c;

    link->number = ++ngx_http_sealchat_link_number;
    link->log.action = "connecting to sidecar";

    rc = ngx_event_connect_peer(&link->peer);

    if (rc == NGX_ERROR || rc == NGX_DECLINED) {
        return rc;
    }

    c = link->peer.connection;

    c->data = link;
    c->log = &link->log;
    c->read->log = &link->log;
    c->write->log = &link->log;
    c->read->handler = ngx_http_sealchat_link_read_handler;
    c->write->handler = ngx_http_sealchat_link_write_handler;

    link->connection = c;

    p = ngx_http_sealchat_queue_alloc(&link->out, SC_RECORD_HELLO_BYTES,
                                      NGX_HTTP_SEALCHAT_LINK_BLOCK,
                                      &link->log);
    if (p == NULL) {
        ngx_close_connection(c);
        link->connection = NULL;
        return NGX_ERROR;
    }

    sc_hello_put(p);

    ngx_add_timer(c->read, link->connect_timeout);

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_link_connected(ngx_http_sealchat_link_t *link)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = link->connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(NGX_LOG_ERR, c->log, err, "connect() failed");
        return NGX_ERROR;
    }

    if (link->peer.sockaddr->sa_family != AF_UNIX
        && ngx_tcp_nodelay(c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    link->connected = 1;
    link->log.action = "greeting sidecar";

    return NGX_OK;
}


/* both ends have said HELLO */

void
ngx_http_sealchat_link_up(ngx_http_sealchat_link_t *link)
{
    ngx_queue_t                  *q;
    ngx_connection_t             *c;
    ngx_http_sealchat_session_t  *s;

    c = link->connection;

    link->up = 1;
    link->lost = 0;
    link->since = ngx_current_msec;
    link->log.action = "carrying sessions";

    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_LINKS, 1);
    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_LINKS_UP, 1);

    ngx_http_sealchat_link_question(link);

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "sealchat link is up");

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    c->idle = 1;
    c->read->cancelable = 1;
    ngx_add_timer(c->read, (link->send_timeout + 1) / 2);

    /* the balancer clears a peer's failures only when one is freed */

    if (!ngx_queue_empty(&link->waiting)) {
        q = ngx_queue_head(&link->waiting);
        s = ngx_queue_data(q, ngx_http_sealchat_session_t, queue);

        ngx_http_sealchat_upstream_free(s->request, 0);
    }

    ngx_post_event(c->write, &ngx_posted_events);
}


static void
ngx_http_sealchat_link_read_handler(ngx_event_t *rev)
{
    ssize_t                    n;
    ngx_uint_t                 i;
    ngx_connection_t          *c;
    ngx_http_sealchat_link_t  *link;

    c = rev->data;
    link = c->data;

    if (c->close) {
        c->close = 0;

        if (c->error || link->sessions == 0) {
            ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
            return;
        }

        /* the worker stays until the last session has left */

        rev->cancelable = 0;
        return;
    }

    if (rev->timedout) {
        rev->timedout = 0;
        ngx_http_sealchat_link_timeout(link);
        return;
    }

    if (!link->connected
        && ngx_http_sealchat_link_connected(link) != NGX_OK)
    {
        ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
        return;
    }

    for (i = 0; i < NGX_HTTP_SEALCHAT_LINK_READS; i++) {

        n = c->recv(c, link->last,
                    link->start + NGX_HTTP_SEALCHAT_LINK_INPUT - link->last);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "sidecar closed the link%s",
                          (link->last == link->start)
                          ? "" : " within a record");
            ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
            return;
        }

        link->last += n;
        link->heard = ngx_current_msec;

        if (ngx_http_sealchat_link_parse(link) != NGX_OK) {
            ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
            return;
        }

        /* a PAUSE that waits lets more come than it has to */

        if (link->out.size) {
            break;
        }
    }

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
    }
}


/*
 * Before the link is up, the time to connect is over.  Then the timer looks
 * twice in each send_timeout whether the sidecar was heard of: a silent one
 * gets a PING, and is given up a send_timeout later.
 */

static void
ngx_http_sealchat_link_timeout(ngx_http_sealchat_link_t *link)
{
    ngx_msec_t         silence, period;
    ngx_connection_t  *c;

    c = link->connection;

    if (!link->up) {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "sidecar timed out");
        ngx_http_sealchat_link_break(link, NGX_HTTP_GATEWAY_TIME_OUT);
        return;
    }

    period = (link->send_timeout + 1) / 2;
    silence = ngx_current_msec - link->heard;

    if (silence >= 3 * period) {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "sidecar does not answer");
        ngx_http_sealchat_link_break(link, NGX_HTTP_GATEWAY_TIME_OUT);
        return;
    }

    if (silence >= period) {
        (void) ngx_http_sealchat_link_put(link, SC_RECORD_PING, 0, 0, 0, 0);
    }

    ngx_add_timer(c->read, period);
}


static void
ngx_http_sealchat_link_write_handler(ngx_event_t *wev)
{
    size_t                        size;
    ngx_int_t                     rc;
    ngx_connection_t             *c;
    ngx_http_sealchat_link_t     *link;

    c = wev->data;
    link = c->data;

    if (wev->timedout) {
        wev->timedout = 0;
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "sidecar does not read");
        ngx_http_sealchat_link_break(link, NGX_HTTP_GATEWAY_TIME_OUT);
        return;
    }

    if (!link->connected
        && ngx_http_sealchat_link_connected(link) != NGX_OK)
    {
        ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
        return;
    }

    if (link->up) {
        ngx_http_sealchat_link_start_sessions(link);
    }

    size = link->out.size;
    rc = ngx_http_sealchat_queue_send(&link->out, c);

    if (link->failed || rc == NGX_ERROR) {
        ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
        return;
    }

    if (ngx_exiting && link->up && link->sessions == 0) {
        ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
        return;
    }

    if (rc == NGX_AGAIN) {
        if (!wev->timer_set || link->out.size < size) {
            ngx_add_timer(wev, link->send_timeout);
        }

    } else {

        ngx_http_sealchat_link_sent(link);

        if (link->up
            && (!ngx_queue_empty(&link->returning)
                || !ngx_queue_empty(&link->waiting)))
        {
            ngx_post_event(wev, &ngx_posted_next_events);
        }
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_http_sealchat_link_break(link, NGX_HTTP_BAD_GATEWAY);
        return;
    }

    ngx_http_sealchat_link_unblock(link);
}


/*
 * Nothing waits for the socket now.  A sidecar that reads makes it writable
 * each time, and epoll would wake the worker for that.
 */

static void
ngx_http_sealchat_link_sent(ngx_http_sealchat_link_t *link)
{
    ngx_event_t  *wev;

    wev = link->connection->write;

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    if (wev->active && (ngx_event_flags & NGX_USE_EPOLL_EVENT)) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, NGX_CLEAR_EVENT);
    }
}


/*
 * However many wait, the sidecar takes their OPENs at its own pace: those
 * that come back first, and few at a time, since each makes it read.
 */

static void
ngx_http_sealchat_link_start_sessions(ngx_http_sealchat_link_t *link)
{
    size_t                        pace;
    ngx_queue_t                  *q, *from;
    ngx_http_sealchat_session_t  *s;

    for ( ;; ) {

        if (!ngx_queue_empty(&link->returning)) {
            from = &link->returning;
            pace = NGX_HTTP_SEALCHAT_LINK_PACE;

        } else {
            from = &link->waiting;
            pace = SC_LINK_WINDOW;
        }

        if (ngx_queue_empty(from) || link->out.size > pace || link->failed) {
            return;
        }

        q = ngx_queue_head(from);
        s = ngx_queue_data(q, ngx_http_sealchat_session_t, queue);

        ngx_queue_remove(q);
        s->queued = 0;

        if (s->open) {
            ngx_http_sealchat_session_resume(s);

        } else {
            ngx_http_sealchat_session_start(s);
        }
    }
}


/*
 * Appends a record and returns where its payload goes.  Without memory, or
 * when control records pile up at a sidecar that does not read, the link is
 * marked as failed and broken at the end of this turn of the event loop.
 */

u_char *
ngx_http_sealchat_link_put(ngx_http_sealchat_link_t *link, ngx_uint_t kind,
    uint32_t stream, ngx_uint_t flags, ngx_uint_t code, size_t len)
{
    u_char            *p;
    struct sc_record   rec;

    ngx_post_event(link->connection->write, &ngx_posted_events);

    if (link->out.size > 2 * SC_LINK_WINDOW) {

        if (!link->failed) {
            ngx_log_error(NGX_LOG_ERR, link->connection->log, 0,
                          "sidecar does not read its control records");
        }

        link->failed = 1;
        return NULL;
    }

    p = ngx_http_sealchat_queue_alloc(&link->out, SC_RECORD_HEADER + len,
                                      NGX_HTTP_SEALCHAT_LINK_BLOCK,
                                      link->connection->log);
    if (p == NULL) {
        link->failed = 1;
        return NULL;
    }

    rec.length = len;
    rec.kind = kind;
    rec.flags = flags;
    rec.code = code;
    rec.stream = stream;

    sc_record_put(p, &rec);

    return p + SC_RECORD_HEADER;
}


ngx_int_t
ngx_http_sealchat_link_open(ngx_http_sealchat_session_t *s)
{
    u_char                    *p, payload[SC_OPEN_MAX];
    size_t                     len;
    ngx_str_t                  cid;
    ngx_uint_t                 flags;
    struct sc_open             open;
    ngx_http_request_t        *r;
    ngx_http_sealchat_link_t  *link;

    r = s->request;
    link = s->link;

    if (ngx_http_arg(r, (u_char *) "c", 1, &cid) != NGX_OK) {
        ngx_str_null(&cid);
    }

    open.addr = r->connection->addr_text.data;
    open.addr_len = ngx_min(r->connection->addr_text.len, SC_OPEN_ADDR_MAX);
    open.origin = s->origin.data;
    open.origin_len = s->origin.len;
    open.cid = cid.data;
    open.cid_len = cid.len;
    open.ticket = s->ticket;
    open.ticket_len = s->ticket_len;

    len = sc_open_put(payload, SC_OPEN_MAX, &open);
    if (len == 0) {
        return NGX_ERROR;
    }

    s->stream = ngx_http_sealchat_stream_add(&link->streams, s,
                                             link->connection->log);
    if (s->stream == 0) {
        return NGX_ERROR;
    }

    flags = (s->open ? SC_RECORD_FLAG_AGAIN : 0)
            | (s->paused ? SC_RECORD_FLAG_PAUSED : 0);

    p = ngx_http_sealchat_link_put(link, SC_RECORD_OPEN, s->stream, flags, 0,
                                   len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, payload, len);

    return NGX_OK;
}


void
ngx_http_sealchat_link_data(ngx_http_sealchat_session_t *s, u_char *data,
    size_t len)
{
    u_char  *p;

    p = ngx_http_sealchat_link_put(s->link, SC_RECORD_DATA, s->stream, 0, 0,
                                   len);
    if (p) {
        ngx_memcpy(p, data, len);
    }
}


void
ngx_http_sealchat_link_pause(ngx_http_sealchat_session_t *s,
    ngx_uint_t paused)
{
    /* OPEN will say so */

    if (s->stream == 0) {
        return;
    }

    (void) ngx_http_sealchat_link_put(s->link,
                              paused ? SC_RECORD_PAUSE : SC_RECORD_RESUME,
                              s->stream, 0, 0, 0);
}


/* if the link takes no message now, the session will be woken when it does */

ngx_uint_t
ngx_http_sealchat_link_full(ngx_http_sealchat_session_t *s)
{
    ngx_http_sealchat_link_t  *link;

    link = s->link;

    if (s->queued) {
        return 1;
    }

    if (!link->paused
        && link->out.size + SC_RECORD_HEADER + SC_RECORD_PAYLOAD_MAX
           <= SC_LINK_WINDOW)
    {
        return 0;
    }

    ngx_queue_insert_tail(&link->blocked, &s->queue);
    s->queued = 1;

    return 1;
}


static void
ngx_http_sealchat_link_unblock(ngx_http_sealchat_link_t *link)
{
    ngx_queue_t                  *q;
    ngx_http_sealchat_session_t  *s;

    if (link->paused || link->out.size > SC_LINK_WINDOW / 2) {
        return;
    }

    while (!ngx_queue_empty(&link->blocked)) {
        q = ngx_queue_head(&link->blocked);
        s = ngx_queue_data(q, ngx_http_sealchat_session_t, queue);

        ngx_queue_remove(q);
        s->queued = 0;

        ngx_http_sealchat_session_wake(s);
    }
}


void
ngx_http_sealchat_link_leave(ngx_http_sealchat_session_t *s,
    ngx_uint_t code, u_char *reason, size_t len)
{
    u_char                    *p;
    ngx_http_sealchat_link_t  *link;

    link = s->link;

    if (link == NULL) {
        return;
    }

    if (s->queued) {
        ngx_queue_remove(&s->queue);
        s->queued = 0;
    }

    s->link = NULL;
    link->sessions--;

    if (link->lost && link->sessions == 0) {
        ngx_post_event(&link->retry, &ngx_posted_events);
    }

    if (s->stream == 0) {
        return;
    }

    ngx_http_sealchat_stream_close(&link->streams, s->stream);

    p = ngx_http_sealchat_link_put(link, SC_RECORD_CLOSE, s->stream, 0, code,
                                   len);
    if (p && len) {
        ngx_memcpy(p, reason, len);
    }

    s->stream = 0;
}


static u_char *
ngx_http_sealchat_link_log_error(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                    *p;
    ngx_http_sealchat_link_t  *link;

    link = log->data;

    p = ngx_snprintf(buf, len, " while %s, link: \"%V#%ui\"", log->action,
                     &link->name, link->number);

    return p;
}
