/*
 * What the parsers in C make of inputs that come on standard input, for
 * main.ts to compare with what those in TypeScript make of them.
 *
 *     in    kind:1  length:4  input
 *     out   code:4 (0: accepted)  hash:4 (of all fields that were read)
 *
 * kind 0 is a frame; then come the layouts in the order of judges[].  Answers
 * are held back until an empty input comes.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <sealchat/frames.h>

#include "protocol/account.h"
#include "protocol/ed25519.h"
#include "protocol/envelope.h"
#include "protocol/hello.h"
#include "protocol/ids.h"
#include "protocol/roster.h"
#include "protocol/wrap.h"

#define INPUT_MAX 131072u
#define REFUSED   1u

/* FNV-1a, with each field's length before it. */
static uint32_t hash;

static void
eat(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * 16777619u;
    }
}

static void
eat_number(uint64_t n)
{
    uint8_t          bytes[8];
    struct sc_writer w = sc_writer_of(bytes, sizeof(bytes));

    sc_put_uint(&w, n, 8);
    eat(bytes, sizeof(bytes));
}

static void
eat_run(const uint8_t *p, size_t n)
{
    eat_number(n);
    eat(p, n);
}

#define RUN(bytes) eat_run((bytes).p, (bytes).n)
#define ID(p)      eat_run(p, 32)


/* --- frames, by their table ---------------------------------------------- */

#define EAT_U8(f)   eat_number(got->f);
#define EAT_U16(f)  eat_number(got->f);
#define EAT_U32(f)  eat_number(got->f);
#define EAT_U64(f)  eat_number(got->f);
#define EAT_B16(f)  eat_run(got->f, 16);
#define EAT_B32(f)  eat_run(got->f, 32);
#define EAT_B64(f)  eat_run(got->f, 64);
#define EAT_V16(f)  RUN(got->f);
#define EAT_REST(f) RUN(got->f);
#define EAT_LIST_blob(f)    eat_list_blob(got->f);
#define EAT_LIST_message(f) eat_list_message(got->f);
#define EAT_LIST_session(f) eat_list_session(got->f);
#define EAT(kind, f)        EAT_##kind(f)

#define EAT_ITEM(item)                                                        \
    static void                                                               \
    eat_list_##item(struct sc_list list)                                      \
    {                                                                         \
        struct sc_##item it, *got = &it;                                      \
                                                                              \
        eat_number(list.count);                                               \
        while (sc_##item##_next(&list, got)) {                                \
            SC_##item##_FIELDS(EAT)                                           \
        }                                                                     \
    }
SC_ITEMS(EAT_ITEM)

#define BODY(type, NAME, name, max)                                           \
    static int                                                                \
    eat_##name(struct sc_bytes body)                                          \
    {                                                                         \
        struct sc_frame_##name it, *got = &it;                                \
                                                                              \
        if (!sc_##name##_decode(body, got)) {                                 \
            return 0;                                                         \
        }                                                                     \
                                                                              \
        SC_##NAME##_FIELDS(EAT)                                               \
        return 1;                                                             \
    }
#define BODY_OF_CLIENT(type, NAME, name, roles, max, repeat, answer) \
    BODY(type, NAME, name, max)
SC_CLIENT_FRAMES(BODY_OF_CLIENT)
SC_SERVICE_FRAMES(BODY)

#define ROW(type, NAME, name, max) [type] = eat_##name,
#define ROW_OF_CLIENT(type, NAME, name, roles, max, repeat, answer) \
    ROW(type, NAME, name, max)
static int (*const bodies[256])(struct sc_bytes body) = {
    SC_CLIENT_FRAMES(ROW_OF_CLIENT)
    SC_SERVICE_FRAMES(ROW)
};

static uint32_t
judge_frame(struct sc_bytes in)
{
    struct sc_frame    frame;
    enum sc_error_code code = sc_frame_open(in.p, in.n, &frame);

    if (code != SC_E_NONE) {
        return code;
    }

    eat_number(frame.type);
    eat_number(frame.tag);
    return bodies[frame.type](frame.body) ? 0 : SC_E_BAD_FRAME;
}


/* --- layouts ------------------------------------------------------------- */

static uint32_t
judge_roster(struct sc_bytes in)
{
    struct sc_roster r;

    if (sc_roster_parse(in, &r) != NULL) {
        return REFUSED;
    }

    ID(r.cid);
    ID(r.ik_pk);
    eat_number(r.version);
    eat_number(r.generation);
    ID(r.prev);
    eat_number(r.not_before);
    eat_number(r.not_after);
    eat_number(r.suite);
    RUN(r.kem_pk);
    for (size_t i = 0; i < r.n_devices; i++) {
        ID(r.devices + 32 * i);
    }
    return 0;
}

static uint32_t
judge_account(struct sc_bytes in)
{
    struct sc_account a;

    if (sc_account_parse(in, &a) != NULL) {
        return REFUSED;
    }

    ID(a.cid);
    ID(a.ik_pk);
    ID(a.account_id);
    eat_number(a.generation);
    eat_number(a.kdf_id);
    eat_run(a.server_salt, 16);
    ID(a.login_pk);
    ID(a.recovery_pk);
    ID(a.recovery_kem);
    ID(a.roster_id);
    ID(a.wraps);
    return 0;
}

static uint32_t
judge_hello(struct sc_bytes in)
{
    struct sc_hello h;

    if (sc_hello_parse(in, &h) != NULL) {
        return REFUSED;
    }

    ID(h.cid);
    ID(h.sign_pk);
    eat_number(h.suite);
    RUN(h.kem_pk);
    eat_number(h.time);
    ID(h.roster_id);
    return 0;
}

static void
eat_recipient(const struct sc_recipient *to)
{
    eat_number(to->suite);
    ID(to->kem_id);
    RUN(to->sealed);
}

static uint32_t
judge_envelope(struct sc_bytes in)
{
    struct sc_envelope e;

    if (sc_envelope_parse(in, &e) != NULL) {
        return REFUSED;
    }

    eat_number(e.type);
    eat_number(e.direction);
    ID(e.cid);
    ID(e.sid);
    ID(e.signkey_id);
    eat_number(e.seq);
    eat_number(e.time);
    ID(e.prev);
    ID(e.roster_id);
    ID(e.commitment);
    eat_recipient(&e.customer);
    eat_recipient(&e.session);
    RUN(e.ct);
    return 0;
}

static uint32_t
judge_wrap(struct sc_bytes in)
{
    struct sc_wrap w;

    if (sc_wrap_parse(in, &w) != NULL) {
        return REFUSED;
    }

    eat_number(w.kind);
    ID(w.cid);
    ID(w.account_id);
    eat_number(w.generation);
    ID(w.key_id);
    eat_run(w.iv, 12);
    RUN(w.ct);
    return 0;
}

static uint32_t
judge_cid(struct sc_bytes in)
{
    uint8_t cid[32];

    if (!sc_cid_read(cid, (const char *) in.p, in.n)) {
        return REFUSED;
    }

    ID(cid);
    return 0;
}

/* Two rosters, the first with its length:2 before it. */
static uint32_t
judge_successor(struct sc_bytes in)
{
    struct sc_reader r = sc_reader_of(in.p, in.n);
    struct sc_bytes  last, next;
    struct sc_roster a, b;

    last.n = sc_get_u16(&r);
    last.p = sc_get_bytes(&r, last.n);
    next.n = sc_reader_left(&r);
    next.p = sc_get_bytes(&r, next.n);

    return r.bad || sc_roster_parse(last, &a) != NULL
           || sc_roster_parse(next, &b) != NULL
           || sc_roster_succeeds(&a, &b) != NULL;
}

/* pk:32 sig:64 message */
static uint32_t
judge_signature(struct sc_bytes in)
{
    return in.n < 96
           || sc_ed25519_verify(in.p, in.p + 96, in.n - 96, in.p + 32) != NULL;
}

static uint32_t (*const judges[])(struct sc_bytes in) = {
    judge_frame, judge_roster, judge_account, judge_hello, judge_envelope,
    judge_wrap, judge_cid, judge_successor, judge_signature
};


static int
read_all(uint8_t *p, size_t n)
{
    return fread(p, 1, n, stdin) == n;
}

int
main(void)
{
    uint8_t *room = malloc(INPUT_MAX);

    if (room == NULL || sodium_init() < 0) {
        return 1;
    }

    for ( ;; ) {
        uint8_t          head[5], out[8];
        struct sc_reader r = sc_reader_of(head, sizeof(head));
        struct sc_writer w = sc_writer_of(out, sizeof(out));
        struct sc_bytes  in;
        uint8_t         *copy;
        unsigned         kind;
        uint32_t         code;

        if (!read_all(head, sizeof(head))) {
            break;
        }

        kind = sc_get_u8(&r);
        in.n = sc_get_u32(&r);
        if (kind >= sizeof(judges) / sizeof(judges[0]) || in.n > INPUT_MAX
            || !read_all(room, in.n))
        {
            return 1;
        }

        /* Of its very size, so that the sanitizers see each step beyond. */
        copy = malloc(in.n ? in.n : 1);
        if (copy == NULL) {
            return 1;
        }
        memcpy(copy, room, in.n);
        in.p = copy;

        hash = 2166136261u;
        code = judges[kind](in);
        free(copy);
        sc_put_uint(&w, code, 4);
        sc_put_uint(&w, code ? 0 : hash, 4);
        fwrite(out, 1, sizeof(out), stdout);
        if (in.n == 0) {
            fflush(stdout);
        }
    }

    free(room);
    return fflush(stdout) != 0;
}
