/*
 * Readers and writers for fixed big-endian layouts.
 *
 * Both are sticky: the first access out of bounds marks the reader or writer
 * bad, every later one is a no-op that yields zero or NULL, and the caller
 * looks once, at the end.  Nothing here allocates; pointers that a reader
 * returns point into the caller's bytes and live as long as those.
 */

#ifndef SEALCHAT_WIRE_H
#define SEALCHAT_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sc_reader {
    const uint8_t *p;
    const uint8_t *end;
    int            bad;
};

struct sc_writer {
    uint8_t *p;
    uint8_t *end;
    int      bad;
};

static inline struct sc_reader
sc_reader_of(const uint8_t *bytes, size_t n)
{
    struct sc_reader r = { bytes, bytes + n, 0 };

    return r;
}

static inline size_t
sc_reader_left(const struct sc_reader *r)
{
    return r->bad ? 0 : (size_t) (r->end - r->p);
}

/* True when everything was read, and nothing beyond the end. */
static inline int
sc_reader_done(const struct sc_reader *r)
{
    return !r->bad && r->p == r->end;
}

static inline const uint8_t *
sc_get_bytes(struct sc_reader *r, size_t n)
{
    const uint8_t *p = r->p;

    if (r->bad || (size_t) (r->end - r->p) < n) {
        r->bad = 1;
        return NULL;
    }

    r->p += n;
    return p;
}

static inline uint64_t
sc_get_uint(struct sc_reader *r, size_t n)
{
    const uint8_t *p = sc_get_bytes(r, n);
    uint64_t       v = 0;

    if (p == NULL) {
        return 0;
    }

    while (n--) {
        v = v << 8 | *p++;
    }

    return v;
}

static inline uint8_t
sc_get_u8(struct sc_reader *r)
{
    return (uint8_t) sc_get_uint(r, 1);
}

static inline uint16_t
sc_get_u16(struct sc_reader *r)
{
    return (uint16_t) sc_get_uint(r, 2);
}

static inline uint32_t
sc_get_u32(struct sc_reader *r)
{
    return (uint32_t) sc_get_uint(r, 4);
}

/* An 8-byte number; one above 2^53 - 1 marks the reader bad. */
static inline uint64_t
sc_get_u64(struct sc_reader *r)
{
    uint64_t v = sc_get_uint(r, 8);

    if (v > 9007199254740991ull) {
        r->bad = 1;
        return 0;
    }

    return v;
}

static inline struct sc_writer
sc_writer_of(uint8_t *bytes, size_t n)
{
    struct sc_writer w = { bytes, bytes + n, 0 };

    return w;
}

static inline void
sc_put_bytes(struct sc_writer *w, const void *bytes, size_t n)
{
    if (w->bad || (size_t) (w->end - w->p) < n) {
        w->bad = 1;
        return;
    }

    if (n) {
        memcpy(w->p, bytes, n);
        w->p += n;
    }
}

static inline void
sc_put_uint(struct sc_writer *w, uint64_t v, size_t n)
{
    if (w->bad || (size_t) (w->end - w->p) < n) {
        w->bad = 1;
        return;
    }

    while (n--) {
        *w->p++ = (uint8_t) (v >> (8 * n));
    }
}

#endif
