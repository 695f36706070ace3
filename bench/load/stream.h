/*
 * Bytes of a protocol that has its own borders: what a WebSocket message or a
 * read holds may end in the middle of an item.
 */

#ifndef SEALCHAT_BENCH_STREAM_H
#define SEALCHAT_BENCH_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct pair;

struct stream {
    uint8_t *rest;                /* of an item that is not whole */
    size_t   n;
    size_t   cap;
};

/* Takes whole items from the n bytes and returns how many bytes they were. */
typedef size_t (*stream_items)(struct pair *pair, const uint8_t *p, size_t n);

void stream_feed(struct stream *stream, struct pair *pair, const uint8_t *p,
                 size_t n, stream_items items);

/* The end of the line (behind its \r\n) that begins at p, NULL if it is not
 * there yet. */
const uint8_t *stream_line(const uint8_t *p, size_t n);

/* Decimal digits at p, up to another byte or the end; *end is behind them. */
uint64_t stream_number(const uint8_t *p, const uint8_t *end,
                       const uint8_t **behind);

#endif
