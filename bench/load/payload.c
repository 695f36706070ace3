/*
 * Messages for peers that know nothing of envelopes.
 */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include <sealchat/frames.h>

#include "load.h"

size_t
payload_bytes(const struct options *options)
{
    return SC_FRAME_HEADER + options->size;
}

void
payload_frames(struct pair *pair, const struct payload_format *format)
{
    size_t           size = payload_bytes(pair->options), n, used = 0;
    size_t           room = size + format->room + CLIENT_HEADER_MAX;
    uint8_t         *payload = malloc(size), *message = malloc(room);
    unsigned         i;
    struct sc_writer w;

    pair->frames = malloc(room * pair->options->messages);
    if (payload == NULL || message == NULL || pair->frames == NULL) {
        die("no memory");
    }

    randombytes_buf(payload, size);

    for (i = 1; i <= pair->options->messages; i++) {
        w = sc_writer_of(payload + SC_FRAME_HEADER + SEQ_OFFSET, 8);
        sc_put_uint(&w, i, 8);

        n = format->head ? format->head(pair, message, i) : 0;
        memcpy(message + n, payload, size);
        n += size;
        n += format->tail ? format->tail(pair, message + n, i) : 0;

        if (format->raw) {
            memcpy(pair->frames + used, message, n);
        } else {
            n = client_frame(pair->frames + used, message, n);
        }

        if (i > 1 && n != pair->frame_bytes) {
            die("frames differ in length");
        }
        pair->frame_bytes = n;
        used += n;
    }

    free(payload);
    free(message);
}

uint64_t
payload_number(const struct pair *pair, const uint8_t *p, size_t n)
{
    struct sc_reader r;

    if (n != payload_bytes(pair->options)) {
        die("a message of %zu bytes was delivered", n);
    }

    r = sc_reader_of(p + SC_FRAME_HEADER + SEQ_OFFSET, 8);
    return sc_get_u64(&r);
}
