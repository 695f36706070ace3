/*
 * sealchatctl check: looks a stopped store over.
 *
 * It runs in a process of its own: LMDB trusts its file, and one that was cut
 * or overwritten may take the process with it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../config.h"
#include "../store/check.h"
#include "../vault.h"
#include "commands.h"

/* Findings that are printed one by one. */
#define FINDINGS_MAX  100u

struct report {
    const struct sc_ctl *ctl;
    uint64_t             found;
};


static void
on_found(void *data, const char *sentence)
{
    struct report *report = data;

    if (report->found++ >= FINDINGS_MAX) {
        return;
    }

    if (report->ctl->json) {
        json_t *line = json_pack("{s:s}", "found", sentence);

        sc_ctl_json(line);
        json_decref(line);
    } else {
        printf("%s\n", sentence);
    }
}


static void
on_progress(void *data, uint64_t done, uint64_t all)
{
    (void) data;

    sc_ctl_progress("check", (double) done, (double) all);
}


static void
say_result(const struct sc_ctl *ctl, const struct sc_check *check)
{
    json_t *line = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
                             "customers", (json_int_t) check->customers,
                             "rosters", (json_int_t) check->rosters,
                             "wraps", (json_int_t) check->wraps,
                             "sessions", (json_int_t) check->sessions,
                             "messages", (json_int_t) check->messages,
                             "wrong", (json_int_t) check->wrong,
                             "end", check->wrong ? "error" : "ok");

    if (ctl->json) {
        sc_ctl_json(line);
    } else {
        sc_ctl_print(line);
    }

    json_decref(line);
}


/* The keys of the configuration, if it has any that can be read. */
static struct sc_vault *
vault_of(const struct sc_ctl *ctl)
{
    struct sc_config config = { .mode = 0 };
    struct sc_vault *vault = NULL;
    char             why[512];

    if (sc_config_read(&config, ctl->config, why, sizeof(why)) == 0) {
        vault = sc_vault_load(config.vault_key, why, sizeof(why));
    }

    sc_config_free(&config);

    return vault;
}


static int
check_here(const struct sc_ctl *ctl, const char *folder)
{
    struct report   report = { .ctl = ctl };
    struct sc_check check = {
        .vault = vault_of(ctl), .found = on_found, .progress = on_progress,
        .data = &report
    };
    char            why[512];
    int             rc;

    rc = sc_check_store(&check, folder, why, sizeof(why));
    sc_ctl_progress_end();
    sc_vault_free(check.vault);

    if (rc != 0) {
        return sc_ctl_complain("%s", why);
    }

    say_result(ctl, &check);
    fflush(stdout);

    return check.wrong ? SC_CTL_FAILED : SC_CTL_OK;
}


int
sc_ctl_check_folder(const struct sc_ctl *ctl, const char *folder)
{
    pid_t pid;
    int   status;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        _exit(check_here(ctl, folder));
    }

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return sc_ctl_complain("%s", strerror(errno));
    }

    return WIFEXITED(status)
           ? WEXITSTATUS(status)
           : sc_ctl_complain("%s: the file of the store is damaged: reading "
                             "it ended the check (%s)", folder,
                             strsignal(WTERMSIG(status)));
}


int
sc_ctl_check(const struct sc_ctl *ctl)
{
    struct sc_config config = { .mode = 0 };
    char             why[512];
    int              rc;

    if (ctl->argc == 1) {
        return sc_ctl_check_folder(ctl, ctl->argv[0]);
    }

    if (ctl->argc != 0) {
        return SC_CTL_USAGE;
    }

    if (sc_config_read(&config, ctl->config, why, sizeof(why)) != 0) {
        rc = sc_ctl_complain("%s", why);
    } else {
        rc = sc_ctl_check_folder(ctl, config.store_path);
    }

    sc_config_free(&config);

    return rc;
}
