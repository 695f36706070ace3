/*
 * Reading messages of the store: a customer's, a session's, in both
 * directions; from memory, from disk, and across.
 */

#include "store_fixture.h"

/* 300 messages, by turns of visitor and device, in one session; a second
 * session of one message stands between them. */
struct story {
    uint64_t    number;
    struct chat visitor;
    struct chat device;
    struct chat other;
};

static void
tell_story(struct fixture *f, struct story *story)
{
    unsigned i;

    story->number = register_customer(f, 1);
    chat_init(&story->visitor, story->number, 1, 0);
    chat_init(&story->device, story->number, 1, 7);
    chat_init(&story->other, story->number, 2, 0);

    for (i = 0; i < 150; i++) {
        (void) send_next(f, &story->visitor);
        (void) send_next(f, &story->device);
        if (i == 99) {
            (void) send_next(f, &story->other);
        }
    }
}

#define STORY  301u

/* What stands at a position of the story. */
static void
assert_told(const struct story *story, const struct sc_stored *message)
{
    uint64_t k = message->position;

    if (k == 201) {
        assert_true(message->first);
        assert_message(message, &story->other, 1);
        return;
    }

    k -= k > 201;
    assert_int_equal(message->first, message->position == 1);
    assert_message(message, k % 2 ? &story->visitor : &story->device,
                   (k + 1) / 2);
}

static void
read_all(struct fixture *f, const struct story *story, size_t n,
         size_t max_bytes, const uint8_t *skip, unsigned expected)
{
    struct sc_page *page;
    uint64_t        from = 1, last = 0;
    unsigned        total = 0;
    size_t          i;

    do {
        page = sc_store_read(f->store, story->number, from, skip, n,
                             max_bytes);
        assert_non_null(page);
        assert_true(page->n <= n);
        assert_true(page->n <= 1 || page->n * ENVELOPE <= max_bytes);
        for (i = 0; i < page->n; i++) {
            assert_true(page->messages[i].position > last);
            last = page->messages[i].position;
            assert_told(story, &page->messages[i]);
        }
        assert_true(page->next == 0 || page->next > last);
        total += (unsigned) page->n;
        from = page->next;
        sc_store_page_free(page);
    } while (from != 0);

    assert_int_equal(total, expected);
}

static void
test_read(void **state)
{
    struct fixture *f = *state;
    struct story    story;
    struct sc_page *page;

    tell_story(f, &story);

    TWICE(f) {
        read_all(f, &story, 64, 1 << 20, NULL, STORY);
        read_all(f, &story, 1, 1 << 20, NULL, STORY);
        read_all(f, &story, 1000, 1 << 30, NULL, STORY);
        read_all(f, &story, 64, 5 * ENVELOPE + 10, NULL, STORY);
        read_all(f, &story, 64, 0, NULL, STORY);
        read_all(f, &story, 64, 1 << 20, story.device.key, 151);
        read_all(f, &story, 64, 1 << 20, story.visitor.key, 151);

        page = sc_store_read(f->store, story.number, STORY, NULL, 9, 9);
        assert_int_equal(page->n, 1);
        assert_int_equal(page->next, 0);
        sc_store_page_free(page);
        page = sc_store_read(f->store, story.number, STORY + 1, NULL, 9, 9);
        assert_int_equal(page->n, 0);
        assert_int_equal(page->next, 0);
        sc_store_page_free(page);
    }
}

/* Half of it in blocks, half of it in memory. */
static void
test_read_across(void **state)
{
    struct fixture *f = *state;
    struct story    story;

    sc_store_close(f->store);
    f->options.checkpoint_every = 170;
    fixture_open(f);
    tell_story(f, &story);

    TWICE(f) {
        read_all(f, &story, 64, 1 << 20, NULL, STORY);
        read_all(f, &story, 512, 1 << 20, NULL, STORY);
        read_all(f, &story, 64, 1 << 20, story.device.key, 151);
    }
}

static void
read_session_all(struct fixture *f, const struct story *story, uint64_t above,
                 size_t n, size_t max_bytes, const uint8_t *skip,
                 unsigned expected)
{
    struct sc_page *page;
    unsigned        total = 0;
    size_t          i;

    do {
        uint64_t last = above;

        page = sc_store_read_session(f->store, story->number,
                                     story->visitor.sid, above, skip, n,
                                     max_bytes);
        assert_non_null(page);
        for (i = 0; i < page->n; i++) {
            assert_true(page->messages[i].position > last);
            last = page->messages[i].position;
            assert_int_not_equal(last, 201);
            assert_told(story, &page->messages[i]);
        }
        assert_true(page->next == 0 || page->next >= last);
        total += (unsigned) page->n;
        above = page->next;
        sc_store_page_free(page);
    } while (above != 0);

    assert_int_equal(total, expected);
}

static void
test_read_session(void **state)
{
    struct fixture *f = *state;
    struct story    story;
    struct sc_page *page;

    tell_story(f, &story);

    TWICE(f) {
        read_session_all(f, &story, 0, 64, 1 << 20, NULL, 300);
        read_session_all(f, &story, 0, 1, 1 << 20, NULL, 300);
        read_session_all(f, &story, 0, 64, 0, NULL, 300);
        read_session_all(f, &story, 0, 64, 1 << 20, story.visitor.key, 150);
        read_session_all(f, &story, 200, 64, 1 << 20, NULL, 100);
        read_session_all(f, &story, 201, 64, 1 << 20, NULL, 100);
        read_session_all(f, &story, 300, 64, 1 << 20, NULL, 1);
        read_session_all(f, &story, 300, 64, 1 << 20, story.device.key, 0);
        read_session_all(f, &story, 301, 64, 1 << 20, NULL, 0);

        page = sc_store_read_session(f->store, story.number, name_of('s', 9),
                                     0, NULL, 9, 9999);
        assert_int_equal(page->n, 0);
        assert_int_equal(page->next, 0);
        sc_store_page_free(page);
    }
}

static void
history_all(struct fixture *f, const struct story *story, uint64_t before,
            size_t n, size_t max_bytes, unsigned expected)
{
    struct sc_page *page;
    uint64_t        last = before ? before : STORY + 1;
    unsigned        total = 0;
    size_t          i;

    do {
        page = sc_store_history(f->store, story->number, story->visitor.sid,
                                before, n, max_bytes);
        assert_non_null(page);
        assert_true(page->n <= n);
        for (i = 0; i < page->n; i++) {
            assert_true(page->messages[i].position < last);
            last = page->messages[i].position;
            assert_told(story, &page->messages[i]);
        }
        assert_true(page->next == 0 || page->next == last);
        total += (unsigned) page->n;
        before = page->next;
        sc_store_page_free(page);
    } while (before != 0);

    assert_int_equal(total, expected);
}

static void
test_history(void **state)
{
    struct fixture *f = *state;
    struct story    story;

    tell_story(f, &story);

    TWICE(f) {
        history_all(f, &story, 0, 64, 1 << 20, 300);
        history_all(f, &story, 0, 1, 1 << 20, 300);
        history_all(f, &story, 0, 300, 1 << 20, 300);
        history_all(f, &story, 0, 64, 0, 300);
        history_all(f, &story, 202, 64, 1 << 20, 200);
        history_all(f, &story, 201, 64, 1 << 20, 200);
        history_all(f, &story, 2, 64, 1 << 20, 1);
        history_all(f, &story, 1, 64, 1 << 20, 0);
        history_all(f, &story, 9999, 64, 1 << 20, 300);
    }
}

/* A page that skips everything it looks at still says where to go on. */
static void
test_long_skip(void **state)
{
    struct fixture *f = *state;
    struct chat     visitor, device;
    struct sc_page *page;
    uint64_t        number = register_customer(f, 1);
    uint64_t        next;
    unsigned        found = 0;

    chat_init(&visitor, number, 1, 0);
    chat_init(&device, number, 1, 7);
    send_many(f, &visitor, 1100);
    send_many(f, &device, 1);

    TWICE(f) {
        for (next = 1, found = 0; next != 0; sc_store_page_free(page)) {
            page = sc_store_read(f->store, number, next, visitor.key, 64,
                                 65536);
            assert_true(page->next == 0 || page->next > next);
            found += (unsigned) page->n;
            next = page->next;
        }
        assert_int_equal(found, 1);

        found = 0;
        do {
            page = sc_store_read_session(f->store, number, visitor.sid, next,
                                         visitor.key, 64, 65536);
            assert_true(page->next == 0 || page->next > next);
            found += (unsigned) page->n;
            next = page->next;
            sc_store_page_free(page);
        } while (next != 0);
        assert_int_equal(found, 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_read),
        STORE_TEST(test_read_across),
        STORE_TEST(test_read_session),
        STORE_TEST(test_history),
        STORE_TEST(test_long_skip),
    };

    return run_on_engines(tests, sizeof(tests) / sizeof(tests[0]), NULL, 0);
}
