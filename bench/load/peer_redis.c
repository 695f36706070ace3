/*
 * Redis, append only: each pair is one connection that appends its messages to
 * a list of its own.  Nobody is told of them, and Redis answers when its log
 * is on disk (appendfsync always).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static size_t
head(const struct pair *pair, uint8_t *out, unsigned number)
{
    const char *key = pair->own;
    int         n = sprintf((char *) out, "*3\r\n$5\r\nRPUSH\r\n$%zu\r\n%s\r\n"
                            "$%zu\r\n", strlen(key), key,
                            payload_bytes(pair->options));

    (void) number;
    return (size_t) n;
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
    static const struct payload_format format = { 128, head, tail, 1 };
    char                              *key = malloc(32);

    if (key == NULL) {
        die("no memory");
    }

    snprintf(key, 32, "b%ld-%u", (long) getpid(), index);
    pair->own = key;
    client_connect(&pair->sender, &pair->options->address);
    payload_frames(pair, &format);
}

/* RPUSH answers with the length of the list: the number of this message. */
static size_t
answers(struct pair *pair, const uint8_t *p, size_t n)
{
    const uint8_t *begin = p, *end, *behind;

    while ((end = stream_line(p, n)) != NULL) {
        if (*p != ':'
            || stream_number(p + 1, end, &behind) != pair->stored + 1)
        {
            die("Redis answered: %.*s", (int) (end - p), (const char *) p);
        }
        pair_stored(pair);
        n -= (size_t) (end - p);
        p = end;
    }

    return (size_t) (p - begin);
}

static void
on_answer(struct pair *pair, const uint8_t *p, size_t n)
{
    stream_feed(&pair->answers, pair, p, n, answers);
}

/* What is in the list, which the next round does not need. */
static void
finish(struct pair *pair)
{
    const char    *key = pair->own;
    const uint8_t *p, *behind;
    char           out[256];
    size_t         n;
    int            length;

    length = snprintf(out, sizeof(out),
                      "*2\r\n$4\r\nLLEN\r\n$%zu\r\n%s\r\n"
                      "*2\r\n$6\r\nUNLINK\r\n$%zu\r\n%s\r\n",
                      strlen(key), key, strlen(key), key);
    client_put(&pair->sender, (const uint8_t *) out, (size_t) length);
    p = client_wait_bytes(&pair->sender, &n);
    if (*p != ':' || stream_number(p + 1, p + n, &behind) != pair->sent) {
        die("Redis holds other messages than the %u that were sent: %.*s",
            pair->sent, (int) n, (const char *) p);
    }
}

const struct peer redis_peer = {
    .name = "redis",
    .raw = 1,
    .no_receiver = 1,
    .no_delivery = 1,
    .prepare = prepare,
    .on_answer = on_answer,
    .finish = finish
};
