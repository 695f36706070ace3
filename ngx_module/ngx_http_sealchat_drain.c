
/*
 * The drain: a worker that another one has followed closes its sessions one
 * by one over sealchat_drain_timeout, so that they come back at an even rate.
 */


#include "ngx_http_sealchat_status.h"


/*
 * ms.  Workers are told to leave one after the other: who comes back sooner
 * than the last one hears of it may be let in by that one, only to leave again
 */

#define NGX_HTTP_SEALCHAT_RETRY_AFTER  250
#define NGX_HTTP_SEALCHAT_RETRY_WITHIN 1000


static ngx_msec_t ngx_http_sealchat_drain_wait(ngx_msec_t window);


/* open sessions of this worker; at the start of the drain, and since then */

static ngx_uint_t  ngx_http_sealchat_sessions;
static ngx_uint_t  ngx_http_sealchat_drain_sessions;
static ngx_uint_t  ngx_http_sealchat_drain_joined;
static ngx_msec_t  ngx_http_sealchat_drain_start;


void
ngx_http_sealchat_drain_enter(void)
{
    ngx_http_sealchat_sessions++;
}


void
ngx_http_sealchat_drain_leave(void)
{
    ngx_http_sealchat_sessions--;
}


void
ngx_http_sealchat_drain_join(ngx_http_sealchat_session_t *s)
{
    ngx_msec_t                     wait;
    ngx_http_sealchat_loc_conf_t  *slcf;

    if (s->draining || s->closing) {
        return;
    }

    slcf = ngx_http_get_module_loc_conf(s->request, ngx_http_sealchat_module);

    wait = ngx_http_sealchat_drain_wait(slcf->drain_timeout);

    s->draining = 1;
    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_DRAINING, 1);
    ngx_http_sealchat_zone_leaving();

    s->drain_time = ngx_current_msec + wait;

    ngx_log_error(NGX_LOG_INFO, s->request->connection->log, 0,
                  "sealchat session leaves in %M ms", wait);

    if (wait == 0) {
        ngx_http_sealchat_drain_close(s);
        return;
    }

    ngx_http_sealchat_limit_drain(s);
}


/*
 * Each session that stands when the drain starts has an equal part of the
 * window, and leaves at any time within it; those that come later leave at
 * any time that is left.
 */

static ngx_msec_t
ngx_http_sealchat_drain_wait(ngx_msec_t window)
{
    uint64_t    i, n;
    ngx_msec_t  from, to, elapsed;

    if (ngx_http_sealchat_drain_joined == 0) {
        ngx_http_sealchat_drain_start = ngx_current_msec;
        ngx_http_sealchat_drain_sessions = ngx_http_sealchat_sessions;
    }

    i = ngx_http_sealchat_drain_joined++;
    n = ngx_http_sealchat_drain_sessions;

    if (i < n) {
        from = window * i / n;
        to = window * (i + 1) / n;

    } else {
        elapsed = ngx_current_msec - ngx_http_sealchat_drain_start;
        from = 0;
        to = (elapsed < window) ? window - elapsed : 0;
    }

    return from + (ngx_msec_t) ngx_random() % (to - from + 1);
}


/* the reason says when to come back: not all at once either */

void
ngx_http_sealchat_drain_close(ngx_http_sealchat_session_t *s)
{
    u_char  *p, reason[sizeof("retry-after-ms=") + NGX_INT_T_LEN];

    p = ngx_sprintf(reason, "retry-after-ms=%M",
                    NGX_HTTP_SEALCHAT_RETRY_AFTER
                    + (ngx_msec_t) ngx_random()
                      % NGX_HTTP_SEALCHAT_RETRY_WITHIN);

    ngx_http_sealchat_session_close(s, WS_CLOSE_RESTART, reason, p - reason);
}
