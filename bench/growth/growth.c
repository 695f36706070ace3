/*
 * What a store that has grown costs: one sealchatd that is given millions of
 * messages, and one beside it that has none, in rounds that alternate.
 *
 *     growth folder [messages [sessions [shops [beside]]]]
 *
 * Both run as shipped, each with one link.  Writes fill.dat and rounds.dat to
 * the folder, for the plot; prints figures and whether they are within their
 * bounds, and ends with 1 if one is not.  beside: nothing but what STORED takes
 * while something else goes on.
 */

#include "growth.h"

#define ROUNDS        10u
#define SLICES        6u         /* of a round, on each side by turns */
#define ROUND_TALKS   256u       /* sessions that write at a time */
#define SLICE_EACH    33u
#define SMALL_SHOPS   40u
#define READ_ROUNDS   6u
#define PAGES         1000u
#define PAGE          64u
#define CAUGHT_UP     4u         /* shops in a round */

/* The store is made as if it was so old; what is in it stays for 90 days. */
#define AGE_DAYS      10u

static FILE *
open_data(const struct growth *g, const char *name)
{
    char  path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", g->folder, name);
    f = fopen(path, "w");
    if (f == NULL) {
        die("could not write %s", path);
    }
    return f;
}

static int
by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double
median(const double *values, size_t n)
{
    double sorted[64];

    memcpy(sorted, values, n * sizeof(sorted[0]));
    qsort(sorted, n, sizeof(sorted[0]), by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void
verdict(struct growth *g, const char *what, double value, int at_least,
        double bound)
{
    int good = at_least ? value >= bound : value <= bound;

    printf("%s - %s: %.2f (%s %.2f)\n", good ? "ok" : "not ok", what, value,
           at_least ? "at least" : "at most", bound);
    fflush(stdout);
    g->failed |= !good;
}


/* --- filling ------------------------------------------------------------- */

/* Of a permutation of n that is another one in each turn. */
static size_t
shuffled(size_t i, size_t n, size_t turn)
{
    return (size_t) ((i * 7919ull + turn * 104729ull) % n);
}

static void
on_step(void *data, size_t stored, double a_second)
{
    fprintf(data, "%zu %.0f\n", stored, a_second);
    fflush(data);
}

static void
fill_large(struct growth *g)
{
    FILE    *data = open_data(g, "fill.dat");
    uint64_t begun = now_us();

    fill(&g->large, g->picked, g->n_sessions, g->messages,
         now_ms() - AGE_DAYS * DAY_MS, on_step, data);
    fclose(data);
    printf("filled with %zu messages of %zu sessions and %zu shops: %.0f a "
           "second, lists of 1000, each synced\n", g->messages, g->n_sessions,
           g->n_shops, (double) g->messages * 1e6
                       / (double) (now_us() - begun));
    fflush(stdout);
}

static void
make_all(struct growth *g)
{
    size_t i;

    side_make(&g->large, "large", g->folder);
    store_make(&g->large, now_ms() - AGE_DAYS * DAY_MS);
    side_make(&g->small, "small", g->folder);
    side_start(&g->large);
    side_start(&g->small);

    g->large_shops = shops_make(&g->large, g->n_shops);
    g->small_shops = shops_make(&g->small, SMALL_SHOPS);
    g->large_sessions = sessions_make(g->large_shops, g->n_shops,
                                      g->n_sessions);
    g->small_sessions = sessions_make(g->small_shops, SMALL_SHOPS,
                                      ROUNDS * ROUND_TALKS);
    beside_make(g);
    side_end(&g->large, SIGTERM);

    g->picked = calloc(g->n_sessions, sizeof(g->picked[0]));
    if (g->picked == NULL) {
        die("no memory");
    }
    for (i = 0; i < g->n_sessions; i++) {
        g->picked[i] = &g->large_sessions[shuffled(i, g->n_sessions, 1)];
    }
}


/* --- starting ------------------------------------------------------------ */

static void
measure_start(struct growth *g)
{
    double clean, killed, small;

    side_end(&g->large, SIGTERM);
    clean = (double) side_start(&g->large) / 1e6;
    side_end(&g->small, SIGTERM);
    small = (double) side_start(&g->small) / 1e6;

    /* With much of a log behind its last checkpoint. */
    sessions_log_in(&g->large, g->picked, ROUND_TALKS);
    (void) round_accept(&g->large, g->picked, ROUND_TALKS, 60);
    side_end(&g->large, SIGKILL);
    killed = (double) side_start(&g->large) / 1e6;

    printf("start-up: %.3f s empty, %.3f s with %zu messages, %.3f s after "
           "kill -9\n", small, clean, g->messages, killed);
    verdict(g, "seconds to start", clean > killed ? clean : killed, 0, 1);
}


/* --- rounds beside each other -------------------------------------------- */

static double
print_rounds(struct growth *g, const char *what, const double *large,
             const double *small, size_t n)
{
    double ratios[64] = { 0 };
    size_t i;

    for (i = 0; i < n; i++) {
        ratios[i] = large[i] / small[i];
        fprintf(g->rounds, "\"%s\" %zu %.0f %.0f\n", what, i + 1, large[i],
                small[i]);
    }

    fflush(g->rounds);
    qsort(ratios, n, sizeof(ratios[0]), by_value);
    printf("%s a second: %.0f with %zu messages, %.0f beside it (medians of "
           "%zu rounds each); ratio of each round %.2f to %.2f\n", what,
           median(large, n), g->messages, median(small, n), n, ratios[0],
           ratios[n - 1]);
    fflush(stdout);
    return median(large, n) / median(small, n);
}

/* One slice, adding to the processor time that the service took for it. */
static double
slice(struct side *side, struct session **talks, double *cpu)
{
    double before = side_cpu(side), rate;

    rate = round_accept(side, talks, ROUND_TALKS, SLICE_EACH);
    *cpu += side_cpu(side) - before;
    return rate;
}

static void
measure_accept(struct growth *g)
{
    double          large[ROUNDS * SLICES], small[ROUNDS * SLICES];
    double          cpu_large = 0, cpu_small = 0, each;
    struct session *talks[ROUND_TALKS];
    size_t          i, k, n = 0;

    for (i = 0; i < ROUNDS; i++) {
        struct session **of_large = &g->picked[i * ROUND_TALKS];

        for (k = 0; k < ROUND_TALKS; k++) {
            talks[k] = &g->small_sessions[i * ROUND_TALKS + k];
        }
        sessions_log_in(&g->large, of_large, ROUND_TALKS);
        sessions_log_in(&g->small, talks, ROUND_TALKS);

        for (k = 0; k < SLICES; k++, n++) {
            /* Who comes second finds the disk busy with the first. */
            if (k % 2 == 0) {
                large[n] = slice(&g->large, of_large, &cpu_large);
            }
            small[n] = slice(&g->small, talks, &cpu_small);
            if (k % 2 == 1) {
                large[n] = slice(&g->large, of_large, &cpu_large);
            }
        }

        sessions_log_out(of_large, ROUND_TALKS);
        sessions_log_out(talks, ROUND_TALKS);
    }

    each = 1e6 / (double) (n * ROUND_TALKS * SLICE_EACH);
    printf("sealchatd's processor time a message: %.2f us with %zu messages, "
           "%.2f us beside it\n", cpu_large * each, g->messages,
           cpu_small * each);
    verdict(g, "accept, full to empty",
            print_rounds(g, "messages accepted", large, small, n), 1, 0.9);
}

static void
measure_history(struct growth *g)
{
    double          large[READ_ROUNDS], small[READ_ROUNDS];
    struct session *talks[PAGES];
    size_t          i, k, first = ROUNDS * ROUND_TALKS;

    for (i = 0; i < READ_ROUNDS; i++) {
        struct session **of_large = &g->picked[first + i * PAGES];

        sessions_log_in(&g->large, of_large, PAGES);
        large[i] = round_history(&g->large, of_large, PAGES, PAGE);
        sessions_log_out(of_large, PAGES);

        for (k = 0; k < PAGES; k++) {
            talks[k] = &g->small_sessions[(i * PAGES + k * 13)
                                          % (ROUNDS * ROUND_TALKS)];
        }
        sessions_log_in(&g->small, talks, PAGES);
        small[i] = round_history(&g->small, talks, PAGES, PAGE);
        sessions_log_out(talks, PAGES);
    }

    verdict(g, "HISTORY, full to small",
            print_rounds(g, "messages of history", large, small, READ_ROUNDS),
            1, 0.9);
}

static void
measure_catch_up(struct growth *g)
{
    double large[READ_ROUNDS], small[READ_ROUNDS];
    size_t i;

    for (i = 0; i < READ_ROUNDS; i++) {
        large[i] = round_catch_up(&g->large, &g->large_shops[i * CAUGHT_UP],
                                  CAUGHT_UP);
        small[i] = round_catch_up(&g->small, &g->small_shops[i * CAUGHT_UP],
                                  CAUGHT_UP);
    }

    verdict(g, "catch-up, full to small",
            print_rounds(g, "messages caught up", large, small, READ_ROUNDS),
            1, 0.9);
}


static size_t
argument(int argc, char **argv, int i, size_t otherwise)
{
    size_t n = i < argc ? strtoull(argv[i], NULL, 10) : otherwise;

    if (n == 0) {
        die("%s is no number above 0", argv[i]);
    }
    return n;
}

int
main(int argc, char **argv)
{
    static struct growth g;

    int      only_beside = argc > 5 && strcmp(argv[5], "beside") == 0;
    uint64_t begun = now_us();

    if (argc < 2 || sodium_init() < 0) {
        fputs("usage: growth folder [messages [sessions [shops [beside]]]]\n",
              stderr);
        return 2;
    }

    g.folder = argv[1];
    g.messages = argument(argc, argv, 2, 10000000);
    g.n_sessions = argument(argc, argv, 3, 100000);
    g.n_shops = argument(argc, argv, 4, 1000);
    if (g.n_sessions < ROUNDS * ROUND_TALKS + READ_ROUNDS * PAGES
        || g.n_sessions % 7919 == 0
        || g.n_shops < 4 * READ_ROUNDS * CAUGHT_UP)
    {
        die("too few sessions or shops for the rounds");
    }
    if (g.messages / FILL_BURST < g.n_sessions) {
        die("too few messages: each session has to have some");
    }

    setenv("SEALCHATD", "build/sealchatd", 0);
    g.rounds = open_data(&g, "rounds.dat");
    make_all(&g);
    fill_large(&g);
    side_start(&g.large);
    if (!only_beside) {
        measure_start(&g);
        measure_accept(&g);
        measure_history(&g);
        measure_catch_up(&g);
    }
    beside_measure(&g);
    printf("all of it took %.0f s\n", (double) (now_us() - begun) / 1e6);

    side_end(&g.large, SIGTERM);
    side_end(&g.small, SIGTERM);
    fclose(g.rounds);
    return g.failed;
}
