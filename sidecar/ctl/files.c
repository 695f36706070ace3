/*
 * Files of backups: making a folder under another name, filling it, and
 * putting it into its place when everything in it is on the disk.
 */

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../store/check.h"
#include "ctl.h"

#define TABLES_MAX  64u


int
sc_files_path(char out[SC_FILES_PATH], const char *folder, const char *name)
{
    if ((size_t) snprintf(out, SC_FILES_PATH, "%s/%s", folder, name)
        >= SC_FILES_PATH)
    {
        sc_ctl_complain("%.100s...: the path is too long", folder);
        return -1;
    }

    return 0;
}


int
sc_files_begin(char partial[SC_FILES_PATH], const char *folder)
{
    size_t n = strlen(folder);

    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }

    if ((size_t) snprintf(partial, SC_FILES_PATH, "%.*s.partial", (int) n,
                          folder) >= SC_FILES_PATH)
    {
        sc_ctl_complain("%.100s...: the path is too long", folder);
        return -1;
    }

    /* An empty one is removed; rename() then finds its place free. */
    if (rmdir(folder) != 0 && errno != ENOENT) {
        sc_ctl_complain("%s: %s", folder,
                        errno == ENOTEMPTY || errno == EEXIST
                        ? "there is something in it" : strerror(errno));
        return -1;
    }

    if (mkdir(partial, 0700) != 0) {
        sc_ctl_complain("%s: %s", partial,
                        errno == EEXIST ? "it is left from an attempt that "
                        "was broken off: remove it" : strerror(errno));
        return -1;
    }

    return 0;
}


static int
sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0) {
        (void) close(fd);
    }

    return rc;
}


int
sc_files_end(const char *partial, const char *folder)
{
    char  parent[SC_FILES_PATH];
    char *slash;

    snprintf(parent, sizeof(parent), "%s", partial);
    slash = strrchr(parent, '/');
    if (slash) {
        slash[slash == parent] = '\0';
    } else {
        strcpy(parent, ".");
    }

    if (sync_folder(partial) != 0 || rename(partial, folder) != 0
        || sync_folder(parent) != 0)
    {
        sc_ctl_complain("%s: %s", folder, strerror(errno));
        return -1;
    }

    return 0;
}


void
sc_files_drop(const char *partial)
{
    static const char *const names[] = {
        "store.mdb", "store.mdb-lock", "lock", "manifest.json"
    };
    char path[SC_FILES_PATH];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (sc_files_path(path, partial, names[i]) == 0) {
            (void) unlink(path);
        }
    }

    (void) rmdir(partial);
}


int
sc_files_create(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        sc_ctl_complain("%s: %s", path, strerror(errno));
    }

    return fd;
}


int
sc_files_write_json(const char *path, json_t *object)
{
    int fd = sc_files_create(path), rc;

    if (fd < 0) {
        return -1;
    }

    rc = json_dumpfd(object, fd, JSON_INDENT(2));
    if (rc != 0 || write(fd, "\n", 1) != 1 || fsync(fd) != 0) {
        sc_ctl_complain("%s: %s", path, strerror(errno));
        rc = -1;
    }

    (void) close(fd);

    return rc;
}


json_t *
sc_files_counts(const char *folder)
{
    struct sc_check_count counts[TABLES_MAX];
    char                  why[512], path[SC_FILES_PATH];
    json_t               *object;
    int                   n;

    n = sc_check_counts(folder, counts, TABLES_MAX, why, sizeof(why));
    if (n < 0) {
        sc_ctl_complain("%s", why);
        return NULL;
    }

    /* LMDB's own; it is no part of a store that nobody uses. */
    if (sc_files_path(path, folder, "store.mdb-lock") == 0) {
        (void) unlink(path);
    }

    object = json_object();
    for (int i = 0; i < n; i++) {
        json_object_set_new(object, counts[i].table,
                            json_integer((json_int_t) counts[i].entries));
    }

    return object;
}
