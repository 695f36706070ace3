
/*
 * The choice of a peer by the balancer of an ordinary upstream{}.
 *
 * The balancer keeps its state in the client's request; its connection is
 * never used, since links are shared.  From get to free the session counts
 * as one connection of its peer.
 */


#include "ngx_http_sealchat.h"


static void ngx_http_sealchat_upstream_close_cached(
    ngx_peer_connection_t *pc);


ngx_int_t
ngx_http_sealchat_upstream_create(ngx_http_request_t *r)
{
    ngx_http_upstream_t           *u;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    u->conf = &slcf->upstream;
    u->upstream = slcf->upstream.upstream;

    if (u->upstream->peer.init(r, u->upstream) != NGX_OK) {
        return NGX_ERROR;
    }

    u->peer.start_time = ngx_current_msec;

    return NGX_OK;
}


/* NGX_OK, or NGX_BUSY: no live peer */

ngx_int_t
ngx_http_sealchat_upstream_get(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_upstream_t        *u;
    ngx_http_upstream_state_t  *state;

    u = r->upstream;

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

    u->state = state;

    rc = u->peer.get(&u->peer, u->peer.data);

    if (rc == NGX_ERROR) {
        u->peer.sockaddr = NULL;
        return NGX_ERROR;
    }

    if (rc == NGX_BUSY || rc == NGX_DECLINED) {
        u->peer.sockaddr = NULL;
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "no live upstreams");
        return NGX_BUSY;
    }

    if (rc == NGX_DONE) {
        ngx_http_sealchat_upstream_close_cached(&u->peer);
    }

    state->peer = ngx_palloc(r->pool, sizeof(ngx_str_t) + u->peer.name->len);
    if (state->peer == NULL) {
        return NGX_ERROR;
    }

    state->peer->len = u->peer.name->len;
    state->peer->data = (u_char *) (state->peer + 1);
    ngx_memcpy(state->peer->data, u->peer.name->data, u->peer.name->len);

    u->peer.name = state->peer;

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
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL || u->peer.sockaddr == NULL) {
        return;
    }

    u->peer.free(&u->peer, u->peer.data, state);
    u->peer.sockaddr = NULL;
}
