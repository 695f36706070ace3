/*
 * WebSocket frames.  The first byte says in what pieces the rest comes; what
 * the parser finds must not depend on it.
 */

#include "fuzz.h"
#include "ws_frame.h"

#define WS_FUZZ_MAX  4096u

/* All that was found, as bytes: two runs are the same when these are. */
struct ws_found {
    size_t  n;
    uint8_t bytes[1 << 17];
};

static void
ws_note(struct ws_found *found, const void *bytes, size_t n)
{
    MUST(n <= sizeof(found->bytes) - found->n);
    if (n) {
        memcpy(found->bytes + found->n, bytes, n);
        found->n += n;
    }
}

static void
ws_event(struct ws_found *found, ws_event_t event, const ws_piece_t *piece,
         size_t *message)
{
    uint8_t kind = (uint8_t) event;

    if (event == WS_DATA) {
        *message += piece->len;
        MUST(*message <= WS_FUZZ_MAX);
        ws_note(found, piece->data, piece->len);
        if (piece->last) {
            *message = 0;
            ws_note(found, "|", 1);
        }
        return;
    }

    ws_note(found, &kind, 1);
    if (event != WS_ERROR) {
        MUST(piece->len <= WS_CONTROL_MAX);
        ws_note(found, piece->data, piece->len);
    }
    if (event == WS_CLOSE || event == WS_ERROR) {
        ws_note(found, &piece->code, sizeof(piece->code));
    }
    if (event == WS_CLOSE) {
        MUST(ws_utf8_valid(piece->data, piece->len));
        MUST(piece->code == WS_CLOSE_NONE || ws_close_code_valid(piece->code));
    }
}

static void
ws_run(const uint8_t *bytes, size_t n, size_t step, struct ws_found *found)
{
    ws_parser_t parser;
    size_t      message = 0;

    found->n = 0;
    ws_parser_init(&parser, WS_FUZZ_MAX);

    while (n) {
        size_t      k = step < n ? step : n;
        uint8_t    *piece_of = malloc(k);
        uint8_t    *pos = piece_of;
        ws_event_t  event;
        ws_piece_t  piece;

        MUST(piece_of != NULL);
        memcpy(piece_of, bytes, k);
        while ((event = ws_parse(&parser, &pos, piece_of + k, &piece))
               != WS_AGAIN)
        {
            ws_event(found, event, &piece, &message);
        }
        MUST(pos == piece_of + k);

        free(piece_of);
        bytes += k;
        n -= k;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct ws_found whole, pieces;
    uint8_t                out[WS_CLOSE_MAX];

    if (n == 0 || n > 16384) {
        return 0;
    }

    ws_run(bytes + 1, n - 1, n, &whole);
    ws_run(bytes + 1, n - 1, 1u + bytes[0] % 64, &pieces);
    MUST(whole.n == pieces.n);
    MUST(memcmp(whole.bytes, pieces.bytes, whole.n) == 0);
    MUST(ws_put_close(out, WS_CLOSE_NORMAL, bytes, n) <= WS_CLOSE_MAX);
    return 0;
}
