
/*
 * The streams of a link.  An id is used again only after both ends have sent
 * CLOSE for it, and then the one that has rested longest.
 */


#include "ngx_http_sealchat.h"


#define NGX_HTTP_SEALCHAT_STREAMS      64
#define NGX_HTTP_SEALCHAT_STREAMS_MAX  (1 << 20)


static ngx_int_t ngx_http_sealchat_streams_grow(
    ngx_http_sealchat_streams_t *streams, ngx_log_t *log);


/* the id, or 0 */

uint32_t
ngx_http_sealchat_stream_add(ngx_http_sealchat_streams_t *streams,
    ngx_http_sealchat_session_t *s, ngx_log_t *log)
{
    uint32_t                     id;
    ngx_http_sealchat_stream_t  *st;

    if (streams->free == 0
        && ngx_http_sealchat_streams_grow(streams, log) != NGX_OK)
    {
        return 0;
    }

    id = streams->free;
    st = &streams->elts[id];

    streams->free = st->next;

    st->session = s;
    st->closed = 0;

    return id;
}


static ngx_int_t
ngx_http_sealchat_streams_grow(ngx_http_sealchat_streams_t *streams,
    ngx_log_t *log)
{
    uint32_t                     i, n;
    ngx_http_sealchat_stream_t  *elts;

    n = streams->nalloc ? 2 * streams->nalloc : NGX_HTTP_SEALCHAT_STREAMS;

    if (n > NGX_HTTP_SEALCHAT_STREAMS_MAX) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "sealchat link has %uD streams, most of them not "
                      "closed by the sidecar", streams->nalloc);
        return NGX_ERROR;
    }

    elts = ngx_calloc(n * sizeof(ngx_http_sealchat_stream_t), log);
    if (elts == NULL) {
        return NGX_ERROR;
    }

    if (streams->nalloc) {
        ngx_memcpy(elts, streams->elts,
                   streams->nalloc * sizeof(ngx_http_sealchat_stream_t));
        ngx_free(streams->elts);
    }

    streams->free = ngx_max(streams->nalloc, 1);
    streams->free_last = n - 1;

    for (i = streams->free; i < n - 1; i++) {
        elts[i].next = i + 1;
    }

    streams->elts = elts;
    streams->nalloc = n;

    return NGX_OK;
}


/* NULL unless it is open, or closed by us and not yet by the sidecar */

ngx_http_sealchat_stream_t *
ngx_http_sealchat_stream_find(ngx_http_sealchat_streams_t *streams,
    uint32_t id)
{
    ngx_http_sealchat_stream_t  *st;

    if (id == 0 || id >= streams->nalloc) {
        return NULL;
    }

    st = &streams->elts[id];

    return (st->session || st->closed) ? st : NULL;
}


void
ngx_http_sealchat_stream_close(ngx_http_sealchat_streams_t *streams,
    uint32_t id)
{
    ngx_http_sealchat_stream_t  *st;

    st = &streams->elts[id];

    st->session = NULL;
    st->closed = 1;
}


void
ngx_http_sealchat_streams_free(ngx_http_sealchat_streams_t *streams)
{
    if (streams->elts) {
        ngx_free(streams->elts);
    }

    ngx_memzero(streams, sizeof(ngx_http_sealchat_streams_t));
}


/* both ends have closed it; its session was taken off before */

void
ngx_http_sealchat_stream_free(ngx_http_sealchat_streams_t *streams,
    uint32_t id)
{
    ngx_http_sealchat_stream_t  *st;

    st = &streams->elts[id];

    st->closed = 0;
    st->next = 0;

    if (streams->free) {
        streams->elts[streams->free_last].next = id;

    } else {
        streams->free = id;
    }

    streams->free_last = id;
}
