
/*
 * WebSocket frames, RFC 6455 section 5, as a server meets them.
 */


#include <string.h>

#include "ws_frame.h"


static ws_event_t ws_parse_opcode(ws_parser_t *p, uint8_t ch,
    ws_piece_t *piece);
static ws_event_t ws_parse_length(ws_parser_t *p, uint8_t ch,
    ws_piece_t *piece);
static ws_event_t ws_parse_extended(ws_parser_t *p, uint8_t ch,
    ws_piece_t *piece);
static ws_event_t ws_check_size(ws_parser_t *p, ws_piece_t *piece);
static ws_event_t ws_parse_mask(ws_parser_t *p, uint8_t ch,
    ws_piece_t *piece);
static ws_event_t ws_parse_payload(ws_parser_t *p, uint8_t **pos,
    uint8_t *end, ws_piece_t *piece);
static ws_event_t ws_parse_control(ws_parser_t *p, uint8_t **pos,
    uint8_t *end, ws_piece_t *piece);
static ws_event_t ws_control(ws_parser_t *p, ws_piece_t *piece);
static ws_event_t ws_fail(ws_parser_t *p, ws_piece_t *piece, unsigned code,
    const char *sentence);
static void ws_unmask(ws_parser_t *p, uint8_t *data, size_t len);


enum {
    ws_opcode = 0,
    ws_length,
    ws_extended,
    ws_mask,
    ws_payload,
    ws_control_payload,
    ws_done
};


void
ws_parser_init(ws_parser_t *p, uint32_t max)
{
    memset(p, 0, sizeof(ws_parser_t));

    p->max = max;
}


ws_event_t
ws_parse(ws_parser_t *p, uint8_t **pos, uint8_t *end, ws_piece_t *piece)
{
    ws_event_t  ev;

    while (*pos < end) {

        switch (p->state) {

        case ws_opcode:
            ev = ws_parse_opcode(p, *(*pos)++, piece);
            break;

        case ws_length:
            ev = ws_parse_length(p, *(*pos)++, piece);
            break;

        case ws_extended:
            ev = ws_parse_extended(p, *(*pos)++, piece);
            break;

        case ws_mask:
            ev = ws_parse_mask(p, *(*pos)++, piece);
            break;

        case ws_payload:
            ev = ws_parse_payload(p, pos, end, piece);
            break;

        case ws_control_payload:
            ev = ws_parse_control(p, pos, end, piece);
            break;

        default: /* ws_done */
            *pos = end;
            ev = WS_AGAIN;
        }

        if (ev != WS_AGAIN) {
            return ev;
        }
    }

    return WS_AGAIN;
}


static ws_event_t
ws_parse_opcode(ws_parser_t *p, uint8_t ch, ws_piece_t *piece)
{
    p->fin = ch >> 7;
    p->opcode = ch & 0x0f;

    if (ch & 0x70) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL, "reserved bits are set");
    }

    switch (p->opcode) {

    case WS_OPCODE_CONTINUATION:
        if (!p->fragmented) {
            return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                           "continuation frame without a message");
        }
        break;

    case WS_OPCODE_TEXT:
    case WS_OPCODE_BINARY:
        if (p->fragmented) {
            return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                           "new message within a fragmented message");
        }

        if (p->opcode == WS_OPCODE_TEXT) {
            return ws_fail(p, piece, WS_CLOSE_UNSUPPORTED, "text message");
        }

        p->received = 0;
        break;

    case WS_OPCODE_CLOSE:
    case WS_OPCODE_PING:
    case WS_OPCODE_PONG:
        if (!p->fin) {
            return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                           "fragmented control frame");
        }
        break;

    default:
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL, "reserved opcode");
    }

    p->state = ws_length;

    return WS_AGAIN;
}


static ws_event_t
ws_parse_length(ws_parser_t *p, uint8_t ch, ws_piece_t *piece)
{
    if (!(ch & 0x80)) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL, "frame without a mask");
    }

    p->length = ch & 0x7f;

    if (p->length > WS_CONTROL_MAX && p->opcode >= WS_OPCODE_CLOSE) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                       "control frame above 125 bytes");
    }

    if (p->length > 125) {
        p->width = (p->length == 126) ? 2 : 8;
        p->need = p->width;
        p->length = 0;
        p->state = ws_extended;

        return WS_AGAIN;
    }

    return ws_check_size(p, piece);
}


static ws_event_t
ws_parse_extended(ws_parser_t *p, uint8_t ch, ws_piece_t *piece)
{
    p->length = p->length << 8 | ch;

    if (--p->need) {
        return WS_AGAIN;
    }

    if (p->length < ((p->width == 2) ? 126 : 65536)) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                       "frame length is not in its shortest form");
    }

    if (p->length >> 63) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                       "frame length above 2^63");
    }

    return ws_check_size(p, piece);
}


static ws_event_t
ws_check_size(ws_parser_t *p, ws_piece_t *piece)
{
    if (p->opcode < WS_OPCODE_CLOSE) {

        if (p->length > p->max - p->received) {
            return ws_fail(p, piece, WS_CLOSE_TOO_BIG, "message too large");
        }

        p->received += (uint32_t) p->length;
    }

    p->rest = (uint32_t) p->length;
    p->need = 4;
    p->state = ws_mask;

    return WS_AGAIN;
}


static ws_event_t
ws_parse_mask(ws_parser_t *p, uint8_t ch, ws_piece_t *piece)
{
    p->mask[4 - p->need] = ch;

    if (--p->need) {
        return WS_AGAIN;
    }

    p->masked = 0;

    if (p->opcode >= WS_OPCODE_CLOSE) {
        p->control_len = 0;
        p->state = ws_control_payload;

        return p->rest ? WS_AGAIN : ws_control(p, piece);
    }

    p->fragmented = !p->fin;

    if (p->rest) {
        p->state = ws_payload;
        return WS_AGAIN;
    }

    p->state = ws_opcode;

    if (!p->fin) {
        return WS_AGAIN;
    }

    piece->data = p->control;
    piece->len = 0;
    piece->last = 1;

    return WS_DATA;
}


static ws_event_t
ws_parse_payload(ws_parser_t *p, uint8_t **pos, uint8_t *end,
    ws_piece_t *piece)
{
    size_t  len;

    len = (size_t) (end - *pos);

    if (len > p->rest) {
        len = p->rest;
    }

    ws_unmask(p, *pos, len);

    piece->data = *pos;
    piece->len = len;

    *pos += len;
    p->rest -= (uint32_t) len;

    if (p->rest == 0) {
        p->state = ws_opcode;
    }

    piece->last = p->rest == 0 && p->fin;

    return WS_DATA;
}


static ws_event_t
ws_parse_control(ws_parser_t *p, uint8_t **pos, uint8_t *end,
    ws_piece_t *piece)
{
    size_t  len;

    len = (size_t) (end - *pos);

    if (len > p->rest) {
        len = p->rest;
    }

    ws_unmask(p, *pos, len);
    memcpy(p->control + p->control_len, *pos, len);

    *pos += len;
    p->rest -= (uint32_t) len;
    p->control_len = (uint8_t) (p->control_len + len);

    return p->rest ? WS_AGAIN : ws_control(p, piece);
}


static ws_event_t
ws_control(ws_parser_t *p, ws_piece_t *piece)
{
    p->state = ws_opcode;

    piece->data = p->control;
    piece->len = p->control_len;
    piece->last = 1;

    if (p->opcode == WS_OPCODE_PING) {
        return WS_PING;
    }

    if (p->opcode == WS_OPCODE_PONG) {
        return WS_PONG;
    }

    if (p->control_len == 0) {
        piece->code = WS_CLOSE_NONE;
        p->state = ws_done;

        return WS_CLOSE;
    }

    if (p->control_len == 1) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL,
                       "Close frame with one byte of payload");
    }

    piece->code = (uint16_t) (p->control[0] << 8 | p->control[1]);
    piece->data += 2;
    piece->len -= 2;

    if (!ws_close_code_valid(piece->code)) {
        return ws_fail(p, piece, WS_CLOSE_PROTOCOL, "invalid close code");
    }

    if (!ws_utf8_valid(piece->data, piece->len)) {
        return ws_fail(p, piece, WS_CLOSE_INVALID,
                       "close reason is not UTF-8");
    }

    p->state = ws_done;

    return WS_CLOSE;
}


static ws_event_t
ws_fail(ws_parser_t *p, ws_piece_t *piece, unsigned code,
    const char *sentence)
{
    p->state = ws_done;

    piece->data = (const uint8_t *) sentence;
    piece->len = strlen(sentence);
    piece->last = 1;
    piece->code = (uint16_t) code;

    return WS_ERROR;
}


static void
ws_unmask(ws_parser_t *p, uint8_t *data, size_t len)
{
    size_t    i;
    uint8_t   mask[8];
    uint64_t  word, key;

    for (i = 0; i < 8; i++) {
        mask[i] = p->mask[(p->masked + i) & 3];
    }

    p->masked = (uint8_t) ((p->masked + len) & 3);

    memcpy(&key, mask, 8);

    while (len >= 8) {
        memcpy(&word, data, 8);
        word ^= key;
        memcpy(data, &word, 8);

        data += 8;
        len -= 8;
    }

    for (i = 0; i < len; i++) {
        data[i] ^= mask[i];
    }
}


size_t
ws_put_header(uint8_t out[WS_HEADER_MAX], unsigned opcode, size_t len)
{
    size_t  i, n;

    out[0] = (uint8_t) (0x80 | opcode);

    if (len < 126) {
        out[1] = (uint8_t) len;
        return 2;
    }

    n = (len < 65536) ? 2 : 8;
    out[1] = (n == 2) ? 126 : 127;

    for (i = 0; i < n; i++) {
        out[2 + i] = (uint8_t) ((uint64_t) len >> (8 * (n - 1 - i)));
    }

    return 2 + n;
}


size_t
ws_put_close(uint8_t out[WS_CLOSE_MAX], unsigned code, const uint8_t *reason,
    size_t len)
{
    if (code == WS_CLOSE_NONE) {
        return ws_put_header(out, WS_OPCODE_CLOSE, 0);
    }

    if (len > WS_CONTROL_MAX - 2) {
        len = WS_CONTROL_MAX - 2;

        while (len && (reason[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    (void) ws_put_header(out, WS_OPCODE_CLOSE, 2 + len);

    out[2] = (uint8_t) (code >> 8);
    out[3] = (uint8_t) code;

    if (len) {
        memcpy(out + 4, reason, len);
    }

    return 4 + len;
}


int
ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003)
           || (code >= 1007 && code <= 1014)
           || (code >= 3000 && code <= 4999);
}


int
ws_utf8_valid(const uint8_t *p, size_t len)
{
    size_t    n;
    uint8_t   low, high;

    while (len) {

        low = 0x80;
        high = 0xbf;

        if (*p < 0x80) {
            n = 0;

        } else if (*p >= 0xc2 && *p <= 0xdf) {
            n = 1;

        } else if (*p >= 0xe0 && *p <= 0xef) {
            n = 2;
            low = (*p == 0xe0) ? 0xa0 : 0x80;
            high = (*p == 0xed) ? 0x9f : 0xbf;

        } else if (*p >= 0xf0 && *p <= 0xf4) {
            n = 3;
            low = (*p == 0xf0) ? 0x90 : 0x80;
            high = (*p == 0xf4) ? 0x8f : 0xbf;

        } else {
            return 0;
        }

        if (len < n + 1) {
            return 0;
        }

        p++;
        len -= n + 1;

        for ( /* void */ ; n; n--) {

            if (*p < low || *p > high) {
                return 0;
            }

            p++;
            low = 0x80;
            high = 0xbf;
        }
    }

    return 1;
}
