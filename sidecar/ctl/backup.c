/*
 * sealchatctl backup and restore.
 *
 * A backup is a folder: the store as it was at one moment, and a manifest that
 * has its checksum and what is in it.  The vault's key file is no part of it.
 * A restore believes nothing: checksum, counts, and a check of all that is
 * there come before the folder gets its name.
 */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "../config.h"
#include "../version.h"
#include "commands.h"
#include "files.h"

#define HASH_BYTES  32u
#define HASH_TEXT   (2 * HASH_BYTES + 1)
#define CHUNK       (1u << 20)
#define FORMAT      1


/* --- backup -------------------------------------------------------------- */

static double
number_in(json_t *line, const char *name)
{
    return json_number_value(json_object_get(line, name));
}


static void
on_backup_line(json_t *line, void *data)
{
    const struct sc_ctl *ctl = data;

    if (ctl->json) {
        sc_ctl_json(line);
        return;
    }

    sc_ctl_progress("backup", number_in(line, "bytes"),
                    number_in(line, "of_bytes"));
}


/* The daemon's answer with what the manifest adds; NULL, having complained. */
static json_t *
fill_backup(const struct sc_ctl *ctl, const char *partial,
            const char *request)
{
    char    path[SC_FILES_PATH];
    json_t *answer, *counts;
    int     fd;

    if (sc_files_path(path, partial, "store.mdb") != 0
        || (fd = sc_files_create(path)) < 0)
    {
        return NULL;
    }

    answer = sc_ctl_ask(ctl, request, fd, on_backup_line,
                        (void *) (uintptr_t) ctl);
    sc_ctl_progress_end();
    (void) close(fd);

    counts = answer ? sc_files_counts(partial) : NULL;
    if (counts == NULL) {
        json_decref(answer);
        return NULL;
    }

    json_object_set_new(answer, "format", json_integer(FORMAT));
    json_object_set_new(answer, "version", json_string(SC_VERSION));
    json_object_set_new(answer, "made_ms",
                        json_integer((json_int_t) time(NULL) * 1000));
    json_object_set_new(answer, "entries", counts);
    json_object_del(answer, "end");

    if (sc_files_path(path, partial, "manifest.json") != 0
        || sc_files_write_json(path, answer) != 0)
    {
        json_decref(answer);
        return NULL;
    }

    return answer;
}


/* --max-growth and --max-seconds; 0, or -1. */
static int
backup_request(const struct sc_ctl *ctl, char *request, size_t n)
{
    int used = snprintf(request, n, "backup");

    for (int i = 1; i < ctl->argc; i += 2) {
        const char *name = ctl->argv[i], *value = ctl->argv[i + 1];

        if ((strcmp(name, "--max-growth") != 0
             && strcmp(name, "--max-seconds") != 0)
            || i + 1 == ctl->argc
            || strspn(value, "0123456789") != strlen(value)
            || strlen(value) > 18)
        {
            return -1;
        }

        used += snprintf(request + used, n - (size_t) used, " %s=%s",
                         name + 2, value);
    }

    return 0;
}


int
sc_ctl_backup(const struct sc_ctl *ctl)
{
    char    partial[SC_FILES_PATH], request[128];
    json_t *answer;

    if ((ctl->argc != 1 && ctl->argc != 3 && ctl->argc != 5)
        || backup_request(ctl, request, sizeof(request)) != 0)
    {
        return SC_CTL_USAGE;
    }

    if (sc_files_begin(partial, ctl->argv[0]) != 0) {
        return SC_CTL_FAILED;
    }

    answer = fill_backup(ctl, partial, request);
    if (answer == NULL || sc_files_end(partial, ctl->argv[0]) != 0) {
        sc_files_drop(partial);
        json_decref(answer);
        return SC_CTL_FAILED;
    }

    if (ctl->json) {
        json_object_set_new(answer, "end", json_string("ok"));
        sc_ctl_json(answer);
    } else {
        sc_ctl_print(answer);
    }

    json_decref(answer);

    return SC_CTL_OK;
}


/* --- restore ------------------------------------------------------------- */

/* Copies from one descriptor to the other, hashing; 0, or -1. */
static int
copy(int from, int to, double all, uint8_t hash[HASH_BYTES])
{
    crypto_generichash_state state;
    uint8_t                 *chunk = malloc(CHUNK);
    double                   done = 0;
    ssize_t                  n = chunk ? 1 : -1;

    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);

    while (n > 0) {
        n = read(from, chunk, CHUNK);
        if (n > 0) {
            crypto_generichash_update(&state, chunk, (size_t) n);
            done += (double) n;
            sc_ctl_progress("restore", done, all);
            n = write(to, chunk, (size_t) n) == n ? n : -1;
        }
    }

    crypto_generichash_final(&state, hash, HASH_BYTES);
    free(chunk);
    sc_ctl_progress_end();

    return n == 0 && fsync(to) == 0 ? 0 : -1;
}


/* Copies the store and compares its checksum.  0, or -1, having complained. */
static int
copy_store(const char *backup, const char *partial, json_t *manifest)
{
    const char *wanted = json_string_value(json_object_get(manifest,
                                                           "blake2b"));
    char        from_path[SC_FILES_PATH], to_path[SC_FILES_PATH];
    char        text[HASH_TEXT];
    uint8_t     hash[HASH_BYTES];
    int         from = -1, to = -1, rc = -1;

    if (sc_files_path(from_path, backup, "store.mdb") != 0
        || sc_files_path(to_path, partial, "store.mdb") != 0)
    {
        return -1;
    }

    from = open(from_path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        sc_ctl_complain("%s: %s", from_path, strerror(errno));
    } else {
        to = sc_files_create(to_path);
    }

    if (to >= 0) {
        rc = copy(from, to, number_in(manifest, "store_bytes"), hash);
        if (rc != 0) {
            sc_ctl_complain("%s: %s", to_path, strerror(errno));
        }
        (void) close(to);
    }

    if (from >= 0) {
        (void) close(from);
    }

    if (rc == 0) {
        sodium_bin2hex(text, sizeof(text), hash, sizeof(hash));
        if (wanted == NULL || strcmp(text, wanted) != 0) {
            sc_ctl_complain("%s: its checksum is not the manifest's: the "
                            "backup is damaged", from_path);
            rc = -1;
        }
    }

    return rc;
}


static json_t *
read_manifest(const char *backup)
{
    char         path[SC_FILES_PATH];
    json_error_t error;
    json_t      *manifest;

    if (sc_files_path(path, backup, "manifest.json") != 0) {
        return NULL;
    }

    manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (manifest == NULL) {
        sc_ctl_complain("%s: %s", path, error.text);
        return NULL;
    }

    if (json_integer_value(json_object_get(manifest, "format")) != FORMAT) {
        sc_ctl_complain("%s: not a manifest that this version knows", path);
        json_decref(manifest);
        return NULL;
    }

    return manifest;
}


/* What is there is what was counted, and passes the check. */
static int
verify(const struct sc_ctl *ctl, const char *partial, json_t *manifest)
{
    json_t *counts = sc_files_counts(partial);
    int     same;

    if (counts == NULL) {
        return -1;
    }

    same = json_equal(counts, json_object_get(manifest, "entries"));
    json_decref(counts);

    if (!same) {
        sc_ctl_complain("the store has not as many entries as the manifest "
                        "says");
        return -1;
    }

    return sc_ctl_check_folder(ctl, partial) == SC_CTL_OK ? 0 : -1;
}


/* The daemon's user, if the configuration names one, is to own it. */
static int
give_away(const struct sc_ctl *ctl, const char *partial)
{
    struct sc_config     config = { .mode = 0 };
    const struct passwd *user = NULL;
    char                 path[SC_FILES_PATH], why[512];
    int                  rc = 0;

    if (geteuid() == 0
        && sc_config_read(&config, ctl->config, why, sizeof(why)) == 0
        && config.user)
    {
        user = getpwnam(config.user);
    }

    if (user && (sc_files_path(path, partial, "store.mdb") != 0
                 || chown(path, user->pw_uid, user->pw_gid) != 0
                 || chown(partial, user->pw_uid, user->pw_gid) != 0))
    {
        rc = sc_ctl_complain("%s: %s", partial, strerror(errno));
    }

    sc_config_free(&config);

    return rc;
}


static int
restore_into(const struct sc_ctl *ctl, const char *backup,
             const char *partial, const char *folder, json_t *manifest)
{
    char lock[SC_FILES_PATH], lmdb_lock[SC_FILES_PATH];

    if (copy_store(backup, partial, manifest) != 0
        || verify(ctl, partial, manifest) != 0
        || sc_files_path(lock, partial, "lock") != 0
        || sc_files_path(lmdb_lock, partial, "store.mdb-lock") != 0)
    {
        return -1;
    }

    (void) unlink(lock);
    (void) unlink(lmdb_lock);

    return give_away(ctl, partial) == 0 ? sc_files_end(partial, folder) : -1;
}


int
sc_ctl_restore(const struct sc_ctl *ctl)
{
    char    partial[SC_FILES_PATH];
    json_t *manifest;
    int     rc;

    if (ctl->argc != 2) {
        return SC_CTL_USAGE;
    }

    manifest = read_manifest(ctl->argv[0]);
    if (manifest == NULL) {
        return SC_CTL_FAILED;
    }

    rc = sc_files_begin(partial, ctl->argv[1]);
    if (rc == 0) {
        rc = restore_into(ctl, ctl->argv[0], partial, ctl->argv[1],
                          manifest);
        if (rc != 0) {
            sc_files_drop(partial);
        }
    }

    json_decref(manifest);

    return rc == 0 ? SC_CTL_OK : SC_CTL_FAILED;
}
