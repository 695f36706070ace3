/*
 * The sidecar's reader of links: sidecar/link.c itself, between a socket and
 * streams that are made up here.  The input is a script: bytes and records
 * that come over the link, what streams do meanwhile, and when the kernel
 * takes what was written.  Whatever comes, only whole valid records may leave
 * and nothing may stay behind; and all of it runs a second time with one byte
 * in each read, which must make no difference.
 */

#include "fuzz.h"

#include <uv.h>

#define uv_pipe_init(loop, pipe, ipc)    ((void) (loop), (void) (pipe))
#define uv_pipe_open(pipe, fd)           ((void) (pipe), (void) (fd), 0)
#define uv_read_start(pipe, alloc, read) \
    ((void) (pipe), alloc_cb = alloc, read_cb = read, 0)
#define uv_try_write                     fuzz_try_write
#define uv_write                         fuzz_write
#define uv_close                         fuzz_close

static uv_alloc_cb alloc_cb;
static uv_read_cb  read_cb;

static int  fuzz_try_write(uv_stream_t *pipe, const uv_buf_t *bufs,
                           unsigned n);
static int  fuzz_write(uv_write_t *req, uv_stream_t *pipe,
                       const uv_buf_t *bufs, unsigned n, uv_write_cb done);
static void fuzz_close(uv_handle_t *handle, uv_close_cb done);

#include "../../sidecar/body.c"
#include "../../sidecar/link.c"
#include "../../sidecar/map.c"

/* The corpus says HELLO with this version, or none of it gets any further. */
_Static_assert(SC_LINK_VERSION == 2, "write the new version into the corpus");

#define STREAM_IDS  16u

static struct sc_service service;

static struct {
    struct sc_link *link;
    size_t          writes_first, writes_n;
    uv_close_cb     closed;
    int             commit_full;
    int             bytewise;
    size_t          takes;             /* of the next write, the kernel at once */

    unsigned        opened, freed;     /* streams */
    uint8_t         said_close[STREAM_IDS];
    unsigned        hellos;
    uint64_t        sum;               /* of all records but PAUSE, RESUME */
} world;

/* Not yet taken by the kernel. */
static uv_write_t *writes[1 << 16];

static const uint8_t zeros[SC_RECORD_PAYLOAD_MAX];

/* What left and does not end with a whole record yet. */
static uint8_t left[65 * (SC_RECORD_HEADER + SC_RECORD_PAYLOAD_MAX)];
static size_t  left_n;


/* --- what leaves --------------------------------------------------------- */

static void
check_record(const struct sc_record *rec, const uint8_t *bytes)
{
    MUST(world.hellos == (rec->kind != SC_RECORD_HELLO));
    world.hellos = 1;

    switch (rec->kind) {

    case SC_RECORD_PAUSE:
    case SC_RECORD_RESUME:
        MUST(rec->stream == 0);
        return;

    case SC_RECORD_PING:
    case SC_RECORD_STATUS:
        MUST(rec->flags == SC_RECORD_FLAG_ANSWER);
        break;

    case SC_RECORD_CLOSE:
        if (rec->stream < STREAM_IDS) {
            MUST(!world.said_close[rec->stream]);
            world.said_close[rec->stream] = 1;
        }
        break;

    default:
        MUST(rec->kind == SC_RECORD_HELLO || rec->kind == SC_RECORD_DATA
             || rec->kind == SC_RECORD_TICKET);
    }

    world.sum = sum_of(world.sum, bytes, SC_RECORD_HEADER + rec->length);
}

/* The first n bytes of what is written; whole records are looked at. */
static void
leaves(const uv_buf_t *bufs, unsigned n_bufs, size_t n)
{
    struct sc_record rec;
    size_t           at = 0;

    for (unsigned i = 0; i < n_bufs && n; i++) {
        size_t part = bufs[i].len < n ? bufs[i].len : n;

        MUST(part <= sizeof(left) - left_n);
        memcpy(left + left_n, bufs[i].base, part);
        left_n += part;
        n -= part;
    }

    while (left_n - at >= SC_RECORD_HEADER) {
        MUST(sc_record_get(left + at, &rec) == NULL);
        if (left_n - at - SC_RECORD_HEADER < rec.length) {
            break;
        }
        check_record(&rec, left + at);
        at += SC_RECORD_HEADER + rec.length;
    }

    left_n -= at;
    memmove(left, left + at, left_n);
}

static size_t
bytes_of(const uv_buf_t *bufs, unsigned n_bufs)
{
    size_t n = 0;

    for (unsigned i = 0; i < n_bufs; i++) {
        n += bufs[i].len;
    }

    return n;
}

/* As libuv does: nothing while something waits to be written. */
static int
fuzz_try_write(uv_stream_t *pipe, const uv_buf_t *bufs, unsigned n_bufs)
{
    size_t n = bytes_of(bufs, n_bufs);

    MUST(pipe == (uv_stream_t *) &world.link->pipe);
    MUST(world.closed == NULL);
    MUST(left_n == 0 || world.writes_first < world.writes_n);

    if (world.takes == 0 || world.writes_first < world.writes_n) {
        return UV_EAGAIN;
    }

    n = world.takes < n ? world.takes : n;
    leaves(bufs, n_bufs, n);

    return (int) n;
}

static int
fuzz_write(uv_write_t *req, uv_stream_t *pipe, const uv_buf_t *bufs,
           unsigned n_bufs, uv_write_cb done)
{
    size_t n = bytes_of(bufs, n_bufs);

    MUST(pipe == (uv_stream_t *) &world.link->pipe);
    MUST(world.closed == NULL);
    MUST(n > 0);

    /* What is left of a list ends with it. */
    leaves(bufs, n_bufs, n);
    MUST(left_n == 0);

    req->cb = done;
    MUST(world.writes_n < sizeof(writes) / sizeof(writes[0]));
    writes[world.writes_n++] = req;

    return 0;
}

static void
written(int status)
{
    uv_write_t *req;

    if (world.writes_first < world.writes_n) {
        req = writes[world.writes_first++];
        req->cb(req, status);
    }
}

static void
fuzz_close(uv_handle_t *handle, uv_close_cb done)
{
    MUST(handle == (uv_handle_t *) &world.link->pipe);
    MUST(world.closed == NULL);
    world.closed = done;
}


/* --- streams, as the reader knows them ----------------------------------- */

int
sc_listen_admits(struct sc_service *of, const uv_pipe_t *pipe)
{
    (void) of;
    (void) pipe;

    return 1;
}

char *
sc_metrics_text(struct sc_service *of, size_t *n)
{
    (void) of;

    *n = 5;
    return strdup("text\n");
}

int
sc_commit_full(const struct sc_commit *commit)
{
    (void) commit;

    return world.commit_full;
}

void
sc_store_page_free(struct sc_page *page)
{
    MUST(page == NULL);
}

struct sc_stream *
sc_stream_open(struct sc_link *link, uint32_t id, const struct sc_open *open,
               unsigned flags)
{
    struct sc_stream *stream = calloc(1, sizeof(*stream));

    MUST(stream != NULL);
    MUST(open->addr_len <= SC_OPEN_ADDR_MAX);
    MUST(open->origin_len <= SC_OPEN_ORIGIN_MAX);
    MUST(open->cid_len <= SC_OPEN_CID_MAX);
    touch(open->addr, open->addr_len);
    touch(open->origin, open->origin_len);
    touch(open->cid, open->cid_len);

    world.opened++;
    if (id < STREAM_IDS) {
        world.said_close[id] = 0;
    }
    stream->link = link;
    stream->id = id;
    stream->refs = 1;
    stream->paused = (flags & SC_RECORD_FLAG_PAUSED) != 0;

    return stream;
}

void
sc_stream_ref(struct sc_stream *stream)
{
    stream->refs++;
}

void
sc_stream_drop(struct sc_stream *stream)
{
    if (--stream->refs == 0) {
        world.freed++;
        free(stream);
    }
}

void
sc_stream_close(struct sc_stream *stream, uint16_t code, const char *reason)
{
    if (!stream->closed) {
        stream->closed = 1;
        sc_link_close_stream(stream->link, stream->id, code, reason);
    }
}

void
sc_stream_forget(struct sc_stream *stream)
{
    stream->link = NULL;
    sc_stream_drop(stream);
}

static void
echo(struct sc_stream *stream, const uint8_t *bytes, size_t n)
{
    struct sc_body *body;
    size_t          head = n < 64 ? n : 64;

    if (head == n) {
        sc_link_data(stream->link, stream->id, bytes, n, NULL, NULL, 0);
        return;
    }

    body = sc_body_new(bytes + head, n - head);
    MUST(body != NULL);
    sc_link_data(stream->link, stream->id, bytes, head, body, body->bytes,
                 n - head);
    sc_body_drop(body);
}

/* What a stream may do, of its own or when it is spoken to. */
static void
act(struct sc_stream *stream, unsigned what, const uint8_t *bytes, size_t n)
{
    struct sc_link *link = stream->link;

    if (stream->closed || link == NULL) {
        return;
    }

    switch (what & 7) {
    case 0: echo(stream, bytes, n); break;
    case 1: echo(stream, zeros, SC_RECORD_PAYLOAD_MAX); break;
    case 2: sc_stream_close(stream, 1008, "told to"); break;
    case 3: sc_link_wait(link, stream); break;
    case 4: sc_link_ticket(link, stream->id, 1, zeros, 40); break;
    case 5:
        if (sc_link_may_read(link)) {
            sc_link_read_begins(link);
        }
        break;
    default: break;
    }
}

void
sc_stream_frame(struct sc_stream *stream, const uint8_t *bytes, size_t n)
{
    MUST(n > 0 && n <= SC_RECORD_PAYLOAD_MAX);
    touch(bytes, n);
    act(stream, bytes[0], bytes, n);
}

void
sc_stream_pause(struct sc_stream *stream, int paused)
{
    stream->paused = paused != 0;
}

void
sc_stream_go_on(struct sc_stream *stream)
{
    act(stream, 0, zeros, 100);
}


/* --- the script ---------------------------------------------------------- */

static void
settle(void)
{
    uv_close_cb done = world.closed;

    if (done == NULL || world.link == NULL) {
        return;
    }

    while (world.writes_first < world.writes_n) {
        written(UV_ECANCELED);
    }

    while (world.link->reads > 1) {
        sc_link_read_ends(world.link);
    }

    if (world.link->reads) {
        done((uv_handle_t *) &world.link->pipe);
        sc_link_read_ends(world.link);
    } else {
        done((uv_handle_t *) &world.link->pipe);
    }

    world.link = NULL;
}

static void
feed(const uint8_t *bytes, size_t n)
{
    uv_handle_t *handle = (uv_handle_t *) &world.link->pipe;
    uv_buf_t     buf;

    while (n && world.closed == NULL) {
        alloc_cb(handle, 65536, &buf);
        MUST(buf.len > 0);
        if (world.bytewise || buf.len > n) {
            buf.len = world.bytewise ? 1 : n;
        }
        memcpy(buf.base, bytes, buf.len);
        read_cb((uv_stream_t *) handle, (ssize_t) buf.len, &buf);
        bytes += buf.len;
        n -= buf.len;
    }
}

/* A record whose header fits its payload, so that the script stays in step. */
static size_t
feed_record(unsigned op, const uint8_t *bytes, size_t n)
{
    uint8_t          whole[SC_RECORD_HEADER + 255];
    struct sc_record rec = { 0 };

    if (n < 2) {
        return n;
    }

    rec.kind = op & 15;
    rec.flags = op >> 4 & 1;
    rec.stream = bytes[0] % STREAM_IDS;
    rec.length = bytes[1];
    if (rec.kind == SC_RECORD_CLOSE) {
        rec.code = 1000;
    }
    if (rec.length > n - 2) {
        rec.length = (uint32_t) (n - 2);
    }

    sc_record_put(whole, &rec);
    memcpy(whole + SC_RECORD_HEADER, bytes + 2, rec.length);
    feed(whole, SC_RECORD_HEADER + rec.length);

    return 2 + rec.length;
}

static void
meanwhile(unsigned op, unsigned id)
{
    struct sc_stream *stream = stream_of(world.link, id % STREAM_IDS);

    if (op & 0x20) {
        if (stream) {
            act(stream, op, zeros, 1 + (id & 0xf0));
        }
        return;
    }

    world.commit_full = op & 1;
    world.takes = !(op & 0x40) ? 0 : id < 255 ? id : SIZE_MAX;
    if (op & 2) {
        sc_link_flush_all(&service);
    }
    if (op & 4) {
        written(op & 8 && op & 16 ? UV_EPIPE : 0);
    }
    if (op & 8 && world.link->reads) {
        sc_link_read_ends(world.link);
    }
    sc_link_pressure_all(&service);
}

static uint64_t
run(const uint8_t *bytes, size_t n, int bytewise)
{
    memset(&world, 0, sizeof(world));
    world.bytewise = bytewise;
    world.sum = SUM_OF_NOTHING;
    left_n = 0;
    sc_link_accept(&service, -1);
    world.link = service.links;
    MUST(world.link != NULL);

    while (n && world.closed == NULL) {
        unsigned op = *bytes;
        size_t   used;

        bytes++, n--;

        if (op < 0x40) {
            used = op + 1u < n ? op + 1u : n;
            feed(bytes, used);
        } else if (op < 0x80) {
            used = feed_record(op, bytes, n);
        } else {
            used = n ? 1 : 0;
            meanwhile(op, used ? *bytes : 0);
        }

        bytes += used;
        n -= used;
    }

    if (world.closed == NULL) {
        sc_link_flush_all(&service);
    }
    if (world.closed == NULL) {
        read_cb((uv_stream_t *) &world.link->pipe, UV_EOF, NULL);
    }

    MUST(world.closed != NULL && service.links == NULL);
    settle();
    MUST(world.opened == world.freed);

    return world.sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint64_t whole;

    (void) sc_log_open(NULL, SC_LOG_ERROR);
    whole = run(bytes, n, 0);
    MUST(run(bytes, n, 1) == whole);

    return 0;
}
