
/*
 * Records that come from a sidecar.
 */


#include "ngx_http_sealchat.h"

#include <sealchat/frames.h>


static const char *ngx_http_sealchat_link_record(
    ngx_http_sealchat_link_t *link, struct sc_record *rec, u_char *payload);
static const char *ngx_http_sealchat_link_stream_record(
    ngx_http_sealchat_link_t *link, struct sc_record *rec, u_char *payload);
static void ngx_http_sealchat_link_closed_stream(
    ngx_http_sealchat_link_t *link, ngx_http_sealchat_stream_t *st,
    struct sc_record *rec, u_char *payload);


ngx_int_t
ngx_http_sealchat_link_parse(ngx_http_sealchat_link_t *link)
{
    u_char            *p;
    const char        *err;
    struct sc_record   rec;

    p = link->start;

    while (link->last - p >= (ssize_t) SC_RECORD_HEADER) {

        err = sc_record_get(p, &rec);

        if (err) {
            goto invalid;
        }

        if ((size_t) (link->last - p) < SC_RECORD_HEADER + rec.length) {
            break;
        }

        err = ngx_http_sealchat_link_record(link, &rec,
                                            p + SC_RECORD_HEADER);
        if (err) {
            goto invalid;
        }

        p += SC_RECORD_HEADER + rec.length;
    }

    if (p != link->start) {
        ngx_memmove(link->start, p, link->last - p);
        link->last = link->start + (link->last - p);
    }

    return NGX_OK;

invalid:

    ngx_log_error(NGX_LOG_ERR, link->connection->log, 0,
                  "sidecar sent an invalid record: %s "
                  "(kind %ud, stream %uD, length %uD)",
                  err, (unsigned) rec.kind, rec.stream, rec.length);

    return NGX_ERROR;
}


/* NULL, or what is wrong with the record */

static const char *
ngx_http_sealchat_link_record(ngx_http_sealchat_link_t *link,
    struct sc_record *rec, u_char *payload)
{
    const char  *err;

    if (!link->up) {

        if (rec->kind != SC_RECORD_HELLO) {
            return "the first record is not HELLO";
        }

        err = sc_hello_get(payload);

        if (err == NULL) {
            ngx_http_sealchat_link_up(link);
        }

        return err;
    }

    switch (rec->kind) {

    case SC_RECORD_HELLO:
        return "a second HELLO";

    case SC_RECORD_OPEN:
        return "OPEN from the sidecar";

    case SC_RECORD_PING:
        if (!(rec->flags & SC_RECORD_FLAG_ANSWER)) {
            (void) ngx_http_sealchat_link_put(link, SC_RECORD_PING, 0,
                                              SC_RECORD_FLAG_ANSWER, 0, 0);
        }

        return NULL;

    case SC_RECORD_STATUS:
        if (!link->asked || !(rec->flags & SC_RECORD_FLAG_ANSWER)) {
            return "STATUS that was not asked for";
        }

        ngx_http_sealchat_link_answer(link, payload, rec->length);
        return NULL;

    case SC_RECORD_PAUSE:
    case SC_RECORD_RESUME:
        if (rec->stream) {
            break;
        }

        link->paused = (rec->kind == SC_RECORD_PAUSE);

        if (!link->paused) {
            ngx_post_event(link->connection->write, &ngx_posted_events);
        }

        return NULL;
    }

    return ngx_http_sealchat_link_stream_record(link, rec, payload);
}


static const char *
ngx_http_sealchat_link_stream_record(ngx_http_sealchat_link_t *link,
    struct sc_record *rec, u_char *payload)
{
    ngx_http_sealchat_stream_t  *st;

    st = ngx_http_sealchat_stream_find(&link->streams, rec->stream);

    if (st == NULL) {
        return "no such stream";
    }

    if (rec->kind == SC_RECORD_CLOSE) {

        if (st->session
            && rec->code != WS_CLOSE_NONE
            && !ws_close_code_valid(rec->code))
        {
            return "no such close code";
        }

        ngx_http_sealchat_link_closed_stream(link, st, rec, payload);

        return NULL;
    }

    if (st->session == NULL) {
        /* sent before our CLOSE came there */
        return NULL;
    }

    switch (rec->kind) {

    case SC_RECORD_DATA:
        ngx_http_sealchat_session_data(st->session, payload, rec->length);
        break;

    case SC_RECORD_TICKET:
        if (*payload == 0 || *payload >= SC_ROLE_COUNT) {
            return "TICKET without a role";
        }

        ngx_http_sealchat_session_ticket(st->session, payload + 1,
                                         rec->length - 1);
        ngx_http_sealchat_limit_authenticated(st->session, *payload);
        break;

    default: /* SC_RECORD_PAUSE, SC_RECORD_RESUME */
        ngx_http_sealchat_session_hold(st->session,
                                       rec->kind == SC_RECORD_PAUSE);
    }

    return NULL;
}


static void
ngx_http_sealchat_link_closed_stream(ngx_http_sealchat_link_t *link,
    ngx_http_sealchat_stream_t *st, struct sc_record *rec, u_char *payload)
{
    /* an open session answers with our CLOSE */

    if (st->session) {
        ngx_http_sealchat_session_close(st->session, rec->code, payload,
                                        rec->length);
    }

    ngx_http_sealchat_stream_free(&link->streams, rec->stream);
}
