/*
 * Load for a whole service: several processes of real WebSocket clients, pairs
 * of a sender and a receiver, a window of messages in flight in each.
 *
 *     load --url 127.0.0.1:8080/sealchat --origin http://127.0.0.1:8080 \
 *          --pairs 64 --inflight 8 --messages 2000 --procs 2 --pids 12,34
 *
 * Everything is connected, logged in, signed and masked before the clock
 * starts.  Prints one line of JSON, and one for people on standard error.
 */

#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#define PROCS_MAX 64u
#define PIDS_MAX  64u

static const char usage[] =
    "usage: load --url host:port/path [options]\n"
    "  --peer sealchat|nchan  what to speak (sealchat)\n"
    "  --origin origin        of the service (http://host:port)\n"
    "  --pairs n              senders, each with a receiver (16)\n"
    "  --inflight n           unacknowledged messages of a sender (8)\n"
    "  --messages n           of each sender (1000)\n"
    "  --seconds n            end earlier, after that time\n"
    "  --procs n              processes (2)\n"
    "  --size n               bytes of an envelope (782)\n"
    "  --pids a,b,c           the service's processes, for its CPU time\n";

struct job {
    struct options     options;
    const struct peer *peer;
    char               url[256];
    char               origin[320];
    long               pids[PIDS_MAX];
    unsigned           n_pids;
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

static void
read_pids(struct job *job, char *text)
{
    char *one, *end;

    for (one = strtok(text, ","); one; one = strtok(NULL, ",")) {
        if (job->n_pids == PIDS_MAX) {
            die("--pids takes at most %u", PIDS_MAX);
        }
        job->pids[job->n_pids++] = strtol(one, &end, 10);
        if (*end || job->pids[job->n_pids - 1] <= 0) {
            die("--pids takes process ids, with commas between");
        }
    }
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
        case 's': o->seconds = count("seconds", optarg, 3600); break;
        case 'c': o->procs = count("procs", optarg, PROCS_MAX); break;
        case 'z': o->size = count("size", optarg, SC_ENVELOPE_MAX); break;
        case 'd': read_pids(job, optarg); break;
        case 'e':
            if (strcmp(optarg, "nchan") == 0) {
                job->peer = &nchan_peer;
            } else if (strcmp(optarg, "sealchat") != 0) {
                die("--peer is sealchat or nchan");
            }
            break;
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

    o->address.subprotocol = job->peer == &sealchat_peer ? SC_SUBPROTOCOL
                                                         : NULL;
}


/* --- the service's CPU time ---------------------------------------------- */

/* User and system time of a process, in seconds: fields 14 and 15 of its stat
 * line, counted after the name, which may have spaces. */
static double
cpu_of(long pid)
{
    char          path[64], line[1024], *p;
    unsigned long user, system;
    FILE         *file;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        die("process %ld of --pids is not there", pid);
    }
    fclose(file);

    p = strrchr(line, ')');
    if (p == NULL
        || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
                         "%lu %lu", &user, &system) != 2)
    {
        die("%s has another form", path);
    }

    return (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
}

static double
cpu_of_all(const struct job *job)
{
    double   sum = 0;
    unsigned i;

    for (i = 0; i < job->n_pids; i++) {
        sum += cpu_of(job->pids[i]);
    }

    return sum;
}


/* --- processes ----------------------------------------------------------- */

struct worker {
    pid_t pid;
    int   to;                      /* a byte: begin */
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
work(const struct job *job, unsigned first, unsigned n, int from, int to)
{
    static struct result result;
    struct pair         *pairs = calloc(n, sizeof(*pairs));
    unsigned             i;
    char                 byte = 'r';

    if (pairs == NULL) {
        die("no memory");
    }

    for (i = 0; i < n; i++) {
        pairs[i].options = &job->options;
        pairs[i].sent_at = calloc(job->options.messages, sizeof(uint64_t));
        if (pairs[i].sent_at == NULL) {
            die("no memory");
        }
        job->peer->prepare(&pairs[i], first + i);
        client_nonblocking(&pairs[i].sender);
        client_nonblocking(&pairs[i].receiver);
    }

    write_all(to, &byte, 1);
    if (read(from, &byte, 1) != 1) {
        _exit(1);
    }

    run_pairs(job->peer, pairs, n, &job->options, &result);
    write_all(to, &result, sizeof(result));
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
print(const struct job *job, const struct result *r, double cpu)
{
    const struct options *o = &job->options;
    double      messages = (double) r->delivered;
    double      stored = (double) r->stored / r->seconds;
    double      delivered = messages / r->seconds;
    double      server_us = messages ? cpu * 1e6 / messages : 0;
    double      load_us = messages ? r->cpu_seconds * 1e6 / messages : 0;
    unsigned long long s50 = histogram_quantile(&r->stored_us, 0.5);
    unsigned long long s99 = histogram_quantile(&r->stored_us, 0.99);
    unsigned long long d50 = histogram_quantile(&r->delivered_us, 0.5);
    unsigned long long d99 = histogram_quantile(&r->delivered_us, 0.99);

    printf("{\"peer\": \"%s\", \"pairs\": %u, \"inflight\": %u, "
           "\"procs\": %u, \"size\": %u, \"messages\": %llu, "
           "\"seconds\": %.3f, \"stored_per_s\": %.0f, "
           "\"delivered_per_s\": %.0f, \"stored_p50_us\": %llu, "
           "\"stored_p99_us\": %llu, \"delivered_p50_us\": %llu, "
           "\"delivered_p99_us\": %llu, \"server_cpu_us\": %.2f, "
           "\"load_cpu_us\": %.2f}\n",
           job->peer->name, o->pairs, o->inflight, o->procs, o->size,
           (unsigned long long) r->delivered, r->seconds, stored, delivered,
           s50, s99, d50, d99, server_us, load_us);

    fprintf(stderr,
            "%-8s %u pairs, %u in flight: %.0f stored/s (p50 %.2f ms, "
            "p99 %.2f ms), %.0f delivered/s (p50 %.2f ms, p99 %.2f ms), "
            "%.2f us of the service's CPU a message (%.2f us of ours)\n",
            job->peer->name, o->pairs, o->inflight, stored,
            (double) s50 / 1e3, (double) s99 / 1e3, delivered,
            (double) d50 / 1e3, (double) d99 / 1e3, server_us, load_us);
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
    double        cpu;
    unsigned      i;
    int           status, failed = 0;
    char          byte;

    if (sodium_init() < 0) {
        die("libsodium does not start");
    }

    read_options(&job, argc, argv);
    cpu_of_all(&job);

    for (i = 0; i < job.options.procs; i++) {
        start(&job, workers, i);
    }
    for (i = 0; i < job.options.procs; i++) {
        read_all(workers[i].from, &byte, 1);
    }

    cpu = cpu_of_all(&job);
    for (i = 0; i < job.options.procs; i++) {
        write_all(workers[i].to, &byte, 1);
    }
    for (i = 0; i < job.options.procs; i++) {
        read_all(workers[i].from, &one, sizeof(one));
        add(&sum, &one);
    }
    cpu = cpu_of_all(&job) - cpu;

    for (i = 0; i < job.options.procs; i++) {
        failed |= waitpid(workers[i].pid, &status, 0) < 0 || status != 0;
    }

    print(&job, &sum, cpu);
    return failed;
}
