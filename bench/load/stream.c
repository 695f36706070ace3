/*
 * Items of a byte stream.  Those that are whole are looked at where they came
 * to; only what is left over is copied.
 */

#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"

#define REST_MAX (1u << 24)

static void
keep(struct stream *stream, const uint8_t *p, size_t n)
{
    if (stream->n + n > stream->cap) {
        size_t cap = 2 * (stream->n + n);

        if (cap > REST_MAX) {
            die("an item above %u bytes came", REST_MAX / 2);
        }
        stream->rest = realloc(stream->rest, cap);
        if (stream->rest == NULL) {
            die("no memory");
        }
        stream->cap = cap;
    }

    memcpy(stream->rest + stream->n, p, n);
    stream->n += n;
}

void
stream_feed(struct stream *stream, struct pair *pair, const uint8_t *p,
            size_t n, stream_items items)
{
    size_t taken;

    if (stream->n == 0) {
        taken = items(pair, p, n);
        if (taken < n) {
            keep(stream, p + taken, n - taken);
        }
        return;
    }

    keep(stream, p, n);
    taken = items(pair, stream->rest, stream->n);
    memmove(stream->rest, stream->rest + taken, stream->n - taken);
    stream->n -= taken;
}

const uint8_t *
stream_line(const uint8_t *p, size_t n)
{
    const uint8_t *end = n ? memchr(p, '\n', n) : NULL;

    return end ? end + 1 : NULL;
}

uint64_t
stream_number(const uint8_t *p, const uint8_t *end, const uint8_t **behind)
{
    uint64_t value = 0;

    while (p < end && *p >= '0' && *p <= '9') {
        value = value * 10 + (uint64_t) (*p++ - '0');
    }

    *behind = p;
    return value;
}
