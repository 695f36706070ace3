/* Frames: every type of the tables, whole and broken. */

#include "vectors.h"

static uint64_t
pseudo(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct sc_bytes
some_bytes(void)
{
    return sample_bytes(world.noise + pseudo() % 1000, pseudo() % 20);
}

#define FILL_U8(f)   f_->f = (uint8_t) pseudo();
#define FILL_U16(f)  f_->f = (uint16_t) pseudo();
#define FILL_U32(f)  f_->f = (uint32_t) pseudo();
#define FILL_U64(f)  f_->f = pseudo() & SC_NUMBER_MAX;
#define FILL_B16(f)  f_->f = world.noise + pseudo() % 1000;
#define FILL_B32(f)  f_->f = world.noise + pseudo() % 1000;
#define FILL_B64(f)  f_->f = world.noise + pseudo() % 1000;
#define FILL_V16(f)  f_->f = some_bytes();
#define FILL_REST(f) f_->f = some_bytes();
#define FILL_LIST_blob(f)    f_->f = some_blobs();
#define FILL_LIST_message(f) f_->f = some_messages();
#define FILL_LIST_session(f) f_->f = some_sessions();
#define FILL(kind, f) FILL_##kind(f)

#define SHOW_U8(f)   number(#f, f_->f);
#define SHOW_U16(f)  number(#f, f_->f);
#define SHOW_U32(f)  number(#f, f_->f);
#define SHOW_U64(f)  number(#f, f_->f);
#define SHOW_B16(f)  hex(#f, f_->f, 16);
#define SHOW_B32(f)  hex(#f, f_->f, 32);
#define SHOW_B64(f)  hex(#f, f_->f, 64);
#define SHOW_V16(f)  hex(#f, f_->f.p, f_->f.n);
#define SHOW_REST(f) hex(#f, f_->f.p, f_->f.n);
#define SHOW_LIST_blob(f)    show_blobs(#f, f_->f);
#define SHOW_LIST_message(f) show_messages(#f, f_->f);
#define SHOW_LIST_session(f) show_sessions(#f, f_->f);
#define SHOW(kind, f) SHOW_##kind(f)

#define ITEM(item)                                                            \
    static struct sc_list                                                     \
    some_##item##s(void)                                                      \
    {                                                                         \
        static uint8_t   bytes[4096];                                         \
        struct sc_writer w = sc_writer_of(bytes, sizeof(bytes));              \
        struct sc_list   list = { bytes, 0, 0 };                              \
        struct sc_##item it, *f_ = &it;                                       \
                                                                              \
        for ( ; list.count < 2; list.count++) {                               \
            SC_##item##_FIELDS(FILL)                                          \
            sc_##item##_put(&w, f_);                                          \
        }                                                                     \
                                                                              \
        list.n = (size_t) (w.p - bytes);                                      \
        return list;                                                          \
    }                                                                         \
                                                                              \
    static void                                                               \
    show_##item##s(const char *name, struct sc_list list)                     \
    {                                                                         \
        struct sc_##item it, *f_ = &it;                                       \
        int              first = 1;                                           \
                                                                              \
        key(name);                                                            \
        fputc('[', out);                                                      \
        for ( ; sc_##item##_next(&list, f_); first = 0) {                     \
            fputs(first ? "{" : ", {", out);                                  \
            members = 0;                                                      \
            SC_##item##_FIELDS(SHOW)                                          \
            fputc('}', out);                                                  \
        }                                                                     \
        fputc(']', out);                                                      \
        members = 1;                                                          \
    }

SC_ITEMS(ITEM)

/* A frame filled, one of zeros and empty runs, and the first cut by a byte
 * (unless it ends in a run to the end). */
#define FRAME(type, NAME, name_, max)                                         \
    static void                                                               \
    frame_##name_(void)                                                       \
    {                                                                         \
        struct sc_frame_##name_  filled, *f_ = &filled;                       \
        struct sc_frame_##name_  decoded;                                     \
        uint16_t                 tag = (uint16_t) pseudo();                   \
        size_t                   n;                                           \
        struct sc_bytes          body = { buf + SC_FRAME_HEADER, 0 };         \
                                                                              \
        f_->nothing = 0;                                                      \
        SC_##NAME##_FIELDS(FILL)                                              \
        n = sc_##name_##_encode(buf, sizeof(buf), tag, f_);                   \
                                                                              \
        entry(#name_, NULL, NULL);                                            \
        text("frame", #name_);                                                \
        number("tag", tag);                                                   \
        hex("hex", buf, n);                                                   \
        open_object("fields");                                                \
        SC_##NAME##_FIELDS(SHOW)                                              \
        close_object();                                                       \
        entry_end();                                                          \
                                                                              \
        body.n = n - SC_FRAME_HEADER - 1;                                     \
        if (n > SC_FRAME_HEADER && !sc_##name_##_decode(body, &decoded)) {    \
            entry(#name_ " cut", "bad-frame", "one byte is missing");         \
            hex("hex", buf, n - 1);                                           \
            entry_end();                                                      \
        }                                                                     \
                                                                              \
        buf[n] = 0;                                                           \
        body.n = n - SC_FRAME_HEADER + 1;                                     \
        if (body.n <= (max) && !sc_##name_##_decode(body, &decoded)) {        \
            entry(#name_ " lengthened", "bad-frame", "one byte too many");    \
            hex("hex", buf, n + 1);                                           \
            entry_end();                                                      \
        }                                                                     \
    }

#define CLIENT(type, NAME, name, roles, max, repeat, answer) \
    FRAME(type, NAME, name, max)

SC_CLIENT_FRAMES(CLIENT)
SC_SERVICE_FRAMES(FRAME)

static void
bad_frame(const char *name, const char *fails, const char *reason,
          const char *bytes, size_t n)
{
    memset(buf, 0, n);
    sodium_hex2bin(buf, n, bytes, strlen(bytes), NULL, NULL, NULL);
    entry(name, fails, reason);
    hex("hex", buf, n);
    entry_end();
}

void
frames(void)
{
    file_begin("frames");
#define CALL_CLIENT(type, NAME, name, roles, max, repeat, answer) \
    frame_##name();
#define CALL_SERVICE(type, NAME, name, max) frame_##name();
    SC_CLIENT_FRAMES(CALL_CLIENT)
    SC_SERVICE_FRAMES(CALL_SERVICE)

    bad_frame("nothing", "bad-frame", "no header", "", 0);
    bad_frame("three bytes", "bad-frame", "no whole header", "060000", 3);
    bad_frame("flags", "bad-frame", "flags are zero", "06010001", 12);
    bad_frame("flags of 0x80", "bad-frame", "flags are zero", "06800001", 12);
    bad_frame("type 0", "unknown-frame", "no such type", "00000001", 4);
    bad_frame("type 0x0e", "unknown-frame", "no such type", "0e000001", 4);
    bad_frame("type 0x80", "unknown-frame", "no such type", "80000001", 4);
    bad_frame("type 0xff", "unknown-frame", "no such type", "ff000001", 4);
    bad_frame("too large an ack", "too-large", "9 bytes of 8", "06000001", 13);
    bad_frame("too large an auth", "too-large", "1025 bytes of 1024",
              "01000001", 1029);
    bad_frame("an error of 513 bytes", "too-large", "513 bytes of 512",
              "8c000001", 517);
    bad_frame("2 to the 53rd", "bad-frame", "above 2^53 - 1",
              "060000010020000000000000", 12);
    bad_frame("2 to the 64th less 1", "bad-frame", "above 2^53 - 1",
              "06000001ffffffffffffffff", 12);
    bad_frame("a run beyond the end", "bad-frame", "length 5 of 4",
              "8c0000010001000000000005", 16);
    bad_frame("a list beyond the end", "bad-frame", "two items of one",
              "84000001000000000000000000020001aa", 17);
    bad_frame("an item beyond the end", "bad-frame", "length 2 of 1",
              "84000001000000000000000000010002aa", 17);
    bad_frame("an item too many", "bad-frame", "count 0, one item",
              "84000001000000000000000000000001aa", 17);
    file_end();
}
