
/*
 * What is counted, in a shared zone with a slot for each worker.  A slot is
 * taken over by the next worker when its own is gone: gauges begin at zero,
 * counters go on.
 */


#include "ngx_http_sealchat_status.h"


#define NGX_HTTP_SEALCHAT_ALIVE_EVERY  10000
#define NGX_HTTP_SEALCHAT_ALIVE_MOST   60


typedef struct {
    ngx_atomic_t                     pid;
    ngx_atomic_t                     seen;       /* seconds */
    ngx_atomic_t                     leaving;
    ngx_atomic_t                     values[NGX_HTTP_SEALCHAT_NMETRICS];
} ngx_http_sealchat_slot_t;


typedef struct {
    ngx_uint_t                       nslots;
    ngx_http_sealchat_slot_t         slots[1];
} ngx_http_sealchat_slots_t;


static ngx_uint_t ngx_http_sealchat_close_metric(ngx_uint_t code);
static ngx_int_t ngx_http_sealchat_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_uint_t ngx_http_sealchat_zone_gone(ngx_atomic_uint_t pid);
static void ngx_http_sealchat_zone_alive(ngx_event_t *ev);


/* where no zone is, or no slot is left, a worker counts for itself */

static ngx_http_sealchat_slot_t    ngx_http_sealchat_own_slot;
static ngx_http_sealchat_slot_t   *ngx_http_sealchat_slot =
                                                  &ngx_http_sealchat_own_slot;
static ngx_http_sealchat_slots_t  *ngx_http_sealchat_slots;
static ngx_event_t                 ngx_http_sealchat_alive;
static ngx_connection_t            ngx_http_sealchat_alive_dummy;


void
ngx_http_sealchat_count(ngx_uint_t metric, ngx_int_t n)
{
    ngx_http_sealchat_slot->values[metric] += n;
}


/* a session is in one state at a time */

void
ngx_http_sealchat_count_state(ngx_http_sealchat_session_t *s,
    ngx_uint_t state)
{
    if (s->state) {
        ngx_http_sealchat_count(s->state - 1, -1);
    }

    s->state = state + 1;

    ngx_http_sealchat_count(state, 1);
}


void
ngx_http_sealchat_count_end(ngx_http_sealchat_session_t *s)
{
    if (s->state == 0) {
        return;
    }

    ngx_http_sealchat_count(s->state - 1, -1);
    s->state = 0;

    if (s->paused) {
        ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_PAUSED, -1);
    }

    if (s->draining) {
        ngx_http_sealchat_count(NGX_HTTP_SEALCHAT_DRAINING, -1);
    }

    ngx_http_sealchat_count(s->open
                            ? ngx_http_sealchat_close_metric(s->close_code)
                            : NGX_HTTP_SEALCHAT_REFUSED, 1);
}


static ngx_uint_t
ngx_http_sealchat_close_metric(ngx_uint_t code)
{
    switch (code) {
    case WS_CLOSE_NORMAL:
        return NGX_HTTP_SEALCHAT_CLOSED_1000;
    case 1001:
        return NGX_HTTP_SEALCHAT_CLOSED_1001;
    case 1002:
        return NGX_HTTP_SEALCHAT_CLOSED_1002;
    case 1003:
        return NGX_HTTP_SEALCHAT_CLOSED_1003;
    case WS_CLOSE_NONE:
        return NGX_HTTP_SEALCHAT_CLOSED_1005;
    case WS_CLOSE_ABNORMAL:
        return NGX_HTTP_SEALCHAT_CLOSED_1006;
    case 1007:
        return NGX_HTTP_SEALCHAT_CLOSED_1007;
    case 1008:
        return NGX_HTTP_SEALCHAT_CLOSED_1008;
    case 1009:
        return NGX_HTTP_SEALCHAT_CLOSED_1009;
    case 1011:
        return NGX_HTTP_SEALCHAT_CLOSED_1011;
    case 1012:
        return NGX_HTTP_SEALCHAT_CLOSED_1012;
    case 1013:
        return NGX_HTTP_SEALCHAT_CLOSED_1013;
    default:
        return NGX_HTTP_SEALCHAT_CLOSED_OTHER;
    }
}


char *
ngx_http_sealchat_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sealchat_main_conf_t  *smcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (smcf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = 16 * ngx_pagesize;

    if (cf->args->nelts == 3) {
        size = ngx_parse_size(&value[2]);

        if (size == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid zone size \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        if (size < (ssize_t) (8 * ngx_pagesize)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "zone \"%V\" is too small", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    smcf->zone = ngx_shared_memory_add(cf, &value[1], size,
                                       &ngx_http_sealchat_module);
    if (smcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    smcf->zone->init = ngx_http_sealchat_zone_init;

    return NGX_CONF_OK;
}


/* a reload keeps the slots, and with them what was counted */

static ngx_int_t
ngx_http_sealchat_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    size_t                      size;
    ngx_slab_pool_t            *shpool;
    ngx_http_sealchat_slots_t  *slots;

    if (data) {
        shm_zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (shm_zone->shm.exists) {
        shm_zone->data = shpool->data;
        return NGX_OK;
    }

    slots = NULL;

    for (size = shm_zone->shm.size; size >= ngx_pagesize;
         size -= ngx_pagesize)
    {
        shpool->log_nomem = 0;
        slots = ngx_slab_calloc(shpool, size);

        if (slots) {
            break;
        }
    }

    if (slots == NULL) {
        return NGX_ERROR;
    }

    slots->nslots = 1 + (size - sizeof(ngx_http_sealchat_slots_t))
                        / sizeof(ngx_http_sealchat_slot_t);

    shpool->data = slots;
    shm_zone->data = slots;

    return NGX_OK;
}


void
ngx_http_sealchat_zone_enter(ngx_cycle_t *cycle, ngx_shm_zone_t *zone)
{
    ngx_uint_t                 i, j;
    ngx_atomic_uint_t          pid;
    ngx_http_sealchat_slot_t  *slot;

    if (zone == NULL) {
        return;
    }

    ngx_http_sealchat_slots = zone->data;

    for (i = 0; i < ngx_http_sealchat_slots->nslots; i++) {
        slot = &ngx_http_sealchat_slots->slots[i];
        pid = slot->pid;

        if (!ngx_http_sealchat_zone_gone(pid)
            || !ngx_atomic_cmp_set(&slot->pid, pid,
                                   (ngx_atomic_uint_t) ngx_pid))
        {
            continue;
        }

        for (j = 0; j < NGX_HTTP_SEALCHAT_NGAUGES; j++) {
            slot->values[j] = 0;
        }

        slot->leaving = 0;
        slot->seen = ngx_time();

        ngx_http_sealchat_slot = slot;

        ngx_http_sealchat_alive_dummy.fd = (ngx_socket_t) -1;

        ngx_http_sealchat_alive.handler = ngx_http_sealchat_zone_alive;
        ngx_http_sealchat_alive.data = &ngx_http_sealchat_alive_dummy;
        ngx_http_sealchat_alive.log = cycle->log;
        ngx_http_sealchat_alive.cancelable = 1;

        ngx_add_timer(&ngx_http_sealchat_alive,
                      NGX_HTTP_SEALCHAT_ALIVE_EVERY);
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                  "\"sealchat_zone\" is too small for all workers");
}


/* the number may be in use again, by this worker too */

static ngx_uint_t
ngx_http_sealchat_zone_gone(ngx_atomic_uint_t pid)
{
    return pid == 0
           || pid == (ngx_atomic_uint_t) ngx_pid
           || (kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == NGX_ESRCH);
}


static void
ngx_http_sealchat_zone_alive(ngx_event_t *ev)
{
    ngx_http_sealchat_slot->seen = ngx_time();

    ngx_add_timer(ev, NGX_HTTP_SEALCHAT_ALIVE_EVERY);
}


void
ngx_http_sealchat_zone_leaving(void)
{
    ngx_http_sealchat_slot->leaving = 1;
}


void
ngx_http_sealchat_zone_exit(void)
{
    ngx_http_sealchat_slot->pid = 0;
    ngx_http_sealchat_slot = &ngx_http_sealchat_own_slot;
}


void
ngx_http_sealchat_status_sum(ngx_http_sealchat_sums_t *sums)
{
    ngx_uint_t                 i, j, alive;
    ngx_http_sealchat_slot_t  *slot;

    ngx_memzero(sums, sizeof(ngx_http_sealchat_sums_t));

    ngx_http_sealchat_slot->seen = ngx_time();

    for (i = 0; i < ngx_http_sealchat_slots->nslots; i++) {
        slot = &ngx_http_sealchat_slots->slots[i];

        alive = slot->pid == (ngx_atomic_uint_t) ngx_pid
                || (!ngx_http_sealchat_zone_gone(slot->pid)
                    && ngx_time() - (time_t) slot->seen
                       <= NGX_HTTP_SEALCHAT_ALIVE_MOST);

        sums->workers += alive;
        sums->leaving += alive && slot->leaving;

        for (j = alive ? 0 : NGX_HTTP_SEALCHAT_NGAUGES;
             j < NGX_HTTP_SEALCHAT_NMETRICS;
             j++)
        {
            sums->values[j] += slot->values[j];
        }
    }
}
