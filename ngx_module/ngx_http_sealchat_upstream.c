
/*
 * The choice of a peer by the balancer of an ordinary upstream{}.
 *
 * The balancer works on the client's request; its connection is never used,
 * since links are shared.  From get to free the session counts as one
 * connection of its peer.
 *
 * What nginx keeps for an upstream is larger than a session, and balancers
 * keep its address.  So all sessions have one in common: it is filled in
 * before each call, and what differs is kept in the session.
 */


#include "ngx_http_sealchat.h"


static ngx_http_upstream_t *ngx_http_sealchat_upstream_enter(
    ngx_http_request_t *r);
static void ngx_http_sealchat_upstream_leave(ngx_http_request_t *r);
static ngx_int_t ngx_http_sealchat_upstream_state(ngx_http_request_t *r);
static ngx_int_t ngx_http_sealchat_upstream_name(ngx_http_request_t *r);
static void ngx_http_sealchat_upstream_close_cached(
    ngx_peer_connection_t *pc);


static ngx_http_upstream_t  ngx_http_sealchat_upstream;


static ngx_http_upstream_t *
ngx_http_sealchat_upstream_enter(ngx_http_request_t *r)
{
    ngx_http_upstream_t           *u;
    ngx_http_sealchat_session_t   *s;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);
    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    u = &ngx_http_sealchat_upstream;

    ngx_memzero(u, sizeof(ngx_http_upstream_t));

    u->headers_in.content_length_n = -1;
    u->headers_in.last_modified_time = -1;

    u->conf = &slcf->upstream;
    u->upstream = slcf->upstream.upstream;
    u->peer = s->peer;
    u->state = s->peer_state;

    r->upstream = u;

    return u;
}


static void
ngx_http_sealchat_upstream_leave(ngx_http_request_t *r)
{
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    s->peer = r->upstream->peer;
    s->peer_state = r->upstream->state;

    r->upstream = NULL;
}


ngx_int_t
ngx_http_sealchat_upstream_create(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = ngx_http_sealchat_upstream_enter(r);

    u->peer.log = r->connection->log;
    u->peer.log_error = NGX_ERROR_ERR;

    rc = u->upstream->peer.init(r, u->upstream);

    u->peer.start_time = ngx_current_msec;

    ngx_http_sealchat_upstream_leave(r);

    return rc;
}


/* NGX_OK, or NGX_BUSY: no live peer */

ngx_int_t
ngx_http_sealchat_upstream_get(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = ngx_http_sealchat_upstream_enter(r);

    rc = ngx_http_sealchat_upstream_state(r);

    if (rc == NGX_OK) {
        rc = u->peer.get(&u->peer, u->peer.data);

        if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
            u->peer.sockaddr = NULL;
        }
    }

    if (rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "no live upstreams");
        rc = NGX_BUSY;
    }

    if (rc == NGX_DONE) {
        ngx_http_sealchat_upstream_close_cached(&u->peer);
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sealchat_upstream_name(r);
    }

    ngx_http_sealchat_upstream_leave(r);

    return rc;
}


/* an element of $upstream_addr and the like */

static ngx_int_t
ngx_http_sealchat_upstream_state(ngx_http_request_t *r)
{
    ngx_http_upstream_state_t  *state;

    if (r->upstream_states == NULL) {
        r->upstream_states = ngx_array_create(r->pool, 1,
                                          sizeof(ngx_http_upstream_state_t));
        if (r->upstream_states == NULL) {
            return NGX_ERROR;
        }
    }

    state = ngx_array_push(r->upstream_states);
    if (state == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(state, sizeof(ngx_http_upstream_state_t));

    state->response_time = (ngx_msec_t) -1;
    state->connect_time = (ngx_msec_t) -1;
    state->header_time = (ngx_msec_t) -1;

    r->upstream->state = state;

    return NGX_OK;
}


/* the balancer may drop the peer, and its name with it, at any time */

static ngx_int_t
ngx_http_sealchat_upstream_name(ngx_http_request_t *r)
{
    ngx_str_t            *name;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    name = ngx_palloc(r->pool, sizeof(ngx_str_t) + u->peer.name->len);
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->len = u->peer.name->len;
    name->data = (u_char *) (name + 1);
    ngx_memcpy(name->data, u->peer.name->data, name->len);

    u->peer.name = name;
    u->state->peer = name;

    return NGX_OK;
}


/* a connection that "keepalive" kept for another protocol */

static void
ngx_http_sealchat_upstream_close_cached(ngx_peer_connection_t *pc)
{
    ngx_connection_t  *c;

    c = pc->connection;

#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

#endif

    if (c->pool) {
        ngx_destroy_pool(c->pool);
    }

    ngx_close_connection(c);

    pc->connection = NULL;
}


/* frees the peer once; later calls do nothing */

void
ngx_http_sealchat_upstream_free(ngx_http_request_t *r, ngx_uint_t state)
{
    ngx_http_upstream_t          *u;
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s->peer.sockaddr == NULL) {
        return;
    }

    u = ngx_http_sealchat_upstream_enter(r);

    u->peer.free(&u->peer, u->peer.data, state);
    u->peer.sockaddr = NULL;

    ngx_http_sealchat_upstream_leave(r);
}
