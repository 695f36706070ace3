/*
 * Which users may connect to the links' socket, beside what the file's mode
 * allows.
 */

#ifndef SEALCHAT_PEERS_H
#define SEALCHAT_PEERS_H

#include <stddef.h>
#include <sys/types.h>

#define SC_PEERS_MAX  16u

struct sc_peers {
    size_t n;
    uid_t  uids[SC_PEERS_MAX];
};

/*
 * Looks the users up: names or numbers, parted by spaces.  NULL means those
 * under which nginx runs where it comes as a package, as far as they are
 * there.  Our own user and root may always.  0, or -1 and a sentence in
 * why[].
 */
int sc_peers_find(struct sc_peers *peers, const char *users,
                  char *why, size_t why_size);

int sc_peers_allow(const struct sc_peers *peers, uid_t uid);

#endif
