/*
 * Tickets and the keys that seal them.
 *
 * The keys are in a file of the store's directory, so that tickets outlive
 * the process that sealed them; it is written whole, synced and renamed.  It
 * is no part of the store: whoever loses it makes clients prove again who
 * they are, and nothing more.
 */

#include "ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sealchat/frames.h>

#define KEYS       3u             /* the one in use and those before it */
#define KEY_BYTES  (4u + 8u + crypto_aead_xchacha20poly1305_ietf_KEYBYTES)
#define FILE_MAGIC "SCT1"
#define FILE_MAX   (4u + 1u + KEYS * KEY_BYTES)

#define NUMBER     4u
#define NONCE      crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define PLAIN      49u            /* role:1, self:32, version:8, expires:8 */
#define AAD        (4u + 32u + 32u)

struct key {
    uint32_t number;
    uint64_t made;                /* ms since 1970 */
    uint8_t  bytes[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
};

/* In memory that is locked. */
struct sc_tickets {
    char       directory[PATH_MAX - 16];
    unsigned   n;
    struct key keys[KEYS];        /* newest first */
};


/* --- the file ------------------------------------------------------------ */

static int
path_of(const struct sc_tickets *tickets, const char *name,
        char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", tickets->directory, name);

    return n > 0 && n < PATH_MAX ? 0 : -1;
}


/* 1, or 0 when these are no keys. */
static int
parse(struct sc_tickets *tickets, const uint8_t *bytes, size_t n)
{
    struct sc_reader r = sc_reader_of(bytes, n);
    const uint8_t   *magic = sc_get_bytes(&r, 4), *p;
    unsigned         count = sc_get_u8(&r);

    if (magic == NULL || memcmp(magic, FILE_MAGIC, 4) != 0 || count > KEYS) {
        return 0;
    }

    for (unsigned i = 0; i < count; i++) {
        tickets->keys[i].number = sc_get_u32(&r);
        tickets->keys[i].made = sc_get_u64(&r);
        p = sc_get_bytes(&r, sizeof(tickets->keys[i].bytes));
        if (p) {
            memcpy(tickets->keys[i].bytes, p, sizeof(tickets->keys[i].bytes));
        }
    }

    if (!sc_reader_done(&r)) {
        sodium_memzero(tickets->keys, sizeof(tickets->keys));
        return 0;
    }

    tickets->n = count;

    return 1;
}


/* Keys that cannot be read are as good as none. */
static void
load(struct sc_tickets *tickets, char *why, size_t why_size)
{
    uint8_t bytes[FILE_MAX + 1];
    char    path[PATH_MAX];
    ssize_t n = -1;
    int     fd;

    if (path_of(tickets, "tickets", path) != 0) {
        return;
    }

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, bytes, sizeof(bytes));
        close(fd);
    }

    if (fd < 0 && errno == ENOENT) {
        return;
    }

    if (n < 0) {
        snprintf(why, why_size, "the keys of tickets in %.300s: %s",
                 tickets->directory, strerror(errno));
    } else if (!parse(tickets, bytes, (size_t) n)) {
        snprintf(why, why_size, "%.300s/tickets holds no keys of tickets",
                 tickets->directory);
    }

    sodium_memzero(bytes, sizeof(bytes));
}


static size_t
build(const struct sc_tickets *tickets, uint8_t out[FILE_MAX])
{
    struct sc_writer w = sc_writer_of(out, FILE_MAX);

    sc_put_bytes(&w, FILE_MAGIC, 4);
    sc_put_uint(&w, tickets->n, 1);

    for (unsigned i = 0; i < tickets->n; i++) {
        sc_put_uint(&w, tickets->keys[i].number, 4);
        sc_put_uint(&w, tickets->keys[i].made, 8);
        sc_put_bytes(&w, tickets->keys[i].bytes,
                     sizeof(tickets->keys[i].bytes));
    }

    return (size_t) (w.p - out);
}


static int
write_synced(const char *path, const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = -1;

    if (fd < 0) {
        return -1;
    }

    if (write(fd, bytes, n) == (ssize_t) n && fsync(fd) == 0) {
        rc = 0;
    }

    return close(fd) == 0 ? rc : -1;
}


static int
sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0) {
        return -1;
    }

    rc = fsync(fd);
    close(fd);

    return rc;
}


static void
save(const struct sc_tickets *tickets, char *why, size_t why_size)
{
    uint8_t bytes[FILE_MAX];
    char    path[PATH_MAX], written[PATH_MAX];
    size_t  n = build(tickets, bytes);

    if (path_of(tickets, "tickets", path) != 0
        || path_of(tickets, "tickets.new", written) != 0)
    {
        errno = ENAMETOOLONG;
        goto failed;
    }

    if (write_synced(written, bytes, n) == 0 && rename(written, path) == 0
        && sync_directory(tickets->directory) == 0)
    {
        goto done;
    }

failed:

    snprintf(why, why_size,
             "the keys of tickets could not be kept in %.300s: %s",
             tickets->directory, strerror(errno));

done:

    sodium_memzero(bytes, sizeof(bytes));
}


/* --- keys ---------------------------------------------------------------- */

/* Numbers say only which key it may be, and start anywhere. */
static void
draw(struct sc_tickets *tickets, uint64_t now)
{
    struct key *keys = tickets->keys;
    uint32_t    number = tickets->n ? keys[0].number + 1
                                    : randombytes_random();

    memmove(&keys[1], &keys[0], (KEYS - 1) * sizeof(keys[0]));
    keys[0].number = number;
    keys[0].made = now;
    crypto_aead_xchacha20poly1305_ietf_keygen(keys[0].bytes);

    if (tickets->n < KEYS) {
        tickets->n++;
    }
}


/* What no living ticket can have been sealed with. */
static void
drop_old(struct sc_tickets *tickets, uint64_t now)
{
    while (tickets->n > 1
           && tickets->keys[tickets->n - 2].made + SC_TICKET_LIFE_MS <= now)
    {
        sodium_memzero(&tickets->keys[--tickets->n],
                       sizeof(tickets->keys[0]));
    }
}


void
sc_tickets_rotate(struct sc_tickets *tickets, uint64_t now,
                  char *why, size_t why_size)
{
    why[0] = '\0';

    if (tickets->n && tickets->keys[0].made <= now
        && now - tickets->keys[0].made < SC_TICKET_KEY_MS)
    {
        return;
    }

    sodium_mprotect_readwrite(tickets);
    draw(tickets, now);
    drop_old(tickets, now);
    sodium_mprotect_readonly(tickets);

    save(tickets, why, why_size);
}


struct sc_tickets *
sc_tickets_open(const char *directory, uint64_t now, char *why,
                size_t why_size)
{
    struct sc_tickets *tickets = sodium_malloc(sizeof(*tickets));
    char               unread[512] = "";

    why[0] = '\0';
    if (tickets == NULL) {
        return NULL;
    }

    sodium_memzero(tickets, sizeof(*tickets));
    snprintf(tickets->directory, sizeof(tickets->directory), "%s", directory);
    load(tickets, unread, sizeof(unread));
    drop_old(tickets, now);
    sodium_mprotect_readonly(tickets);

    sc_tickets_rotate(tickets, now, why, why_size);
    if (why[0] == '\0') {
        snprintf(why, why_size, "%s", unread);
    }

    return tickets;
}


void
sc_tickets_close(struct sc_tickets *tickets)
{
    sodium_free(tickets);
}


/* --- tickets ------------------------------------------------------------- */

static void
bind(uint8_t aad[AAD], const uint8_t number[NUMBER],
     const struct sc_ticket *ticket)
{
    memcpy(aad, number, NUMBER);
    memcpy(aad + NUMBER, ticket->cid, 32);
    memcpy(aad + NUMBER + 32, ticket->origin_hash, 32);
}


void
sc_ticket_seal(const struct sc_tickets *tickets,
               const struct sc_ticket *ticket, uint8_t out[SC_TICKET_BYTES])
{
    const struct key *key = &tickets->keys[0];
    uint8_t           plain[PLAIN], aad[AAD];
    struct sc_writer  w = sc_writer_of(plain, sizeof(plain));
    struct sc_writer  head = sc_writer_of(out, NUMBER);

    sc_put_uint(&w, ticket->role, 1);
    sc_put_bytes(&w, ticket->self, 32);
    sc_put_uint(&w, ticket->version, 8);
    sc_put_uint(&w, ticket->expires, 8);

    sc_put_uint(&head, key->number, NUMBER);
    randombytes_buf(out + NUMBER, NONCE);
    bind(aad, out, ticket);

    crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + NUMBER + NONCE, NULL, plain, sizeof(plain), aad, sizeof(aad),
        NULL, out + NUMBER, key->bytes);
}


static const struct key *
key_of(const struct sc_tickets *tickets, uint32_t number)
{
    for (unsigned i = 0; i < tickets->n; i++) {
        if (tickets->keys[i].number == number) {
            return &tickets->keys[i];
        }
    }

    return NULL;
}


const char *
sc_ticket_open(const struct sc_tickets *tickets, uint64_t now,
               const uint8_t *bytes, size_t n, struct sc_ticket *ticket)
{
    struct sc_reader  r;
    const struct key *key;
    uint8_t           plain[PLAIN], aad[AAD];

    if (n != SC_TICKET_BYTES) {
        return "it has another size";
    }

    r = sc_reader_of(bytes, NUMBER);
    key = key_of(tickets, sc_get_u32(&r));
    if (key == NULL) {
        return "its key is not here";
    }

    bind(aad, bytes, ticket);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            plain, NULL, NULL, bytes + NUMBER + NONCE, n - NUMBER - NONCE,
            aad, sizeof(aad), bytes + NUMBER, key->bytes) != 0)
    {
        return "it does not open";
    }

    r = sc_reader_of(plain, sizeof(plain));
    ticket->role = sc_get_u8(&r);
    memcpy(ticket->self, sc_get_bytes(&r, 32), 32);
    ticket->version = sc_get_u64(&r);
    ticket->expires = sc_get_u64(&r);

    return ticket->expires > now ? NULL : "it has expired";
}
