/*
 * The codec of frames, expanded from the tables in include/sealchat/frames.h
 * and errors.h.  Pure functions on bytes: nothing here allocates, knows a
 * stream or decides who may send what.  No frame is written out by hand; a new
 * one is a new row of the table.
 */

#include <sealchat/frames.h>

#define V16_MAX 65535u

/* --- items of lists ------------------------------------------------------ */

static struct sc_bytes
get_v16(struct sc_reader *r)
{
    struct sc_bytes bytes;

    bytes.n = sc_get_u16(r);
    bytes.p = sc_get_bytes(r, bytes.n);
    return bytes;
}

static struct sc_bytes
get_rest(struct sc_reader *r)
{
    struct sc_bytes bytes;

    bytes.n = sc_reader_left(r);
    bytes.p = sc_get_bytes(r, bytes.n);
    return bytes;
}

static void
put_v16(struct sc_writer *w, struct sc_bytes bytes)
{
    if (bytes.n > V16_MAX) {
        w->bad = 1;
        return;
    }

    sc_put_uint(w, bytes.n, 2);
    sc_put_bytes(w, bytes.p, bytes.n);
}

/* What no reader takes must not be written either. */
static void
put_u64(struct sc_writer *w, uint64_t v)
{
    if (v > SC_NUMBER_MAX) {
        w->bad = 1;
        return;
    }

    sc_put_uint(w, v, 8);
}

static void
put_list(struct sc_writer *w, const struct sc_list *list)
{
    sc_put_uint(w, list->count, 2);
    sc_put_bytes(w, list->p, list->n);
}

#define GET_U8(name)           out->name = sc_get_u8(&r);
#define GET_U16(name)          out->name = sc_get_u16(&r);
#define GET_U32(name)          out->name = sc_get_u32(&r);
#define GET_U64(name)          out->name = sc_get_u64(&r);
#define GET_B16(name)          out->name = sc_get_bytes(&r, 16);
#define GET_B32(name)          out->name = sc_get_bytes(&r, 32);
#define GET_B64(name)          out->name = sc_get_bytes(&r, 64);
#define GET_V16(name)          out->name = get_v16(&r);
#define GET_REST(name)         out->name = get_rest(&r);
#define GET_LIST_blob(name)    get_list_blob(&r, &out->name);
#define GET_LIST_message(name) get_list_message(&r, &out->name);
#define GET_LIST_session(name) get_list_session(&r, &out->name);
#define GET(kind, name)        GET_##kind(name)

#define PUT_U8(name)           sc_put_uint(w, from->name, 1);
#define PUT_U16(name)          sc_put_uint(w, from->name, 2);
#define PUT_U32(name)          sc_put_uint(w, from->name, 4);
#define PUT_U64(name)          put_u64(w, from->name);
#define PUT_B16(name)          sc_put_bytes(w, from->name, 16);
#define PUT_B32(name)          sc_put_bytes(w, from->name, 32);
#define PUT_B64(name)          sc_put_bytes(w, from->name, 64);
#define PUT_V16(name)          put_v16(w, from->name);
#define PUT_REST(name)         sc_put_bytes(w, from->name.p, from->name.n);
#define PUT_LIST_blob(name)    put_list(w, &from->name);
#define PUT_LIST_message(name) put_list(w, &from->name);
#define PUT_LIST_session(name) put_list(w, &from->name);
#define PUT(kind, name)        PUT_##kind(name)

/* get_list checks every item, so that next cannot meet a malformed one in a
 * list that was decoded. */
#define ITEM_CODEC(item)                                                      \
    static void                                                               \
    get_##item(struct sc_reader *reader, struct sc_##item *out)               \
    {                                                                         \
        struct sc_reader r = *reader;                                         \
                                                                              \
        SC_##item##_FIELDS(GET)                                               \
        *reader = r;                                                          \
    }                                                                         \
                                                                              \
    static void                                                               \
    get_list_##item(struct sc_reader *r, struct sc_list *list)                \
    {                                                                         \
        struct sc_##item ignored;                                             \
        unsigned         left;                                                \
                                                                              \
        list->count = sc_get_u16(r);                                          \
        list->p = r->p;                                                       \
                                                                              \
        for (left = list->count; left && !r->bad; left--) {                   \
            get_##item(r, &ignored);                                          \
        }                                                                     \
                                                                              \
        list->n = (size_t) (r->p - list->p);                                  \
    }                                                                         \
                                                                              \
    int                                                                       \
    sc_##item##_next(struct sc_list *list, struct sc_##item *out)             \
    {                                                                         \
        struct sc_reader r = sc_reader_of(list->p, list->n);                  \
                                                                              \
        if (list->count == 0) {                                               \
            return 0;                                                         \
        }                                                                     \
                                                                              \
        get_##item(&r, out);                                                  \
        if (r.bad) {                                                          \
            return 0;                                                         \
        }                                                                     \
                                                                              \
        list->p = r.p;                                                        \
        list->n = (size_t) (r.end - r.p);                                     \
        list->count--;                                                        \
        return 1;                                                             \
    }                                                                         \
                                                                              \
    void                                                                      \
    sc_##item##_put(struct sc_writer *w, const struct sc_##item *from)        \
    {                                                                         \
        SC_##item##_FIELDS(PUT)                                               \
    }

/* An item that next() fills in need not be anything before. */
// cppcheck-suppress ctuuninitvar
SC_ITEMS(ITEM_CODEC)


/* --- frames -------------------------------------------------------------- */

static struct sc_writer
frame_begin(uint8_t *out, size_t cap, uint8_t type, uint16_t tag, size_t max)
{
    size_t           room = SC_FRAME_HEADER + max;
    struct sc_writer w = sc_writer_of(out, cap < room ? cap : room);

    sc_put_uint(&w, type, 1);
    sc_put_uint(&w, 0, 1);
    sc_put_uint(&w, tag, 2);
    return w;
}

#define FRAME_CODEC(type, NAME, name, max)                                    \
    int                                                                       \
    sc_##name##_decode(struct sc_bytes body, struct sc_frame_##name *out)     \
    {                                                                         \
        struct sc_reader r = sc_reader_of(body.p, body.n);                    \
                                                                              \
        out->nothing = 0;                                                     \
        SC_##NAME##_FIELDS(GET)                                               \
        return body.n <= (max) && sc_reader_done(&r);                         \
    }                                                                         \
                                                                              \
    size_t                                                                    \
    sc_##name##_encode(uint8_t *out, size_t cap, uint16_t tag,                \
                       const struct sc_frame_##name *from)                    \
    {                                                                         \
        struct sc_writer  begun = frame_begin(out, cap, type, tag, max);      \
        struct sc_writer *w = &begun;                                         \
                                                                              \
        (void) from;                                                          \
        SC_##NAME##_FIELDS(PUT)                                               \
        return w->bad ? 0 : (size_t) (w->p - out);                            \
    }

#define CLIENT_CODEC(type, NAME, name, roles, max, repeat, answer) \
    FRAME_CODEC(type, NAME, name, max)

SC_CLIENT_FRAMES(CLIENT_CODEC)
SC_SERVICE_FRAMES(FRAME_CODEC)


/* --- the tables as data -------------------------------------------------- */

#define CLIENT_ROW(type, NAME, name, roles, max, repeat, answer) \
    [type] = { type, SC_FRAME_##answer, roles, max, #name },
#define SERVICE_ROW(type, NAME, name, max) [type] = { type, 0, 0, max, #name },

const struct sc_frame_info *
sc_frame_info(uint8_t type)
{
    static const struct sc_frame_info rows[256] = {
        SC_CLIENT_FRAMES(CLIENT_ROW)
        SC_SERVICE_FRAMES(SERVICE_ROW)
    };

    return rows[type].type ? &rows[type] : NULL;
}

enum sc_error_code
sc_frame_open(const uint8_t *bytes, size_t n, struct sc_frame *frame)
{
    struct sc_reader            r = sc_reader_of(bytes, n);
    const struct sc_frame_info *info;
    uint8_t                     flags;

    frame->type = sc_get_u8(&r);
    flags = sc_get_u8(&r);
    frame->tag = sc_get_u16(&r);
    frame->body = get_rest(&r);

    if (r.bad || flags) {
        return SC_E_BAD_FRAME;
    }

    info = sc_frame_info(frame->type);
    if (info == NULL) {
        return SC_E_UNKNOWN_FRAME;
    }

    return frame->body.n > info->max ? SC_E_TOO_LARGE : SC_E_NONE;
}

#define ERROR_ROW(code, NAME, name, close, sentence) \
    [code] = { code, name, close, sentence },

const struct sc_error_info *
sc_error_info(unsigned code)
{
    static const struct sc_error_info rows[] = { SC_ERRORS(ERROR_ROW) };

    if (code >= sizeof(rows) / sizeof(rows[0]) || rows[code].code == 0) {
        return NULL;
    }

    return &rows[code];
}
