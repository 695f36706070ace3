
/*
 * Limits of a session: the time to authenticate, the time to live, the time
 * to leave, and how much it may send in a second.
 *
 * One timer serves all of them.  Whoever sends too much is not closed but not
 * read, so that TCP slows it down, as limit_rate does the other way.
 */


#include "ngx_http_sealchat_status.h"


static ngx_msec_t ngx_http_sealchat_bucket(uint64_t *bucket, uint64_t rate,
    ngx_msec_t elapsed, uint64_t n);
static void ngx_http_sealchat_limit_set(ngx_http_sealchat_session_t *s);
static void ngx_http_sealchat_limit_handler(ngx_event_t *ev);
static void ngx_http_sealchat_limit_refill(ngx_http_sealchat_session_t *s);
static ngx_uint_t ngx_http_sealchat_limit_unheard(
    ngx_http_sealchat_session_t *s);


void
ngx_http_sealchat_limit_start(ngx_http_sealchat_session_t *s)
{
    s->timer.handler = ngx_http_sealchat_limit_handler;
    s->timer.data = s;
    s->timer.log = s->request->connection->log;
    s->timer.cancelable = 1;

    s->auth_start = s->start;
    s->rate_time = s->start;

    ngx_http_sealchat_limit_set(s);
}


/* the sidecar says so: the module itself looks into no frame */

void
ngx_http_sealchat_limit_authenticated(ngx_http_sealchat_session_t *s,
    u_char role)
{
    s->role = role;

    if (!s->closing) {
        ngx_http_sealchat_count_state(s, role
                                     ? NGX_HTTP_SEALCHAT_AUTHENTICATED
                                     : NGX_HTTP_SEALCHAT_UNAUTHENTICATED);
        ngx_http_sealchat_limit_set(s);
    }
}


/* its stream begins anew */

void
ngx_http_sealchat_limit_restart(ngx_http_sealchat_session_t *s)
{
    s->auth_start = ngx_current_msec;

    ngx_http_sealchat_limit_authenticated(s, 0);
}


/* the worker waits for it now */

void
ngx_http_sealchat_limit_drain(ngx_http_sealchat_session_t *s)
{
    s->timer.cancelable = 0;

    ngx_http_sealchat_limit_set(s);
}


void
ngx_http_sealchat_limit_charge(ngx_http_sealchat_session_t *s,
    ngx_uint_t messages, size_t bytes)
{
    ngx_msec_t                     elapsed, wait;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = s->conf;

    if (s->closing || (slcf->rate_messages == 0 && slcf->rate_bytes == 0)) {
        return;
    }

    elapsed = ngx_current_msec - s->rate_time;
    s->rate_time = ngx_current_msec;

    wait = ngx_http_sealchat_bucket(&s->rate_messages, slcf->rate_messages,
                                    elapsed, messages);
    s->rate_wait = ngx_http_sealchat_bucket(&s->rate_bytes, slcf->rate_bytes,
                                            elapsed, bytes);
    s->rate_wait = ngx_max(s->rate_wait, wait);

    if (s->rate_wait && !s->limited) {
        s->limited = 1;
        ngx_http_sealchat_limit_set(s);
    }
}


/*
 * A leaky bucket as that of limit_req, in thousandths, with room for what one
 * second lets through.  Returns after how many milliseconds the last drop
 * fits into it.
 */

static ngx_msec_t
ngx_http_sealchat_bucket(uint64_t *bucket, uint64_t rate, ngx_msec_t elapsed,
    uint64_t n)
{
    if (rate == 0) {
        return 0;
    }

    *bucket -= ngx_min(*bucket, rate * elapsed);
    *bucket += n * 1000;

    if (*bucket <= rate * 1000) {
        return 0;
    }

    return (*bucket - rate * 1000 + rate - 1) / rate;
}


void
ngx_http_sealchat_limit_stop(ngx_http_sealchat_session_t *s)
{
    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }
}


static void
ngx_http_sealchat_limit_set(ngx_http_sealchat_session_t *s)
{
    ngx_msec_t                     now, due, wait;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = s->conf;

    now = ngx_current_msec;
    wait = NGX_TIMER_INFINITE;

    if (s->limited) {
        due = s->rate_time + s->rate_wait - now;
        wait = ((ngx_msec_int_t) due > 0) ? due : 0;
    }

    if (s->role == 0 && slcf->auth_timeout) {
        due = s->auth_start + slcf->auth_timeout - now;
        wait = ((ngx_msec_int_t) due > 0) ? ngx_min(wait, due) : 0;
    }

    if (slcf->max_lifetime) {
        due = s->start + slcf->max_lifetime - now;
        wait = ((ngx_msec_int_t) due > 0) ? ngx_min(wait, due) : 0;
    }

    if (s->draining) {
        due = s->drain_time - now;
        wait = ((ngx_msec_int_t) due > 0) ? ngx_min(wait, due) : 0;
    }

    /* not moved: nginx would leave it where it is for less than 300 ms */

    ngx_http_sealchat_limit_stop(s);

    if (wait != NGX_TIMER_INFINITE) {
        ngx_add_timer(&s->timer, wait);
    }
}


static void
ngx_http_sealchat_limit_handler(ngx_event_t *ev)
{
    ngx_connection_t              *c;
    ngx_http_sealchat_session_t   *s;
    ngx_http_sealchat_loc_conf_t  *slcf;

    s = ev->data;
    c = s->request->connection;
    slcf = s->conf;

    ngx_http_set_log_request(c->log, s->request);

    if (s->draining
        && (ngx_msec_int_t) (s->drain_time - ngx_current_msec) <= 0)
    {
        ngx_http_sealchat_drain_close(s);
        return;
    }

    if (slcf->max_lifetime
        && ngx_current_msec - s->start >= slcf->max_lifetime)
    {
        ngx_http_sealchat_session_close(s, WS_CLOSE_RESTART,
                                        (u_char *) "session is too old",
                                        sizeof("session is too old") - 1);
        return;
    }

    if (s->role == 0
        && slcf->auth_timeout
        && ngx_current_msec - s->auth_start >= slcf->auth_timeout)
    {
        if (!ngx_http_sealchat_limit_unheard(s)) {
            ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                          "client did not authenticate");
            ngx_http_sealchat_session_close(s, WS_CLOSE_POLICY,
                                        (u_char *) "no authentication",
                                        sizeof("no authentication") - 1);
            return;
        }

        s->auth_start = ngx_current_msec;
    }

    ngx_http_sealchat_limit_refill(s);
    ngx_http_sealchat_limit_set(s);
}


static void
ngx_http_sealchat_limit_refill(ngx_http_sealchat_session_t *s)
{
    if (s->limited && ngx_current_msec - s->rate_time >= s->rate_wait) {
        s->limited = 0;
        ngx_http_sealchat_session_wake(s);
    }
}


/* it may well have sent what a full link or a slow sidecar held up */

static ngx_uint_t
ngx_http_sealchat_limit_unheard(ngx_http_sealchat_session_t *s)
{
    return s->held || s->queued;
}
