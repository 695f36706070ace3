
/*
 * WebSocket frames, RFC 6455 section 5, as a server meets them.
 *
 * Pure functions on bytes: no allocation, no input or output, no type of
 * nginx.  The parser takes its input in any split and comes to the same
 * result; it unmasks the payload where it lies.
 */


#ifndef _WS_FRAME_H_INCLUDED_
#define _WS_FRAME_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define WS_OPCODE_CONTINUATION  0x0
#define WS_OPCODE_TEXT          0x1
#define WS_OPCODE_BINARY        0x2
#define WS_OPCODE_CLOSE         0x8
#define WS_OPCODE_PING          0x9
#define WS_OPCODE_PONG          0xa

#define WS_HEADER_MAX           10     /* of an unmasked frame */
#define WS_CONTROL_MAX          125
#define WS_CLOSE_MAX            (2 + WS_CONTROL_MAX)

#define WS_CLOSE_NORMAL         1000
#define WS_CLOSE_PROTOCOL       1002
#define WS_CLOSE_UNSUPPORTED    1003
#define WS_CLOSE_NONE           1005   /* never sent: no code was given */
#define WS_CLOSE_ABNORMAL       1006   /* never sent: no Close frame came */
#define WS_CLOSE_INVALID        1007
#define WS_CLOSE_POLICY         1008
#define WS_CLOSE_TOO_BIG        1009
#define WS_CLOSE_INTERNAL       1011
#define WS_CLOSE_RESTART        1012
#define WS_CLOSE_TRY_LATER      1013


typedef enum {
    WS_AGAIN = 0,   /* all input is consumed */
    WS_DATA,        /* a piece of a binary message, in order */
    WS_PING,
    WS_PONG,
    WS_CLOSE,       /* whatever follows is swallowed */
    WS_ERROR        /* so is this */
} ws_event_t;


/*
 * What the parser has found.  WS_DATA: data points into the input; last is
 * set with the piece that ends the message, which may be empty.  Control
 * frames: data points into the parser and is valid until its next call; of a
 * WS_CLOSE it is the reason, and code the close code or WS_CLOSE_NONE.
 * WS_ERROR: code to close with, data a sentence for the log.
 */

typedef struct {
    const uint8_t  *data;
    size_t          len;
    unsigned        last;
    uint16_t        code;
} ws_piece_t;


typedef struct {
    uint32_t        max;          /* the largest message */
    uint32_t        received;     /* of the message, all frames */
    uint32_t        rest;         /* of the frame's payload */
    uint8_t         state;
    uint8_t         opcode;
    uint8_t         fin;
    uint8_t         fragmented;   /* a message is begun and not ended */
    uint8_t         need;         /* bytes left of the field being read */
    uint8_t         width;        /* of the extended length */
    uint8_t         masked;       /* payload bytes unmasked, modulo 4 */
    uint8_t         control_len;
    uint8_t         mask[4];
    uint64_t        length;
    uint8_t         control[WS_CONTROL_MAX];
} ws_parser_t;


/* max: bytes of the largest message that is taken, at most 2^31. */
void ws_parser_init(ws_parser_t *p, uint32_t max);

/*
 * Consumes input from *pos, at most up to end, until something is complete.
 * Call it again with the same pos until it says WS_AGAIN.
 */
ws_event_t ws_parse(ws_parser_t *p, uint8_t **pos, uint8_t *end,
    ws_piece_t *piece);

/* Both write an unmasked, final frame and return how many bytes they wrote:
 * the header alone; a whole Close frame.  With WS_CLOSE_NONE the Close frame
 * is empty.  A reason above 123 bytes is cut at a character. */
size_t ws_put_header(uint8_t out[WS_HEADER_MAX], unsigned opcode, size_t len);
size_t ws_put_close(uint8_t out[WS_CLOSE_MAX], unsigned code,
    const uint8_t *reason, size_t len);

/* True of a code that may stand in a Close frame, RFC 6455 section 7.4 and
 * the registry it founds. */
int ws_close_code_valid(unsigned code);

/* True of UTF-8 without surrogates, overlong forms and code points above
 * U+10FFFF. */
int ws_utf8_valid(const uint8_t *p, size_t len);


#endif /* _WS_FRAME_H_INCLUDED_ */
