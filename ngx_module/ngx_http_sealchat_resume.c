
/*
 * Links that broke.
 *
 * A link that had been up keeps its sessions: nothing is read from their
 * browsers until the same peer is connected again, and each stream is opened
 * again, by its ticket if it has one.  Nothing of what was under way on the
 * old connection is honoured.
 */


#include "ngx_http_sealchat_status.h"


#define NGX_HTTP_SEALCHAT_RETRY_FIRST  50
#define NGX_HTTP_SEALCHAT_RETRY_MOST   1000
#define NGX_HTTP_SEALCHAT_RETRY_RESET  5000


static void ngx_http_sealchat_link_lose_sessions(
    ngx_http_sealchat_link_t *link);
static void ngx_http_sealchat_session_lost(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_link_refuse(ngx_http_sealchat_link_t *link,
    ngx_uint_t state, ngx_int_t status);
static ngx_uint_t ngx_http_sealchat_link_patient(
    ngx_http_sealchat_link_t *link, ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_link_give_up(ngx_http_sealchat_link_t *link);
static void ngx_http_sealchat_link_retry_handler(ngx_event_t *ev);
static void ngx_http_sealchat_link_retry_later(
    ngx_http_sealchat_link_t *link);
static void ngx_http_sealchat_link_destroy(ngx_http_sealchat_link_t *link);


/* called by the link's own handlers: it may be gone afterwards */

void
ngx_http_sealchat_link_break(ngx_http_sealchat_link_t *link, ngx_int_t status)
{
    ngx_uint_t  up;

    up = link->up;

    if (up) {
        ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_LINKS, -1);
    }

    ngx_close_connection(link->connection);

    link->connection = NULL;
    link->last = link->start;
    link->connected = 0;
    link->up = 0;
    link->paused = 0;
    link->failed = 0;

    ngx_http_sealchat_queue_free(&link->out);
    ngx_http_sealchat_link_answer(link, NULL, 0);

    if (up && link->sessions) {
        ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_LINKS_LOST, 1);

        if (ngx_current_msec - link->since > NGX_HTTP_SEALCHAT_RETRY_RESET) {
            link->backoff = 0;
        }

        link->lost = 1;
        link->since = ngx_current_msec;

        ngx_http_sealchat_link_lose_sessions(link);
    }

    ngx_http_sealchat_streams_free(&link->streams);

    /* one failed connect is one failure, however many were waiting for it */

    ngx_http_sealchat_link_refuse(link, up ? 0 : NGX_PEER_FAILED, status);

    if (link->sessions == 0) {
        ngx_http_sealchat_link_destroy(link);
        return;
    }

    ngx_http_sealchat_link_retry_later(link);
}


static void
ngx_http_sealchat_link_lose_sessions(ngx_http_sealchat_link_t *link)
{
    uint32_t                      i;
    ngx_http_sealchat_session_t  *s;

    for (i = 1; i < link->streams.nalloc; i++) {
        s = link->streams.elts[i].session;

        if (s == NULL) {
            continue;
        }

        if (s->queued) {
            ngx_queue_remove(&s->queue);
        }

        ngx_queue_insert_tail(&link->returning, &s->queue);
        s->queued = 1;
        s->stream = 0;

        ngx_http_sealchat_session_lost(s);
    }
}


/* nobody reads what the browser sends, so nobody may blame it for silence */

static void
ngx_http_sealchat_session_lost(ngx_http_sealchat_session_t *s)
{
    ngx_event_t  *rev;

    rev = s->request->connection->read;

    s->held = 0;
    s->pinged = 0;

    if (rev->timer_set) {
        ngx_del_timer(rev);
    }
}


/*
 * The link is back: opens the session's stream again.  What the sidecar is
 * told by the browser comes behind that.
 */

void
ngx_http_sealchat_session_resume(ngx_http_sealchat_session_t *s)
{
    if (ngx_http_sealchat_link_open(s) != NGX_OK && s->stream == 0) {
        ngx_http_sealchat_session_close(s, WS_CLOSE_TRY_LATER,
                                        (u_char *) "sidecar lost",
                                        sizeof("sidecar lost") - 1);
        return;
    }

    s->link_number = s->link->number;

    /* its TICKET says whether it is authenticated still */

    ngx_http_sealchat_limit_restart(s);
    ngx_http_sealchat_session_wake(s);
}


/* keeps what reopens the stream; without memory it is opened without */

void
ngx_http_sealchat_session_ticket(ngx_http_sealchat_session_t *s,
    u_char *ticket, size_t len)
{
    if (s->ticket_len != len) {

        if (s->ticket) {
            ngx_free(s->ticket);
            s->ticket = NULL;
            s->ticket_len = 0;
        }

        if (len == 0) {
            return;
        }

        s->ticket = ngx_alloc(len, s->request->connection->log);
        if (s->ticket == NULL) {
            return;
        }

        s->ticket_len = len;
    }

    if (len) {
        ngx_memcpy(s->ticket, ticket, len);
    }
}


/* those that wait for their upgrade; a link that was lost is waited for */

static void
ngx_http_sealchat_link_refuse(ngx_http_sealchat_link_t *link,
    ngx_uint_t state, ngx_int_t status)
{
    ngx_queue_t                  *q, *next;
    ngx_http_sealchat_session_t  *s;

    /* none of them is to come back to it */

    link->failed = 1;

    for (q = ngx_queue_head(&link->waiting);
         q != ngx_queue_sentinel(&link->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        s = ngx_queue_data(q, ngx_http_sealchat_session_t, queue);

        if (ngx_http_sealchat_link_patient(link, s)) {
            continue;
        }

        ngx_queue_remove(q);
        s->queued = 0;
        s->link = NULL;
        link->sessions--;

        ngx_http_sealchat_session_retry(s, state, status);
        state = 0;
    }

    link->failed = 0;
}


static ngx_uint_t
ngx_http_sealchat_link_patient(ngx_http_sealchat_link_t *link,
    ngx_http_sealchat_session_t *s)
{
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(s->request, ngx_http_sealchat_module);

    return link->lost
           && !slcf->next_upstream
           && ngx_current_msec - s->start < slcf->upstream.connect_timeout;
}


/* how much later a browser comes is for its client to choose */

static void
ngx_http_sealchat_link_give_up(ngx_http_sealchat_link_t *link)
{
    ngx_queue_t                  *q;
    ngx_http_sealchat_session_t  *s;

    ngx_log_error(NGX_LOG_ERR, &link->log, NGX_ETIMEDOUT,
                  "sidecar does not come back");

    while (!ngx_queue_empty(&link->returning)) {
        q = ngx_queue_head(&link->returning);
        s = ngx_queue_data(q, ngx_http_sealchat_session_t, queue);

        ngx_http_sealchat_session_close(s, WS_CLOSE_TRY_LATER,
                                        (u_char *) "sidecar lost",
                                        sizeof("sidecar lost") - 1);
    }
}


static void
ngx_http_sealchat_link_retry_handler(ngx_event_t *ev)
{
    ngx_int_t                  rc;
    ngx_http_sealchat_link_t  *link;

    link = ev->data;

    if (link->up) {
        return;
    }

    if (link->lost
        && ngx_current_msec - link->since >= link->send_timeout)
    {
        ngx_http_sealchat_link_give_up(link);
        link->lost = 0;
    }

    ngx_http_sealchat_link_refuse(link, NGX_PEER_FAILED,
                                  NGX_HTTP_BAD_GATEWAY);

    if (link->sessions == 0) {
        ngx_http_sealchat_link_destroy(link);
        return;
    }

    if (link->connection == NULL) {
        rc = ngx_http_sealchat_link_connect(link);

        if (rc != NGX_OK) {
            ngx_http_sealchat_link_refuse(link, NGX_PEER_FAILED,
                                          NGX_HTTP_BAD_GATEWAY);
        }
    }

    ngx_http_sealchat_link_retry_later(link);
}


/* the last session may have left it meanwhile: the handler looks */

static void
ngx_http_sealchat_link_retry_later(ngx_http_sealchat_link_t *link)
{
    ngx_msec_t  wait;

    wait = link->backoff ? link->backoff : NGX_HTTP_SEALCHAT_RETRY_FIRST;
    link->backoff = ngx_min(2 * wait, NGX_HTTP_SEALCHAT_RETRY_MOST);

    /* all workers have lost it at once */

    wait = wait / 2 + (ngx_msec_t) ngx_random() % (wait / 2 + 1);

    link->retry.handler = ngx_http_sealchat_link_retry_handler;
    link->retry.data = link;
    link->retry.log = &link->log;
    link->retry.cancelable = ngx_queue_empty(&link->waiting);

    ngx_add_timer(&link->retry, wait);
}


static void
ngx_http_sealchat_link_destroy(ngx_http_sealchat_link_t *link)
{
    ngx_queue_remove(&link->queue);

    if (link->connection) {
        ngx_close_connection(link->connection);
    }

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    if (link->retry.posted) {
        ngx_delete_posted_event(&link->retry);
    }

    ngx_http_sealchat_streams_free(&link->streams);
    ngx_http_sealchat_queue_free(&link->out);
    ngx_http_sealchat_link_answer(link, NULL, 0);

    ngx_destroy_pool(link->pool);
}
