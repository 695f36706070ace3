/*
 * Restarts the real sealchatd under the load of thousands of WebSockets
 * through the real nginx: by kill -9, by SIGTERM, and to be replaced by
 * another build.  Then reads back, through the protocol, what was answered
 * with STORED.
 *
 *     restart [options] module.so sealchatd another-sealchatd
 *     -n n    sockets (5000)
 *     -c      the control: passes if sockets are disconnected
 *     -s n    seed
 *
 * Speaks TAP without a plan; the last line is sockets, stored, lost, twice,
 * disconnected.
 */

#include "site.h"
#include "sockets.h"

enum { ROUNDS = 4 };                 /* a restart behind each but the last */

/* What a visitor has written by the end of each, and the device to each. */
static const size_t messages[ROUNDS] = { 4, 7, 9, 11 };
static const size_t replies[ROUNDS] = { 1, 2, 2, 2 };

static const char  *programs[2];
static struct site  site = { .log_level = "error", .location = "",
                             .sockets = 5000 };
static int          control, failures;
static uint64_t     seed;
static uint64_t     kill_at;         /* stored, when it is time */
static unsigned     restarts;

static void
check(int right, const char *what)
{
    failures += !right;
    printf("%sok - %s\n", right ? "" : "not ", what);
    fflush(stdout);
}


/* --- the load ------------------------------------------------------------ */

static int
time_to_kill(void)
{
    return W.stored >= kill_at;
}

static int
all_came_back(void)
{
    return sockets_resumed(restarts) == sockets_n()
           || (control && sockets_disconnected() > 0);
}

static uint64_t
stored_by(int round)
{
    return (uint64_t) W.n_customers * SESSIONS
           * (messages[round] + replies[round]);
}

static void
end_daemon(int round)
{
    if (round == 0) {
        daemon_kill(&D);
    } else {
        daemon_stop(&D);
    }
}

static void
restart(int round)
{
    static const char *const how[] = { "kill -9", "SIGTERM", "another build" };

    uint64_t before = W.stored, start;
    char     what[80];

    W.messages = messages[round];
    W.replies = replies[round];

    /* Some have said all of this round, some nothing. */
    kill_at = before + (stored_by(round) - before) / (2 + chance(3));
    if (!sockets_run(time_to_kill, 3 * PATIENCE)) {
        check(0, "the load goes on");
    }

    restarts++;
    start = clock_ms();
    end_daemon(round);
    sockets_run(NULL, 100 + chance(300));
    site_start_daemon(programs[round == ROUNDS - 2]);

    snprintf(what, sizeof(what), "%s: every stream comes back", how[round]);
    check(sockets_run(all_came_back, 3 * PATIENCE) || control, what);
    printf("# after %llu ms, with %llu stored\n",
           (unsigned long long) (clock_ms() - start),
           (unsigned long long) W.stored);
}

static void
settle(void)
{
    W.messages = messages[ROUNDS - 1];
    W.replies = replies[ROUNDS - 1];
    kill_at = stored_by(ROUNDS - 1);
    check(sockets_run(time_to_kill, 6 * PATIENCE), "everything is stored");

    W.making = 0;
    W.settling = 1;
    check(sockets_run(everything_settled, 3 * PATIENCE),
          "and read by everybody");
}

static int
run(void)
{
    uint64_t disconnected;

    /* Before its first one a session is not in the store: no ticket. */
    W.messages = W.replies = 1;
    check(sockets_run(everybody_ready, 6 * PATIENCE), "everybody is in");
    kill_at = (uint64_t) W.n_customers * SESSIONS * 2;
    check(sockets_run(time_to_kill, 6 * PATIENCE),
          "every session has begun");

    for (int round = 0; round < ROUNDS - 1; round++) {
        restart(round);
        if (control && sockets_disconnected()) {
            break;
        }
    }

    disconnected = sockets_disconnected();

    if (control) {
        check(disconnected > 0, "without tickets streams are lost");

    } else {
        settle();
        check(disconnected == 0, "no socket is closed, no stream forgotten");
        check(W.stored >= 10ull * sockets_n(), "ten messages for each socket");
    }

    sockets_close();
    check(site_stop_nginx() && site_log(NULL, NULL) == 0,
          "nginx has nothing alarming to say");

    if (!control) {
        daemon_stop(&D);
        site_start_daemon(programs[0]);
        read_back(D.sock);
        check(W.lost == 0, "every STORED is read back, byte for byte");
        check(W.twice == 0, "each once");
        check(W.wrong == 0 && W.late == 0 && W.refused == 0,
              "in order, in its place, and nothing else");
    }

    return (int) disconnected;
}

static void
options(int argc, char **argv)
{
    int option;

    seed = (uint64_t) time(NULL);

    while ((option = getopt(argc, argv, "n:cs:")) != -1) {
        if (option == 'n') {
            site.sockets = atoi(optarg);
        } else if (option == 'c') {
            control = 1;
        } else if (option == 's') {
            seed = strtoull(optarg, NULL, 10);
        }
    }

    if (argc - optind != 3 || site.sockets < 1 + SESSIONS) {
        fputs("usage: restart [-n sockets] [-c] [-s seed] module sealchatd "
              "sealchatd\n", stderr);
        exit(2);
    }

    site.module = argv[optind];
    programs[0] = argv[optind + 1];
    programs[1] = argv[optind + 2];
}

int
main(int argc, char **argv)
{
    unsigned n;
    int      disconnected;

    setvbuf(stdout, NULL, _IOLBF, 0);
    options(argc, argv);
    if (sodium_init() < 0) {
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    world_make(seed, site.sockets / (1 + SESSIONS));
    W.plain = 1;
    printf("# seed %llu\n", (unsigned long long) seed);

    site.program = programs[0];
    site_open(&site);
    n = sockets_n();
    disconnected = run();

    printf("restart: sockets %u stored %llu lost %llu twice %llu "
           "disconnected %d\n", n, (unsigned long long) W.stored,
           (unsigned long long) W.lost, (unsigned long long) W.twice,
           disconnected);

    daemon_free(&D);
    world_free();
    return failures != 0;
}
