/*
 * Records: what passes over the link between an nginx worker and a sidecar.
 *
 *     length:4  kind:1  flags:1  code:2  stream:4  payload (length bytes)
 *
 * All numbers are big-endian.  One link carries the streams of all browsers
 * of its worker.  The module chooses stream ids, never 0, and uses one again
 * only after both ends have sent CLOSE for it.  Stream 0 is the link itself.
 *
 * The module never looks into a DATA payload, and the sidecar never sees a
 * WebSocket frame.
 */

#ifndef SEALCHAT_RECORD_H
#define SEALCHAT_RECORD_H

#include <sealchat/limits.h>
#include <sealchat/wire.h>

#define SC_RECORD_HEADER      12u
#define SC_RECORD_PAYLOAD_MAX SC_FRAME_MAX
#define SC_LINK_VERSION       2u
#define SC_LINK_MAGIC         "SCL1"

/* In flight on one link in one direction, at most. */
#define SC_LINK_WINDOW        (1u << 20)

enum sc_record_kind {
    SC_RECORD_HELLO  = 1,  /* each end, first: magic:4 version:2 max:4 */
    SC_RECORD_OPEN   = 2,  /* module: sc_open; flags PAUSED, AGAIN */
    SC_RECORD_DATA   = 3,  /* one frame, 1 to 65,536 bytes */
    SC_RECORD_CLOSE  = 4,  /* code: RFC 6455 7.4; payload: reason, <= 123 */
    SC_RECORD_PAUSE  = 5,  /* send no more DATA on this stream (0: on any) */
    SC_RECORD_RESUME = 6,  /* DATA may flow again */
    SC_RECORD_PING   = 7,  /* stream 0; flag ANSWER in the answer */
    SC_RECORD_TICKET = 8,  /* sidecar: the stream is authenticated; role:1,
                              then the ticket that reopens it, if any */
    SC_RECORD_STATUS = 9,  /* stream 0; module: asks, without payload; sidecar:
                              flag ANSWER, its metrics as Prometheus' text */
    SC_RECORD_KINDS
};

#define SC_RECORD_FLAG_PAUSED 0x01u  /* OPEN */
#define SC_RECORD_FLAG_AGAIN  0x02u  /* OPEN: of a browser that had a stream */
#define SC_RECORD_FLAG_ANSWER 0x01u  /* PING, STATUS */

#define SC_CLOSE_REASON_MAX   123u   /* RFC 6455 5.5: 125 less the code */

struct sc_record {
    uint32_t length;
    uint8_t  kind;
    uint8_t  flags;
    uint16_t code;
    uint32_t stream;
};

/* OPEN: what the sidecar is told of a browser.  All are text as received;
 * the sidecar trusts none of it. */
struct sc_open {
    const uint8_t *addr;
    size_t         addr_len;     /* <= SC_OPEN_ADDR_MAX */
    const uint8_t *origin;
    size_t         origin_len;   /* <= SC_OPEN_ORIGIN_MAX; 0: no header */
    const uint8_t *cid;
    size_t         cid_len;      /* <= SC_OPEN_CID_MAX; 0: no argument */
    const uint8_t *ticket;       /* of this peer; the module reads nothing */
    size_t         ticket_len;   /* <= SC_TICKET_MAX; 0: it has none */
};

#define SC_OPEN_ADDR_MAX      64u
#define SC_OPEN_ORIGIN_MAX    512u
#define SC_OPEN_CID_MAX       64u
#define SC_TICKET_MAX         256u
#define SC_OPEN_MAX           (8u + SC_OPEN_ADDR_MAX + SC_OPEN_ORIGIN_MAX \
                               + SC_OPEN_CID_MAX + SC_TICKET_MAX)

static inline void
sc_record_put(uint8_t out[SC_RECORD_HEADER], const struct sc_record *rec)
{
    struct sc_writer w = sc_writer_of(out, SC_RECORD_HEADER);

    sc_put_uint(&w, rec->length, 4);
    sc_put_uint(&w, rec->kind, 1);
    sc_put_uint(&w, rec->flags, 1);
    sc_put_uint(&w, rec->code, 2);
    sc_put_uint(&w, rec->stream, 4);
}

/* The flags that a kind may have. */
static inline unsigned
sc_record_flags(uint8_t kind)
{
    switch (kind) {

    case SC_RECORD_OPEN:
        return SC_RECORD_FLAG_PAUSED | SC_RECORD_FLAG_AGAIN;

    case SC_RECORD_PING:
    case SC_RECORD_STATUS:
        return SC_RECORD_FLAG_ANSWER;

    default:
        return 0;
    }
}

/*
 * Reads a record's header and checks everything that can be checked without
 * its payload.  Returns NULL, or a sentence that says what is wrong with it;
 * the link is then beyond repair and has to be closed.
 */
static inline const char *
sc_record_get(const uint8_t in[SC_RECORD_HEADER], struct sc_record *rec)
{
    struct sc_reader r = sc_reader_of(in, SC_RECORD_HEADER);

    rec->length = sc_get_u32(&r);
    rec->kind = sc_get_u8(&r);
    rec->flags = sc_get_u8(&r);
    rec->code = sc_get_u16(&r);
    rec->stream = sc_get_u32(&r);

    if (rec->length > SC_RECORD_PAYLOAD_MAX) {
        return "record payload above 65536 bytes";
    }

    if (rec->flags & ~sc_record_flags(rec->kind)) {
        return "unknown flags in a record";
    }

    if (rec->code && rec->kind != SC_RECORD_CLOSE) {
        return "a code in a record other than CLOSE";
    }

    switch (rec->kind) {

    case SC_RECORD_HELLO:
        if (rec->stream || rec->length != 10) {
            return "malformed HELLO record";
        }
        return NULL;

    case SC_RECORD_OPEN:
        if (rec->stream == 0 || rec->length > SC_OPEN_MAX) {
            return "malformed OPEN record";
        }
        return NULL;

    case SC_RECORD_DATA:
        if (rec->stream == 0 || rec->length == 0) {
            return "malformed DATA record";
        }
        return NULL;

    case SC_RECORD_CLOSE:
        if (rec->stream == 0 || rec->length > SC_CLOSE_REASON_MAX) {
            return "malformed CLOSE record";
        }
        return NULL;

    case SC_RECORD_PAUSE:
    case SC_RECORD_RESUME:
        if (rec->length) {
            return "malformed PAUSE or RESUME record";
        }
        return NULL;

    case SC_RECORD_PING:
        if (rec->stream || rec->length) {
            return "malformed PING record";
        }
        return NULL;

    case SC_RECORD_TICKET:
        if (rec->stream == 0 || rec->length == 0
            || rec->length > 1 + SC_TICKET_MAX)
        {
            return "malformed TICKET record";
        }
        return NULL;

    case SC_RECORD_STATUS:
        if (rec->stream || (rec->length && !rec->flags)) {
            return "malformed STATUS record";
        }
        return NULL;

    default:
        return "unknown kind of record";
    }
}

/* Writes a whole HELLO record, header included. */
#define SC_RECORD_HELLO_BYTES (SC_RECORD_HEADER + 10u)

static inline void
sc_hello_put(uint8_t out[SC_RECORD_HELLO_BYTES])
{
    struct sc_record rec = { 10, SC_RECORD_HELLO, 0, 0, 0 };
    struct sc_writer w;

    sc_record_put(out, &rec);
    w = sc_writer_of(out + SC_RECORD_HEADER, 10);
    sc_put_bytes(&w, SC_LINK_MAGIC, 4);
    sc_put_uint(&w, SC_LINK_VERSION, 2);
    sc_put_uint(&w, SC_RECORD_PAYLOAD_MAX, 4);
}

/* Checks the payload of a HELLO.  NULL, or what is wrong. */
static inline const char *
sc_hello_get(const uint8_t payload[10])
{
    struct sc_reader r = sc_reader_of(payload, 10);

    if (memcmp(sc_get_bytes(&r, 4), SC_LINK_MAGIC, 4) != 0) {
        return "not a SealChat link";
    }

    if (sc_get_u16(&r) != SC_LINK_VERSION) {
        return "another version of the link protocol";
    }

    if (sc_get_u32(&r) < SC_RECORD_PAYLOAD_MAX) {
        return "the other end takes no full-sized records";
    }

    return NULL;
}

/* Writes an OPEN payload into out (SC_OPEN_MAX bytes at least) and returns
 * its length, or 0 when a part is longer than its limit. */
static inline size_t
sc_open_put(uint8_t *out, size_t cap, const struct sc_open *open)
{
    struct sc_writer w = sc_writer_of(out, cap);

    if (open->addr_len > SC_OPEN_ADDR_MAX
        || open->origin_len > SC_OPEN_ORIGIN_MAX
        || open->cid_len > SC_OPEN_CID_MAX
        || open->ticket_len > SC_TICKET_MAX)
    {
        return 0;
    }

    sc_put_uint(&w, open->addr_len, 2);
    sc_put_bytes(&w, open->addr, open->addr_len);
    sc_put_uint(&w, open->origin_len, 2);
    sc_put_bytes(&w, open->origin, open->origin_len);
    sc_put_uint(&w, open->cid_len, 2);
    sc_put_bytes(&w, open->cid, open->cid_len);
    sc_put_uint(&w, open->ticket_len, 2);
    sc_put_bytes(&w, open->ticket, open->ticket_len);

    return w.bad ? 0 : (size_t) (w.p - out);
}

/* Reads an OPEN payload.  NULL, or what is wrong. */
static inline const char *
sc_open_get(const uint8_t *payload, size_t n, struct sc_open *open)
{
    struct sc_reader r = sc_reader_of(payload, n);

    open->addr_len = sc_get_u16(&r);
    open->addr = sc_get_bytes(&r, open->addr_len);
    open->origin_len = sc_get_u16(&r);
    open->origin = sc_get_bytes(&r, open->origin_len);
    open->cid_len = sc_get_u16(&r);
    open->cid = sc_get_bytes(&r, open->cid_len);
    open->ticket_len = sc_get_u16(&r);
    open->ticket = sc_get_bytes(&r, open->ticket_len);

    if (!sc_reader_done(&r)) {
        return "malformed OPEN record";
    }

    if (open->addr_len > SC_OPEN_ADDR_MAX
        || open->origin_len > SC_OPEN_ORIGIN_MAX
        || open->cid_len > SC_OPEN_CID_MAX
        || open->ticket_len > SC_TICKET_MAX)
    {
        return "a part of an OPEN record is too long";
    }

    return NULL;
}

#endif
