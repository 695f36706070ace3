/*
 * mosquitto: MQTT 3.1.1 over WebSocket, a publisher and a subscriber of one
 * topic, both at QoS 1.  The subscriber acknowledges all that one read brought
 * in one WebSocket message.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define CONNACK      0x20u
#define PUBLISH_QOS1 0x32u
#define PUBACK       0x40u
#define SUBACK       0x90u

#define PUBACKS_MAX  4096u

struct mqtt {
    char    topic[48];
    uint8_t acks[4 * PUBACKS_MAX];    /* of one read */
    size_t  acks_n;
};

static unsigned
packet_id(unsigned number)
{
    return (number - 1) % 65535 + 1;
}

static size_t
put_text(uint8_t *out, const char *text)
{
    size_t n = strlen(text);

    out[0] = (uint8_t) (n >> 8);
    out[1] = (uint8_t) n;
    memcpy(out + 2, text, n);
    return 2 + n;
}

static size_t
put_length(uint8_t *out, size_t length)
{
    size_t n = 0;

    do {
        out[n] = (uint8_t) (length & 0x7f);
        length >>= 7;
        if (length) {
            out[n] |= 0x80;
        }
        n++;
    } while (length);

    return n;
}

static size_t
head(const struct pair *pair, uint8_t *out, unsigned number)
{
    const struct mqtt *mqtt = pair->own;
    size_t             n = 1;

    out[0] = PUBLISH_QOS1;
    n += put_length(out + n, 2 + strlen(mqtt->topic) + 2
                             + payload_bytes(pair->options));
    n += put_text(out + n, mqtt->topic);
    out[n++] = (uint8_t) (packet_id(number) >> 8);
    out[n++] = (uint8_t) packet_id(number);
    return n;
}

static void
await(struct client *client, const char *what, unsigned type, uint8_t code)
{
    size_t         n;
    const uint8_t *p = client_wait(client, &n);

    if (n < 4 || p[0] != type || p[n - 1] != code) {
        die("mosquitto does not %s", what);
    }
}

static void
log_in(struct client *client, const struct pair *pair, const char *id)
{
    uint8_t out[128] = { 0x10 };
    size_t  n = 2;

    client_open(client, &pair->options->address, pair->options->path);
    n += put_text(out + n, "MQTT");
    memcpy(out + n, "\x04\x02\x00\x00", 4);    /* 3.1.1, clean, no keepalive */
    n += 4;
    n += put_text(out + n, id);
    out[1] = (uint8_t) (n - 2);
    client_send(client, out, n);
    await(client, "log in", CONNACK, 0);
}

static void
prepare(struct pair *pair, unsigned index)
{
    static const struct payload_format format = { .room = 128, .head = head };
    struct mqtt                       *mqtt = calloc(1, sizeof(*mqtt));
    uint8_t                            out[128] = { 0x82, 0, 0, 1 };
    char                               id[64];
    size_t                             n = 4;

    if (mqtt == NULL) {
        die("no memory");
    }

    pair->own = mqtt;
    snprintf(mqtt->topic, sizeof(mqtt->topic), "bench/%ld-%u",
             (long) getpid(), index);

    snprintf(id, sizeof(id), "s%ld-%u", (long) getpid(), index);
    log_in(&pair->sender, pair, id);
    id[0] = 'r';
    log_in(&pair->receiver, pair, id);

    n += put_text(out + n, mqtt->topic);
    out[n++] = 1;
    out[1] = (uint8_t) (n - 2);
    client_send(&pair->receiver, out, n);
    await(&pair->receiver, "subscribe at QoS 1", SUBACK, 1);

    payload_frames(pair, &format);
}

/* The bytes of the packet at p and where its body begins; 0 if it is not whole
 * yet. */
static size_t
packet(const uint8_t *p, size_t n, size_t *body)
{
    size_t length = 0, i = 1;
    int    shift = 0;

    for ( ;; i++, shift += 7) {
        if (i == n) {
            return 0;
        }
        if (i == 5) {
            die("mosquitto sent a packet without an end");
        }
        length |= (size_t) (p[i] & 0x7f) << shift;
        if (!(p[i] & 0x80)) {
            break;
        }
    }

    *body = i + 1;
    return *body + length <= n ? *body + length : 0;
}

static size_t
answers(struct pair *pair, const uint8_t *p, size_t n)
{
    size_t   at = 0, length, body;
    unsigned id;

    while (at < n && (length = packet(p + at, n - at, &body)) != 0) {
        id = packet_id(pair->stored + 1);
        if (p[at] != PUBACK || length != 4
            || (unsigned) (p[at + 2] << 8 | p[at + 3]) != id)
        {
            die("mosquitto sent a packet of type %u where the PUBACK of "
                "message %u was due", p[at], pair->stored + 1);
        }
        pair_stored(pair);
        at += length;
    }

    return at;
}

static void
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    stream_feed(&pair->answers, pair, p, n, answers);
}

static void
taken(struct pair *pair)
{
    struct mqtt *mqtt = pair->own;

    if (mqtt->acks_n) {
        client_send(&pair->receiver, mqtt->acks, mqtt->acks_n);
        mqtt->acks_n = 0;
    }
}

static size_t
deliveries(struct pair *pair, const uint8_t *p, size_t n)
{
    struct mqtt *mqtt = pair->own;
    size_t       at = 0, length, body, topic;

    while (at < n && (length = packet(p + at, n - at, &body)) != 0) {
        if ((p[at] & 0xf7) != PUBLISH_QOS1 || length < body + 2) {
            die("mosquitto sent a packet of type %u where PUBLISH was due",
                p[at]);
        }

        body += at;
        topic = 2 + (size_t) (p[body] << 8 | p[body + 1]);
        if (at + length < body + topic + 2) {
            die("mosquitto sent a PUBLISH that ends early");
        }

        body += topic;
        memcpy(mqtt->acks + mqtt->acks_n, "\x40\x02", 2);
        memcpy(mqtt->acks + mqtt->acks_n + 2, p + body, 2);
        mqtt->acks_n += 4;
        body += 2;
        pair_delivered(pair, payload_number(pair, p + body,
                                            at + length - body));
        at += length;

        if (mqtt->acks_n == sizeof(mqtt->acks)) {
            taken(pair);
        }
    }

    return at;
}

static void
on_delivery(struct pair *pair, const uint8_t *p, size_t n)
{
    stream_feed(&pair->deliveries, pair, p, n, deliveries);
}

const struct peer mosquitto_peer = {
    .name = "mosquitto",
    .subprotocol = "mqtt",
    .prepare = prepare,
    .on_answer = on_answer,
    .on_delivery = on_delivery,
    .taken = taken
};
