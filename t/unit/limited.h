/*
 * The real daemon with limits of its own, and clients that come from some
 * address and answer what they are asked.
 */

#ifndef SEALCHAT_T_LIMITED_H
#define SEALCHAT_T_LIMITED_H

#include "served.h"

#include "protocol/puzzle.h"

static inline int
start(const char *limits)
{
    daemon_make(&D);
    D.limits = limits;
    daemon_configure(&D, "open");
    daemon_start(&D);
    peer_open(&P, &D);
    owner_register(&O, &P);
    return 0;
}

#define SETUP(name, limits)                                                   \
    static int                                                                \
    setup_##name(void **state)                                                \
    {                                                                         \
        (void) state;                                                         \
        return start(limits);                                                 \
    }

/* One limit at a time: what another one does is no proof of it. */
#define NONE                                                                  \
    "[limits]\npuzzle_bits = 8\npuzzle_account = none\n"                      \
    "logins_address = none\nlogins_account = none\n"


/* --- asking -------------------------------------------------------------- */

/* The challenge that comes next, and how hard its puzzle is. */
static inline unsigned
take_challenge(struct client *c)
{
    struct sc_frame_challenge challenge;
    struct answer             a = expect_frame(c, SC_FRAME_CHALLENGE);
    unsigned                  bits;

    assert_true(sc_challenge_decode(a.frame.body, &challenge));
    memcpy(c->challenge, challenge.challenge, 32);
    bits = challenge.puzzle_bits;
    answer_free(&a);
    return bits;
}

/* A browser at that address.  Nobody is asked for anything before it says what
 * it wants. */
static inline void
open_to(struct client *c, const char *address, const uint8_t cid[32])
{
    char           text[SC_CID_TEXT + 1];
    struct sc_open open = {
        .addr = (const uint8_t *) address, .addr_len = strlen(address),
        .cid = (const uint8_t *) text, .cid_len = SC_CID_TEXT
    };
    uint8_t payload[SC_OPEN_MAX];
    size_t  n;

    sc_cid_write(text, cid);
    n = sc_open_put(payload, sizeof(payload), &open);
    memset(c, 0, sizeof(*c));
    c->peer = &P;
    c->id = ++P.streams;
    put_record(&P, SC_RECORD_OPEN, 0, 0, c->id, payload, n);
    assert_int_equal(take_challenge(c), 0);
}

static inline void
open_from(struct client *c, const char *address)
{
    open_to(c, address, O.cid);
}

static inline void
prove(struct client *c, uint8_t role, const uint8_t *subject,
      const uint8_t sk[64], const struct visitor *v, uint64_t puzzle)
{
    static const uint8_t zeros[32];

    uint8_t sig[64];

    sign_in(sig, c, role, subject, NULL, sk);
    ASK(c, auth, .role = role, .subject = subject, .sig = sig,
        .release = zeros, .puzzle = puzzle,
        .hello = { v ? v->hello : NULL, v ? v->hello_n : 0 });
}

static inline void
enter(struct client *c, const struct visitor *v, uint64_t puzzle)
{
    prove(c, SC_ROLE_VISITOR, v->sid, v->keys.sk, v, puzzle);
}

/* The error's hint, if it is that one. */
static inline uint32_t
expect_code(struct client *c, enum sc_error_code code)
{
    struct sc_frame_error error;
    struct answer         a = expect_frame(c, SC_FRAME_ERROR);
    uint32_t              retry;

    assert_int_equal(a.frame.tag, c->tag);
    assert_true(sc_error_decode(a.frame.body, &error));
    assert_string_equal(sc_error_info(error.code)->name,
                        sc_error_info(code)->name);
    retry = error.retry;
    answer_free(&a);
    return retry;
}

/* Refused for want of a puzzle; the bits of the one that came. */
static inline unsigned
expect_puzzle(struct client *c)
{
    unsigned bits;

    (void) expect_code(c, SC_E_PUZZLE);
    bits = take_challenge(c);
    assert_in_range(bits, 1, SC_PUZZLE_BITS_MAX);
    return bits;
}

static inline void
come(const char *address)
{
    struct client  c;
    struct visitor v;

    visitor_make(&v, &O);
    open_from(&c, address);
    enter(&c, &v, 0);
    expect_ready(&c, SC_ROLE_VISITOR);
    client_close(&c);
}

#endif
