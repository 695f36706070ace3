
/*
 * The opening handshake, RFC 6455 section 4.2, strictly: a client that does
 * not offer the subprotocol is refused, and no extension is negotiated.
 */


#include "ngx_http_sealchat.h"
#include <ngx_sha1.h>
#include <nginx.h>


#define NGX_HTTP_SEALCHAT_GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define NGX_HTTP_SEALCHAT_KEY_LEN     24
#define NGX_HTTP_SEALCHAT_ACCEPT_LEN  28

#define NGX_HTTP_UPGRADE_REQUIRED     426


typedef struct {
    ngx_str_t   key;
    ngx_str_t   version;
    ngx_str_t   origin;
    ngx_uint_t  keys;
    ngx_uint_t  versions;
    ngx_uint_t  origins;
    unsigned    upgrade:1;
    unsigned    connection:1;
    unsigned    protocol:1;
} ngx_http_sealchat_headers_t;


static void ngx_http_sealchat_read_headers(ngx_http_request_t *r,
    ngx_http_sealchat_headers_t *h);
static ngx_uint_t ngx_http_sealchat_has_token(ngx_str_t *value, char *token,
    size_t len, ngx_uint_t caseless);
static ngx_int_t ngx_http_sealchat_check(ngx_http_request_t *r,
    ngx_http_sealchat_headers_t *h);
static ngx_uint_t ngx_http_sealchat_key_valid(ngx_str_t *key);
static ngx_uint_t ngx_http_sealchat_origin_allowed(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_int_t ngx_http_sealchat_upgrade_required(ngx_http_request_t *r);
static ngx_int_t ngx_http_sealchat_add_header(ngx_http_request_t *r,
    char *name, char *value, size_t len);


ngx_int_t
ngx_http_sealchat_handshake(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_http_sealchat_headers_t  h;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"sealchat_pass\" cannot serve a subrequest");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method != NGX_HTTP_GET) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    ngx_http_sealchat_read_headers(r, &h);

    if (r->http_version != NGX_HTTP_VERSION_11
        || !h.upgrade
        || !h.connection
        || h.versions != 1
        || h.version.len != 2
        || ngx_strncmp(h.version.data, "13", 2) != 0)
    {
        return ngx_http_sealchat_upgrade_required(r);
    }

    *origin = h.origin;

    return ngx_http_sealchat_check(r, &h);
}


static void
ngx_http_sealchat_read_headers(ngx_http_request_t *r,
    ngx_http_sealchat_headers_t *h)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *elt;

#define ngx_http_sealchat_is(elt, name)                                       \
    ((elt)->key.len == sizeof(name) - 1                                       \
     && ngx_strncmp((elt)->lowcase_key, name, sizeof(name) - 1) == 0)

#define ngx_http_sealchat_has(elt, token, caseless)                           \
    ngx_http_sealchat_has_token(&(elt)->value, token, sizeof(token) - 1,      \
                                caseless)

    ngx_memzero(h, sizeof(ngx_http_sealchat_headers_t));

    part = &r->headers_in.headers.part;
    elt = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            elt = part->elts;
            i = 0;
        }

        if (ngx_http_sealchat_is(&elt[i], "upgrade")) {
            h->upgrade |= ngx_http_sealchat_has(&elt[i], "websocket", 1);

        } else if (ngx_http_sealchat_is(&elt[i], "connection")) {
            h->connection |= ngx_http_sealchat_has(&elt[i], "upgrade", 1);

        } else if (ngx_http_sealchat_is(&elt[i], "sec-websocket-protocol")) {
            h->protocol |= ngx_http_sealchat_has(&elt[i], SC_SUBPROTOCOL, 0);

        } else if (ngx_http_sealchat_is(&elt[i], "sec-websocket-key")) {
            h->key = elt[i].value;
            h->keys++;

        } else if (ngx_http_sealchat_is(&elt[i], "sec-websocket-version")) {
            h->version = elt[i].value;
            h->versions++;

        } else if (ngx_http_sealchat_is(&elt[i], "origin")) {
            h->origin = elt[i].value;
            h->origins++;
        }
    }
}


/* looks for a token in a comma-separated list */

static ngx_uint_t
ngx_http_sealchat_has_token(ngx_str_t *value, char *token, size_t len,
    ngx_uint_t caseless)
{
    u_char  *p, *start, *end, *last;

    p = value->data;
    last = p + value->len;

    for ( ;; ) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        if (p == last) {
            return 0;
        }

        start = p;

        while (p < last && *p != ',') {
            p++;
        }

        end = p;

        while (end[-1] == ' ' || end[-1] == '\t') {
            end--;
        }

        if ((size_t) (end - start) != len) {
            continue;
        }

        if (caseless
            ? ngx_strncasecmp(start, (u_char *) token, len) == 0
            : ngx_strncmp(start, token, len) == 0)
        {
            return 1;
        }
    }
}


static ngx_int_t
ngx_http_sealchat_check(ngx_http_request_t *r, ngx_http_sealchat_headers_t *h)
{
    ngx_str_t   cid;
    ngx_log_t  *log;

    log = r->connection->log;

    if (h->keys != 1 || !ngx_http_sealchat_key_valid(&h->key)) {
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "client sent no valid \"Sec-WebSocket-Key\"");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "client sent a body with its WebSocket handshake");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (h->origins > 1 || h->origin.len > SC_OPEN_ORIGIN_MAX) {
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "client sent a repeated or too long \"Origin\"");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (!h->protocol) {
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "client does not offer the WebSocket subprotocol \""
                      SC_SUBPROTOCOL "\"");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (ngx_http_arg(r, (u_char *) "c", 1, &cid) == NGX_OK
        && cid.len > SC_OPEN_CID_MAX)
    {
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "client sent a too long argument \"c\"");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (!ngx_http_sealchat_origin_allowed(r, &h->origin)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "origin \"%V\" forbidden by \"sealchat_allowed_origins\"",
                      &h->origin);
        return NGX_HTTP_FORBIDDEN;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_sealchat_key_valid(ngx_str_t *key)
{
    u_char     buf[ngx_base64_decoded_length(NGX_HTTP_SEALCHAT_KEY_LEN)];
    ngx_str_t  nonce;

    if (key->len != NGX_HTTP_SEALCHAT_KEY_LEN) {
        return 0;
    }

    nonce.data = buf;

    return ngx_decode_base64(&nonce, key) == NGX_OK && nonce.len == 16;
}


static ngx_uint_t
ngx_http_sealchat_origin_allowed(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t                     *allowed;
    ngx_uint_t                     i;
    ngx_http_sealchat_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sealchat_module);

    if (slcf->allowed_origins == NULL) {
        return 1;
    }

    allowed = slcf->allowed_origins->elts;

    for (i = 0; i < slcf->allowed_origins->nelts; i++) {

        /* an empty string stands for "none": no Origin was sent */

        if (allowed[i].len == origin->len
            && ngx_strncasecmp(allowed[i].data, origin->data, origin->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_sealchat_upgrade_required(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_UPGRADE_REQUIRED;
    ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
    r->headers_out.content_length_n = 0;

    if (ngx_http_sealchat_add_header(r, "Sec-WebSocket-Version", "13", 2)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* HTTP/2 knows neither of these */

    if (r->http_version < NGX_HTTP_VERSION_20
        && (ngx_http_sealchat_add_header(r, "Upgrade", "websocket", 9)
            != NGX_OK
            || ngx_http_sealchat_add_header(r, "Connection", "upgrade", 7)
               != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_send_special(r, NGX_HTTP_LAST);
}


ngx_int_t
ngx_http_sealchat_send_upgrade(ngx_http_request_t *r)
{
    u_char                       digest[20], *p;
    ngx_int_t                    rc;
    ngx_str_t                    hash, accept;
    ngx_sha1_t                   sha1;
    ngx_http_sealchat_headers_t  h;

    ngx_http_sealchat_read_headers(r, &h);

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, h.key.data, h.key.len);
    ngx_sha1_update(&sha1, NGX_HTTP_SEALCHAT_GUID,
                    sizeof(NGX_HTTP_SEALCHAT_GUID) - 1);
    ngx_sha1_final(digest, &sha1);

    p = ngx_pnalloc(r->pool, NGX_HTTP_SEALCHAT_ACCEPT_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    hash.data = digest;
    hash.len = 20;
    accept.data = p;
    ngx_encode_base64(&accept, &hash);

    r->keepalive = 0;
    r->limit_rate = 0;
    r->limit_rate_set = 1;

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    ngx_http_clear_content_length(r);

    if (ngx_http_sealchat_add_header(r, "Upgrade", "websocket", 9) != NGX_OK
        || ngx_http_sealchat_add_header(r, "Sec-WebSocket-Accept",
                                        (char *) p, accept.len)
           != NGX_OK
        || ngx_http_sealchat_add_header(r, "Sec-WebSocket-Protocol",
                                        SC_SUBPROTOCOL,
                                        sizeof(SC_SUBPROTOCOL) - 1)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_send_special(r, NGX_HTTP_FLUSH);

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_add_header(ngx_http_request_t *r, char *name, char *value,
    size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value.len = len;
    h->value.data = (u_char *) value;

    return NGX_OK;
}
