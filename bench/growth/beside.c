/*
 * What STORED takes beside a device that is far behind, backups, the deletion
 * of sessions, and expiry: in slots that alternate with quiet ones.
 *
 * What expires are the messages of some shops whose class is 7 days.  They are
 * put into the store with times that are seven days before the slots in which
 * they will be due, as many in a second as are accepted then: the daemon, as
 * shipped, does the rest by the machine's clock.
 *
 * RATE=n in the environment is how many messages a second are accepted, and
 * expire: 2,000 when it is not set, 173 million a day.
 */

#include "growth.h"

#define ROUNDS       9u
#define SLOT_MS      7000u       /* with what is left of it to settle */
#define MEASURE_MS   4000u
#define EARLY_MS     1000u       /* something is due, before it is measured */
#define TALKS        64u

#define KEPT_DAYS    7u
#define SHORT_SHOPS  100u
#define SHORT_EACH   20u         /* messages of a session */

enum { EXPIRY = 128 };           /* beside the noises of noise.c */

/* In the order of a round. */
static const struct {
    const char *name;
    unsigned    noises;
} beside[] = {
    { "nothing", 0 },
    { "a reader far behind", NOISE_READER },
    { "backups", NOISE_BACKUP },
    { "deletion", NOISE_REMOVER },
    { "expiry", EXPIRY },
    { "all of them", NOISE_READER | NOISE_BACKUP | NOISE_REMOVER | EXPIRY },
};

#define BESIDE  (sizeof(beside) / sizeof(beside[0]))
#define SLOTS   (ROUNDS * BESIDE)

/* Of each slot. */
struct result {
    double p50;                  /* ms */
    double p99;
    double expired;              /* meanwhile, for each message accepted */
};

static unsigned
rate(void)
{
    const char   *text = getenv("RATE");
    unsigned long n = text ? strtoul(text, NULL, 10) : 2000;

    if (n < 100 || n > 100000) {
        die("RATE has to be between 100 and 100000");
    }
    return (unsigned) n;
}

static unsigned
noises_of(size_t slot)
{
    return beside[slot % BESIDE].noises;
}

static size_t
due_slots(void)
{
    size_t n = 0, i;

    for (i = 0; i < SLOTS; i++) {
        n += (noises_of(i) & EXPIRY) != 0;
    }
    return n;
}

static size_t
due_messages(void)
{
    return due_slots() * (EARLY_MS + MEASURE_MS) * rate() / 1000;
}


/* --- what expires -------------------------------------------------------- */

/* Lets sealchatctl do that for a shop. */
static void
set_class(const struct side *side, const struct shop *shop, unsigned days)
{
    char cid[SC_CID_TEXT + 1], command[256];

    sc_cid_write(cid, shop->owner.cid);
    cid[SC_CID_TEXT] = '\0';
    snprintf(command, sizeof(command), "build/sealchatctl -c %s "
             "customers retention %s %u > /dev/null", side->daemon.conf, cid,
             days);
    if (system(command) != 0) {
        die("no class for a shop");
    }
}

void
beside_make(struct growth *g)
{
    size_t i;

    g->short_shops = shops_make(&g->large, SHORT_SHOPS);
    for (i = 0; i < SHORT_SHOPS; i++) {
        set_class(&g->large, &g->short_shops[i], KEPT_DAYS);
    }
    g->short_sessions = sessions_make(g->short_shops, SHORT_SHOPS,
                                      due_messages() / SHORT_EACH + 100);
}

/* Puts them into the store.  When the first slot begins. */
static uint64_t
fill_due(struct growth *g)
{
    struct span spans[SLOTS];
    uint64_t    begin, due;
    size_t      n = 0, i;

    side_end(&g->large, SIGTERM);

    /* Not before they are all there, and the daemon is. */
    begin = now_ms() + 10000 + due_messages() / 10;
    for (i = 0; i < SLOTS; i++) {
        due = begin + i * SLOT_MS;
        if (noises_of(i) & EXPIRY) {
            spans[n++] = (struct span) {
                due - EARLY_MS - KEPT_DAYS * DAY_MS,
                due + MEASURE_MS - KEPT_DAYS * DAY_MS
            };
        }
    }

    fill_spans(&g->large, g->short_sessions, SHORT_EACH, spans, n, rate());
    side_start(&g->large);
    return begin;
}

/* How many messages have expired since the daemon was started. */
static double
expired(const struct side *side)
{
    static const char name[] = "sealchatd_expired_messages_total ";

    char   command[160], line[256];
    double n = -1;
    FILE  *f;

    snprintf(command, sizeof(command), "build/sealchatctl -c %s metrics",
             side->daemon.conf);
    f = popen(command, "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, name, sizeof(name) - 1) == 0) {
            n = strtod(line + sizeof(name) - 1, NULL);
        }
    }
    if (f == NULL || pclose(f) != 0 || n < 0) {
        die("no metrics");
    }
    return n;
}


/* --- slots --------------------------------------------------------------- */

static void
wait_until(struct growth *g, uint64_t ms)
{
    while (now_ms() < ms) {
        side_turn(&g->large, 20);
    }
}

static struct result
stored_beside(struct growth *g, const struct noise *noise, size_t slot,
              uint64_t begin)
{
    static struct histogram h;

    struct result result;
    double        before;
    size_t        stored;

    memset(&h, 0, sizeof(h));
    wait_until(g, begin + slot * SLOT_MS);

    before = expired(&g->large);
    stored = g->large.stored;
    noise_start(noise, noises_of(slot) & ~(unsigned) EXPIRY);
    round_paced(&g->large, g->picked, TALKS, rate(), MEASURE_MS, &h);
    result.expired = (expired(&g->large) - before)
                     / (double) (g->large.stored - stored);
    noise_stop(noise);

    result.p50 = (double) histogram_quantile(&h, 0.5) / 1e3;
    result.p99 = (double) histogram_quantile(&h, 0.99) / 1e3;
    return result;
}

/* One kind of slot; the ratio of its p99 to the same round's quiet one. */
static double
print_slots(struct growth *g, const struct result *results, size_t kind)
{
    double p50[ROUNDS], p99[ROUNDS], ratios[ROUNDS];
    size_t i;

    for (i = 0; i < ROUNDS; i++) {
        const struct result *quiet = &results[i * BESIDE];

        p50[i] = quiet[kind].p50;
        p99[i] = quiet[kind].p99;
        ratios[i] = p99[i] / quiet->p99;
        fprintf(g->rounds, "\"p99 beside %s\" %zu %.3f %.3f\n",
                beside[kind].name, i + 1, p99[i], quiet->p99);
    }

    fflush(g->rounds);
    printf("STORED at %u a second beside %s: p50 %.2f ms, p99 %.2f ms, "
           "p99 to the same round's quiet %.2f\n", rate(), beside[kind].name,
           median(p50, ROUNDS), median(p99, ROUNDS), median(ratios, ROUNDS));
    return median(ratios, ROUNDS);
}

static void
print_all(struct growth *g, const struct result *results)
{
    double ratios[BESIDE], each[SLOTS];
    char   what[96];
    size_t i, n = 0;

    for (i = 0; i < SLOTS; i++) {
        if (noises_of(i) & EXPIRY) {
            each[n++] = results[i].expired;
        }
    }
    for (i = 0; i < BESIDE; i++) {
        ratios[i] = print_slots(g, results, i);
    }

    printf("done beside: %lu messages read, %.0f MB backed up, %lu sessions "
           "deleted, %.0f messages expired of %zu that were due\n",
           noise_done->read, (double) noise_done->copied / 1e6,
           noise_done->deleted, expired(&g->large), due_messages());

    for (i = 1; i < BESIDE; i++) {
        snprintf(what, sizeof(what), "p99 of STORED, beside %s to quiet",
                 beside[i].name);
        verdict(g, what, ratios[i], 0, 2);
    }
    verdict(g, "expired meanwhile, to accepted", median(each, n), 1, 0.9);
    verdict(g, "expired in the end, to due",
            expired(&g->large) / (double) due_messages(), 1, 1);
}

void
beside_measure(struct growth *g)
{
    struct result results[SLOTS];
    struct noise  noise = {
        .side = &g->large, .behind = g->large_shops,
        .n_behind = g->n_shops, .doomed = g->picked + TALKS,
        .n_doomed = g->n_sessions - TALKS
    };
    uint64_t      begin = fill_due(g);
    size_t        i;

    sessions_log_in(&g->large, g->picked, TALKS);
    if (now_ms() > begin - EARLY_MS) {
        die("the machine is too slow for what it was to do until then");
    }

    for (i = 0; i < SLOTS; i++) {
        results[i] = stored_beside(g, &noise, i, begin);
    }

    wait_until(g, begin + SLOTS * SLOT_MS);
    print_all(g, results);
}
