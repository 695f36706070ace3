
/*
 * What a browser sends: frames are taken apart, messages go to the link.
 */


#include "ngx_http_sealchat_status.h"


static ngx_int_t ngx_http_sealchat_message(ngx_http_sealchat_session_t *s,
    ws_piece_t *piece);
static ngx_int_t ngx_http_sealchat_gather(ngx_http_sealchat_session_t *s,
    ws_piece_t *piece);
static void ngx_http_sealchat_ping(ngx_http_sealchat_session_t *s,
    ws_piece_t *piece);
static void ngx_http_sealchat_peer_close(ngx_http_sealchat_session_t *s,
    ws_piece_t *piece);
static void ngx_http_sealchat_fail(ngx_http_sealchat_session_t *s,
    ngx_uint_t code, u_char *reason, size_t len);


ngx_uint_t
ngx_http_sealchat_session_stopped(ngx_http_sealchat_session_t *s)
{
    if (s->closing) {
        return 0;
    }

    return s->held
           || s->choked
           || s->limited
           || ngx_http_sealchat_link_full(s);
}


ngx_int_t
ngx_http_sealchat_session_parse(ngx_http_sealchat_session_t *s, u_char *pos,
    u_char *end)
{
    u_char      *from;
    ws_event_t   event;
    ws_piece_t   piece;

    while (pos < end) {

        if (ngx_http_sealchat_session_stopped(s)) {
            return ngx_http_sealchat_session_keep(s, pos, end);
        }

        from = pos;
        event = ws_parse(&s->parser, &pos, end, &piece);

        ngx_http_sealchat_limit_charge(s, event != WS_AGAIN
                                          && (event != WS_DATA || piece.last),
                                       pos - from);

        switch (event) {

        case WS_AGAIN:
            break;

        case WS_DATA:
            if (!s->closing
                && ngx_http_sealchat_message(s, &piece) != NGX_OK)
            {
                return NGX_ERROR;
            }

            break;

        case WS_PING:
            if (!s->closing) {
                ngx_http_sealchat_ping(s, &piece);
            }

            break;

        case WS_PONG:
            break;

        case WS_CLOSE:
            ngx_http_sealchat_peer_close(s, &piece);
            break;

        case WS_ERROR:
            ngx_log_error(NGX_LOG_INFO, s->request->connection->log, 0,
                          "client sent an invalid frame: %*s", piece.len,
                          piece.data);
            ngx_http_sealchat_fail(s, piece.code, (u_char *) piece.data,
                                   piece.len);
            break;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sealchat_session_keep(ngx_http_sealchat_session_t *s, u_char *pos,
    u_char *end)
{
    s->rest_len = end - pos;

    s->rest = ngx_alloc(s->rest_len, s->request->connection->log);
    if (s->rest == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(s->rest, pos, s->rest_len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_message(ngx_http_sealchat_session_t *s, ws_piece_t *piece)
{
    u_char  *data;
    size_t   len;

    if (piece->last && s->message == NULL) {
        data = (u_char *) piece->data;
        len = piece->len;

    } else {
        if (ngx_http_sealchat_gather(s, piece) != NGX_OK) {
            return NGX_ERROR;
        }

        if (!piece->last) {
            return NGX_OK;
        }

        data = s->message;
        len = s->message_len;
    }

    if (len == 0) {
        ngx_log_error(NGX_LOG_INFO, s->request->connection->log, 0,
                      "client sent an empty message");
        ngx_http_sealchat_fail(s, WS_CLOSE_INVALID,
                               (u_char *) "empty message",
                               sizeof("empty message") - 1);
        return NGX_OK;
    }

    ngx_http_sealchat_link_data(s, data, len);

    s->frames_in++;
    s->bytes_in += len;

    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_FRAMES_IN, 1);
    ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_BYTES_IN, len);

    ngx_http_sealchat_session_drop(s);

    return NGX_OK;
}


/* grows with what has come, whatever length a frame claims */

static ngx_int_t
ngx_http_sealchat_gather(ngx_http_sealchat_session_t *s, ws_piece_t *piece)
{
    u_char  *p;
    size_t   size;

    if (piece->len == 0) {
        return NGX_OK;
    }

    if (s->message_size - s->message_len < piece->len) {

        size = ngx_max(2 * s->message_size, s->message_len + piece->len);

        p = ngx_alloc(size, s->request->connection->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (s->message) {
            ngx_memcpy(p, s->message, s->message_len);
            ngx_free(s->message);
        }

        s->message = p;
        s->message_size = size;
    }

    ngx_memcpy(s->message + s->message_len, piece->data, piece->len);
    s->message_len += piece->len;

    return NGX_OK;
}


static void
ngx_http_sealchat_ping(ngx_http_sealchat_session_t *s, ws_piece_t *piece)
{
    u_char                        *p;
    ngx_http_sealchat_loc_conf_t  *slcf;

    p = ngx_http_sealchat_session_send(s, WS_OPCODE_PONG, piece->len);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, piece->data, piece->len);

    slcf = s->conf;

    if (s->out.size > slcf->send_queue) {
        s->choked = 1;
    }
}


static void
ngx_http_sealchat_peer_close(ngx_http_sealchat_session_t *s,
    ws_piece_t *piece)
{
    s->closed = 1;

    ngx_http_sealchat_session_reason(s, (char *) piece->data, piece->len);
    ngx_http_sealchat_session_close(s, piece->code, NULL, 0);
}


/* the stream of frames is beyond repair */

static void
ngx_http_sealchat_fail(ngx_http_sealchat_session_t *s, ngx_uint_t code,
    u_char *reason, size_t len)
{
    /* what the client is still sending must not reset what we have said */

    s->request->lingering_close = 1;
    s->closed = 1;

    ngx_http_sealchat_session_close(s, code, reason, len);
}


void
ngx_http_sealchat_session_drop(ngx_http_sealchat_session_t *s)
{
    if (s->message) {
        ngx_free(s->message);
        s->message = NULL;
    }

    s->message_len = 0;
    s->message_size = 0;
}
