/*
 * sealchatctl vault: the key file's life.
 *
 * At no moment is a key missing from the file that a record in the store may
 * need: the new key is written beside the old one first, and the old one goes
 * when the daemon says that nothing lies under it.  An attempt that was broken
 * off is finished by the next.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../config.h"
#include "../vault.h"
#include "commands.h"


/* Gives the file to the daemon's user, if there is one. */
static int
give_away(const struct sc_config *config)
{
    const struct passwd *user;

    if (config->user == NULL || geteuid() != 0) {
        return SC_CTL_OK;
    }

    user = getpwnam(config->user);
    if (user == NULL || chown(config->vault_key, user->pw_uid, user->pw_gid)
                        != 0)
    {
        return sc_ctl_complain("%s: %s", config->vault_key,
                               user ? strerror(errno) : "no such user");
    }

    return SC_CTL_OK;
}


static int
create(const struct sc_config *config)
{
    struct sc_vault *vault = sc_vault_new();
    char             why[512] = "no memory";
    int              rc = -1;

    if (vault) {
        rc = sc_vault_save(vault, config->vault_key, 0, why, sizeof(why));
    }

    sc_vault_free(vault);

    return rc == 0 ? give_away(config) : sc_ctl_complain("%s", why);
}


static void
on_line(json_t *line, void *data)
{
    const struct sc_ctl *ctl = data;

    if (ctl->json) {
        sc_ctl_json(line);
    }
}


/* The daemon works under the file's keys.  Its last line, or NULL. */
static json_t *
ask(const struct sc_ctl *ctl, const char *file)
{
    int     fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    json_t *last;

    if (fd < 0) {
        sc_ctl_complain("%s: %s", file, strerror(errno));
        return NULL;
    }

    last = sc_ctl_ask(ctl, "rotate", fd, on_line, (void *) (uintptr_t) ctl);
    (void) close(fd);

    return last;
}


static int
rotate(const struct sc_ctl *ctl, const char *file, struct sc_vault *vault)
{
    char    why[512];
    json_t *last;
    int     rc = 0;

    /* With two keys an earlier attempt is to be finished. */
    if (sc_vault_n_keys(vault) == 1) {
        (void) sc_vault_add_key(vault);
        rc = sc_vault_save(vault, file, 1, why, sizeof(why));
    }

    if (rc != 0) {
        return sc_ctl_complain("%s", why);
    }

    last = ask(ctl, file);
    if (last == NULL) {
        return SC_CTL_FAILED;
    }

    sc_vault_drop_old(vault);
    if (sc_vault_save(vault, file, 1, why, sizeof(why)) != 0) {
        json_decref(last);
        return sc_ctl_complain("%s", why);
    }

    if (ctl->json) {
        sc_ctl_json(last);
    } else {
        sc_ctl_print(last);
    }

    json_decref(last);

    return SC_CTL_OK;
}


/* Two at once would each write the file without the other's key: the folder
 * is locked, since the file itself is replaced.  The lock, or -1. */
static int
lock_folder(const char *file)
{
    char  folder[PATH_MAX];
    char *slash;
    int   fd;

    snprintf(folder, sizeof(folder), "%s", file);
    slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder] = '\0';
    } else {
        strcpy(folder, ".");
    }

    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return fd;
    }

    sc_ctl_complain("%s: %s", folder,
                    fd >= 0 && errno == EWOULDBLOCK
                    ? "another rotation is under way" : strerror(errno));
    if (fd >= 0) {
        (void) close(fd);
    }

    return -1;
}


static int
rotate_alone(const struct sc_ctl *ctl, const char *file)
{
    struct sc_vault *vault;
    char             why[512];
    int              lock = lock_folder(file), rc;

    if (lock < 0) {
        return SC_CTL_FAILED;
    }

    vault = sc_vault_load(file, why, sizeof(why));
    rc = vault ? rotate(ctl, file, vault) : sc_ctl_complain("%s", why);
    sc_vault_free(vault);
    (void) close(lock);

    return rc;
}


static int
with_config(const struct sc_ctl *ctl, struct sc_config *config)
{
    char why[512];

    if (sc_config_read(config, ctl->config, why, sizeof(why)) != 0) {
        return sc_ctl_complain("%s", why);
    }

    return SC_CTL_OK;
}


int
sc_ctl_vault_create(const struct sc_ctl *ctl)
{
    struct sc_config config;
    int              rc;

    if (ctl->argc != 0) {
        return SC_CTL_USAGE;
    }

    rc = with_config(ctl, &config);
    if (rc == SC_CTL_OK) {
        rc = create(&config);
    }

    sc_config_free(&config);

    return rc;
}


int
sc_ctl_vault_rotate(const struct sc_ctl *ctl)
{
    struct sc_config config;
    int              rc;

    if (ctl->argc != 0) {
        return SC_CTL_USAGE;
    }

    rc = with_config(ctl, &config);
    if (rc == SC_CTL_OK) {
        rc = rotate_alone(ctl, config.vault_key);
    }

    sc_config_free(&config);

    return rc;
}
