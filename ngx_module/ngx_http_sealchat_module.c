
/*
 * Directives of the module, and the way of a request into it.
 */


#include "ngx_http_sealchat_status.h"


/* so that no bucket overflows */

#define NGX_HTTP_SEALCHAT_RATE_MAX  1000000000


static ngx_int_t ngx_http_sealchat_handler(ngx_http_request_t *r);
static void *ngx_http_sealchat_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_sealchat_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sealchat_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_sealchat_pass(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sealchat_allowed_origins(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_sealchat_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sealchat_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_sealchat_init_process(ngx_cycle_t *cycle);
static void ngx_http_sealchat_exit_process(ngx_cycle_t *cycle);


static ngx_conf_num_bounds_t  ngx_http_sealchat_message_bounds = {
    ngx_conf_check_num_bounds, 1, SC_FRAME_MAX
};


static ngx_conf_num_bounds_t  ngx_http_sealchat_positive = {
    ngx_conf_check_num_bounds, 1, -1
};


static ngx_conf_num_bounds_t  ngx_http_sealchat_links_bounds = {
    ngx_conf_check_num_bounds, 1, 64
};


static ngx_command_t  ngx_http_sealchat_commands[] = {

    { ngx_string("sealchat_pass"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_sealchat_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sealchat_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, upstream.connect_timeout),
      &ngx_http_sealchat_positive },

    { ngx_string("sealchat_send_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, upstream.send_timeout),
      &ngx_http_sealchat_positive },

    { ngx_string("sealchat_max_message_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, max_message_size),
      &ngx_http_sealchat_message_bounds },

    { ngx_string("sealchat_send_queue"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, send_queue),
      &ngx_http_sealchat_positive },

    { ngx_string("sealchat_ping_interval"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, ping_interval),
      NULL },

    { ngx_string("sealchat_ping_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, ping_timeout),
      &ngx_http_sealchat_positive },

    { ngx_string("sealchat_auth_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, auth_timeout),
      NULL },

    { ngx_string("sealchat_max_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, max_lifetime),
      NULL },

    { ngx_string("sealchat_drain_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, drain_timeout),
      NULL },

    { ngx_string("sealchat_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_sealchat_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sealchat_links"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, links),
      &ngx_http_sealchat_links_bounds },

    { ngx_string("sealchat_next_upstream"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sealchat_loc_conf_t, next_upstream),
      NULL },

    { ngx_string("sealchat_allowed_origins"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sealchat_allowed_origins,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sealchat_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_sealchat_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sealchat_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_sealchat_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sealchat_module_ctx = {
    ngx_http_sealchat_add_variables,       /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_sealchat_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sealchat_create_loc_conf,     /* create location configuration */
    ngx_http_sealchat_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_sealchat_module = {
    NGX_MODULE_V1,
    &ngx_http_sealchat_module_ctx,         /* module context */
    ngx_http_sealchat_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_sealchat_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sealchat_exit_process,        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_sealchat_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  origin;

    rc = ngx_http_sealchat_handshake(r, &origin);

    /* an answer that has been sent leaves its status behind */

    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    return ngx_http_sealchat_session_create(r, &origin);
}


static void *
ngx_http_sealchat_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sealchat_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sealchat_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->upstreams, cf->pool, 4,
                       sizeof(ngx_http_upstream_srv_conf_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_http_sealchat_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sealchat_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sealchat_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->upstream.* = 0;
     *     conf->status = NGX_HTTP_SEALCHAT_STATUS_OFF;
     */

    conf->upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->upstream.send_timeout = NGX_CONF_UNSET_MSEC;

    conf->max_message_size = NGX_CONF_UNSET_SIZE;
    conf->send_queue = NGX_CONF_UNSET_SIZE;
    conf->ping_interval = NGX_CONF_UNSET_MSEC;
    conf->ping_timeout = NGX_CONF_UNSET_MSEC;
    conf->auth_timeout = NGX_CONF_UNSET_MSEC;
    conf->max_lifetime = NGX_CONF_UNSET_MSEC;
    conf->drain_timeout = NGX_CONF_UNSET_MSEC;
    conf->rate_messages = NGX_CONF_UNSET_UINT;
    conf->rate_bytes = NGX_CONF_UNSET_SIZE;
    conf->links = NGX_CONF_UNSET_UINT;
    conf->next_upstream = NGX_CONF_UNSET;
    conf->allowed_origins = NGX_CONF_UNSET_PTR;

    return conf;
}


static char *
ngx_http_sealchat_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sealchat_loc_conf_t *prev = parent;
    ngx_http_sealchat_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_sealchat_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sealchat_module);

    if (conf->status && smcf->zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sealchat_status\" requires \"sealchat_zone\"");
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_msec_value(conf->upstream.connect_timeout,
                              prev->upstream.connect_timeout, 5000);
    ngx_conf_merge_msec_value(conf->upstream.send_timeout,
                              prev->upstream.send_timeout, 60000);

    ngx_conf_merge_size_value(conf->max_message_size,
                              prev->max_message_size, SC_FRAME_MAX);
    ngx_conf_merge_size_value(conf->send_queue, prev->send_queue, 64 * 1024);

    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval,
                              30000);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout, 10000);

    ngx_conf_merge_msec_value(conf->auth_timeout, prev->auth_timeout, 60000);
    ngx_conf_merge_msec_value(conf->max_lifetime, prev->max_lifetime, 0);
    ngx_conf_merge_msec_value(conf->drain_timeout, prev->drain_timeout,
                              30000);

    ngx_conf_merge_uint_value(conf->rate_messages, prev->rate_messages, 0);
    ngx_conf_merge_size_value(conf->rate_bytes, prev->rate_bytes, 0);

    ngx_conf_merge_uint_value(conf->links, prev->links, 1);
    ngx_conf_merge_value(conf->next_upstream, prev->next_upstream, 0);

    ngx_conf_merge_ptr_value(conf->allowed_origins, prev->allowed_origins,
                             NULL);

    /* as other handlers, this one is inherited by "if" and "limit_except" */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->upstream.upstream == NULL) {
        conf->upstream.upstream = prev->upstream.upstream;
    }

    if (clcf->lmt_excpt
        && clcf->handler == NULL
        && conf->upstream.upstream)
    {
        clcf->handler = ngx_http_sealchat_handler;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sealchat_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sealchat_loc_conf_t  *slcf = conf;

    ngx_url_t                        u;
    ngx_str_t                       *value;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_upstream_srv_conf_t   **uscf;
    ngx_http_sealchat_main_conf_t   *smcf;

    if (slcf->upstream.upstream) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.no_resolve = 1;

    slcf->upstream.upstream = ngx_http_upstream_add(cf, &u, 0);
    if (slcf->upstream.upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sealchat_module);

    uscf = ngx_array_push(&smcf->upstreams);
    if (uscf == NULL) {
        return NGX_CONF_ERROR;
    }

    *uscf = slcf->upstream.upstream;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = ngx_http_sealchat_handler;

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        clcf->auto_redirect = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sealchat_allowed_origins(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_sealchat_loc_conf_t  *slcf = conf;

    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (slcf->allowed_origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    slcf->allowed_origins = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                             sizeof(ngx_str_t));
    if (slcf->allowed_origins == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        origin = ngx_array_push(slcf->allowed_origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        if (ngx_strcmp(value[i].data, "none") == 0) {
            ngx_str_null(origin);
            continue;
        }

        if (ngx_strstr(value[i].data, "://") == NULL
            || value[i].data[value[i].len - 1] == '/')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\", it must be \"none\" "
                               "or like \"https://example.com\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sealchat_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sealchat_loc_conf_t  *slcf = conf;

    ssize_t      size;
    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (slcf->rate_messages != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->rate_messages = 0;
    slcf->rate_bytes = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "messages=", 9) == 0) {

            n = ngx_atoi(value[i].data + 9, value[i].len - 9);

            if (n < 1 || n > NGX_HTTP_SEALCHAT_RATE_MAX
                || slcf->rate_messages)
            {
                goto invalid;
            }

            slcf->rate_messages = n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "bytes=", 6) == 0) {

            s.data = value[i].data + 6;
            s.len = value[i].len - 6;

            size = ngx_parse_size(&s);

            if (size < 1 || size > NGX_HTTP_SEALCHAT_RATE_MAX
                || slcf->rate_bytes)
            {
                goto invalid;
            }

            slcf->rate_bytes = size;
            continue;
        }

        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       &value[i]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_sealchat_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sealchat_loc_conf_t  *slcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  formats[] = {
        ngx_null_string,
        ngx_string("text"),
        ngx_string("json"),
        ngx_string("prometheus")
    };

    if (slcf->status) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->status = NGX_HTTP_SEALCHAT_STATUS_TEXT;

    if (cf->args->nelts == 2) {

        for (i = NGX_HTTP_SEALCHAT_STATUS_TEXT;
             i <= NGX_HTTP_SEALCHAT_STATUS_PROMETHEUS;
             i++)
        {
            if (ngx_strcmp(value[1].data, formats[i].data) == 0) {
                break;
            }
        }

        if (i > NGX_HTTP_SEALCHAT_STATUS_PROMETHEUS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid format \"%V\", "
                               "it must be \"text\", \"json\" or "
                               "\"prometheus\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        slcf->status = i;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->handler = ngx_http_sealchat_status_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sealchat_init_process(ngx_cycle_t *cycle)
{
    ngx_http_sealchat_main_conf_t  *smcf;

    ngx_http_sealchat_link_init();

    smcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_sealchat_module);

    if (smcf
        && (ngx_process == NGX_PROCESS_WORKER
            || ngx_process == NGX_PROCESS_SINGLE))
    {
        ngx_http_sealchat_zone_enter(cycle, smcf->zone);
    }

    return NGX_OK;
}


static void
ngx_http_sealchat_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_sealchat_zone_exit();
    ngx_http_sealchat_queue_exit();
}
