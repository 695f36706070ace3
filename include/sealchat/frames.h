/*
 * Frames: what one binary WebSocket message between a client and the sidecar
 * holds.
 *
 *     type:1  flags:1 (zero)  tag:2  body
 *
 * The asker of a request chooses its tag and the answer echoes it; frames that
 * answer nothing carry tag 0.  Bodies are fixed big-endian layouts; trailing
 * bytes are refused.
 *
 * The tables below are the only definition of the frames.  The C codec
 * (sidecar/protocol/frame.c), the permission check of the sidecar and the
 * TypeScript codec (web/src/wire/frames.gen.ts, written by the build) are all
 * expanded from them.
 *
 * Kinds of field:
 *
 *     U8 U16 U32 U64   unsigned numbers; a U64 above 2^53 - 1 is refused
 *     B16 B32 B64      that many bytes
 *     V16              length:2, then that many bytes
 *     LIST_<item>      count:2, then that many items of SC_<item>_FIELDS
 *     REST             all bytes to the end of the frame; always last
 */

#ifndef SEALCHAT_FRAMES_H
#define SEALCHAT_FRAMES_H

#include <sealchat/errors.h>
#include <sealchat/limits.h>
#include <sealchat/wire.h>

/* Who stands at the client's end of a stream; a stream authenticates once.
 * The numbers are those of AUTH; registration (5) signs REGISTER and never
 * becomes a stream's role. */
#define SC_ROLES(X)                                                           \
    X(0, NONE,     none)                                                      \
    X(1, VISITOR,  visitor)                                                   \
    X(2, DEVICE,   device)                                                    \
    X(3, PASSWORD, password)                                                  \
    X(4, RECOVERY, recovery)                                                  \
    X(5, REGISTRATION, registration)

#define SC_ROLE_ENUM(number, NAME, name) SC_ROLE_##NAME = number,
enum sc_role { SC_ROLES(SC_ROLE_ENUM) SC_ROLE_COUNT };
#undef SC_ROLE_ENUM

#define SC_MAY(role)  (1u << SC_ROLE_##role)
#define SC_MAY_OWNER  (SC_MAY(PASSWORD) | SC_MAY(RECOVERY))
#define SC_MAY_CHAT   (SC_MAY(VISITOR) | SC_MAY(DEVICE))
#define SC_MAY_KNOWN  (SC_MAY_CHAT | SC_MAY_OWNER)
#define SC_MAY_ALL    (SC_MAY(NONE) | SC_MAY_KNOWN)

/*
 * From client.
 *
 *     X(type, NAME, name, roles, max, repeat, ANSWER)
 *
 * roles   who may send it
 * max     the largest body
 * repeat  what a repetition after a broken connection does:
 *           ONCE  signs a challenge that is single-use, so it is made anew
 *           READ  changes nothing
 *           SAME  the same bytes get the answer of the first time again
 *           SWAP  compare-and-swap; the stored bytes again get the same answer
 *           MAX   the larger of the stored and the sent value stands
 *           LOST  never stored, never repeated
 * ANSWER  the frame that answers it (ERROR may answer each), or NONE
 */
#define SC_CLIENT_FRAMES(X)                                                   \
    X(0x01, AUTH,        auth,        SC_MAY(NONE),  1024, ONCE, READY)       \
    X(0x02, LOGIN_START, login_start, SC_MAY_ALL,      32, READ, SALT)        \
    X(0x03, ROSTER_GET,  roster_get,  SC_MAY_ALL,      40, READ, ROSTERS)     \
    X(0x04, REGISTER,    register,    SC_MAY(NONE), 16384, SWAP, DONE)        \
    X(0x05, SEND,        send,        SC_MAY_CHAT,                            \
      SC_ENVELOPE_MAX, SAME, STORED)                                          \
    X(0x06, ACK,         ack,         SC_MAY_CHAT,      8, MAX,  NONE)        \
    X(0x07, SIGNAL,      signal,      SC_MAY_CHAT,                            \
      SC_ENVELOPE_MAX, LOST, NONE)                                            \
    X(0x08, HISTORY,     history,     SC_MAY_CHAT,     41, READ, MESSAGES)    \
    X(0x09, SESSIONS,    sessions,    SC_MAY(DEVICE),  33, READ, SESSION_PAGE)\
    X(0x0a, VAULT_GET,   vault_get,                                           \
      SC_MAY(DEVICE) | SC_MAY_OWNER, 8, READ, VAULT)                          \
    X(0x0b, ACCOUNT_PUT, account_put, SC_MAY_OWNER, 16384, SWAP, DONE)        \
    X(0x0c, DELETE,      delete,      SC_MAY_KNOWN,    32, SAME, DONE)        \
    X(0x0d, CHECK,       check,       SC_MAY_ALL,      56, LOST, DONE)        \
    X(0x10, BLOCK,       block,       SC_MAY(DEVICE),  33, SAME, DONE)        \
    X(0x11, SPARE_PUT,   spare_put,   SC_MAY(VISITOR),                        \
      32 + SC_SPARE_MAX, SAME, DONE)                                          \
    X(0x12, SPARE_GET,   spare_get,   SC_MAY(NONE),    32, READ, SPARE)       \
    X(0x20, RESUME,      resume,      SC_MAY_ALL,       8, LOST, NONE)

/*
 * From service.
 *
 *     X(type, NAME, name, max)
 */
#define SC_SERVICE_FRAMES(X)                                                  \
    X(0x81, CHALLENGE,     challenge,       33)                               \
    X(0x82, READY,         ready,         4096)                               \
    X(0x83, SALT,          salt,            17)                               \
    X(0x84, ROSTERS,       rosters,      49152)                               \
    X(0x85, DONE,          done,             0)                               \
    X(0x86, STORED,        stored,          16)                               \
    X(0x87, DELIVER,       deliver,      22528)                               \
    X(0x88, SIGNALLED,     signalled, SC_ENVELOPE_MAX)                        \
    X(0x89, MESSAGES,      messages,     65532)                               \
    X(0x8a, SESSION_PAGE,  session_page, 65532)                               \
    X(0x8b, VAULT,         vault,        32768)                               \
    X(0x8c, ERROR,         error,          512)                               \
    X(0x8d, DELETED,       deleted,         32)                               \
    X(0x8e, CHECKED,       checked,         56)                               \
    X(0x90, BLOCKED,       blocked,         33)                               \
    X(0x92, SPARE,         spare,         SC_SPARE_MAX)                       \
    X(0xa0, RESUMED,       resumed,          9)

/* --- client: proving who one is ------------------------------------------ */

/* subject: sid, signkey_id or account_id, by role.  puzzle: solves that of the
 * challenge, 0 where there was none.  hello: of the session that
 * a visitor opens or goes on with; empty for every other role.  release: hash
 * of the widget or inbox in use, zeros for others. */
#define SC_AUTH_FIELDS(F)                                                     \
    F(U8,  role)                                                              \
    F(B32, subject)                                                           \
    F(B64, sig)                                                               \
    F(U64, puzzle)                                                            \
    F(B32, release)                                                           \
    F(V16, hello)

#define SC_LOGIN_START_FIELDS(F)                                              \
    F(B32, account_id)

/* id not zero: that roster.  id zero, version 0: the present one.  Otherwise
 * a page of rosters from that version on, ascending. */
#define SC_ROSTER_GET_FIELDS(F)                                               \
    F(B32, id)                                                                \
    F(U64, version)

/* sig: by IK, role 5, subject account_id.  invitation: zeros where
 * registration is open. */
#define SC_REGISTER_FIELDS(F)                                                 \
    F(B64, sig)                                                               \
    F(B16, invitation)                                                        \
    F(V16, account)                                                           \
    F(V16, roster)                                                            \
    F(LIST_blob, wraps)

/* --- client: conversation ------------------------------------------------ */

#define SC_SEND_FIELDS(F)                                                     \
    F(REST, envelope)

/* Everything up to position has been persisted by the client. */
#define SC_ACK_FIELDS(F)                                                      \
    F(U64, position)

#define SC_SIGNAL_FIELDS(F)                                                   \
    F(REST, envelope)

/* The session's messages below position before (0: from its newest), newest
 * first, count at most. */
#define SC_HISTORY_FIELDS(F)                                                  \
    F(B32, sid)                                                               \
    F(U64, before)                                                            \
    F(U8,  count)

/* Sessions in ascending order of sid, from that sid on, count at most. */
#define SC_SESSIONS_FIELDS(F)                                                 \
    F(B32, from)                                                              \
    F(U8,  count)

/* Removes the session for good: its messages too, and it never comes back.  A
 * visitor's own one, or any of a device's customer.  DONE: it is durable; a
 * visitor's stream is then closed.  From a password or recovery login, sid is
 * its account_id, and everything of the customer is removed: all its streams
 * are closed with 1008 account-deleted, the asker's behind DONE. */
#define SC_DELETE_FIELDS(F)                                                   \
    F(B32, sid)

/* The customer has no more of a session, blocked: 1, or lets it in again, 0.
 * DONE: it is durable, the session's streams are closed and nothing of its
 * visitor is taken; what is stored stays.  A session that was deleted is not
 * blocked any more, since it never comes back. */
#define SC_BLOCK_FIELDS(F)                                                    \
    F(B32, sid)                                                               \
    F(U8,  blocked)

/* A page tells the customer's devices that are connected what it runs, a few
 * times at most on one stream.  code: by which they know whom they asked.
 * release: hash of the widget.  min_generation: of the snippet, 0 for none.
 * DONE says that it was passed on, not that anybody was there. */
#define SC_CHECK_FIELDS(F)                                                    \
    F(B16, code)                                                              \
    F(B32, release)                                                           \
    F(U64, min_generation)

/* The session's spare keys, sealed, in place of those that it had there: what
 * a visitor's code opens.  name: a hash of what SPARE_GET has to show; conflict
 * if it is another session's. */
#define SC_SPARE_PUT_FIELDS(F)                                                \
    F(B32, name)                                                              \
    F(REST, sealed)

/* The spare keys of the name H(D(spare) || token); a few times at most on one
 * stream. */
#define SC_SPARE_GET_FIELDS(F)                                                \
    F(B32, token)

/* What comes behind it belongs to the stream that RESUMED has told of by that
 * mark; whatever came before went to one that is gone. */
#define SC_RESUME_FIELDS(F)                                                   \
    F(U64, mark)

/* --- client: account ----------------------------------------------------- */

/* generation 0: the present one. */
#define SC_VAULT_GET_FIELDS(F)                                                \
    F(U64, generation)

#define SC_ACCOUNT_PUT_FIELDS(F)                                              \
    F(V16, account)                                                           \
    F(V16, roster)                                                            \
    F(LIST_blob, wraps)

/* --- service ------------------------------------------------------------- */

/* Sent on open, again whenever a challenge was used up without the stream
 * being authenticated or closed, and behind RESUMED of role 0.  puzzle_bits:
 * that the hash of AUTH's puzzle has to begin with, of zero; 0 to
 * SC_PUZZLE_BITS_MAX, 0 for none. */
#define SC_CHALLENGE_FIELDS(F)                                                \
    F(B32, challenge)                                                         \
    F(U8,  puzzle_bits)

/* time: the service's clock, ms.  roster: the present one.  cursor: up to
 * where this device or session has acknowledged.  head: the newest position of
 * its queue.  earliest: the first position that retention has left.  seq, id:
 * a visitor's own last number and envelope id, zeros if there is none and for
 * every other role (a device asks SESSIONS).  window: DELIVERs that the
 * service sends unacknowledged; requests: how many may be unanswered. */
#define SC_READY_FIELDS(F)                                                    \
    F(U8,  role)                                                              \
    F(U64, time)                                                              \
    F(V16, roster)                                                            \
    F(U64, cursor)                                                            \
    F(U64, head)                                                              \
    F(U64, earliest)                                                          \
    F(U64, seq)                                                               \
    F(B32, id)                                                                \
    F(U16, window)                                                            \
    F(U16, requests)

#define SC_SALT_FIELDS(F)                                                     \
    F(U8,  kdf_id)                                                            \
    F(B16, server_salt)

/* next: the version to ask for next, 0 when there are no more.  With tag 0,
 * unasked: the customer's new roster, to devices and visitors. */
#define SC_ROSTERS_FIELDS(F)                                                  \
    F(U64, next)                                                              \
    F(LIST_blob, rosters)

#define SC_DONE_FIELDS(F)

#define SC_STORED_FIELDS(F)                                                   \
    F(U64, position)                                                          \
    F(U64, time)

/* hello: with the first message that is kept of a session; else empty. */
#define SC_DELIVER_FIELDS(F)                                                  \
    F(U64, position)                                                          \
    F(U64, time)                                                              \
    F(V16, hello)                                                             \
    F(REST, envelope)

#define SC_SIGNALLED_FIELDS(F)                                                \
    F(REST, envelope)

/* next: what to ask as before for the next page, 0 at the session's beginning
 * (or where retention has cut it). */
#define SC_MESSAGES_FIELDS(F)                                                 \
    F(B32, sid)                                                               \
    F(U64, next)                                                              \
    F(LIST_message, messages)

/* next: what to ask as from for the next page, zeros when there are no more. */
#define SC_SESSION_PAGE_FIELDS(F)                                             \
    F(B32, next)                                                              \
    F(LIST_session, sessions)

/* account: empty for a device, which gets records of kinds 5 and 6 alone. */
#define SC_VAULT_FIELDS(F)                                                    \
    F(U64, generation)                                                        \
    F(V16, account)                                                           \
    F(V16, roster)                                                            \
    F(LIST_blob, wraps)

/* retry: ms after which the same request may do better; 0: nobody knows. */
#define SC_ERROR_FIELDS(F)                                                    \
    F(U16, code)                                                              \
    F(U32, retry)                                                             \
    F(V16, sentence)

/* The session was deleted by somebody else: to the customer's devices that are
 * connected and to the session's own streams, which are then closed with 1008
 * session-deleted.  Who was not connected misses it in SESSIONS. */
#define SC_DELETED_FIELDS(F)                                                  \
    F(B32, sid)

#define SC_CHECKED_FIELDS(F) SC_CHECK_FIELDS(F)

/* Another device blocked the session or let it in again: to the customer's
 * other devices that are connected.  Others find it in SESSIONS. */
#define SC_BLOCKED_FIELDS(F) SC_BLOCK_FIELDS(F)

#define SC_SPARE_FIELDS(F)                                                    \
    F(REST, sealed)

/*
 * The link between nginx and the service broke, and this stream goes on where
 * the last one ended, or from the start: role is what it is authenticated as,
 * 0 for not, and then CHALLENGE follows.  The client answers with RESUME and
 * repeats, with the same tags and bytes, every request that is unanswered;
 * frames before RESUME are dropped.
 */
#define SC_RESUMED_FIELDS(F)                                                  \
    F(U8,  role)                                                              \
    F(U64, mark)

/* --- items of lists ------------------------------------------------------ */

#define SC_ITEMS(X) X(blob) X(message) X(session)

#define SC_blob_FIELDS(F)                                                     \
    F(V16, bytes)

#define SC_message_FIELDS(F)                                                  \
    F(U64, position)                                                          \
    F(U64, time)                                                              \
    F(V16, envelope)

/* head, time: of the session's newest message.  seq, id: the asker's own last
 * ones in this session.  release: as of the visitor's last AUTH, zeros if
 * unknown.  blocked: 1, or 0. */
#define SC_session_FIELDS(F)                                                  \
    F(B32, sid)                                                               \
    F(U64, head)                                                              \
    F(U64, time)                                                              \
    F(U64, seq)                                                               \
    F(B32, id)                                                                \
    F(B32, release)                                                           \
    F(U8,  blocked)                                                           \
    F(V16, hello)

/* --- what is expanded from the tables ------------------------------------ */

/* A run of bytes inside the frame that was decoded; not owned. */
struct sc_bytes {
    const uint8_t *p;
    size_t         n;
};

/* A list inside the frame that was decoded: every item was checked, and
 * sc_<item>_next() walks them. */
struct sc_list {
    const uint8_t *p;
    size_t         n;
    uint16_t       count;
};

#define SC_MEMBER_U8(name)           uint8_t         name;
#define SC_MEMBER_U16(name)          uint16_t        name;
#define SC_MEMBER_U32(name)          uint32_t        name;
#define SC_MEMBER_U64(name)          uint64_t        name;
#define SC_MEMBER_B16(name)          const uint8_t  *name;
#define SC_MEMBER_B32(name)          const uint8_t  *name;
#define SC_MEMBER_B64(name)          const uint8_t  *name;
#define SC_MEMBER_V16(name)          struct sc_bytes name;
#define SC_MEMBER_REST(name)         struct sc_bytes name;
#define SC_MEMBER_LIST_blob(name)    struct sc_list  name;
#define SC_MEMBER_LIST_message(name) struct sc_list  name;
#define SC_MEMBER_LIST_session(name) struct sc_list  name;
#define SC_MEMBER(kind, name)        SC_MEMBER_##kind(name)

/* struct sc_<item>: one item of a list. */
#define SC_ITEM_STRUCT(name) \
    struct sc_##name { SC_##name##_FIELDS(SC_MEMBER) };
SC_ITEMS(SC_ITEM_STRUCT)
#undef SC_ITEM_STRUCT

/* struct sc_frame_<name>: the body of a frame.  The empty one has a member
 * because ISO C wants one. */
#define SC_FRAME_STRUCT(NAME, name) \
    struct sc_frame_##name { SC_##NAME##_FIELDS(SC_MEMBER) char nothing; };
#define SC_CLIENT_STRUCT(type, NAME, name, roles, max, repeat, answer) \
    SC_FRAME_STRUCT(NAME, name)
#define SC_SERVICE_STRUCT(type, NAME, name, max) SC_FRAME_STRUCT(NAME, name)
SC_CLIENT_FRAMES(SC_CLIENT_STRUCT)
SC_SERVICE_FRAMES(SC_SERVICE_STRUCT)
#undef SC_CLIENT_STRUCT
#undef SC_SERVICE_STRUCT
#undef SC_FRAME_STRUCT

#define SC_CLIENT_TYPE(type, NAME, name, roles, max, repeat, answer) \
    SC_FRAME_##NAME = type,
#define SC_SERVICE_TYPE(type, NAME, name, max) SC_FRAME_##NAME = type,
enum sc_frame_type {
    SC_FRAME_NONE = 0,
    SC_CLIENT_FRAMES(SC_CLIENT_TYPE)
    SC_SERVICE_FRAMES(SC_SERVICE_TYPE)
};
#undef SC_CLIENT_TYPE
#undef SC_SERVICE_TYPE

/* One row of the tables, as data.  roles and answer are 0 for frames of the
 * service. */
struct sc_frame_info {
    uint8_t     type;
    uint8_t     answer;
    uint16_t    roles;
    uint32_t    max;
    const char *name;
};

/* The row of a type, or NULL when there is no such frame. */
const struct sc_frame_info *sc_frame_info(uint8_t type);

struct sc_frame {
    uint8_t         type;
    uint16_t        tag;
    struct sc_bytes body;
};

/*
 * Reads a frame's header and finds its body.  Returns SC_E_NONE, or
 * SC_E_BAD_FRAME (too short, flags set), SC_E_UNKNOWN_FRAME or SC_E_TOO_LARGE;
 * with the last two, type and tag are filled in.
 */
enum sc_error_code sc_frame_open(const uint8_t *bytes, size_t n,
                                 struct sc_frame *frame);

/*
 * For each frame <name>:
 *
 * int sc_<name>_decode(struct sc_bytes body, struct sc_frame_<name> *out)
 *     Returns 1, or 0 when the body does not have the layout.  Pointers in
 *     out point into body.
 *
 * size_t sc_<name>_encode(uint8_t *out, size_t cap, uint16_t tag,
 *                         const struct sc_frame_<name> *frame)
 *     Writes header and body.  Returns the bytes written, or 0 when they do
 *     not fit.  Lists are written from .p, .n and .count as they stand.
 *
 * For each item <name>:
 *
 * int sc_<name>_next(struct sc_list *list, struct sc_<name> *out)
 *     Takes the next item off the list; 0 when it is empty.
 *
 * void sc_<name>_put(struct sc_writer *w, const struct sc_<name> *item)
 *     Appends an item to what becomes a list's .p and .n.
 */
#define SC_FRAME_PROTO(name)                                                  \
    int sc_##name##_decode(struct sc_bytes body,                              \
                           struct sc_frame_##name *out);                      \
    size_t sc_##name##_encode(uint8_t *out, size_t cap, uint16_t tag,         \
                              const struct sc_frame_##name *frame);
#define SC_CLIENT_PROTO(type, NAME, name, roles, max, repeat, answer) \
    SC_FRAME_PROTO(name)
#define SC_SERVICE_PROTO(type, NAME, name, max) SC_FRAME_PROTO(name)
SC_CLIENT_FRAMES(SC_CLIENT_PROTO)
SC_SERVICE_FRAMES(SC_SERVICE_PROTO)
#undef SC_CLIENT_PROTO
#undef SC_SERVICE_PROTO
#undef SC_FRAME_PROTO

#define SC_ITEM_PROTO(name)                                                   \
    int  sc_##name##_next(struct sc_list *list, struct sc_##name *out);       \
    void sc_##name##_put(struct sc_writer *w, const struct sc_##name *item);
SC_ITEMS(SC_ITEM_PROTO)
#undef SC_ITEM_PROTO

#endif
