/*
 * From the interface of store.h to the engine of a store.
 *
 * Nothing is decided here: what an engine has to promise stands in store.h,
 * and the store's tests run on every one of them.
 */

#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each engine's own struct sc_store begins with this pointer. */
static const struct sc_engine *
engine_of(const struct sc_store *store)
{
    return *(const struct sc_engine *const *) (const void *) store;
}

int
sc_store_is_class(unsigned days)
{
    return days == 7 || days == 30 || days == 90 || days == 365
           || days == SC_KEPT;
}

struct sc_store *
sc_store_open(const struct sc_store_options *options, char *why,
              size_t why_size)
{
    const struct sc_engine *engine = options->engine;

    if (engine == NULL) {
        engine = &sc_engine_lmdb;
    }

    return engine->open(options, why, why_size);
}

void
sc_store_close(struct sc_store *store)
{
    engine_of(store)->close(store);
}

const uint8_t *
sc_store_salt_secret(struct sc_store *store)
{
    return engine_of(store)->salt_secret(store);
}

int
sc_store_apply(struct sc_store *store, struct sc_op *ops, char *why,
               size_t why_size)
{
    return engine_of(store)->apply(store, ops, why, why_size);
}

int64_t
sc_store_wants(struct sc_store *store)
{
    return engine_of(store)->wants(store);
}

int
sc_store_customer(struct sc_store *store, const uint8_t cid[32],
                  struct sc_customer *out)
{
    return engine_of(store)->customer(store, cid, out);
}

int
sc_store_limits(struct sc_store *store, const uint8_t cid[32],
                struct sc_limits *out)
{
    return engine_of(store)->limits(store, cid, out);
}

int
sc_store_customers(struct sc_store *store, uint64_t from,
                   uint8_t (*cids)[32], int n, uint64_t *next)
{
    return engine_of(store)->customers(store, from, cids, n, next);
}

int
sc_store_account(struct sc_store *store, const uint8_t account_id[32],
                 uint8_t cid[32], struct sc_blob_out *record)
{
    return engine_of(store)->account(store, account_id, cid, record);
}

int
sc_store_wrap(struct sc_store *store, const uint8_t account_id[32],
              uint64_t generation, uint8_t kind, struct sc_blob_out *wrap)
{
    return engine_of(store)->wrap(store, account_id, generation, kind, wrap);
}

int
sc_store_roster(struct sc_store *store, uint64_t customer, uint64_t version,
                struct sc_blob_out *roster)
{
    return engine_of(store)->roster(store, customer, version, roster);
}

int
sc_store_roster_by_id(struct sc_store *store, uint64_t customer,
                      const uint8_t id[32], struct sc_blob_out *roster)
{
    return engine_of(store)->roster_by_id(store, customer, id, roster);
}

int
sc_store_session(struct sc_store *store, uint64_t customer,
                 const uint8_t sid[32], const uint8_t signkey_id[32],
                 struct sc_session_info *out)
{
    return engine_of(store)->session(store, customer, sid, signkey_id, out);
}

int
sc_store_sessions(struct sc_store *store, uint64_t customer,
                  const uint8_t from[32], const uint8_t signkey_id[32],
                  struct sc_session_info *out, int n)
{
    return engine_of(store)->sessions(store, customer, from, signkey_id, out,
                                      n);
}

int
sc_store_spare(struct sc_store *store, uint64_t customer,
               const uint8_t name[32], struct sc_blob_out *sealed)
{
    return engine_of(store)->spare(store, customer, name, sealed);
}

int
sc_store_cursor(struct sc_store *store, uint64_t customer,
                const uint8_t signkey_id[32], uint64_t *position)
{
    return engine_of(store)->cursor(store, customer, signkey_id, position);
}

struct sc_page *
sc_store_read(struct sc_store *store, uint64_t customer, uint64_t from,
              const uint8_t *skip_signkey, size_t n, size_t max_bytes)
{
    return engine_of(store)->read(store, customer, from, skip_signkey, n,
                                  max_bytes);
}

struct sc_page *
sc_store_read_session(struct sc_store *store, uint64_t customer,
                      const uint8_t sid[32], uint64_t above,
                      const uint8_t *skip_signkey, size_t n, size_t max_bytes)
{
    return engine_of(store)->read_session(store, customer, sid, above,
                                          skip_signkey, n, max_bytes);
}

struct sc_page *
sc_store_history(struct sc_store *store, uint64_t customer,
                 const uint8_t sid[32], uint64_t before, size_t n,
                 size_t max_bytes)
{
    return engine_of(store)->history(store, customer, sid, before, n,
                                     max_bytes);
}

void
sc_store_counters(const struct sc_store *store, struct sc_store_counters *out)
{
    memset(out, 0, sizeof(*out));

    if (engine_of(store)->counters != NULL) {
        engine_of(store)->counters(store, out);
    }
}

int
sc_store_sizes(struct sc_store *store, struct sc_store_sizes *out)
{
    memset(out, 0, sizeof(*out));

    return engine_of(store)->sizes != NULL
           ? engine_of(store)->sizes(store, out) : -1;
}

int
sc_store_invitations(struct sc_store *store, const uint8_t *above,
                     struct sc_invitation *out, int n)
{
    return engine_of(store)->invitations != NULL
           ? engine_of(store)->invitations(store, above, out, n) : 0;
}

int
sc_store_backup(struct sc_store *store, struct sc_backup *backup, char *why,
                size_t why_size)
{
    if (engine_of(store)->backup == NULL) {
        snprintf(why, why_size, "the engine %s makes no backups",
                 engine_of(store)->name);
        return -1;
    }

    return engine_of(store)->backup(store, backup, why, why_size);
}

void
sc_store_page_free(struct sc_page *page)
{
    free(page);
}
