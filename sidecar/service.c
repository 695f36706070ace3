/*
 * The service as a whole: opens store, commit thread and listener in the
 * order in which they need each other, and takes them down in the other.
 */

#include "service.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "admin.h"
#include "link.h"
#include "listen.h"
#include "notify.h"
#include "privilege.h"
#include "protocol/auth.h"
#include "queue.h"
#include "resume.h"

/* Between two lines about the same trouble of the store. */
#define TROUBLE_MS  1000u


uint64_t
sc_service_hash(const struct sc_service *service, const uint8_t id[32])
{
    uint64_t hash;

    crypto_shorthash((unsigned char *) &hash, id, 32, service->hash_key);

    return hash;
}


uint64_t
sc_service_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static void
on_prepare(uv_prepare_t *flusher)
{
    struct sc_service *service = flusher->data;

    /* The disk is slower than the links: it begins first. */
    sc_commit_hand_over(service->commit);
    sc_link_flush_all(service);
}


static void
on_room(void *data)
{
    sc_link_pressure_all(data);
}


/* A disk that fails does so with every list that clients cause, as often as
 * they come again: the same is said once a second at most. */
static void
on_trouble(void *data, const char *why)
{
    struct sc_service *service = data;
    struct sc_trouble *last = &service->trouble;
    uint64_t           now = uv_now(&service->loop);

    if (now - last->time < TROUBLE_MS
        && strncmp(last->why, why, sizeof(last->why) - 1) == 0)
    {
        last->more++;
        return;
    }

    if (last->more) {
        sc_log(SC_LOG_ERROR, "store: the same %u times more: %s", last->more,
               last->why);
    }

    sc_log(SC_LOG_ERROR, "store: %s", why);
    snprintf(last->why, sizeof(last->why), "%s", why);
    last->time = now;
    last->more = 0;
}


static void
draw_secrets(struct sc_service *service)
{
    uint8_t     sk[crypto_sign_SECRETKEYBYTES];
    const char *origin = service->config->origin;

    sc_origin_hash(service->origin_hash, origin, strlen(origin));
    randombytes_buf(service->hash_key, sizeof(service->hash_key));
    crypto_sign_keypair(service->decoy_pk, sk);
    sodium_memzero(sk, sizeof(sk));
}


/* A key is drawn only where nothing can lie under another one. */
static struct sc_vault *
first_vault(const struct sc_config *config, char *why, size_t why_size)
{
    char             store[PATH_MAX];
    struct sc_vault *vault;

    if ((size_t) snprintf(store, sizeof(store), "%s/store.mdb",
                          config->store_path) >= sizeof(store)
        || access(store, F_OK) == 0)
    {
        snprintf(why, why_size, "the vault's key file %s is missing, and the "
                 "store in %s needs it: bring it back from where it is backed "
                 "up", config->vault_key, config->store_path);
        return NULL;
    }

    vault = sc_vault_new();
    if (vault == NULL
        || sc_vault_save(vault, config->vault_key, 0, why, why_size) != 0)
    {
        sc_vault_free(vault);
        return NULL;
    }

    sc_log(SC_LOG_WARN, "made the vault's key file %s: back it up, apart from "
           "the store", config->vault_key);

    return vault;
}


static int
open_vault(struct sc_service *service, char *why, size_t why_size)
{
    const struct sc_config *config = service->config;

    service->vault = sc_vault_load(config->vault_key, why, why_size);
    if (service->vault == NULL && errno == ENOENT) {
        service->vault = first_vault(config, why, why_size);
    }

    return service->vault ? 0 : -1;
}


int
sc_service_start(struct sc_service *service, char *why, size_t why_size)
{
    struct sc_store_options  store = {
        .path = service->config->store_path,
        .map_size = service->config->map_size,
        .days = service->config->days,
        .quotas = service->config->quotas
    };
    struct sc_commit_options commit = {
        .loop = &service->loop, .room = on_room, .trouble = on_trouble,
        .data = service
    };

    draw_secrets(service);
    service->metrics.started = sc_service_time();

    if (sc_throttle_start(service) != 0) {
        snprintf(why, why_size, "no memory for limits");
        return -1;
    }

    if (open_vault(service, why, why_size) != 0) {
        return -1;
    }

    if (service->config->user
        && sc_privilege_drop(service->config->user, why, why_size) != 0)
    {
        return -1;
    }

    store.vault = service->vault;
    service->store = sc_store_open(&store, why, why_size);
    if (service->store == NULL) {
        return -1;
    }

    if (sc_resume_start(service, why, why_size) != 0) {
        sc_service_end(service);
        return -1;
    }

    commit.store = service->store;
    service->commit = sc_commit_start(&commit);
    if (service->commit == NULL) {
        snprintf(why, why_size, "commit thread: %s", strerror(errno));
        sc_resume_stop(service);
        sc_service_end(service);
        return -1;
    }

    uv_prepare_init(&service->loop, &service->flusher);
    service->flusher.data = service;
    uv_prepare_start(&service->flusher, on_prepare);

    uv_timer_init(&service->loop, &service->saver);
    service->saver.data = service;

    if (sc_listen(service, why, why_size) != 0
        || sc_admin_start(service, why, why_size) != 0
        || (service->config->seccomp
            && sc_privilege_confine(service->config->seccomp
                                    == SC_SECCOMP_KILL, why, why_size) != 0))
    {
        sc_service_stop(service);
        return -1;
    }

    return 0;
}


void
sc_service_stop(struct sc_service *service)
{
    struct sc_link *link, *next;

    if (service->stopping) {
        return;
    }

    service->stopping = 1;
    sc_notify("STOPPING=1");
    sc_listen_stop(service);
    sc_admin_stop(service);
    sc_queue_save(service);

    /* What was queued is committed now, and its STORED goes out. */
    sc_commit_stop(service->commit);
    sc_link_flush_all(service);

    for (link = service->links; link; link = next) {
        next = link->next;
        sc_link_close(link, "sealchatd stops");
    }

    /* Behind the links: its readers may be slow. */
    sc_admin_end(service);

    uv_close((uv_handle_t *) &service->flusher, NULL);
    uv_close((uv_handle_t *) &service->saver, NULL);
    sc_resume_stop(service);
}


void
sc_service_end(struct sc_service *service)
{
    sc_map_free(&service->customers);
    sc_throttle_end(service);
    sc_resume_end(service);

    if (service->store) {
        sc_store_close(service->store);
        service->store = NULL;
    }

    sc_vault_free(service->vault);
    service->vault = NULL;
}
