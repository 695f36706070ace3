/*
 * The errors that a client can be told, in one table.
 *
 *     X(code, NAME, "name", close, "sentence")
 *
 * code and name are stable: clients act on them.  close is the RFC 6455 close
 * code that follows the ERROR frame, or 0 where the connection goes on.  After
 * session-deleted a device goes on too, since it has other sessions.  The
 * sentence is for people and may be replaced by a more exact one.
 */

#ifndef SEALCHAT_ERRORS_H
#define SEALCHAT_ERRORS_H

#include <stdint.h>

#define SC_ERRORS(X)                                                          \
    X( 1, BAD_FRAME, "bad-frame", 1007,                                       \
      "The frame does not have the layout of its type.")                      \
    X( 2, UNKNOWN_FRAME, "unknown-frame", 1007,                               \
      "There is no frame of this type.")                                      \
    X( 3, TOO_LARGE, "too-large", 1009,                                       \
      "The frame is larger than its type allows.")                            \
    X( 4, NOT_ALLOWED, "not-allowed", 1008,                                   \
      "This role may not send this frame.")                                   \
    X( 5, BAD_CID, "bad-cid", 1008,                                           \
      "The address needs c=, the customer's id in base64url.")                \
    X( 6, NOT_HERE, "not-here", 1013,                                         \
      "This customer does not live at this service.")                         \
    X( 7, AUTH_FAILED, "auth-failed", 1008,                                   \
      "The proof of identity does not hold.")                                 \
    X( 8, CHALLENGE_EXPIRED, "challenge-expired", 0,                          \
      "The challenge was too old; a new one follows.")                        \
    X( 9, BUSY, "busy", 1008,                                                 \
      "More requests are unanswered than the service allows.")                \
    X(10, BAD_ENVELOPE, "bad-envelope", 0,                                    \
      "The envelope does not have the layout of a message.")                  \
    X(11, WRONG_SENDER, "wrong-sender", 0,                                    \
      "The envelope's customer, session, key or direction is not that of "    \
      "this connection.")                                                     \
    X(12, WRONG_RECIPIENTS, "wrong-recipients", 0,                            \
      "The envelope's recipients are not those of its roster and session.")   \
    X(13, UNKNOWN_ROSTER, "unknown-roster", 0,                                \
      "The envelope names a roster that this customer never had.")            \
    X(14, UNKNOWN_SESSION, "unknown-session", 0,                              \
      "There is no such session.")                                            \
    X(15, SEQ_GAP, "seq-gap", 0,                                              \
      "The sequence number is not the next one.")                             \
    X(16, SEQ_CONFLICT, "seq-conflict", 0,                                    \
      "Another message has this sequence number, or prev is not its "         \
      "predecessor.")                                                         \
    X(17, SEQ_OLD, "seq-old", 0,                                              \
      "The sequence number is too far back to tell whether the message is "   \
      "stored.")                                                              \
    X(18, STORAGE_FULL, "storage-full", 0,                                    \
      "The service has no room for more messages at present.")                \
    X(19, STORAGE_FAILED, "storage-failed", 1011,                             \
      "The service could not write to its store.")                            \
    X(20, BAD_HELLO, "bad-hello", 1008,                                       \
      "The session's hello does not hold.")                                   \
    X(21, BAD_ROSTER, "bad-roster", 0,                                        \
      "The roster does not hold, or is no successor of the present one.")     \
    X(22, BAD_ACCOUNT, "bad-account", 0,                                      \
      "The account record does not hold, or does not agree with roster and "  \
      "wraps.")                                                               \
    X(23, BAD_WRAPS, "bad-wraps", 0,                                          \
      "The wrap records are malformed, missing or not of this generation.")   \
    X(24, CONFLICT, "conflict", 0,                                            \
      "Another device changed the account first; fetch it and sign anew.")    \
    X(25, ACCOUNT_TAKEN, "account-taken", 0,                                  \
      "This account or customer id cannot be registered.")                    \
    X(26, REGISTRATION_CLOSED, "registration-closed", 1008,                   \
      "This service takes no registrations.")                                 \
    X(27, BAD_POSITION, "bad-position", 1008,                                 \
      "The position acknowledged was never delivered.")                       \
    X(28, NOT_FOUND, "not-found", 0,                                          \
      "There is nothing of that name.")                                       \
    X(29, INTERNAL, "internal", 1011,                                         \
      "The service failed; it was not your request's fault.")                 \
    X(30, SESSION_DELETED, "session-deleted", 1008,                           \
      "The session was deleted, and does not come back.")                     \
    X(31, QUOTA_FULL, "quota-full", 0,                                        \
      "The customer has as much stored as it may.")                           \
    X(32, REPLY_FIRST, "reply-first", 0,                                      \
      "A session may not write more before it has a reply.")                  \
    X(33, SESSION_BLOCKED, "session-blocked", 1008,                           \
      "The customer has blocked this session.")                               \
    X(34, PUZZLE, "puzzle", 0,                                                \
      "Many come at present: the next challenge's puzzle has to be solved "   \
      "first.")                                                               \
    X(35, SLOW_DOWN, "slow-down", 0,                                          \
      "More came in a short time than the service takes; it may be sent "     \
      "again later.")

#define SC_ERROR_ENUM(code, NAME, name, close, sentence) SC_E_##NAME = code,

enum sc_error_code {
    SC_E_NONE = 0,
    SC_ERRORS(SC_ERROR_ENUM)
};

#undef SC_ERROR_ENUM

struct sc_error_info {
    uint16_t    code;
    const char *name;
    uint16_t    close;
    const char *sentence;
};

/* The row of a code, or NULL for a code outside the table. */
const struct sc_error_info *sc_error_info(unsigned code);

#endif
