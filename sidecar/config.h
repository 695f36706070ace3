/*
 * sealchatd.conf: what an operator may set, with its defaults.
 */

#ifndef SEALCHAT_CONFIG_H
#define SEALCHAT_CONFIG_H

#include <stdint.h>
#include <stddef.h>

#include "log.h"
#include "store.h"
#include "throttle.h"

/* What sun_path holds, its zero byte included. */
#define SC_SOCKET_PATH_MAX 108u

#define SC_MAP_SIZE_MIN    (64ull << 20)

/* Who may register a customer: nobody, everybody, who has an invitation. */
enum sc_registration {
    SC_REGISTRATION_OFF,
    SC_REGISTRATION_OPEN,
    SC_REGISTRATION_INVITATION
};

/* What becomes of a system call that is none of those needed. */
enum sc_seccomp { SC_SECCOMP_OFF, SC_SECCOMP_ON, SC_SECCOMP_KILL };

/* Texts are owned by the struct; NULL where nothing was set. */
struct sc_config {
    char             *origin;         /* WHATWG origin of the service */
    enum sc_registration registration;
    char             *user;           /* to become, or NULL */
    enum sc_seccomp   seccomp;        /* confine the process */
    char             *listen;         /* path of the Unix socket */
    unsigned          mode;           /* of that socket */
    char             *group;          /* of that socket, or NULL */
    char             *peers;          /* users who may connect, or NULL */
    char             *admin_listen;   /* path of the admin socket */
    char             *store_path;
    uint64_t          map_size;       /* bytes */
    char             *vault_key;      /* path of the vault's key file */
    uint16_t          days;           /* retention class of new customers */
    struct sc_quotas  quotas;         /* of customers without own */
    struct sc_throttle_config limits;
    enum sc_log_level level;
    char             *log_file;       /* NULL: standard error */
};

/*
 * Reads a file.  Returns 0, or -1 with one sentence in why[] that names the
 * file and, where there is one, the line.  The caller frees with
 * sc_config_free() in either case.
 */
int sc_config_read(struct sc_config *config, const char *file,
                   char *why, size_t why_size);

void sc_config_free(struct sc_config *config);

/* Whether text is an origin as browsers write it: scheme http or https, a
 * host in lower case, a port unless it is the scheme's own, nothing more. */
int sc_origin_ok(const char *text);

#endif
