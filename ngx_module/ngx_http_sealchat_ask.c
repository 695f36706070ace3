
/*
 * Questions for what a sidecar counts, over a link.
 */


#include "ngx_http_sealchat.h"


/*
 * NGX_OK, and the handler will be called; NGX_DECLINED, and it will not.  All
 * that ask while an answer is under way get the same.
 */

ngx_int_t
ngx_http_sealchat_link_ask(ngx_http_sealchat_ask_t *ask,
    ngx_peer_connection_t *pc, ngx_http_sealchat_loc_conf_t *slcf)
{
    ngx_http_sealchat_link_t  *link;

    link = ngx_http_sealchat_link_get(pc, slcf);

    if (link == NULL || link->connection == NULL) {
        return NGX_DECLINED;
    }

    ngx_queue_insert_tail(&link->asking, &ask->queue);
    ask->waiting = 1;

    if (link->up) {
        ngx_http_sealchat_link_question(link);
    }

    return NGX_OK;
}


/* when somebody asks, and when the link is up */

void
ngx_http_sealchat_link_question(ngx_http_sealchat_link_t *link)
{
    if (link->asked || ngx_queue_empty(&link->asking)) {
        return;
    }

    link->asked = 1;

    (void) ngx_http_sealchat_link_put(link, SC_RECORD_STATUS, 0, 0, 0, 0);
}


/* text is NULL when the link breaks */

void
ngx_http_sealchat_link_answer(ngx_http_sealchat_link_t *link, u_char *text,
    size_t len)
{
    ngx_queue_t              *q;
    ngx_http_sealchat_ask_t  *ask;

    link->asked = 0;

    while (!ngx_queue_empty(&link->asking)) {
        q = ngx_queue_head(&link->asking);
        ask = ngx_queue_data(q, ngx_http_sealchat_ask_t, queue);

        ngx_queue_remove(q);
        ask->waiting = 0;

        ask->handler(ask, text, len);
    }
}
