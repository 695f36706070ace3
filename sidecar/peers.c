/*
 * Which users may connect: names once looked up, numbers compared.
 */

#include "peers.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NGINX_USERS  "www-data nginx"
#define NAME_BYTES   64u


/* 1 and the user, or 0. */
static int
find_user(const char *name, uid_t *uid)
{
    const struct passwd *entry = getpwnam(name);
    char                *end;
    unsigned long        number;

    if (entry) {
        *uid = entry->pw_uid;
        return 1;
    }

    number = strtoul(name, &end, 10);
    if (*name < '0' || *name > '9' || *end != '\0' || number >= (uid_t) -1) {
        return 0;
    }

    *uid = (uid_t) number;

    return 1;
}


int
sc_peers_find(struct sc_peers *peers, const char *users,
              char *why, size_t why_size)
{
    const char *at = users ? users : NGINX_USERS;
    char        name[NAME_BYTES];
    size_t      n;
    uid_t       uid;

    *peers = (struct sc_peers) { .n = 2, .uids = { 0, geteuid() } };

    for (at += strspn(at, " "); *at; at += n + strspn(at + n, " ")) {
        n = strcspn(at, " ");
        snprintf(name, sizeof(name), "%.*s", (int) n, at);

        if (n >= sizeof(name) || !find_user(name, &uid)) {
            if (users == NULL) {
                continue;
            }
            snprintf(why, why_size, "peers: there is no user %s", name);
            return -1;
        }

        if (peers->n == SC_PEERS_MAX) {
            snprintf(why, why_size, "peers: more than %u users",
                     SC_PEERS_MAX - 2);
            return -1;
        }

        peers->uids[peers->n++] = uid;
    }

    return 0;
}


int
sc_peers_allow(const struct sc_peers *peers, uid_t uid)
{
    for (size_t i = 0; i < peers->n; i++) {
        if (peers->uids[i] == uid) {
            return 1;
        }
    }

    return 0;
}
