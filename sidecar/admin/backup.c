/*
 * backup: a copy of the store into a file that came with the request.
 */

#include <fcntl.h>
#include <sys/stat.h>

#include <sodium.h>

#include "commands.h"

/* Unless the request says otherwise. */
#define DEFAULT_SECONDS  3600u

/* The share of what the store may still grow by. */
#define DEFAULT_SHARE    4u


static int
on_progress(void *data, const struct sc_backup *backup)
{
    struct sc_admin_exchange *exchange = data;

    if (sc_admin_gone(exchange)) {
        return -1;
    }

    return sc_admin_say(exchange,
                        json_pack("{s:I, s:I, s:I}",
                                  "bytes", (json_int_t) backup->bytes,
                                  "of_bytes", (json_int_t) backup->about,
                                  "growth_bytes",
                                  (json_int_t) backup->growth));
}


/* NULL, or why the file is none to write to. */
static const char *
unfit(int fd)
{
    struct stat st;
    int         flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

    if (fd < 0) {
        return "No file came with the request.";
    }

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &st) != 0
        || !S_ISREG(st.st_mode) || st.st_size != 0)
    {
        return "What came with the request is no empty file to write to.";
    }

    return NULL;
}


/* 1, or 0: the request does not hold. */
static int
read_limits(struct sc_admin_exchange *exchange, struct sc_backup *backup)
{
    const char           *growth = sc_admin_arg(&exchange->request,
                                                "max-growth");
    const char           *seconds = sc_admin_arg(&exchange->request,
                                                 "max-seconds");
    struct sc_store_sizes sizes = { .used = 0 };
    uint64_t              n = DEFAULT_SECONDS;

    (void) sc_store_sizes(exchange->service->store, &sizes);
    backup->max_growth = (sizes.limit - sizes.used) / DEFAULT_SHARE;

    if ((growth && !sc_admin_number(growth, INT64_MAX, &backup->max_growth))
        || (seconds && !sc_admin_number(seconds, 1000000, &n)))
    {
        return 0;
    }

    backup->max_ms = n * 1000;

    return 1;
}


void
sc_admin_backup(struct sc_admin_exchange *exchange)
{
    struct sc_backup backup = {
        .fd = exchange->passed, .progress = on_progress, .data = exchange
    };
    const char      *wrong = unfit(exchange->passed);
    uint64_t         began = uv_hrtime();
    char             why[256], hash[2 * sizeof(backup.hash) + 1];

    if (wrong == NULL && !read_limits(exchange, &backup)) {
        wrong = "max-growth is bytes, and max-seconds at most 1000000.";
    }

    if (wrong) {
        sc_admin_fail(exchange, "bad-request", "%s", wrong);
        return;
    }

    sc_log(SC_LOG_INFO, "backup: begun");
    if (sc_store_backup(exchange->service->store, &backup, why, sizeof(why))
        != 0)
    {
        sc_log(SC_LOG_WARN, "%s", why);
        sc_admin_fail(exchange, "backup-failed", "%s", why);
        return;
    }

    sc_log(SC_LOG_INFO, "backup: %llu bytes",
           (unsigned long long) backup.bytes);
    sodium_bin2hex(hash, sizeof(hash), backup.hash, sizeof(backup.hash));
    sc_admin_ok(exchange,
                json_pack("{s:I, s:s, s:I, s:f}",
                          "store_bytes", (json_int_t) backup.bytes,
                          "blake2b", hash,
                          "growth_bytes", (json_int_t) backup.growth,
                          "seconds", (double) (uv_hrtime() - began) / 1e9));
}
