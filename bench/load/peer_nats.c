/*
 * NATS JetStream over WebSocket: for each pair a stream in files, a publisher
 * that waits for JetStream's own acknowledgements, and a push consumer.  The
 * consumer's policy is `all`: one acknowledgement for all that one read
 * brought, as SealChat's devices give it.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

struct nats {
    char   name[32];              /* of the stream, and in all subjects */
    char   reply[256];            /* of the last message that came */
    size_t reply_n;
};

/* One item of the protocol: a line, and a payload if it is a MSG. */
struct item {
    const uint8_t *line, *payload;
    size_t         line_n, payload_n;
    size_t         bytes;         /* all in all */
};

static int
begins(const struct item *item, const char *word)
{
    size_t n = strlen(word);

    return item->line_n >= n && memcmp(item->line, word, n) == 0;
}

/* Where the last word of a line begins. */
static const uint8_t *
last_word(const uint8_t *line, size_t n)
{
    while (n && line[n - 1] != ' ') {
        n--;
    }
    return line + n;
}

/* 0 if it is not whole yet. */
static int
next_item(const uint8_t *p, size_t n, struct item *item)
{
    const uint8_t *end = stream_line(p, n), *word;

    if (end == NULL) {
        return 0;
    }

    item->line = p;
    item->line_n = (size_t) (end - p);
    while (item->line_n
           && (p[item->line_n - 1] == '\n' || p[item->line_n - 1] == '\r'))
    {
        item->line_n--;
    }
    item->payload = end;
    item->payload_n = 0;
    item->bytes = (size_t) (end - p);

    if (begins(item, "-ERR")) {
        die("NATS says: %.*s", (int) item->line_n, (const char *) p);
    }

    if (begins(item, "MSG ")) {
        word = last_word(p, item->line_n);
        item->payload_n = stream_number(word, p + item->line_n, &word);
        item->bytes += item->payload_n + 2;
    }

    return item->bytes <= n;
}

static void
say(struct client *client, const char *text)
{
    client_send(client, (const uint8_t *) text, strlen(text));
}


/* --- setting up ---------------------------------------------------------- */

/* Waits for an item that begins so, and has that in its payload unless it is
 * NULL. */
static void
await(struct client *client, const char *word, const char *within)
{
    const uint8_t *p;
    struct item    item;
    size_t         n, at;

    for ( ;; ) {
        p = client_wait(client, &n);
        for (at = 0; at < n && next_item(p + at, n - at, &item);
             at += item.bytes)
        {
            if (!begins(&item, word)) {
                continue;
            }
            if (within && memmem(item.payload, item.payload_n, within,
                                 strlen(within)) == NULL)
            {
                die("JetStream answered: %.*s", (int) item.payload_n,
                    (const char *) item.payload);
            }
            return;
        }
    }
}

static void
log_in(struct client *client, const struct pair *pair)
{
    client_open(client, &pair->options->address, pair->options->path);
    await(client, "INFO ", NULL);
    say(client, "CONNECT {\"verbose\":false,\"pedantic\":false,"
                "\"lang\":\"c\",\"version\":\"1\",\"protocol\":1}\r\nPING\r\n");
    await(client, "PONG", NULL);
}

/* Asks JetStream's own interface and waits until it has done that. */
static void
ask(struct pair *pair, const char *what, const char *config)
{
    const struct nats *nats = pair->own;
    char               out[1024];

    snprintf(out, sizeof(out), "PUB $JS.API.%s.%s _INBOX.%s.0 %zu\r\n%s\r\n",
             what, nats->name, nats->name, strlen(config), config);
    say(&pair->sender, out);
    await(&pair->sender, "MSG ", strcmp(what, "STREAM.DELETE") == 0
                                 ? "\"success\":true" : "\"config\"");
}

static size_t
head(const struct pair *pair, uint8_t *out, unsigned number)
{
    const struct nats *nats = pair->own;

    (void) number;
    return (size_t) sprintf((char *) out, "PUB bench.%s _INBOX.%s.1 %zu\r\n",
                            nats->name, nats->name,
                            payload_bytes(pair->options));
}

static size_t
tail(const struct pair *pair, uint8_t *out, unsigned number)
{
    (void) pair;
    (void) number;
    memcpy(out, "\r\n", 2);
    return 2;
}

static void
prepare(struct pair *pair, unsigned index)
{
    static const struct payload_format format = { 160, head, tail, 0 };
    struct nats                       *nats = calloc(1, sizeof(*nats));
    char                               text[512];

    if (nats == NULL) {
        die("no memory");
    }

    pair->own = nats;
    snprintf(nats->name, sizeof(nats->name), "b%ld-%u", (long) getpid(),
             index);

    log_in(&pair->sender, pair);
    snprintf(text, sizeof(text), "SUB _INBOX.%s.* 1\r\n", nats->name);
    say(&pair->sender, text);
    snprintf(text, sizeof(text), "{\"name\":\"%s\",\"subjects\":[\"bench.%s\"],"
             "\"storage\":\"file\",\"retention\":\"limits\",\"max_msgs\":-1,"
             "\"max_bytes\":-1,\"max_consumers\":-1,\"num_replicas\":1}",
             nats->name, nats->name);
    ask(pair, "STREAM.CREATE", text);

    log_in(&pair->receiver, pair);
    snprintf(text, sizeof(text), "SUB to.%s 1\r\nPING\r\n", nats->name);
    say(&pair->receiver, text);
    await(&pair->receiver, "PONG", NULL);
    snprintf(text, sizeof(text), "{\"stream_name\":\"%s\",\"config\":{"
             "\"deliver_subject\":\"to.%s\",\"deliver_policy\":\"all\","
             "\"ack_policy\":\"all\",\"max_ack_pending\":65536}}",
             nats->name, nats->name);
    ask(pair, "CONSUMER.CREATE", text);

    payload_frames(pair, &format);
}


/* --- measured ------------------------------------------------------------ */

static size_t
answers(struct pair *pair, const uint8_t *p, size_t n)
{
    static const char good[] = "{\"stream\":\"";
    const uint8_t    *seq, *end;
    struct item       item;
    size_t            at;

    for (at = 0; at < n && next_item(p + at, n - at, &item); at += item.bytes)
    {
        if (begins(&item, "PING")) {
            say(&pair->sender, "PONG\r\n");
            continue;
        }

        seq = memmem(item.payload, item.payload_n, "\"seq\":", 6);
        if (!begins(&item, "MSG ") || seq == NULL
            || memcmp(item.payload, good, sizeof(good) - 1) != 0
            || stream_number(seq + 6, item.payload + item.payload_n, &end)
               != pair->stored + 1)
        {
            die("JetStream answered message %u with %.*s %.*s",
                pair->stored + 1, (int) item.line_n,
                (const char *) item.line, (int) item.payload_n,
                (const char *) item.payload);
        }
        pair_stored(pair);
    }

    return at;
}

static void
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    stream_feed(&pair->answers, pair, p, n, answers);
}

/* MSG subject sid reply bytes */
static void
keep_reply(struct nats *nats, const struct item *item)
{
    const uint8_t *size = last_word(item->line, item->line_n);
    const uint8_t *reply = last_word(item->line,
                                     (size_t) (size - item->line) - 1);

    nats->reply_n = (size_t) (size - reply) - 1;
    if (nats->reply_n >= sizeof(nats->reply) || *reply != '$') {
        die("JetStream delivered without a subject for the answer: %.*s",
            (int) item->line_n, (const char *) item->line);
    }
    memcpy(nats->reply, reply, nats->reply_n);
}

static size_t
deliveries(struct pair *pair, const uint8_t *p, size_t n)
{
    struct item item;
    size_t      at;

    for (at = 0; at < n && next_item(p + at, n - at, &item); at += item.bytes)
    {
        if (begins(&item, "PING")) {
            say(&pair->receiver, "PONG\r\n");
            continue;
        }

        if (!begins(&item, "MSG ")) {
            die("NATS sent %.*s where a message was due", (int) item.line_n,
                (const char *) item.line);
        }
        keep_reply(pair->own, &item);
        pair_delivered(pair, payload_number(pair, item.payload,
                                            item.payload_n));
    }

    return at;
}

static void
on_delivery(struct pair *pair, const uint8_t *p, size_t n)
{
    stream_feed(&pair->deliveries, pair, p, n, deliveries);
}

static void
taken(struct pair *pair)
{
    struct nats *nats = pair->own;
    char         out[320];
    int          n;

    if (nats->reply_n) {
        n = snprintf(out, sizeof(out), "PUB %.*s 4\r\n+ACK\r\n",
                     (int) nats->reply_n, nats->reply);
        client_send(&pair->receiver, (const uint8_t *) out, (size_t) n);
        nats->reply_n = 0;
    }
}

static void
finish(struct pair *pair)
{
    ask(pair, "STREAM.DELETE", "");
}

const struct peer nats_peer = {
    .name = "nats",
    .prepare = prepare,
    .on_answer = on_answer,
    .on_delivery = on_delivery,
    .taken = taken,
    .finish = finish
};
