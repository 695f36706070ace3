/*
 * Tickets: what a stream that nginx opens again after its link broke is known
 * by.  nginx keeps them and reads nothing of them; only the service that
 * sealed one opens it, and only for the same customer.
 */

#ifndef SEALCHAT_TICKET_H
#define SEALCHAT_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

/* A key seals for a day, and opens for as long as its last ticket lives. */
#define SC_TICKET_KEY_MS   (24ull * 3600 * 1000)

#ifndef SC_TICKET_LIFE_MS
#define SC_TICKET_LIFE_MS  (3600ull * 1000)
#endif

#define SC_TICKET_BYTES                                                       \
    (4u + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + 49u                  \
     + crypto_aead_xchacha20poly1305_ietf_ABYTES)

struct sc_tickets;

/* Whose a ticket is: cid and the hash of the service's origin are not in it,
 * but it opens for no others. */
struct sc_ticket {
    const uint8_t *cid;
    const uint8_t *origin_hash;
    uint8_t        role;           /* enum sc_role, never NONE */
    uint8_t        self[32];       /* a visitor's sid, a device's signkey_id,
                                      an owner's account_id */
    uint64_t       version;        /* of the roster when it was sealed */
    uint64_t       expires;        /* ms since 1970 */
};

/*
 * Reads the keys from a directory that is locked, or makes them.  Where the
 * directory cannot be written, the keys live as long as this process, and
 * why[] says so; otherwise why[] is empty.  NULL when there is no memory.
 */
struct sc_tickets *sc_tickets_open(const char *directory, uint64_t now,
                                   char *why, size_t why_size);
void sc_tickets_close(struct sc_tickets *tickets);

/* Draws a new key if the one in use is a day old.  why[] as above. */
void sc_tickets_rotate(struct sc_tickets *tickets, uint64_t now,
                       char *why, size_t why_size);

/* Writes a ticket of SC_TICKET_BYTES. */
void sc_ticket_seal(const struct sc_tickets *tickets,
                    const struct sc_ticket *ticket,
                    uint8_t out[SC_TICKET_BYTES]);

/* Opens one for ticket->cid and ticket->origin_hash and fills in the rest.
 * NULL, or what is wrong with it, for the log. */
const char *sc_ticket_open(const struct sc_tickets *tickets, uint64_t now,
                           const uint8_t *bytes, size_t n,
                           struct sc_ticket *ticket);

#endif
