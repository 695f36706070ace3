/*
 * Load for a whole service: several processes of real clients, pairs of a
 * sender and a receiver, a window of messages in flight in each.  It speaks
 * the protocol of each system that SealChat is measured beside, and writes and
 * reads in the same way for all of them.
 *
 *     load --url 127.0.0.1:8080/sealchat --origin http://127.0.0.1:8080 \
 *          --pairs 64 --inflight 8 --messages 2000 --procs 2 --pids 12,34
 *
 * Everything is connected, logged in, signed and masked before the clock
 * starts.  Prints one line of JSON, and one for people on standard error.  A
 * message that is lost or comes twice ends it with a sentence and without
 * figures.
 */

#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "cpu.h"

#define PROCS_MAX 64u

static const char usage[] =
    "usage: load --url host:port/path [options]\n"
    "  --peer name      sealchat, nchan, echo, mosquitto, nats, redis or\n"
    "                   link-echo (sealchat)\n"
    "  --origin origin  of the service (http://host:port)\n"
    "  --pairs n        senders, each with a receiver (16)\n"
    "  --inflight n     unacknowledged messages of a sender (8)\n"
    "  --messages n     of each sender (1000)\n"
    "  --seconds n      end earlier, after that time\n"
    "  --ms n           the same in milliseconds\n"
    "  --away           receivers come when all is stored; only then does\n"
    "                   the clock start\n"
    "  --procs n        processes (2)\n"
    "  --size n         bytes of an envelope (782)\n"
    "  --pids a,b,c     the service's processes, for its CPU time\n";

static const struct peer *const peers[] = {
    &sealchat_peer, &nchan_peer, &echo_peer, &mosquitto_peer, &nats_peer,
    &redis_peer, &link_echo_peer
};

struct job {
    struct options     options;
    const struct peer *peer;
    char               url[256];
    char               origin[320];
    struct cpu         cpu;
};


/* --- options ------------------------------------------------------------- */

static unsigned
count(const char *name, const char *text, unsigned max)
{
    char         *end;
    unsigned long v = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || v == 0 || v > max) {
        die("--%s takes a number from 1 to %u", name, max);
    }

    return (unsigned) v;
}

static void
read_url(struct job *job, const char *url)
{
    struct address *address = &job->options.address;
    char           *slash, *colon;

    if ((size_t) snprintf(job->url, sizeof(job->url), "%s", url)
        >= sizeof(job->url))
    {
        die("--url is too long");
    }

    slash = strchr(job->url, '/');
    job->options.path = slash ? url + (slash - job->url) : "/";
    if (slash) {
        *slash = '\0';
    }

    colon = strrchr(job->url, ':');
    if (colon == NULL || (size_t) (colon - job->url) >= sizeof(address->host)
        || strlen(colon + 1) >= sizeof(address->port))
    {
        die("--url takes host:port/path");
    }

    *colon = '\0';
    memcpy(address->host, job->url, (size_t) (colon - job->url) + 1);
    memcpy(address->port, colon + 1, strlen(colon + 1) + 1);
}

static const struct peer *
peer_named(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        if (strcmp(peers[i]->name, name) == 0) {
            return peers[i];
        }
    }

    die("--peer %s is not known", name);
}

static void
read_options(struct job *job, int argc, char **argv)
{
    static const struct option names[] = {
        { "url", 1, NULL, 'u' }, { "origin", 1, NULL, 'o' },
        { "peer", 1, NULL, 'e' }, { "pairs", 1, NULL, 'p' },
        { "inflight", 1, NULL, 'i' }, { "messages", 1, NULL, 'm' },
        { "seconds", 1, NULL, 's' }, { "procs", 1, NULL, 'c' },
        { "size", 1, NULL, 'z' }, { "pids", 1, NULL, 'd' },
        { "ms", 1, NULL, 't' }, { "away", 0, NULL, 'a' },
        { NULL, 0, NULL, 0 }
    };
    struct options *o = &job->options;
    int             c, at;

    while ((c = getopt_long(argc, argv, "", names, &at)) != -1) {
        switch (c) {
        case 'u': read_url(job, optarg); break;
        case 'o': o->address.origin = optarg; break;
        case 'p': o->pairs = count("pairs", optarg, 20000); break;
        case 'i': o->inflight = count("inflight", optarg, 4096); break;
        case 'm': o->messages = count("messages", optarg, 10000000); break;
        case 's': o->ms = 1000 * count("seconds", optarg, 3600); break;
        case 't': o->ms = count("ms", optarg, 3600000); break;
        case 'a': o->away = 1; break;
        case 'c': o->procs = count("procs", optarg, PROCS_MAX); break;
        case 'z': o->size = count("size", optarg, SC_ENVELOPE_MAX); break;
        case 'd': cpu_read_pids(&job->cpu, optarg); break;
        case 'e': job->peer = peer_named(optarg); break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }

    if (optind < argc || o->path == NULL) {
        fputs(usage, stderr);
        exit(2);
    }

    if (o->procs > o->pairs) {
        o->procs = o->pairs;
    }

    if (o->address.origin == NULL) {
        snprintf(job->origin, sizeof(job->origin), "http://%s:%s",
                 o->address.host, o->address.port);
        o->address.origin = job->origin;
    }

    o->address.subprotocol = job->peer->subprotocol;
    o->away |= job->peer->pours;
    if (o->away && job->peer->arrive == NULL) {
        die("--away is for sealchat");
    }
}


/* --- processes ----------------------------------------------------------- */

struct worker {
    pid_t pid;
    int   to;                      /* a byte: begin; one more: all have */
    int   from;                    /* a byte: prepared; then the result */
};

static void
read_all(int fd, void *out, size_t n)
{
    uint8_t *p = out;
    ssize_t  got;

    while (n) {
        got = read(fd, p, n);
        if (got <= 0) {
            die("a process of the load generator failed");
        }
        p += got;
        n -= (size_t) got;
    }
}

static void
write_all(int fd, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    ssize_t        put;

    while (n) {
        put = write(fd, p, n);
        if (put <= 0) {
            die("a process of the load generator is gone");
        }
        p += put;
        n -= (size_t) put;
    }
}

static void
prepare(const struct job *job, struct pair *pair, unsigned index)
{
    pair->options = &job->options;
    pair->sent_at = calloc(job->options.messages, sizeof(uint64_t));
    if (pair->sent_at == NULL) {
        die("no memory");
    }
    job->peer->prepare(pair, index);
}

static void
work(const struct job *job, unsigned first, unsigned n, int from, int to)
{
    static struct result  result, before;
    const struct options *o = &job->options;
    struct pair          *pairs = calloc(n, sizeof(*pairs));
    unsigned              i, ends = SENDERS | RECEIVERS;
    char                  byte = 'r';

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (pairs == NULL) {
        die("no memory");
    }

    for (i = 0; i < n; i++) {
        prepare(job, &pairs[i], first + i);
    }

    if (o->away) {
        if (!job->peer->pours) {
            run_pairs(job->peer, pairs, n, o, SENDERS, &before);
        }
        ends = RECEIVERS;
    }

    write_all(to, &byte, 1);
    read_all(from, &byte, 1);
    run_pairs(job->peer, pairs, n, o, ends, &result);
    write_all(to, &result, sizeof(result));

    read_all(from, &byte, 1);
    run_settle(job->peer, pairs, n, o);
    _exit(0);
}

static void
start(const struct job *job, struct worker *workers, unsigned index)
{
    const struct options *o = &job->options;
    unsigned              first = o->pairs * index / o->procs;
    unsigned              end = o->pairs * (index + 1) / o->procs;
    struct worker        *w = &workers[index];
    int                   down[2], up[2];

    if (pipe(down) != 0 || pipe(up) != 0 || (w->pid = fork()) < 0) {
        die("cannot start a process");
    }

    if (w->pid == 0) {
        close(down[1]);
        close(up[0]);
        work(job, first, end - first, down[0], up[1]);
    }

    close(down[0]);
    close(up[1]);
    w->to = down[1];
    w->from = up[0];
}

static void
add(struct result *into, const struct result *from)
{
    into->stored += from->stored;
    into->delivered += from->delivered;
    into->cpu_seconds += from->cpu_seconds;
    if (from->seconds > into->seconds) {
        into->seconds = from->seconds;
    }
    histogram_merge(&into->stored_us, &from->stored_us);
    histogram_merge(&into->delivered_us, &from->delivered_us);
}


/* --- what is printed ----------------------------------------------------- */

static void
print(const struct job *job, const struct result *r, double cpu, double began,
      double ended)
{
    const struct options *o = &job->options;
    double      messages = (double) (job->peer->no_delivery ? r->stored
                                                            : r->delivered);
    double      stored = (double) r->stored / r->seconds;
    double      delivered = (double) r->delivered / r->seconds;
    double      server_us = messages ? cpu * 1e6 / messages : 0;
    double      load_us = messages ? r->cpu_seconds * 1e6 / messages : 0;
    unsigned long long s50 = histogram_quantile(&r->stored_us, 0.5);
    unsigned long long s99 = histogram_quantile(&r->stored_us, 0.99);
    unsigned long long d50 = histogram_quantile(&r->delivered_us, 0.5);
    unsigned long long d99 = histogram_quantile(&r->delivered_us, 0.99);

    printf("{\"peer\": \"%s\", \"pairs\": %u, \"inflight\": %u, "
           "\"procs\": %u, \"size\": %u, \"messages\": %.0f, "
           "\"seconds\": %.3f, \"stored_per_s\": %.0f, "
           "\"delivered_per_s\": %.0f, \"stored_p50_us\": %llu, "
           "\"stored_p99_us\": %llu, \"delivered_p50_us\": %llu, "
           "\"delivered_p99_us\": %llu, \"server_cpu_us\": %.3f, "
           "\"load_cpu_us\": %.3f, \"began\": %.6f, \"ended\": %.6f}\n",
           job->peer->name, o->pairs, o->inflight, o->procs, o->size,
           messages, r->seconds, stored, delivered,
           s50, s99, d50, d99, server_us, load_us, began, ended);

    fprintf(stderr,
            "%-9s %u pairs, %u in flight: %.0f stored/s (p50 %.2f ms, "
            "p99 %.2f ms), %.0f delivered/s (p50 %.2f ms, p99 %.2f ms), "
            "%.2f us of the service's CPU a message (%.2f us of ours)\n",
            job->peer->name, o->pairs, o->inflight, stored,
            (double) s50 / 1e3, (double) s99 / 1e3, delivered,
            (double) d50 / 1e3, (double) d99 / 1e3, server_us, load_us);
}

static double
time_of_day(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Tells each process to go on. */
static void
release(const struct job *job, const struct worker *workers)
{
    unsigned i;

    for (i = 0; i < job->options.procs; i++) {
        write_all(workers[i].to, "g", 1);
    }
}

int
main(int argc, char **argv)
{
    static struct result sum, one;
    static struct job    job = {
        .options = { .pairs = 16, .inflight = 8, .messages = 1000,
                     .procs = 2, .size = SC_ENVELOPE_MIN },
        .peer = &sealchat_peer
    };
    struct worker workers[PROCS_MAX];
    double        cpu, began, ended;
    unsigned      i;
    int           status, failed = 0;
    char          byte;

    if (sodium_init() < 0) {
        die("libsodium does not start");
    }

    read_options(&job, argc, argv);
    cpu_of_all(&job.cpu);

    for (i = 0; i < job.options.procs; i++) {
        start(&job, workers, i);
    }
    for (i = 0; i < job.options.procs; i++) {
        read_all(workers[i].from, &byte, 1);
    }

    cpu = cpu_of_all(&job.cpu);
    began = time_of_day();
    release(&job, workers);
    for (i = 0; i < job.options.procs; i++) {
        read_all(workers[i].from, &one, sizeof(one));
        add(&sum, &one);
    }
    cpu = cpu_of_all(&job.cpu) - cpu;
    ended = time_of_day();

    release(&job, workers);
    for (i = 0; i < job.options.procs; i++) {
        failed |= waitpid(workers[i].pid, &status, 0) < 0 || status != 0;
    }

    if (!failed) {
        print(&job, &sum, cpu, began, ended);
    }
    return failed;
}
