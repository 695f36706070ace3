
/*
 * $sealchat_*: what a session did, for the log.
 */


#include "ngx_http_sealchat.h"

#include <sealchat/frames.h>


static ngx_int_t ngx_http_sealchat_variable_counter(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sealchat_variable_close_code(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sealchat_variable_close_reason(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sealchat_variable_link(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sealchat_variable_role(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sealchat_variable_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static u_char *ngx_http_sealchat_variable_alloc(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, size_t len);


static ngx_http_variable_t  ngx_http_sealchat_vars[] = {

    { ngx_string("sealchat_frames_in"), NULL,
      ngx_http_sealchat_variable_counter,
      offsetof(ngx_http_sealchat_session_t, frames_in),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_frames_out"), NULL,
      ngx_http_sealchat_variable_counter,
      offsetof(ngx_http_sealchat_session_t, frames_out),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_bytes_in"), NULL,
      ngx_http_sealchat_variable_counter,
      offsetof(ngx_http_sealchat_session_t, bytes_in),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_bytes_out"), NULL,
      ngx_http_sealchat_variable_counter,
      offsetof(ngx_http_sealchat_session_t, bytes_out),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_close_code"), NULL,
      ngx_http_sealchat_variable_close_code, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_close_reason"), NULL,
      ngx_http_sealchat_variable_close_reason, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_link"), NULL,
      ngx_http_sealchat_variable_link, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_role"), NULL,
      ngx_http_sealchat_variable_role, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sealchat_session_time"), NULL,
      ngx_http_sealchat_variable_time, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_sealchat_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_sealchat_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* all are "not found" where no session was opened */

static ngx_int_t
ngx_http_sealchat_variable_counter(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s == NULL || !s->open) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_http_sealchat_variable_alloc(r, v, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(p, "%uL", *(uint64_t *) ((char *) s + data)) - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_variable_close_code(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s == NULL || !s->open || s->close_code == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_http_sealchat_variable_alloc(r, v, NGX_INT32_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(p, "%ud", (unsigned) s->close_code) - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_variable_close_reason(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s == NULL || !s->open || s->close_reason.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = s->close_reason.data;
    v->len = s->close_reason.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_variable_link(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_str_t                    *peer;
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s == NULL || !s->open) {
        v->not_found = 1;
        return NGX_OK;
    }

    /* the link itself may be gone */

    peer = s->peer.name;

    p = ngx_http_sealchat_variable_alloc(r, v, peer->len + 1 + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(p, "%V#%ui", peer, s->link_number) - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_variable_role(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_sealchat_session_t  *s;

#define NGX_HTTP_SEALCHAT_ROLE(number, NAME, name)  ngx_string(#name),

    static ngx_str_t  roles[] = { SC_ROLES(NGX_HTTP_SEALCHAT_ROLE) };

#undef NGX_HTTP_SEALCHAT_ROLE

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s == NULL || s->role == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = roles[s->role].data;
    v->len = roles[s->role].len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sealchat_variable_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_msec_t                    ms;
    ngx_http_sealchat_session_t  *s;

    s = ngx_http_get_module_ctx(r, ngx_http_sealchat_module);

    if (s == NULL || !s->open) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_http_sealchat_variable_alloc(r, v, NGX_INT64_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ms = s->ended ? s->time : ngx_current_msec - s->start;

    v->len = ngx_sprintf(p, "%M.%03M", ms / 1000, ms % 1000) - p;

    return NGX_OK;
}


static u_char *
ngx_http_sealchat_variable_alloc(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, size_t len)
{
    v->data = ngx_pnalloc(r->pool, len);

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return v->data;
}
