/*
 * sealchatd: reads its options and configuration, runs the service in the
 * foreground until SIGTERM or SIGINT, and leaves everything closed.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "config.h"
#include "log.h"
#include "notify.h"
#include "service.h"
#include "version.h"

#define DEFAULT_FILE "/etc/sealchat/sealchatd.conf"

struct daemon {
    struct sc_service service;
    uv_signal_t       term;
    uv_signal_t       interrupt;
};


static void
unwatch(struct daemon *daemon)
{
    uv_close((uv_handle_t *) &daemon->term, NULL);
    uv_close((uv_handle_t *) &daemon->interrupt, NULL);
}


static void
on_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;

    sc_log(SC_LOG_INFO, "%s: stopping",
           number == SIGTERM ? "SIGTERM" : "SIGINT");

    unwatch(daemon);
    sc_service_stop(&daemon->service);
}


static void
watch(struct daemon *daemon, uv_signal_t *handle, int number)
{
    uv_signal_init(&daemon->service.loop, handle);
    handle->data = daemon;
    uv_signal_start(handle, on_signal, number);
}


static int
run(const struct sc_config *config)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));
    char           why[512];
    int            rc;

    if (daemon == NULL || uv_loop_init(&daemon->service.loop) != 0) {
        sc_log(SC_LOG_ERROR, "no event loop: %s", strerror(errno));
        free(daemon);
        return 1;
    }

    /* What comes from now on is heard when the loop runs: whoever can connect
     * can also end it cleanly. */
    daemon->service.config = config;
    watch(daemon, &daemon->term, SIGTERM);
    watch(daemon, &daemon->interrupt, SIGINT);
    rc = sc_service_start(&daemon->service, why, sizeof(why));

    if (rc == 0) {
        sc_log(SC_LOG_INFO, "ready: %s on %s", config->origin,
               config->listen);
        if (geteuid() == 0) {
            sc_log(SC_LOG_WARN, "runs as root: set user in [service]");
        }
        sc_notify("READY=1");
    } else {
        sc_log(SC_LOG_ERROR, "%s", why);
        unwatch(daemon);
    }

    uv_run(&daemon->service.loop, UV_RUN_DEFAULT);
    sc_service_end(&daemon->service);
    uv_loop_close(&daemon->service.loop);
    free(daemon);

    if (rc == 0) {
        sc_log(SC_LOG_INFO, "stopped");
    }

    return rc == 0 ? 0 : 1;
}


static int
usage(FILE *to)
{
    fputs("usage: sealchatd [-c file] [-t] [-v]\n"
          "  -c file  configuration (" DEFAULT_FILE ")\n"
          "  -t       test the configuration and exit\n"
          "  -v       print the version and exit\n", to);

    return to == stderr ? 2 : 0;
}


static int
start(const char *file, int test)
{
    struct sc_config config;
    char             why[512];
    int              rc = 1;

    if (sc_config_read(&config, file, why, sizeof(why)) != 0) {
        fprintf(stderr, "sealchatd: %s\n", why);

    } else if (test) {
        printf("sealchatd: %s is in order\n", file);
        rc = 0;

    } else if (sc_log_open(config.log_file, config.level) != 0) {
        fprintf(stderr, "sealchatd: %s: %s\n", config.log_file,
                strerror(errno));

    } else {
        rc = run(&config);
        sc_log_close();
    }

    sc_config_free(&config);

    return rc;
}


int
main(int argc, char **argv)
{
    const char *file = DEFAULT_FILE;
    int         test = 0, option;

    while ((option = getopt(argc, argv, "c:tvh")) != -1) {
        switch (option) {

        case 'c':
            file = optarg;
            break;

        case 't':
            test = 1;
            break;

        case 'v':
            printf("sealchatd %s\n", SC_VERSION);
            return 0;

        case 'h':
            return usage(stdout);

        default:
            return usage(stderr);
        }
    }

    if (optind < argc) {
        return usage(stderr);
    }

    if (sodium_init() < 0) {
        fputs("sealchatd: libsodium does not start\n", stderr);
        return 1;
    }

    signal(SIGPIPE, SIG_IGN);

    return start(file, test);
}
