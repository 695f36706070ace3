/*
 * The module's reader of links: its record.c and stream.c themselves, between
 * a socket and sessions that are made up here.  The input is a script: bytes
 * and records that come over the link, and sessions that come and go
 * meanwhile.  All of it runs a second time with one byte in each read, which
 * must make no difference.
 */

#include "fuzz.h"

#include "../../ngx_module/ngx_http_sealchat_record.c"
#include "../../ngx_module/ngx_http_sealchat_stream.c"

/* The corpus says HELLO with this version, or none of it gets any further. */
_Static_assert(SC_LINK_VERSION == 2, "write the new version into the corpus");

#define INPUT     (256 * 1024)   /* as a link has */
#define SESSIONS  16u

ngx_queue_t   ngx_posted_events;
ngx_module_t  ngx_http_sealchat_module;

static struct {
    ngx_http_sealchat_link_t     link;
    ngx_http_sealchat_session_t  sessions[SESSIONS];
    ngx_connection_t             connection;
    ngx_event_t                  write;
    ngx_log_t                    log;
    int                          bytewise;
    int                          broken;
    int                          refuse;     /* link_put fails */
    uint64_t                     sum;        /* of all that was understood */
} world;

static u_char  input[INPUT];


static void
note_call(char name, const ngx_http_sealchat_session_t *s)
{
    uint32_t stream = 0;

    if (s) {
        MUST(s->open && s->link == &world.link && s->stream != 0);
        stream = s->stream;
    }

    world.sum = sum_of(world.sum, &name, 1);
    world.sum = sum_of(world.sum, &stream, sizeof(stream));
}


/* --- what the reader calls ----------------------------------------------- */

#if (NGX_HAVE_VARIADIC_MACROS)
void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) log;
    (void) err;
    (void) fmt;
}
#endif

void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return calloc(1, size);
}

void
ngx_http_sealchat_link_up(ngx_http_sealchat_link_t *link)
{
    MUST(link == &world.link && !link->up);
    link->up = 1;
    note_call('u', NULL);
}

u_char *
ngx_http_sealchat_link_put(ngx_http_sealchat_link_t *link, ngx_uint_t kind,
    uint32_t stream, ngx_uint_t flags, ngx_uint_t code, size_t len)
{
    static u_char     payload[SC_RECORD_PAYLOAD_MAX];
    uint8_t           header[SC_RECORD_HEADER];
    struct sc_record  rec = { (uint32_t) len, (uint8_t) kind, (uint8_t) flags,
                              (uint16_t) code, stream };
    struct sc_record  again;

    sc_record_put(header, &rec);
    MUST(sc_record_get(header, &again) == NULL);
    world.sum = sum_of(world.sum, header, sizeof(header));

    return world.refuse ? NULL : payload;
}

void
ngx_http_sealchat_session_data(ngx_http_sealchat_session_t *s, u_char *data,
    size_t len)
{
    MUST(len > 0 && len <= SC_RECORD_PAYLOAD_MAX);
    note_call('d', s);
    world.sum = sum_of(world.sum, data, len);
}

void
ngx_http_sealchat_session_hold(ngx_http_sealchat_session_t *s,
    ngx_uint_t held)
{
    note_call(held ? 'h' : 'r', s);
}

void
ngx_http_sealchat_limit_authenticated(ngx_http_sealchat_session_t *s,
    u_char role)
{
    MUST(role > 0 && role < SC_ROLE_COUNT);
    note_call('t', s);
}

void
ngx_http_sealchat_session_ticket(ngx_http_sealchat_session_t *s,
    u_char *ticket, size_t len)
{
    MUST(len <= SC_TICKET_MAX);
    note_call('k', s);
    world.sum = sum_of(world.sum, ticket, len);
}

void
ngx_http_sealchat_link_answer(ngx_http_sealchat_link_t *link, u_char *text,
    size_t len)
{
    MUST(link == &world.link && link->asked);
    link->asked = 0;
    note_call('s', NULL);
    world.sum = sum_of(world.sum, text, len);
}

static void
leave(ngx_http_sealchat_session_t *s, ngx_uint_t code)
{
    ngx_http_sealchat_stream_close(&world.link.streams, s->stream);
    (void) ngx_http_sealchat_link_put(&world.link, SC_RECORD_CLOSE, s->stream,
                                      0, code, 0);
    s->open = 0;
    s->link = NULL;
    s->stream = 0;
}

void
ngx_http_sealchat_session_close(ngx_http_sealchat_session_t *s,
    ngx_uint_t code, u_char *reason, size_t len)
{
    MUST(code == WS_CLOSE_NONE || ws_close_code_valid(code));
    MUST(len <= SC_CLOSE_REASON_MAX);
    note_call('c', s);
    world.sum = sum_of(world.sum, reason, len);
    leave(s, code);
}


/* --- the script ---------------------------------------------------------- */

static void
come_or_go(unsigned op)
{
    ngx_http_sealchat_session_t *s = &world.sessions[op % SESSIONS];

    if (op & 0x20) {
        world.refuse = op & 1;
        world.link.asked = op >> 1 & 1;
        return;
    }

    if (!world.link.up) {
        return;
    }

    if (s->open) {
        leave(s, WS_CLOSE_NORMAL);
        return;
    }

    s->stream = ngx_http_sealchat_stream_add(&world.link.streams, s,
                                             &world.log);
    MUST(s->stream != 0);
    for (unsigned i = 0; i < SESSIONS; i++) {
        MUST(&world.sessions[i] == s || !world.sessions[i].open
             || world.sessions[i].stream != s->stream);
    }
    s->open = 1;
    s->link = &world.link;
}

static void
feed(const uint8_t *bytes, size_t n)
{
    ngx_http_sealchat_link_t *link = &world.link;

    while (n && !world.broken) {
        size_t room = (size_t) (link->start + INPUT - link->last);
        size_t k = world.bytewise ? 1 : n;

        MUST(room >= SC_RECORD_HEADER + SC_RECORD_PAYLOAD_MAX);
        k = k < room ? k : room;
        memcpy(link->last, bytes, k);
        link->last += k;
        world.broken = ngx_http_sealchat_link_parse(link) != NGX_OK;
        bytes += k;
        n -= k;
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
    rec.stream = bytes[0];
    rec.length = bytes[1];
    if (rec.kind == SC_RECORD_CLOSE) {
        rec.code = op & 0x10 ? 999 : 1000;
        rec.flags = 0;
    }
    if (rec.length > n - 2) {
        rec.length = (uint32_t) (n - 2);
    }

    sc_record_put(whole, &rec);
    memcpy(whole + SC_RECORD_HEADER, bytes + 2, rec.length);
    feed(whole, SC_RECORD_HEADER + rec.length);

    return 2 + rec.length;
}

static uint64_t
run(const uint8_t *bytes, size_t n, int bytewise)
{
    memset(&world, 0, sizeof(world));
    ngx_queue_init(&ngx_posted_events);
    world.bytewise = bytewise;
    world.sum = SUM_OF_NOTHING;
    world.connection.write = &world.write;
    world.connection.log = &world.log;
    world.write.log = &world.log;
    world.link.connection = &world.connection;
    world.link.start = world.link.last = input;

    while (n && !world.broken) {
        unsigned op = *bytes;
        size_t   used = 0;

        bytes++, n--;

        if (op < 0x40) {
            used = op + 1u < n ? op + 1u : n;
            feed(bytes, used);
        } else if (op < 0x80) {
            used = feed_record(op, bytes, n);
        } else {
            come_or_go(op);
        }

        bytes += used;
        n -= used;
    }

    free(world.link.streams.elts);

    return world.sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    uint64_t whole = run(bytes, n, 0);

    MUST(run(bytes, n, 1) == whole);

    return 0;
}
