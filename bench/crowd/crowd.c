/*
 * Connections that do nothing: opens many WebSockets to one service, holds
 * them, and prints what they cost it: processor time for each that came, and
 * memory for each that is there.
 *
 *     crowd --peer sealchat --url 127.0.0.1:8080/sealchat --connections 5000 \
 *           --pids 12,34
 *
 * SealChat's are visitors who come back: their sessions have a message in the
 * store, and each of them proves itself and gets READY.  nchan's are
 * subscribers of a channel each, who are upgraded and no more.  Both send the
 * handshake of a browser.
 */

#define _DEFAULT_SOURCE

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <sodium.h>

#include <sealchat/frames.h>

#include "../load/cpu.h"
#include "../load/people.h"

#define VISITORS_EACH 100u       /* of one customer */
#define AT_ONCE       16u        /* connections that are made side by side */
#define SETTLE_US     300000     /* before memory is looked at */

static const char browser[] =
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, "
    "like Gecko) Chrome/141.0.0.0 Safari/537.36\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

static const char usage[] =
    "usage: crowd --url host:port/path [options]\n"
    "  --peer name        sealchat or nchan (sealchat)\n"
    "  --origin origin    of the service (http://host:port)\n"
    "  --connections n    that are counted (2000)\n"
    "  --warm n           that come before them (200)\n"
    "  --tls              over TLS\n"
    "  --setup host:port  where sessions are made, without TLS (the same)\n"
    "  --pids a,b,c       the service's processes\n";

struct crowd {
    struct address   address;      /* where they connect */
    struct address   setup;        /* where sessions are made */
    char             url[256], plain[256], origin[320];
    const char      *path;
    int              sealchat;
    unsigned         n, warm;
    struct cpu       cpu;
    struct customer *customers;
    struct session  *sessions;
    struct client   *clients;
};


/* --- options ------------------------------------------------------------- */

static void
read_address(struct address *address, const char *text)
{
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (size_t) (colon - text) >= sizeof(address->host)
        || strlen(colon + 1) >= sizeof(address->port))
    {
        die("%s is no host:port", text);
    }

    memcpy(address->host, text, (size_t) (colon - text));
    strcpy(address->port, colon + 1);
}

static void
read_options(struct crowd *c, int argc, char **argv)
{
    static const struct option names[] = {
        { "url", 1, NULL, 'u' }, { "origin", 1, NULL, 'o' },
        { "peer", 1, NULL, 'e' }, { "connections", 1, NULL, 'n' },
        { "warm", 1, NULL, 'w' }, { "tls", 0, NULL, 't' },
        { "setup", 1, NULL, 's' }, { "pids", 1, NULL, 'd' },
        { NULL, 0, NULL, 0 }
    };
    char *slash = NULL;
    int   o, at, tls = 0;

    while ((o = getopt_long(argc, argv, "", names, &at)) != -1) {
        switch (o) {
        case 'u': snprintf(c->url, sizeof(c->url), "%s", optarg); break;
        case 's': snprintf(c->plain, sizeof(c->plain), "%s", optarg); break;
        case 'o': snprintf(c->origin, sizeof(c->origin), "%s", optarg); break;
        case 'e': c->sealchat = strcmp(optarg, "nchan") != 0; break;
        case 'n': c->n = (unsigned) atoi(optarg); break;
        case 'w': c->warm = (unsigned) atoi(optarg); break;
        case 't': tls = 1; break;
        case 'd': cpu_read_pids(&c->cpu, optarg); break;
        default:  optind = argc + 1;
        }
    }

    slash = strchr(c->url, '/');
    if (optind != argc || slash == NULL || c->n == 0 || c->cpu.n == 0) {
        fputs(usage, stderr);
        exit(2);
    }

    c->path = strdup(slash);
    *slash = '\0';
    read_address(&c->address, c->url);
    if (c->origin[0] == '\0') {
        snprintf(c->origin, sizeof(c->origin), "http://%s", c->url);
    }

    c->address.origin = c->origin;
    c->address.subprotocol = c->sealchat ? SC_SUBPROTOCOL : NULL;
    c->address.headers = browser;
    c->setup = c->address;
    if (c->plain[0]) {
        read_address(&c->setup, c->plain);
    }

    if (tls) {
        c->address.tls = SSL_CTX_new(TLS_client_method());
        if (c->address.tls == NULL) {
            die("TLS does not start");
        }
        SSL_CTX_set_mode(c->address.tls, SSL_MODE_RELEASE_BUFFERS);
    }
}

static void
raise_limit(unsigned wanted)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        die("%u connections need more open files than the %lu that are "
            "allowed", wanted, (unsigned long) limit.rlim_cur);
    }
}


/* --- what the service uses ----------------------------------------------- */

/* Memory of its own that a process has in use, or shares with its forks;
 * without pages of files. */
static double
memory_of(long pid)
{
    char  path[64], line[256];
    long  kb, sum = 0;
    int   found = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "RssAnon: %ld kB", &kb) == 1
            || sscanf(line, "RssShmem: %ld kB", &kb) == 1)
        {
            sum += kb;
            found++;
        }
    }

    if (found != 2) {
        die("process %ld of --pids does not tell its memory", pid);
    }
    fclose(f);
    return (double) sum * 1024;
}

static double
memory_of_all(const struct cpu *cpu)
{
    double   sum = 0;
    unsigned i;

    for (i = 0; i < cpu->n; i++) {
        sum += memory_of(cpu->pids[i]);
    }
    return sum;
}


/* --- coming -------------------------------------------------------------- */

/* A session that the service knows: it has written one message. */
static void
make_session(struct crowd *c, unsigned i)
{
    static uint8_t   message[SC_FRAME_MAX];
    struct customer *customer = &c->customers[i / VISITORS_EACH];
    struct session  *session = &c->sessions[i];
    struct client    client;
    size_t           n;

    if (i % VISITORS_EACH == 0) {
        customer_make(customer, &c->setup, c->path);
        customer_register(customer);
    }

    session_make(session, customer);
    client_open(&client, &c->setup, customer->path);
    session_prove(session, &client);
    await_ready(&client);
    n = session_message(session, message, SC_ENVELOPE_MIN);
    client_send(&client, message, n);
    expect(&client, SC_FRAME_STORED);
    client_close(&client);
}

static const char *
path_of(const struct crowd *c, unsigned i)
{
    static char path[64];

    if (c->sealchat) {
        return c->sessions[i].customer->path;
    }

    snprintf(path, sizeof(path), "%s?id=%ld-%u", c->path, (long) getpid(), i);
    return path;
}

/* Connections first to end, some at a time, each step for all of them. */
static void
come(struct crowd *c, unsigned first, unsigned end)
{
    unsigned i, until;

    for ( ; first < end; first = until) {
        until = first + AT_ONCE < end ? first + AT_ONCE : end;

        for (i = first; i < until; i++) {
            client_ask(&c->clients[i], &c->address, path_of(c, i));
        }
        for (i = first; i < until; i++) {
            client_upgraded(&c->clients[i], c->path);
        }
        for (i = first; c->sealchat && i < until; i++) {
            session_prove(&c->sessions[i], &c->clients[i]);
        }
        for (i = first; c->sealchat && i < until; i++) {
            await_ready(&c->clients[i]);
        }
    }
}

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
    static struct crowd c = { .sealchat = 1, .n = 2000, .warm = 200 };
    double              cpu, memory, took;
    unsigned            i, all;

    if (sodium_init() < 0) {
        die("libsodium does not start");
    }

    read_options(&c, argc, argv);
    all = c.n + c.warm;
    raise_limit(all + 32);
    c.customers = calloc(all / VISITORS_EACH + 1, sizeof(*c.customers));
    c.sessions = calloc(all, sizeof(*c.sessions));
    c.clients = calloc(all, sizeof(*c.clients));
    if (c.customers == NULL || c.sessions == NULL || c.clients == NULL) {
        die("no memory");
    }

    for (i = 0; c.sealchat && i < all; i++) {
        make_session(&c, i);
    }

    come(&c, 0, c.warm);
    usleep(SETTLE_US);
    memory = memory_of_all(&c.cpu);
    cpu = cpu_of_all(&c.cpu);
    took = seconds();
    come(&c, c.warm, all);
    took = seconds() - took;
    cpu = cpu_of_all(&c.cpu) - cpu;
    usleep(SETTLE_US);
    memory = memory_of_all(&c.cpu) - memory;

    printf("{\"peer\": \"%s\", \"tls\": %s, \"connections\": %u, "
           "\"arrivals_per_s\": %.0f, \"cpu_us\": %.2f, \"bytes\": %.0f}\n",
           c.sealchat ? "sealchat" : "nchan", c.address.tls ? "true" : "false",
           c.n, c.n / took, cpu * 1e6 / c.n, memory / c.n);
    return 0;
}
