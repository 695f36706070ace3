/*
 * Reloads the real nginx under the load of thousands of WebSockets to the real
 * sealchatd, whose clients come back when they are told to.  Then reads back,
 * through the protocol, what was answered with STORED.
 *
 *     reload [options] module.so sealchatd
 *     -n n    sockets (5000)
 *     -w s    seconds of sealchat_drain_timeout (20)
 *     -c      the control: no drain, passes if all are closed at once
 *     -s n    seed
 *
 * Speaks TAP without a plan; the last line is sockets, stored, lost, twice,
 * the larger of two ratios to the even rate, alerts.  The ratios: closes in
 * 100 ms as the module schedules them, and what comes back in a second.
 */

#include "site.h"
#include "sockets.h"

enum {
    SLICES = 10,                     /* of the window */
    FIRST = 3,                       /* messages of a visitor before it, */
    MESSAGES = 12,                   /* and in the end */
    REPLIES = 2,
    TENTHS_MOST = 6000
};

static struct site site = { .log_level = "info", .sockets = 5000 };
static int         failures, control, window = 20;
static uint64_t    seed;
static uint64_t    stored_wanted;

static void
check(int right, const char *what)
{
    failures += !right;
    printf("%sok - %s\n", right ? "" : "not ", what);
    fflush(stdout);
}


/* --- the schedule -------------------------------------------------------- */

struct schedule {
    unsigned in[TENTHS_MOST];        /* of a second */
    unsigned all;
};

static void
note_schedule(const char *line, void *data)
{
    struct schedule *schedule = data;
    const char      *p = strstr(line, "sealchat session leaves in ");
    unsigned         ms;

    if (p && sscanf(p, "sealchat session leaves in %u ms", &ms) == 1) {
        assert_true(ms / 100 < TENTHS_MOST);
        schedule->in[ms / 100]++;
        schedule->all++;
    }
}

static double
ratio(unsigned most, unsigned all, double parts)
{
    return all ? most * parts / all : 0;
}

/* Of the larger of both peaks. */
static double
peak_to_even(const struct schedule *schedule)
{
    double   closes, returns;
    unsigned most = 0;

    for (int i = 0; i < TENTHS_MOST; i++) {
        most = schedule->in[i] > most ? schedule->in[i] : most;
    }

    closes = ratio(most, schedule->all, window * 10.0);
    returns = ratio(sockets_back_peak(),
                    sockets_back() + sockets_back_again(), window);
    printf("# closes %.2f, returns %.2f times the even rate\n", closes,
           returns);

    return closes > returns ? closes : returns;
}


/* --- the load ------------------------------------------------------------ */

static uint64_t
messages_by(size_t messages)
{
    return (uint64_t) W.n_customers * SESSIONS * messages;
}

static int
stored_enough(void)
{
    return W.stored >= stored_wanted;
}

static int
all_are_back(void)
{
    return sockets_back() >= sockets_n();
}

static int
old_workers_are_gone(void)
{
    return site_workers() == 2;
}

static void
begin(void)
{
    W.messages = FIRST;
    W.replies = 1;
    check(sockets_run(everybody_ready, 6 * PATIENCE), "everybody is in");
    stored_wanted = messages_by(FIRST + 1);
    check(sockets_run(stored_enough, 6 * PATIENCE),
          "every session has begun");
}

/*
 * Messages are written all through the window.  Old workers hear one after
 * the other that they are to leave, so that one of them may let in whom the
 * other has closed: on a machine without time for them, some.
 */
static void
reload(void)
{
    uint64_t start = clock_ms();

    sockets_come_back();
    site_reload();

    for (int i = 1; i <= SLICES; i++) {
        W.messages = FIRST + (size_t) (i * (MESSAGES - FIRST) / SLICES);
        sockets_run(NULL, (uint64_t) window * 1000 / SLICES);
    }

    check(sockets_run(all_are_back, 3 * PATIENCE), "everybody comes back");
    printf("# the last one after %.1f s\n",
           (double) (clock_ms() - start) / 1000);
    check(sockets_run(old_workers_are_gone, PATIENCE),
          "the old workers are gone");
    printf("# %u came back again\n", sockets_back_again());
    if (!control) {
        check(sockets_back_again() <= sockets_n() / 100,
              "hardly anybody had to twice");
    }
    check(sockets_disconnected() == 0, "nobody was closed without a hint");
}

static void
settle(void)
{
    W.messages = MESSAGES;
    W.replies = REPLIES;
    stored_wanted = messages_by(MESSAGES + REPLIES);
    check(sockets_run(stored_enough, 6 * PATIENCE), "everything is stored");

    W.making = 0;
    W.settling = 1;
    check(sockets_run(everything_settled, 6 * PATIENCE),
          "and read by everybody");
    check(W.stored >= 10ull * sockets_n(), "ten messages for each socket");
}

static void
read_all_back(void)
{
    daemon_stop(&D);
    site_start_daemon(site.program);
    read_back(D.sock);
    check(W.lost == 0, "every STORED is read back, byte for byte");
    check(W.twice == 0, "each once");
    check(W.wrong == 0 && W.late == 0 && W.refused == 0,
          "in order, in its place, and nothing else");
}

static void
options(int argc, char **argv)
{
    int option;

    seed = (uint64_t) time(NULL);

    while ((option = getopt(argc, argv, "n:w:s:c")) != -1) {
        if (option == 'n') {
            site.sockets = atoi(optarg);
        } else if (option == 'w') {
            window = atoi(optarg);
        } else if (option == 'c') {
            control = 1;
        } else if (option == 's') {
            seed = strtoull(optarg, NULL, 10);
        }
    }

    if (argc - optind != 2 || site.sockets < 1 + SESSIONS || window < 1
        || window > TENTHS_MOST / 10)
    {
        fputs("usage: reload [-n sockets] [-w seconds] [-s seed] [-c] module "
              "sealchatd\n", stderr);
        exit(2);
    }

    site.module = argv[optind];
    site.program = argv[optind + 1];
}

int
main(int argc, char **argv)
{
    static struct schedule schedule;
    static char            location[64];
    unsigned               n, alerts;
    double                 peak;

    setvbuf(stdout, NULL, _IOLBF, 0);
    options(argc, argv);
    if (sodium_init() < 0) {
        return 2;
    }

    signal(SIGPIPE, SIG_IGN);
    world_make(seed, site.sockets / (1 + SESSIONS));
    W.plain = 1;
    printf("# seed %llu\n", (unsigned long long) seed);

    snprintf(location, sizeof(location), "sealchat_drain_timeout %ds;",
             control ? 0 : window);
    site.location = location;
    site_open(&site);
    n = sockets_n();

    begin();
    reload();
    settle();
    sockets_close();
    check(site_stop_nginx(), "nginx ends well");
    alerts = site_log(note_schedule, &schedule);
    check(alerts == 0, "and has nothing alarming to say");
    peak = peak_to_even(&schedule);
    check(schedule.all >= n && (peak > 2) == control,
          control ? "without a drain they leave at once"
                  : "at twice the even rate at most");
    read_all_back();

    printf("reload: sockets %u stored %llu lost %llu twice %llu "
           "peak-to-even-rate %.2f alerts %u\n", n,
           (unsigned long long) W.stored, (unsigned long long) W.lost,
           (unsigned long long) W.twice, peak, alerts);

    daemon_free(&D);
    world_free();
    return failures != 0;
}
