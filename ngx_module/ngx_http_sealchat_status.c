
/*
 * The status page: what all workers count, and what each sidecar says of
 * itself when it is asked over a link.
 */


#include "ngx_http_sealchat_status.h"


#define NGX_HTTP_SEALCHAT_STATUS_TIMEOUT  1000


typedef struct {
    ngx_http_sealchat_ask_t          ask;
    ngx_http_sealchat_answer_t      *answer;
    struct sockaddr                 *sockaddr;
    socklen_t                        socklen;
} ngx_http_sealchat_question_t;


typedef struct {
    ngx_http_request_t              *request;
    ngx_array_t                      answers;
    ngx_http_sealchat_question_t    *questions;
    ngx_uint_t                       nquestions;
    ngx_uint_t                       waiting;
    ngx_event_t                      timer;
} ngx_http_sealchat_status_t;


static ngx_int_t ngx_http_sealchat_status_peers(
    ngx_http_sealchat_status_t *st);
static ngx_int_t ngx_http_sealchat_status_add_peer(
    ngx_http_sealchat_status_t *st, ngx_addr_t *addr);
static void ngx_http_sealchat_status_ask(ngx_http_sealchat_status_t *st,
    ngx_http_sealchat_question_t *question);
static void ngx_http_sealchat_status_answered(ngx_http_sealchat_ask_t *ask,
    u_char *text, size_t len);
static void ngx_http_sealchat_status_late(ngx_event_t *ev);
static void ngx_http_sealchat_status_cleanup(void *data);
static ngx_int_t ngx_http_sealchat_status_send(
    ngx_http_sealchat_status_t *st);


ngx_int_t
ngx_http_sealchat_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_cleanup_t          *cln;
    ngx_http_sealchat_status_t  *st;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    st = ngx_pcalloc(r->pool, sizeof(ngx_http_sealchat_status_t));
    if (st == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st->request = r;
    st->timer.handler = ngx_http_sealchat_status_late;
    st->timer.data = st;
    st->timer.log = r->connection->log;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_sealchat_status_cleanup;
    cln->data = st;

    if (ngx_http_sealchat_status_peers(st) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < st->nquestions; i++) {
        ngx_http_sealchat_status_ask(st, &st->questions[i]);
    }

    if (st->waiting == 0) {
        return ngx_http_sealchat_status_send(st);
    }

    ngx_add_timer(&st->timer, NGX_HTTP_SEALCHAT_STATUS_TIMEOUT);

    r->main->count++;

    return NGX_DONE;
}


/* every server of every upstream that "sealchat_pass" names, once */

static ngx_int_t
ngx_http_sealchat_status_peers(ngx_http_sealchat_status_t *st)
{
    ngx_uint_t                       i, j, k, n;
    ngx_http_upstream_server_t      *server;
    ngx_http_upstream_srv_conf_t   **uscf;
    ngx_http_sealchat_main_conf_t   *smcf;

    smcf = ngx_http_get_module_main_conf(st->request,
                                         ngx_http_sealchat_module);
    uscf = smcf->upstreams.elts;
    n = 0;

    for (i = 0; i < smcf->upstreams.nelts; i++) {
        if (uscf[i]->servers) {
            server = uscf[i]->servers->elts;

            for (j = 0; j < uscf[i]->servers->nelts; j++) {
                n += server[j].naddrs;
            }
        }
    }

    n = ngx_max(n, 1);

    st->questions = ngx_pcalloc(st->request->pool,
                                n * sizeof(ngx_http_sealchat_question_t));

    if (st->questions == NULL
        || ngx_array_init(&st->answers, st->request->pool, n,
                          sizeof(ngx_http_sealchat_answer_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < smcf->upstreams.nelts; i++) {
        if (uscf[i]->servers == NULL) {
            continue;
        }

        server = uscf[i]->servers->elts;

        for (j = 0; j < uscf[i]->servers->nelts; j++) {
            for (k = 0; k < server[j].naddrs; k++) {
                if (ngx_http_sealchat_status_add_peer(st,
                                                      &server[j].addrs[k])
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_status_add_peer(ngx_http_sealchat_status_t *st,
    ngx_addr_t *addr)
{
    ngx_uint_t                     i;
    ngx_http_sealchat_question_t  *question;

    for (i = 0; i < st->nquestions; i++) {
        question = &st->questions[i];

        if (ngx_cmp_sockaddr(question->sockaddr, question->socklen,
                             addr->sockaddr, addr->socklen, 1)
            == NGX_OK)
        {
            return NGX_OK;
        }
    }

    question = &st->questions[st->nquestions];

    question->answer = ngx_array_push(&st->answers);
    if (question->answer == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(question->answer, sizeof(ngx_http_sealchat_answer_t));

    question->answer->peer = addr->name;
    question->sockaddr = addr->sockaddr;
    question->socklen = addr->socklen;
    question->ask.handler = ngx_http_sealchat_status_answered;
    question->ask.data = st;

    st->nquestions++;

    return NGX_OK;
}


static void
ngx_http_sealchat_status_ask(ngx_http_sealchat_status_t *st,
    ngx_http_sealchat_question_t *question)
{
    ngx_peer_connection_t          pc;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(st->request,
                                        ngx_http_sealchat_module);

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = question->sockaddr;
    pc.socklen = question->socklen;
    pc.name = &question->answer->peer;

    if (ngx_http_sealchat_link_ask(&question->ask, &pc, slcf) == NGX_OK) {
        st->waiting++;
    }
}


/* text is NULL when the link broke */

static void
ngx_http_sealchat_status_answered(ngx_http_sealchat_ask_t *ask, u_char *text,
    size_t len)
{
    ngx_int_t                      rc;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_sealchat_status_t    *st;
    ngx_http_sealchat_question_t  *question;

    question = (ngx_http_sealchat_question_t *) ask;
    st = ask->data;
    r = st->request;

    if (text) {
        question->answer->text.data = ngx_pnalloc(r->pool, len);

        if (question->answer->text.data) {
            ngx_memcpy(question->answer->text.data, text, len);
            question->answer->text.len = len;
            question->answer->up = 1;
        }
    }

    if (--st->waiting) {
        return;
    }

    c = r->connection;

    rc = ngx_http_sealchat_status_send(st);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* a sidecar that does not answer is told of as one that is down */

static void
ngx_http_sealchat_status_late(ngx_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_sealchat_status_t  *st;

    st = ev->data;
    r = st->request;
    c = r->connection;

    rc = ngx_http_sealchat_status_send(st);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_sealchat_status_cleanup(void *data)
{
    ngx_http_sealchat_status_t *st = data;

    ngx_uint_t  i;

    for (i = 0; i < st->nquestions; i++) {
        if (st->questions[i].ask.waiting) {
            ngx_queue_remove(&st->questions[i].ask.queue);
            st->questions[i].ask.waiting = 0;
        }
    }

    if (st->timer.timer_set) {
        ngx_del_timer(&st->timer);
    }
}


static ngx_int_t
ngx_http_sealchat_status_send(ngx_http_sealchat_status_t *st)
{
    ngx_int_t                      rc;
    ngx_buf_t                     *b;
    ngx_chain_t                    out;
    ngx_http_request_t            *r;
    ngx_http_sealchat_sums_t       sums;
    ngx_http_sealchat_loc_conf_t  *slcf;

    static ngx_str_t  types[] = {
        ngx_null_string,
        ngx_string("text/plain"),
        ngx_string("application/json"),
        ngx_string("text/plain; version=0.0.4")
    };

    r = st->request;

    ngx_http_sealchat_status_cleanup(st);

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    ngx_http_sealchat_status_sum(&sums);

    b = ngx_http_sealchat_page(r->pool, slcf->status, &sums, &st->answers);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;
    r->headers_out.content_type = types[slcf->status];
    r->headers_out.content_type_len = types[slcf->status].len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
