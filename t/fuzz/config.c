/* sealchatd.conf: the input is the file. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE              /* memfd_create() */
#endif

#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "fuzz.h"

static void
config_hold(const struct sc_config *config)
{
    MUST(config->origin != NULL && sc_origin_ok(config->origin));
    MUST(config->listen != NULL);
    MUST(strlen(config->listen) < SC_SOCKET_PATH_MAX);
    MUST(config->mode <= 0777);
    MUST(config->store_path != NULL);
    MUST(config->map_size >= SC_MAP_SIZE_MIN);
    MUST(config->registration <= SC_REGISTRATION_INVITATION);
    touch(config->listen, strlen(config->listen));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sc_config config;
    char             path[64], why[256] = "";
    int              fd = memfd_create("conf", MFD_CLOEXEC);

    MUST(fd >= 0);
    MUST(write(fd, bytes, n) == (ssize_t) n);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    if (sc_config_read(&config, path, why, sizeof(why)) == 0) {
        config_hold(&config);
    } else {
        MUST(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
    }

    sc_config_free(&config);
    close(fd);
    return 0;
}
