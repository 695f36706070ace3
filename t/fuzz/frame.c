/*
 * Every frame of the tables, client's and service's.  What decodes is encoded
 * to the same bytes again, and lists are as long as they say.
 */

#include <sealchat/frames.h>

#include "fuzz.h"

#define FRAME_U8(f)   touch(&got->f, 1);
#define FRAME_U16(f)  touch(&got->f, 2);
#define FRAME_U32(f)  touch(&got->f, 4);
#define FRAME_U64(f)  MUST(got->f <= SC_NUMBER_MAX);
#define FRAME_B16(f)  touch(got->f, 16);
#define FRAME_B32(f)  touch(got->f, 32);
#define FRAME_B64(f)  touch(got->f, 64);
#define FRAME_V16(f)  touch(got->f.p, got->f.n);
#define FRAME_REST(f) touch(got->f.p, got->f.n);
#define FRAME_LIST_blob(f)    items_blob(got->f);
#define FRAME_LIST_message(f) items_message(got->f);
#define FRAME_LIST_session(f) items_session(got->f);
#define FRAME_FIELD(kind, f)  FRAME_##kind(f)

#define FRAME_ITEM(item)                                                      \
    static void                                                               \
    items_##item(struct sc_list list)                                      \
    {                                                                         \
        struct sc_##item it, *got = &it;                                      \
        unsigned         n = list.count;                                      \
                                                                              \
        while (sc_##item##_next(&list, got)) {                                \
            n--;                                                              \
            SC_##item##_FIELDS(FRAME_FIELD)                                   \
        }                                                                     \
                                                                              \
        MUST(n == 0 && list.n == 0);                                          \
    }
SC_ITEMS(FRAME_ITEM)

#define FRAME_BODY(type, NAME, name, max)                                     \
    static size_t                                                             \
    frame_##name(const struct sc_frame *frame, uint8_t *again, size_t cap)    \
    {                                                                         \
        struct sc_frame_##name  decoded, *got = &decoded;                     \
                                                                              \
        if (!sc_##name##_decode(frame->body, got)) {                          \
            return 0;                                                         \
        }                                                                     \
                                                                              \
        SC_##NAME##_FIELDS(FRAME_FIELD)                                       \
        return sc_##name##_encode(again, cap, frame->tag, got);               \
    }
#define FRAME_CLIENT(type, NAME, name, roles, max, repeat, answer) \
    FRAME_BODY(type, NAME, name, max)
SC_CLIENT_FRAMES(FRAME_CLIENT)
SC_SERVICE_FRAMES(FRAME_BODY)

#define FRAME_ROW(type, NAME, name, max) [type] = frame_##name,
#define FRAME_CLIENT_ROW(type, NAME, name, roles, max, repeat, answer) \
    FRAME_ROW(type, NAME, name, max)

static size_t (*const frame_bodies[256])(const struct sc_frame *, uint8_t *,
                                         size_t) = {
    SC_CLIENT_FRAMES(FRAME_CLIENT_ROW)
    SC_SERVICE_FRAMES(FRAME_ROW)
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static uint8_t  again[SC_FRAME_MAX];
    struct sc_frame frame;
    size_t          n_again;

    if (sc_frame_open(bytes, n, &frame) != SC_E_NONE) {
        return 0;
    }

    n_again = frame_bodies[frame.type](&frame, again, sizeof(again));
    if (n_again) {
        MUST(n_again == n && memcmp(again, bytes, n) == 0);
    }

    return 0;
}
