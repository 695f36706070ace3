
/*
 * Bytes that wait for a socket.
 *
 * Blocks that are empty again are kept for the next queue that needs one, so
 * that messages that come and go allocate nothing.
 */


#include "ngx_http_sealchat_status.h"


typedef struct {
    ngx_chain_t  chain;
    ngx_buf_t    buf;
    u_char      *counted;    /* up to here the queue's size knows it is sent */
} ngx_http_sealchat_block_t;


#define ngx_http_sealchat_block(cl)  ((ngx_http_sealchat_block_t *) (cl))


/* the blocks of sessions, and those of links */

typedef struct {
    ngx_chain_t  *free;
    ngx_uint_t    number;
    ngx_uint_t    max;
    size_t        size;
} ngx_http_sealchat_spare_t;


static void *ngx_http_sealchat_block_alloc(size_t size, ngx_log_t *log);
static void ngx_http_sealchat_block_free(ngx_chain_t *cl);


static ngx_http_sealchat_spare_t  ngx_http_sealchat_spares[] = {
    { NULL, 0, 128, NGX_HTTP_SEALCHAT_SESSION_BLOCK },
    { NULL, 0, 8, NGX_HTTP_SEALCHAT_LINK_BLOCK }
};


u_char *
ngx_http_sealchat_queue_alloc(ngx_http_sealchat_queue_t *queue, size_t len,
    size_t block, ngx_log_t *log)
{
    u_char                     *p;
    ngx_buf_t                  *b;
    ngx_http_sealchat_block_t  *bl;

    if (queue->head) {
        b = queue->last->buf;

        if ((size_t) (b->end - b->last) >= len) {
            goto found;
        }
    }

    block = ngx_max(block, sizeof(ngx_http_sealchat_block_t) + len);

    bl = ngx_http_sealchat_block_alloc(block, log);
    if (bl == NULL) {
        return NULL;
    }

    ngx_memzero(bl, sizeof(ngx_http_sealchat_block_t));

    b = &bl->buf;

    b->start = (u_char *) (bl + 1);
    b->end = (u_char *) bl + block;
    b->pos = b->start;
    b->last = b->start;
    b->temporary = 1;
    b->flush = 1;

    bl->counted = b->pos;
    bl->chain.buf = b;

    if (queue->head) {
        queue->last->next = &bl->chain;

    } else {
        queue->head = &bl->chain;
    }

    queue->last = &bl->chain;

found:

    p = b->last;
    b->last += len;
    queue->size += len;

    ngx_http_sealchat_count(queue->gauge, len);

    return p;
}


ngx_int_t
ngx_http_sealchat_queue_send(ngx_http_sealchat_queue_t *queue,
    ngx_connection_t *c)
{
    size_t                      size;
    ngx_chain_t                *cl, *ln;
    ngx_http_sealchat_block_t  *bl;

    if (queue->head == NULL && !c->buffered) {
        return NGX_OK;
    }

    size = queue->size;

    cl = c->send_chain(c, queue->head, 0);

    if (cl == NGX_CHAIN_ERROR) {
        return NGX_ERROR;
    }

    while (queue->head != cl) {
        ln = queue->head;
        bl = ngx_http_sealchat_block(ln);

        queue->size -= ln->buf->last - bl->counted;
        queue->head = ln->next;

        ngx_http_sealchat_block_free(ln);
    }

    if (cl) {
        bl = ngx_http_sealchat_block(cl);

        queue->size -= cl->buf->pos - bl->counted;
        bl->counted = cl->buf->pos;
    }

    ngx_http_sealchat_count(queue->gauge,
                            (ngx_int_t) queue->size - (ngx_int_t) size);

    if (cl) {
        return NGX_AGAIN;
    }

    return c->buffered ? NGX_AGAIN : NGX_OK;
}


void
ngx_http_sealchat_queue_free(ngx_http_sealchat_queue_t *queue)
{
    ngx_chain_t  *ln;

    while (queue->head) {
        ln = queue->head;
        queue->head = ln->next;

        ngx_http_sealchat_block_free(ln);
    }

    ngx_http_sealchat_count(queue->gauge, -(ngx_int_t) queue->size);

    queue->size = 0;
}


static void *
ngx_http_sealchat_block_alloc(size_t size, ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_chain_t                *cl;
    ngx_http_sealchat_spare_t  *spare;

    for (i = 0; i < 2; i++) {
        spare = &ngx_http_sealchat_spares[i];

        if (spare->size == size && spare->free) {
            cl = spare->free;
            spare->free = cl->next;
            spare->number--;

            return cl;
        }
    }

    return ngx_alloc(size, log);
}


static void
ngx_http_sealchat_block_free(ngx_chain_t *cl)
{
    size_t                      size;
    ngx_uint_t                  i;
    ngx_http_sealchat_spare_t  *spare;

    size = cl->buf->end - (u_char *) cl;

    for (i = 0; i < 2; i++) {
        spare = &ngx_http_sealchat_spares[i];

        if (spare->size == size && spare->number < spare->max) {
            cl->next = spare->free;
            spare->free = cl;
            spare->number++;

            return;
        }
    }

    ngx_free(cl);
}


void
ngx_http_sealchat_queue_exit(void)
{
    ngx_uint_t                  i;
    ngx_chain_t                *cl;
    ngx_http_sealchat_spare_t  *spare;

    for (i = 0; i < 2; i++) {
        spare = &ngx_http_sealchat_spares[i];
        spare->max = 0;

        while (spare->free) {
            cl = spare->free;
            spare->free = cl->next;
            ngx_free(cl);
        }
    }
}
